"""How models print: a tree of modules and parameters, with dims and counts.

What a model has twice (tied weights) is counted where it comes first, so that the numbers of a tree
add up; the second place says where that is. Parameters that are not trained are marked as kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from seqfront import dtypes, show
from seqfront.nn.parameter import Parameter

if TYPE_CHECKING:
    from seqfront.nn.module import Module

Children = Callable[[object], Iterator[tuple[str, Any]]]


class Branch(NamedTuple):
    """A module, a parameter, a container of them, or one of these again."""

    kind: Literal["module", "parameter", "container", "again"]
    path: str
    name: str
    what: str
    """The class, the dims, or where it came first."""
    size: int = 0
    """Numbers in it, those aside that came before."""
    kept: int = 0
    """Those of them that are not trained."""
    memory: int = 0
    """What they take, in bytes."""
    branches: tuple[Branch, ...] = ()

    def line(self) -> str:
        """It on one line."""
        label = f"{self.name}: " if self.name else ""
        if self.kind == "container":
            return label.rstrip()
        if self.kind == "again":
            return f"{label}as {self.what}"
        kept = " (kept)" if self.kind == "parameter" else f" ({self.kept:,} kept)"
        return f"{label}{self.what} {self.size:,}{kept if self.kept else ''}"


def grown(model: Module, children: Children) -> Branch:
    """The tree of a model."""
    return _grown(model, "", "", {}, children) or Branch("container", "", "", "")


def tree(model: Module, children: Children) -> str:
    """One line for each module and parameter, with how many numbers it holds."""
    return "\n".join(_lines(grown(model, children), 0))


def html(model: Module, children: Children) -> str:
    """The tree as HTML that folds."""
    return f'<div style="font-family:monospace">{_folded(grown(model, children), True)}</div>'


def rich(model: Module, children: Children) -> Any:
    """The tree as one of rich."""
    from rich.text import Text
    from rich.tree import Tree

    def planted(branch: Branch) -> Any:
        found = Tree(Text(branch.line()))
        found.children.extend(planted(inner) for inner in branch.branches)
        return found

    return planted(grown(model, children))


def size(parameter: Parameter) -> int:
    """Numbers in a parameter."""
    total = 1
    for dim in parameter.dims:
        total *= dim.size or 0
    return total


def _grown(
    item: Any, path: str, name: str, seen: dict[int, str], children: Children
) -> Branch | None:
    is_module = hasattr(item, "named_parameters")
    if is_module or isinstance(item, Parameter):
        if id(item) in seen:
            return Branch("again", path, name, seen[id(item)] or "the whole")
        seen[id(item)] = path
    if isinstance(item, Parameter):
        return _parameter(item, path, name)
    found = [
        _grown(value, f"{path}.{key}" if path else key, key, seen, children)
        for key, value in children(item)
    ]
    branches = tuple(branch for branch in found if branch is not None)
    if not is_module and not branches:
        return None
    return Branch(
        "module" if is_module else "container",
        path,
        name,
        type(item).__name__ if is_module else "",
        sum(branch.size for branch in branches),
        sum(branch.kept for branch in branches),
        sum(branch.memory for branch in branches),
        branches,
    )


def _parameter(parameter: Parameter, path: str, name: str) -> Branch:
    count, dtype = size(parameter), parameter.dtype
    what = f"{dtype}{show.dims(parameter.dims)}"
    kept = 0 if parameter.trainable else count
    return Branch("parameter", path, name, what, count, kept, count * dtypes.bytes_of(dtype))


def _lines(branch: Branch, depth: int) -> list[str]:
    inner = [line for b in branch.branches for line in _lines(b, depth + 1)]
    return [f"{'  ' * depth}{branch.line()}", *inner]


def _folded(branch: Branch, is_open: bool) -> str:
    line = escape(branch.line())
    if not branch.branches:
        return f"<div>{line}</div>"
    inner = "".join(_folded(b, False) for b in branch.branches)
    head = f"<details{' open' if is_open else ''}><summary>{line}</summary>"
    return f'{head}<div style="margin-left:2em">{inner}</div></details>'
