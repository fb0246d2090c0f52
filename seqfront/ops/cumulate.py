"""Running sums, products and extremes along a dim, within the data."""

from __future__ import annotations

import math

from seqfront import align, dtypes
from seqfront.backend import CumulativeName, Raw
from seqfront.dim import Dim
from seqfront.ops.dtype import widened
from seqfront.ops.mask import clean, masked, padding_mask
from seqfront.ops.reduce import greatest, least
from seqfront.tensor import Tensor


def cumsum(x: Tensor, *, axis: Dim, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Sum of each position and all before it.

    Args:
        x: Has `axis`; bool counts as int. The dtype stays.
        axis: The dim to run along. Where other lengths run over it (a batch, of ragged
            sequences), what is padding there adds nothing.
        exclusive: Of all before it, without itself; nothing sums to 0.
        reverse: Of each position and all after it: each sequence from its own end.

    Returns:
        Dims and lengths of `x`.

    Raises:
        DimError: `x` has no such dim.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> x = sf.wrap([1.0, 2.0, 4.0], (time,))
        >>> sf.cumsum(x, axis=time).raw, sf.cumsum(x, axis=time, exclusive=True, reverse=True).raw
        (array([1., 3., 7.], dtype=float32), array([6., 4., 0.], dtype=float32))
    """
    return _cumulative("sum", x, axis, exclusive, reverse)


def cumprod(x: Tensor, *, axis: Dim, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Product of each position and all before it; nothing gives 1. Otherwise as `cumsum`.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> sf.cumprod(sf.wrap([1, 2, 4], (time,)), axis=time).raw
        array([1, 2, 8], dtype=int32)
    """
    return _cumulative("prod", x, axis, exclusive, reverse)


def cummax(x: Tensor, *, axis: Dim, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Greatest of each position and all before it; nothing gives -inf, or the least of an integer
    type. Otherwise as `cumsum`.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> sf.cummax(sf.wrap([1, 4, 2], (time,)), axis=time).raw
        array([1, 4, 4], dtype=int32)
    """
    return _cumulative("max", x, axis, exclusive, reverse)


def cummin(x: Tensor, *, axis: Dim, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Least of each position and all before it; nothing gives +inf, or the greatest of an integer
    type. Otherwise as `cumsum`.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> sf.cummin(sf.wrap([3, 4, 2], (time,)), axis=time, reverse=True).raw
        array([2, 2, 2], dtype=int32)
    """
    return _cumulative("min", x, axis, exclusive, reverse)


def cumlogsumexp(x: Tensor, *, axis: Dim, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """log of the sum of exp of each position and all before it, without overflow; nothing gives
    -inf. Integers become float; otherwise as `cumsum`.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> sf.exp(sf.cumlogsumexp(sf.log(sf.wrap([1, 2, 4], (time,))), axis=time)).numpy().round(4)
        array([1., 3., 7.], dtype=float32)
    """
    return _cumulative("logsumexp", x, axis, exclusive, reverse)


def _cumulative(
    name: CumulativeName, x: Tensor, axis: Dim, exclusive: bool, reverse: bool
) -> Tensor:
    op = f"cum{name}"
    align.distinct(op, (axis,))
    align.check(op, x, axis)
    x = widened(x) if name in ("sum", "prod", "logsumexp") else x
    backend, raw, at = x.backend, clean(x).raw, x.axis(axis)
    mask = padding_mask(x, (axis,))
    dtype = x.dtype
    if name == "logsumexp":
        dtype = dtypes.to_float(dtype)
    elif dtype == "bool":
        dtype = dtypes.DEFAULT_INT
    if dtype != x.dtype:
        raw = backend.cast(raw, dtype)
    neutral = _neutral(name, dtype)
    if mask is not None:
        raw = backend.where(mask, raw, neutral)
    # turned round, the padding lies before the data, where what is neutral changes nothing
    raw = backend.flip(raw, at) if reverse else raw
    raw = backend.cumulative(name, raw, at)
    if exclusive:
        raw = _one_later(x, raw, at, neutral)
    raw = backend.flip(raw, at) if reverse else raw
    return masked(Tensor(raw, x.dims, x.lengths_table, backend=backend), 0)


def _neutral(name: CumulativeName, dtype: str) -> float:
    if name in ("sum", "prod"):
        return 0 if name == "sum" else 1
    if name == "logsumexp":
        return -math.inf
    return least(dtype) if name == "max" else greatest(dtype)


def _one_later(x: Tensor, raw: Raw, at: int, first: float) -> Raw:
    margin = [(1, 0) if axis == at else (0, 0) for axis in range(len(x.dims))]
    return x.backend.slice(x.backend.pad(raw, margin, first), at, 0, x.size(x.dims[at]))
