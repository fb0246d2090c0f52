"""A table of the modules of a model."""

from __future__ import annotations

from collections.abc import Iterator

from seqfront import errors
from seqfront.nn import show
from seqfront.nn.module import Module, children
from seqfront.show import Text

_HEAD = ("module", "class", "numbers", "kept", "share", "memory")


def summary(model: Module, *, depth: int | None = None) -> Text:
    """The modules of a model: class, how many numbers they hold, and in how many bytes.

    What two modules share is counted with the first. Of what is kept, an optimizer changes nothing.

    Args:
        model: Any module.
        depth: Levels of modules to list below it; None: all.

    Raises:
        BackendError: For something that is no module.
        DimError: For a depth that is no count.

    Example:
        >>> import seqfront as sf
        >>> mel, hidden = sf.Dim("mel", 80), sf.Dim("hidden", 32)
        >>> model = sf.nn.ModuleList([sf.nn.Linear(mel, hidden), sf.nn.BatchNorm(hidden)])
        >>> sf.nn.summary(model)
        module  class       numbers  kept  share        memory
                ModuleList    2,720    64   100%  10,880 bytes
        0       Linear        2,592     0    95%  10,368 bytes
        1       BatchNorm       128    64     5%     512 bytes
    """
    if not isinstance(model, Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_module("summary", model)
    if depth is not None and (type(depth) is not int or depth < 0):
        raise errors.bad_argument("summary", "depth", depth, "a count, or None", "depth=1.")
    root = show.grown(model, children)
    rows: list[tuple[str, ...]] = [_HEAD]
    for branch in _modules(root, depth):
        share = f"{branch.size / max(root.size, 1):.0%}"
        counts = (f"{branch.size:,}", f"{branch.kept:,}", share, f"{branch.memory:,} bytes")
        rows.append((branch.path, branch.what, *counts))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return Text("\n".join(_line(row, widths) for row in rows))


def _modules(branch: show.Branch, depth: int | None) -> Iterator[show.Branch]:
    if branch.kind == "module":
        yield branch
        if depth == 0:
            return
        depth = None if depth is None else depth - 1
    for inner in branch.branches:
        yield from _modules(inner, depth)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    """Two columns to the left, counts to the right."""
    cells = [
        cell.ljust(width) if column < 2 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
