"""Reductions over dims, which leave padding out.

Over no element (a row of length zero), `sum` is 0, `mean` is 0, `prod` is 1, `max` is -inf, `min`
is +inf, `logsumexp` is -inf, `any` is False, `all` is True, and `argmax` is 0: never NaN, nor is
any gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias, overload

from seqfront import align, dtypes, errors
from seqfront.backend import ArgReduceName, Raw, ReduceName
from seqfront.dim import Dim
from seqfront.lengths import Lengths
from seqfront.ops.carry import carried
from seqfront.ops.dtype import widened
from seqfront.ops.mask import clean, data_mask, masked, own_lengths, padding_mask
from seqfront.ops.positions import apart, at_least, flat, never_empty
from seqfront.tensor import Tensor

Axes: TypeAlias = Dim | Sequence[Dim]

_INT_RANGE = {
    "uint8": (0, 255), "int8": (-128, 127), "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1),
}  # fmt: skip


def sum(x: Tensor, *, axis: Axes, mask: bool = True) -> Tensor:
    """Sum over dims.

    Args:
        x: Any dims; bool counts as int.
        axis: One dim or several.
        mask: Leave padding out. False: reduce over whatever is there.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> batch, time = sf.Dim("batch"), sf.Dim("time")
        >>> x = sf.wrap(np.ones((2, 5), "float32"), (batch, time), lengths={time: [5, 3]})
        >>> sf.sum(x, axis=time).raw
        array([5., 3.], dtype=float32)
    """
    return _reduce("sum", widened(_as_number("sum", x)), axis, 0, mask)


def mean(x: Tensor, *, axis: Axes, mask: bool = True) -> Tensor:
    """Mean over the data of dims; 0 where there is none."""
    axes = checked_axes("mean", x, axis)
    x = as_float(x)
    number = data_count(x, axes) if mask else None
    if number is None:
        return _reduce("mean", x, axes, 0.0, False)
    total = _reduce("sum", x, axes, 0.0, True)
    raw = align.moved(x.backend, number.raw, align.move_to(number.dims, total.dims))
    raw = x.backend.binary("div", total.raw, x.backend.binary("max", raw, 1.0))
    return Tensor(raw, total.dims, total.lengths_table, backend=x.backend)


def data_count(x: Tensor, axes: tuple[Dim, ...]) -> Tensor | None:
    """How many values over `axes` are data, in the dtype of `x`, over the dims that this depends
    on; None if all are."""
    data = data_mask(x, axes)
    if data is None:
        return None
    counted = [dim for dim in axes if dim in data.dims]
    count, backend = sum(data, axis=counted, mask=False), x.backend
    number = backend.cast(count.raw, x.dtype)
    for dim in axes:
        if dim not in counted:
            size = x.size(dim)
            factor = size if isinstance(size, int) else backend.cast(size, x.dtype)
            number = backend.binary("mul", number, factor)
    return Tensor(number, count.dims, backend=backend)


def max(x: Tensor, *, axis: Axes, mask: bool = True) -> Tensor:
    """Greatest value over dims; -inf, or the least of an integer type, where there is none."""
    x = _as_number("max", x)
    return _reduce("max", x, axis, least(x.dtype), mask)


def min(x: Tensor, *, axis: Axes, mask: bool = True) -> Tensor:
    """Least value over dims; +inf, or the greatest of an integer type, where there is none."""
    x = _as_number("min", x)
    return _reduce("min", x, axis, greatest(x.dtype), mask)


def prod(x: Tensor, *, axis: Axes, mask: bool = True) -> Tensor:
    """Product over dims; bool counts as int, as in `sum`, `max` and `min`."""
    return _reduce("prod", widened(_as_number("prod", x)), axis, 1, mask)


def any(x: Tensor, *, axis: Axes, mask: bool = True) -> Tensor:
    """Whether any is true."""
    align.check("any", x)
    if x.dtype != "bool":
        raise errors.wrong_dtype("any", "x", x, "bool")
    return _reduce("any", x, axis, False, mask)


def all(x: Tensor, *, axis: Axes, mask: bool = True) -> Tensor:
    """Whether all are true."""
    align.check("all", x)
    if x.dtype != "bool":
        raise errors.wrong_dtype("all", "x", x, "bool")
    return _reduce("all", x, axis, True, mask)


def logsumexp(x: Tensor, *, axis: Axes, mask: bool = True) -> Tensor:
    """log(sum(exp(x))) over dims, without overflow; -inf where there is nothing."""
    axes = checked_axes("logsumexp", x, axis)
    x = as_float(x)
    raw = _filled(x, axes, -math.inf) if mask else clean(x).raw
    physical = sorted(x.axis(dim) for dim in axes)
    return _without(x, axes, x.backend.logsumexp(raw, physical))


@overload
def argmax(x: Tensor, *, axis: Dim, mask: bool = True) -> Tensor: ...
@overload
def argmax(x: Tensor, *, axis: Sequence[Dim], mask: bool = True) -> tuple[Tensor, ...]: ...
def argmax(x: Tensor, *, axis: Axes, mask: bool = True) -> Tensor | tuple[Tensor, ...]:
    """Position of the greatest value over dims, the first of equals.

    Args:
        x: Any dims; bool counts as int.
        axis: One dim; or several, of whose positions together the greatest is wanted. Of equals
            the lower position comes first, counted with the last of them running fastest.
        mask: Leave padding out. False: look at whatever is there.

    Returns:
        int64 labels of `axis` over the other dims; for several dims, a tuple of one for each. 0
        where there is nothing.

    Example:
        >>> import seqfront as sf
        >>> beam, vocab = sf.Dim("beam", 2), sf.Dim("vocab", 3)
        >>> x = sf.wrap([[0.1, 0.5, 0.2], [0.4, 0.7, 0.0]], (beam, vocab))
        >>> source, label = sf.argmax(x, axis=(beam, vocab))
        >>> int(source), int(label), sf.argmax(x, axis=vocab).raw
        (1, 1, array([1, 1]))
    """
    return _arg_reduce("argmax", x, axis, mask)


@overload
def argmin(x: Tensor, *, axis: Dim, mask: bool = True) -> Tensor: ...
@overload
def argmin(x: Tensor, *, axis: Sequence[Dim], mask: bool = True) -> tuple[Tensor, ...]: ...
def argmin(x: Tensor, *, axis: Axes, mask: bool = True) -> Tensor | tuple[Tensor, ...]:
    """Position of the least value over dims; otherwise as `argmax`."""
    return _arg_reduce("argmin", x, axis, mask)


def _arg_reduce(
    name: ArgReduceName, x: Tensor, axis: Axes, mask: bool
) -> Tensor | tuple[Tensor, ...]:
    axes = checked_axes(name, x, axis)
    if not axes:
        raise errors.bad_argument(name, "axis", axis, "at least one dim", "axis=vocab.")
    x, backend = _as_number(name, x), x.backend
    fill = least(x.dtype) if name == "argmax" else greatest(x.dtype)
    raw = _filled(x, axes, fill) if mask else clean(x).raw
    filled = Tensor(raw, x.dims, backend=backend)
    if isinstance(axis, Dim):
        raw = never_empty(filled, axis, fill).raw
        return _without(x, axes, backend.arg_reduce(name, raw, x.axis(axis))).labels_of(axis)
    rest = tuple(dim for dim in x.dims if dim not in axes)
    rows = _as_rows(filled, rest, axes, fill)
    inner = [dim for dim in axes[1:] if own_lengths(x, dim) is not None]
    if mask and inner:
        rows = _winners(x, name, rest, axes, rows)
    index = backend.arg_reduce(name, rows, len(rest))
    found = masked(Tensor(index, rest, longest(x, axes), backend=backend), 0)
    return apart(found, [x.size(dim) for dim in axes], axes)


def _as_rows(x: Tensor, rest: tuple[Dim, ...], axes: tuple[Dim, ...], fill: float) -> Raw:
    """[*rest, all positions of axes], never none."""
    rows = flat(x.backend, x.raw_in((*rest, *axes)), len(rest))
    return at_least(x.backend, rows, 1, fill)


def _winners(
    x: Tensor, name: ArgReduceName, rest: tuple[Dim, ...], axes: tuple[Dim, ...], rows: Raw
) -> Raw:
    """The most extreme of the data, as the most extreme of integers. Data may be as extreme as what
    fills the padding, and that may lie before it: behind a short sequence comes the next one."""
    backend = x.backend
    whole = backend.broadcast_to(padding_mask(x, axes), backend.shape(x.raw))
    data = _as_rows(Tensor(whole, x.dims, backend=backend), rest, axes, False)
    best = backend.reduce("max" if name == "argmax" else "min", rows, (len(rest),), True)
    wins = backend.binary("or", backend.binary("eq", rows, best), backend.unary("is_nan", rows))
    wins = backend.cast(backend.binary("and", wins, data), dtypes.DEFAULT_INT)
    return wins if name == "argmax" else backend.unary("neg", wins)


def _reduce(name: ReduceName, x: Tensor, axis: Axes, neutral: float, mask: bool) -> Tensor:
    axes = checked_axes(name, x, axis)
    raw = _filled(x, axes, neutral) if mask else clean(x).raw
    physical = sorted(x.axis(dim) for dim in axes)
    return _without(x, axes, x.backend.reduce(name, raw, physical))


def _as_number(op: str, x: Tensor) -> Tensor:
    align.check(op, x)
    if x.dtype != "bool":
        return x
    raw = x.backend.cast(x.raw, dtypes.DEFAULT_INT)
    return Tensor(raw, x.dims, x.lengths_table, backend=x.backend)


def as_float(x: Tensor) -> Tensor:
    """`x`, integers and bools as the default float."""
    if dtypes.is_float(x.dtype):
        return widened(x)
    raw = x.backend.cast(x.raw, dtypes.DEFAULT_FLOAT)
    return Tensor(raw, x.dims, x.lengths_table, backend=x.backend)


def checked_axes(op: str, x: Tensor, axis: Axes) -> tuple[Dim, ...]:
    """The dims to reduce, which `x` has."""
    axes = align.distinct(op, (axis,) if isinstance(axis, Dim) else axis)
    align.check(op, x, *axes)
    return axes


def _filled(x: Tensor, axes: tuple[Dim, ...], value: float) -> Raw:
    mask = padding_mask(x, axes)
    x = clean(x)
    return x.raw if mask is None else x.backend.where(mask, x.raw, value)


def _without(x: Tensor, axes: tuple[Dim, ...], raw: Raw) -> Tensor:
    """The result: without the reduced dims; lengths over them become those of the longest."""
    dims = tuple(dim for dim in x.dims if dim not in axes)
    table = longest(x, axes)
    result = Tensor(raw, dims, table, x.sparse_dim, backend=x.backend)
    # behind the longest there was nothing to reduce, which may have given infinity
    return result if table is x.lengths_table else masked(result, 0.0)


def longest(x: Tensor, axes: Sequence[Dim]) -> Lengths:
    """The table of `x` when some dims are gone: lengths over them become those of the longest."""

    def over_rest(lengths: Tensor) -> Tensor:
        gone = [lengths.axis(dim) for dim in lengths.dims if dim in axes]
        rest = tuple(dim for dim in lengths.dims if dim not in axes)
        return Tensor(x.backend.reduce("max", lengths.raw, gone), rest, backend=x.backend)

    return carried(x, axes, over_rest)


def least(dtype: str) -> float:
    """The least value of a dtype: -inf of floats."""
    return -math.inf if dtypes.is_float(dtype) else _INT_RANGE.get(dtype, (False, True))[0]


def greatest(dtype: str) -> float:
    """The greatest value of a dtype: +inf of floats."""
    return math.inf if dtypes.is_float(dtype) else _INT_RANGE.get(dtype, (False, True))[1]
