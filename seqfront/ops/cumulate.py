"""Running sums, products and maxima along a dim, within the data."""

from __future__ import annotations

from seqfront import align, dtypes
from seqfront.backend import CumulativeName
from seqfront.dim import Dim
from seqfront.ops.dtype import widened
from seqfront.ops.mask import clean, masked, padding_mask
from seqfront.ops.reduce import least
from seqfront.tensor import Tensor


def cumsum(x: Tensor, *, axis: Dim) -> Tensor:
    """Sum of each position and all before it.

    Args:
        x: Has `axis`; bool counts as int. The dtype stays.
        axis: The dim to run along. Where other lengths run over it (a batch, of ragged
            sequences), what is padding there adds nothing.

    Returns:
        Dims and lengths of `x`.

    Raises:
        DimError: `x` has no such dim.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> sf.cumsum(sf.wrap([1.0, 2.0, 4.0], (time,)), axis=time).raw
        array([1., 3., 7.], dtype=float32)
    """
    return _cumulative("sum", x, axis)


def cumprod(x: Tensor, *, axis: Dim) -> Tensor:
    """Product of each position and all before it; otherwise as `cumsum`.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> sf.cumprod(sf.wrap([1, 2, 4], (time,)), axis=time).raw
        array([1, 2, 8], dtype=int32)
    """
    return _cumulative("prod", x, axis)


def cummax(x: Tensor, *, axis: Dim) -> Tensor:
    """Greatest of each position and all before it; otherwise as `cumsum`.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> sf.cummax(sf.wrap([1, 4, 2], (time,)), axis=time).raw
        array([1, 4, 4], dtype=int32)
    """
    return _cumulative("max", x, axis)


def _cumulative(name: CumulativeName, x: Tensor, axis: Dim) -> Tensor:
    op = f"cum{name}"
    align.distinct(op, (axis,))
    align.check(op, x, axis)
    x = x if name == "max" else widened(x)
    backend, raw = x.backend, clean(x).raw
    mask = padding_mask(x, (axis,))
    if x.dtype == "bool":
        raw = backend.cast(raw, dtypes.DEFAULT_INT)
    if mask is not None:
        neutral = {"sum": 0, "prod": 1, "max": least(backend.dtype(raw))}[name]
        raw = backend.where(mask, raw, neutral)
    raw = backend.cumulative(name, raw, x.axis(axis))
    return masked(Tensor(raw, x.dims, x.lengths_table, backend=backend), 0)
