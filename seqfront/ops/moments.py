"""Variance and standard deviation over dims, which leave padding out."""

from __future__ import annotations

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.ops.dtype import cast
from seqfront.ops.mask import masked
from seqfront.ops.reduce import Axes, as_float, checked_axes, data_count, mean
from seqfront.ops.reduce import sum as reduce_sum
from seqfront.tensor import Tensor


def variance(x: Tensor, *, axis: Axes, correction: int = 0, mask: bool = True) -> Tensor:
    """Mean squared distance from the mean, over the data of dims.

    Computed in two passes, first the mean and then the distances, so that a mean far from zero
    costs no precision; the half types compute in float32.

    Args:
        x: Any dims; converted to float.
        axis: One dim or several.
        correction: Divide by so many fewer than there are values: 0 for the variance of what is
            there, 1 for the unbiased estimate from a sample (Bessel).
        mask: Leave padding out. False: over whatever is there.

    Returns:
        The other dims. 0, with no gradient, where there are no more values than `correction`.

    Raises:
        DimError: `correction` is no int of at least 0.

    Example:
        >>> import seqfront as sf
        >>> batch, time = sf.Dim("batch"), sf.Dim("time")
        >>> x = sf.wrap([[1.0, 2.0, 6.0], [4.0, 8.0, 0.0]], (batch, time), lengths={time: [3, 2]})
        >>> sf.variance(x, axis=time).numpy().round(3)
        array([4.667, 4.   ], dtype=float32)
    """
    axes = checked_axes("variance", x, axis)
    x = as_float(x)
    return cast(_variance("variance", x, axes, correction, mask), x.dtype)


def standard_deviation(x: Tensor, *, axis: Axes, correction: int = 0, mask: bool = True) -> Tensor:
    """Square root of the variance; arguments and result as those of `variance`.

    Where all values are the same it is 0, and so is the gradient (as PyTorch has it; the limit does
    not exist).

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> float(sf.standard_deviation(sf.wrap([1.0, 5.0, 1.0, 5.0], (time,)), axis=time))
        2.0
    """
    axes = checked_axes("standard_deviation", x, axis)
    x = as_float(x)
    squared = _variance("standard_deviation", x, axes, correction, mask)
    backend = squared.backend
    flat = backend.binary("eq", squared.raw, 0.0)
    root = backend.unary("sqrt", backend.where(flat, 1.0, squared.raw))
    raw = backend.where(flat, 0.0, root)
    result = Tensor(raw, squared.dims, squared.lengths_table, backend=backend)
    return cast(result, x.dtype)


def _variance(op: str, x: Tensor, axes: tuple[Dim, ...], correction: int, mask: bool) -> Tensor:
    """In float32 at least."""
    if type(correction) is not int or correction < 0:
        fix = "correction=1 gives the unbiased estimate."
        raise errors.bad_argument(op, "correction", correction, "an int of at least 0", fix)
    if x.dtype in ("float16", "bfloat16"):
        x = cast(x, "float32")
    centred = x - mean(x, axis=axes, mask=mask)
    squares = centred * centred
    if correction == 0:
        return mean(squares, axis=axes, mask=mask)
    backend, total = x.backend, reduce_sum(squares, axis=axes, mask=mask)
    count = data_count(x, axes) if mask else None
    if count is None:
        count = _all_of(x, axes)
    number = backend.binary("max", backend.binary("sub", count.raw, float(correction)), 0.0)
    number = align.moved(backend, number, align.move_to(count.dims, total.dims))
    few = backend.binary("eq", number, 0.0)
    share = backend.binary("div", total.raw, backend.where(few, 1.0, number))
    raw = backend.where(few, 0.0, share)
    return masked(Tensor(raw, total.dims, total.lengths_table, backend=backend), 0)


def _all_of(x: Tensor, axes: tuple[Dim, ...]) -> Tensor:
    """How many values there are over `axes`, padding or not."""
    backend = x.backend
    number = backend.convert(1.0, x.dtype, x.device)
    for dim in axes:
        size = backend.cast(backend.convert(x.size(dim), "int32", x.device), x.dtype)
        number = backend.binary("mul", number, size)
    return Tensor(number, (), backend=backend)
