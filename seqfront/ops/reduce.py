"""Reductions over dims, which leave padding out.

Over no element (a row of length zero), `sum` is 0, `mean` is 0, `prod` is 1, `max` is -inf, `min`
is +inf, `logsumexp` is -inf, `any` is False, `all` is True, and `argmax` is 0: never NaN, nor is
any gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from seqfront import align, dtypes, errors
from seqfront.backend import Raw, ReduceName
from seqfront.dim import Dim
from seqfront.lengths import Lengths
from seqfront.ops.carry import carried
from seqfront.ops.dtype import widened
from seqfront.ops.mask import clean, data_mask, masked, padding_mask
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
    axes = _axes("mean", x, axis)
    x = _as_float(x)
    data = data_mask(x, axes) if mask else None
    if data is None:
        return _reduce("mean", x, axes, 0.0, False)
    total = _reduce("sum", x, axes, 0.0, True)
    counted = [dim for dim in axes if dim in data.dims]
    count = sum(data, axis=counted, mask=False)
    backend = x.backend
    number = backend.cast(count.raw, x.dtype)
    for dim in axes:
        if dim not in counted:
            size = x.size(dim)
            factor = size if isinstance(size, int) else backend.cast(size, x.dtype)
            number = backend.binary("mul", number, factor)
    number = backend.binary("max", number, 1.0)
    number = align.moved(backend, number, align.move_to(count.dims, total.dims))
    raw = backend.binary("div", total.raw, number)
    return Tensor(raw, total.dims, total.lengths_table, backend=backend)


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
    axes = _axes("logsumexp", x, axis)
    x = _as_float(x)
    raw = _filled(x, axes, -math.inf) if mask else clean(x).raw
    physical = sorted(x.axis(dim) for dim in axes)
    return _without(x, axes, x.backend.logsumexp(raw, physical))


def argmax(x: Tensor, *, axis: Dim, mask: bool = True) -> Tensor:
    """Position of the greatest value along a dim, the first of equals; labels of that dim."""
    return _arg_reduce("argmax", x, axis, mask)


def argmin(x: Tensor, *, axis: Dim, mask: bool = True) -> Tensor:
    """Position of the least value along a dim, the first of equals; labels of that dim."""
    return _arg_reduce("argmin", x, axis, mask)


def _arg_reduce(name: str, x: Tensor, axis: Dim, mask: bool) -> Tensor:
    if not isinstance(axis, Dim):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_dim(name, axis)
    (dim,) = _axes(name, x, axis)
    x = _as_number(name, x)
    fill = least(x.dtype) if name == "argmax" else greatest(x.dtype)
    raw = _filled(x, (dim,), fill) if mask else clean(x).raw
    index = x.backend.arg_reduce("argmax" if name == "argmax" else "argmin", raw, x.axis(dim))
    return _without(x, (dim,), index).labels_of(dim)


def _reduce(name: ReduceName, x: Tensor, axis: Axes, neutral: float, mask: bool) -> Tensor:
    axes = _axes(name, x, axis)
    raw = _filled(x, axes, neutral) if mask else clean(x).raw
    physical = sorted(x.axis(dim) for dim in axes)
    return _without(x, axes, x.backend.reduce(name, raw, physical))


def _as_number(op: str, x: Tensor) -> Tensor:
    align.check(op, x)
    if x.dtype != "bool":
        return x
    raw = x.backend.cast(x.raw, dtypes.DEFAULT_INT)
    return Tensor(raw, x.dims, x.lengths_table, backend=x.backend)


def _as_float(x: Tensor) -> Tensor:
    if dtypes.is_float(x.dtype):
        return widened(x)
    raw = x.backend.cast(x.raw, dtypes.DEFAULT_FLOAT)
    return Tensor(raw, x.dims, x.lengths_table, backend=x.backend)


def _axes(op: str, x: Tensor, axis: Axes) -> tuple[Dim, ...]:
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
