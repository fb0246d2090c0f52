"""Sequences backwards, each within its own length."""

from __future__ import annotations

from seqfront import align
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.ops.carry import carried
from seqfront.ops.mask import clean, own_lengths
from seqfront.tensor import Tensor


def reverse(x: Tensor, *, axis: Dim) -> Tensor:
    """Positions of a dim in reverse order; of a ragged one, data stays before padding.

    Args:
        x: Any dims and dtype.
        axis: The dim to reverse.

    Returns:
        The same dims and lengths.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> time = sf.Dim("time")
        >>> batch = sf.Dim("batch")
        >>> x = sf.wrap(np.array([[1, 2, 3], [4, 5, 0]]), (batch, time), lengths={time: [3, 2]})
        >>> sf.reverse(x, axis=time).raw
        array([[3, 2, 1],
               [5, 4, 0]])
    """
    align.check("reverse", x, axis)
    x = clean(x)
    backend, lengths = x.backend, own_lengths(x, axis)
    table = carried(x, (axis,), lambda n: reverse(n.with_lengths(x.lengths_table), axis=axis))
    if lengths is None:
        raw = backend.flip(x.raw, x.axis(axis))
        return Tensor(raw, x.dims, table, x.sparse_dim, backend=backend)
    lead = lengths.dims
    rest = tuple(dim for dim in x.dims if dim is not axis and dim not in lead)
    index = _reversed_positions(x, axis, lengths.raw, len(lead))
    raw = backend.gather(x.raw_in((*lead, axis, *rest)), index, len(lead), len(lead))
    return Tensor(raw, (*lead, axis, *rest), table, x.sparse_dim, backend=backend)


def _reversed_positions(x: Tensor, axis: Dim, lengths: Raw, rank: int) -> Raw:
    """[*lengths, axis]: length - 1 - position within the data, the position itself beyond."""
    backend = x.backend
    position = backend.arange(x.size(axis), "int32", x.device)
    count = backend.expand_dims(lengths, (rank,))
    backwards = backend.binary("sub", backend.binary("sub", count, 1), position)
    return backend.where(backend.binary("lt", position, count), backwards, position)
