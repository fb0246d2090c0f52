"""How models print: a tree of modules and parameters, with dims and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from seqfront import show
from seqfront.nn.parameter import Parameter

if TYPE_CHECKING:
    from seqfront.nn.module import Module

Children = Callable[[object], Iterator[tuple[str, Any]]]


def tree(model: Module, children: Children) -> str:
    """One line for each module and parameter, with how many numbers it holds."""
    return "\n".join(_branch(model, "", 0, children))


def _branch(item: Any, name: str, depth: int, children: Children) -> list[str]:
    indent = "  " * depth
    label = f"{name}: " if name else ""
    if isinstance(item, Parameter):
        kept = "" if item.trainable else " (kept)"
        return [f"{indent}{label}{item.dtype}{show.dims(item.dims)} {size(item):,}{kept}"]
    lines: list[str] = []
    for key, value in children(item):
        lines += _branch(value, key, depth + 1, children)
    named = getattr(item, "named_parameters", None)
    if named is not None:
        total = sum(map(size, named().values()))
        return [f"{indent}{label}{type(item).__name__} {total:,}", *lines]
    return [f"{indent}{label.rstrip()}", *lines] if lines else []


def size(parameter: Parameter) -> int:
    """Numbers in a parameter."""
    total = 1
    for dim in parameter.dims:
        total *= dim.size or 0
    return total
