"""Data moved within its dim: shifted, or turned round, each sequence within its own length."""

from __future__ import annotations

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.ops import elementwise
from seqfront.ops.carry import carried
from seqfront.ops.mask import clean, own_lengths
from seqfront.ops.positions import aligned, positions, read_at
from seqfront.tensor import Tensor


def shift(x: Tensor, *, axis: Dim, by: int, fill: float = 0) -> Tensor:
    """Each position has what was `by` positions before it.

    Args:
        x: Has `axis`.
        axis: The dim to shift along; of a ragged one, within the data of each sequence.
        by: How far to the end; negative: to the start, so that each position has what came after.
        fill: What comes in at the start or, for negative `by`, at the end of the data.

    Returns:
        Dims, lengths and dtype of `x`; what is pushed out is gone.

    Raises:
        DimError: `by` is no int. DTypeError: `fill` is no number of this dtype.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> labels = sf.wrap([3, 4, 5], (time,))
        >>> sf.shift(labels, axis=time, by=1).raw, sf.shift(labels, axis=time, by=-1, fill=9).raw
        (array([0, 3, 4], dtype=int32), array([4, 5, 9], dtype=int32))
    """
    align.distinct("shift", (axis,))
    align.check("shift", x, axis)
    if type(by) is not int:
        raise errors.bad_argument("shift", "by", by, "an int", "by=1 shifts to the end.")
    dtypes.check_number("shift", "fill", fill, x.dtype)
    x, backend, physical = clean(x), x.backend, x.axis(axis)
    size = x.size(axis)
    margin = (by, 0) if by > 0 else (0, -by)
    raw = backend.pad(
        x.raw, [margin if i == physical else (0, 0) for i in range(len(x.dims))], fill
    )
    start = max(-by, 0)
    raw = backend.slice(raw, physical, start, size + start)
    table = carried(x, (axis,), lambda n: shift(n, axis=axis, by=by))
    lengths = own_lengths(x, axis)
    if lengths is not None and by < 0:
        position = positions(backend, axis, size, x.device)
        end = Tensor(lengths.raw, lengths.dims, backend=backend) + by
        inside = elementwise.binary("lt", position, end, allow_broadcast=True)
        mask = aligned(inside.raw, inside.dims, x)
        raw = backend.where(mask, raw, dtypes.number(fill, x.dtype))
    return Tensor(raw, x.dims, table, x.sparse_dim, backend=backend)


def reverse(x: Tensor, *, axis: Dim) -> Tensor:
    """The data of a dim turned round: of a ragged one, each sequence within its own length.

    Args:
        x: Has `axis`.
        axis: The dim to turn round.

    Returns:
        Dims, lengths and dtype of `x`. Padding stays at the end.

    Raises:
        DimError: `x` has no such dim.

    Example:
        >>> import seqfront as sf
        >>> batch, time = sf.Dim("batch"), sf.Dim("time")
        >>> x = sf.wrap([[1, 2, 3], [4, 5, 0]], (batch, time), lengths={time: [3, 2]})
        >>> sf.reverse(x, axis=time).raw
        array([[3, 2, 1],
               [5, 4, 0]], dtype=int32)
    """
    align.distinct("reverse", (axis,))
    align.check("reverse", x, axis)
    x, backend = clean(x), x.backend
    table = carried(x, (axis,), lambda n: reverse(n, axis=axis))
    lengths = own_lengths(x, axis)
    if lengths is None:
        raw = backend.flip(x.raw, x.axis(axis))
        return Tensor(raw, x.dims, table, x.sparse_dim, backend=backend)
    position = positions(backend, axis, x.size(axis), x.device)
    end = Tensor(lengths.raw, lengths.dims, backend=backend)
    mirrored = elementwise.binary("sub", end - 1, position, allow_broadcast=True)
    inside = elementwise.binary("ge", mirrored, 0)
    source = elementwise.where(inside, mirrored, position)
    return read_at(x, axis, source, axis, table)
