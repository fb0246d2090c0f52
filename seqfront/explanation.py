"""Where the dims of a tensor come from, and why two tensors fit together or do not.

    >>> import numpy as np, seqfront as sf
    >>> batch, time = sf.Dim("batch"), sf.Dim("time")
    >>> x = sf.wrap(np.zeros((2, 7), "float32"), (batch, time), lengths={time: [7, 4]})
    >>> sf.explain(sf.max_pool(x, axis=time, window=2))  # doctest: +ELLIPSIS
    float32[batch≤2, ⌈(time-1)/2⌉≤3] numpy:cpu
      batch           extent 2  full                            made at ...
      ⌈(time-1)/2⌉    extent 3  lengths 3, 2 over batch         derived from time:
        time                    lengths 7, 4 over batch, given  made at ...
        time-1                  lengths 6, 3 over batch         1 fewer at the end
        ⌈(time-1)/2⌉  extent 3  lengths 3, 2 over batch         divided by 2, a rest counted
      padding  finite, without meaning

Nothing is computed but lengths, and those are shown where there are values: not in a trace.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from seqfront import align, dtypes, show
from seqfront.dim import Dim, DimExpr, roots, span
from seqfront.errors import SeqfrontError
from seqfront.lengths import Entry
from seqfront.tensor import Tensor

_SHOWN = 8
"""Lengths printed one by one."""

Row = tuple[str, ...]


def explain(x: Tensor | Dim, *others: Tensor) -> show.Text:
    """Say where dims come from.

    Of a tensor: each dim with the line it was made at; derived dims step by step, with what is
    known of size and lengths on the way. Lengths that the tensor carries, as it was wrapped or as
    an operation made them, are marked as given; others follow from these. Of a dim: the same,
    without data. Of several tensors: what an elementwise operation on them gives, dim by dim, or
    the error it raises.

    Args:
        x: A tensor or a dim.
        others: More tensors.

    Raises:
        DTypeError: For anything else.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> sf.explain((1 + time).ceil_div(2))  # doctest: +ELLIPSIS
        ⌈(1+time)/2⌉: a dim derived from time.
          time          dynamic  made at ...
          1+time        dynamic  1 more at the start
          ⌈(1+time)/2⌉  dynamic  divided by 2, a rest counted
    """
    if isinstance(x, Dim) and not others:
        return show.Text(_dim(x))
    for name, value in zip("abcdefgh" if others else "x", (x, *others), strict=False):
        align.check("explain", value, name=name)  # pyright: ignore[reportArgumentType]
    tensors: Any = (x, *others)
    return show.Text(_together(tensors) if others else _tensor(tensors[0]))


# -- a dim -----------------------------------------------------------------------------------------


def _dim(dim: Dim) -> str:
    if dim.expr is None:
        return "\n".join([f"{dim!r}: a dim of its own.", *_table([_step(dim)])])
    made = ", ".join(root.name for root in roots(dim))
    return "\n".join([f"{dim.name}: a dim derived from {made}.", *_table(map(_step, _steps(dim)))])


def _step(dim: Dim) -> Row:
    return dim.name, "dynamic" if dim.size is None else f"size {dim.size}", _origin(dim)


def _origin(dim: Dim) -> str:
    return f"made at {dim.origin}" if dim.expr is None else _said(dim.expr)


def _steps(dim: Dim) -> list[Dim]:
    """The dims on the way to a derived one, from its roots on, each once, and it last."""
    found: list[Dim] = []
    for operand in () if dim.expr is None else dim.expr.dims:
        found += [step for step in _steps(operand) if step not in found]
    return [*found, dim]


def _said(expr: DimExpr) -> str:
    """What an expression does, in words."""
    args = expr.args
    if expr.op == "pad":
        sides = ((args[0], "at the start"), (args[1], "at the end"))
        return ", ".join(
            f"{abs(n)} {'more' if n > 0 else 'fewer'} {side}" for n, side in sides if n
        )
    if expr.op == "scale":
        return f"times {args[0]}"
    if expr.op == "floor_div":
        return f"divided by {args[0]}, a rest dropped"
    if expr.op == "ceil_div":
        return f"divided by {args[0]}, a rest counted"
    if expr.op == "slice":
        return f"the positions {span(*args)}"
    names = [dim.name for dim in expr.dims]
    if expr.op == "merge":
        return f"{' and '.join(names)} merged, {names[-1]} runs fastest"
    return ", then ".join(names)


# -- a tensor --------------------------------------------------------------------------------------


def _tensor(x: Tensor) -> str:
    extents = dict(zip(x.dims, x.backend.static_shape(x.raw), strict=True))
    rows: list[Row] = []
    for dim in x.dims:
        rows.append((dim.name, _extent(dim, extents), _lengths(x, dim), _source(dim)))
        for step in _steps(dim) if dim.expr is not None else ():
            row = (f"  {step.name}", _extent(step, extents), _lengths(x, step), _origin(step))
            rows.append(row)
    return "\n".join([repr(x), *_table(rows), *_table([*_labels(x), *_padding(x)])])


def _extent(dim: Dim, extents: dict[Dim, int | None]) -> str:
    """How many positions there are, padding included; nothing where no axis tells."""
    if dim.size is not None:
        return f"size {dim.size}"
    if dim not in extents:
        return ""
    return "extent unknown" if extents[dim] is None else f"extent {extents[dim]}"


def _source(dim: Dim) -> str:
    if dim.expr is None:
        return _origin(dim)
    return f"derived from {', '.join(root.name for root in roots(dim))}:"


def _lengths(x: Tensor, dim: Dim) -> str:
    entry = x.lengths_table.of(dim, x.backend)
    if entry is None:
        return "" if dim.size is not None or dim not in x.dims else "full"
    source = ", given" if dim in x.lengths_table.entries else ""
    over = f" over {', '.join(d.name for d in entry.dims)}" if entry.dims else ""
    return f"{_values(x, entry)}{over}{source}"


def _values(x: Tensor, entry: Entry) -> str:
    if x.backend.is_tracing():
        return "lengths of the graph"
    values: list[int] = x.backend.to_numpy(entry.raw).reshape(-1).tolist()
    if len(values) > _SHOWN:
        return f"{len(values)} lengths, {min(values)} to {max(values)},"
    return f"lengths {', '.join(map(str, values))}"


def _labels(x: Tensor) -> list[Row]:
    dim = x.sparse_dim
    return [] if dim is None else [("values", f"labels of {dim!r}", _origin(dim))]


def _padding(x: Tensor) -> list[Row]:
    if not any(x.is_ragged(dim) for dim in x.dims):
        return []
    return [("padding", "as it came: perhaps NaN" if x.untrusted else "finite, without meaning")]


# -- several tensors -------------------------------------------------------------------------------


def _together(xs: Sequence[Tensor]) -> str:
    """As an elementwise operation has it: the same checks, in the same order."""
    try:
        align.common_backend("explain", xs)
        align.common_lengths("explain", xs)
        align.check_sizes("explain", xs)
    except SeqfrontError as error:
        return _apart(xs, error, error.fix)
    try:
        plan = align.plan("explain", xs)
    except SeqfrontError as error:
        return _apart(xs, error, _namesake(xs) or error.fix)
    owner = "abcdefgh"[next(i for i, x in enumerate(xs) if len(x.dims) == len(plan.dims))]
    dtype = functools.reduce(dtypes.promote, [x.dtype for x in xs])
    what = f"{_named(xs)} fit: the result has the dims of {owner}."
    rows = [*_operands(xs), *_where(xs), ("result", f"{dtype} over {show.dims(plan.dims)}")]
    return "\n".join([what, *_table(rows)])


def _apart(xs: Sequence[Tensor], error: SeqfrontError, fix: str) -> str:
    """Why tensors do not fit: the error, and which dims each has."""
    what = f"{_named(xs)} do not fit: {error.what.removeprefix('explain: ')}"
    more = [(name, value) for name, value in error.facts if name not in "abcdefgh"]
    return "\n".join([what, *_table([*_operands(xs), *_where(xs), *more]), f"  fix: {fix}"])


def _namesake(xs: Sequence[Tensor]) -> str:
    """What to do if two dims have one name; nothing if none do."""
    names = [dim.name for dim in align.union([x.dims for x in xs])]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is None:
        return ""
    return f"if {twice} is one axis, make one Dim and pass that; or x.rename(old, new)."


def _named(xs: Sequence[Tensor]) -> str:
    return _listed("abcdefgh"[: len(xs)])


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _operands(xs: Sequence[Tensor]) -> list[Row]:
    return [(name, repr(x)) for name, x in zip("abcdefgh", xs, strict=False)]


def _where(xs: Sequence[Tensor]) -> list[Row]:
    """For each dim, the tensors that have it; where it was made, if another has its name."""
    dims = align.union([x.dims for x in xs])
    rows: list[Row] = []
    for dim in dims:
        having = "".join(n for n, x in zip("abcdefgh", xs, strict=False) if dim in x.dims)
        alike = any(other is not dim and other.name == dim.name for other in dims)
        source = f", made at {dim.origin}" if alike else ""
        only = " only" if len(having) == 1 else ""
        rows.append((dim.name, f"in {_listed(having)}{only}{source}"))
    return rows


def _table(rows: Iterable[Row]) -> list[str]:
    """Rows in aligned columns; the last column is as long as it is."""
    found = list(rows)
    widths: dict[int, int] = {}
    for row in found:
        for column, cell in enumerate(row[:-1]):
            widths[column] = max(widths.get(column, 0), len(cell))
    return [f"  {_line(row, widths)}".rstrip() for row in found]


def _line(row: Row, widths: dict[int, int]) -> str:
    return "  ".join([cell.ljust(widths.get(column, 0)) for column, cell in enumerate(row)])
