"""Positions of a dim, each so many times in a row."""

from __future__ import annotations

from seqfront import align, checks, dtypes, errors
from seqfront.backend import Size
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry
from seqfront.ops import elementwise
from seqfront.ops.carry import carried
from seqfront.ops.cumulate import cumsum
from seqfront.ops.mask import clean, masked, own_lengths
from seqfront.ops.order import search_sorted
from seqfront.ops.positions import never_empty, positions, read_at
from seqfront.ops.reduce import sum as reduce_sum
from seqfront.tensor import Tensor


def repeat(x: Tensor, *, axis: Dim, counts: Tensor | int, out_dim: Dim | None = None) -> Tensor:
    """Each position of a dim as often as its count says, one after the other.

    Args:
        x: Has `axis`.
        axis: The dim to repeat along.
        counts: An int of at least 0; or integers of at least 0 over `axis` and any other dims of
            `x`, where each sequence has a sum of its own. Padding does not count.
        out_dim: The dim of the result: needed for a Tensor of counts. A dynamic one is as long as
            the longest sequence; that is data, so `torch.compile` needs a static one, which is
            then padded to its size.

    Returns:
        The dims of `x` with `out_dim` for `axis`; default for an int: `axis * counts`. Its lengths
        are the sums of the counts.

    Raises:
        DimError: Negative counts, or sums greater than a static `out_dim` (looked for where that
            costs nothing). TraceError: A dynamic `out_dim` under `torch.compile`.

    Example:
        >>> import seqfront as sf
        >>> label, frame = sf.Dim("label"), sf.Dim("frame")
        >>> x, counts = sf.wrap([7, 8, 9], (label,)), sf.wrap([2, 0, 3], (label,))
        >>> sf.repeat(x, axis=label, counts=counts, out_dim=frame).raw
        array([7, 7, 9, 9, 9], dtype=int32)
    """
    align.distinct("repeat", (axis,))
    align.check("repeat", x, axis)
    if not isinstance(counts, Tensor):
        return _evenly(x, axis, counts, out_dim)
    out_dim = _checked(x, axis, counts, out_dim)
    table = align.common_lengths("repeat", (x, counts))
    number = _numbers(x.with_lengths(table), axis, counts.with_lengths(table))
    total = reduce_sum(number, axis=axis)
    size = _extent(total, out_dim)
    if total.dims or out_dim.size is not None:
        table = table.with_entries({out_dim: Entry(total.raw, total.dims)})
    source = _source(cumsum(number, axis=axis), total, x, axis, out_dim, size)
    known = number.with_lengths(FULL)
    table = carried(
        x.with_lengths(table),
        (axis,),
        lambda n: repeat(n, axis=axis, counts=known, out_dim=out_dim),
    )
    result = read_at(never_empty(clean(x), axis), axis, source, out_dim, table)
    return masked(result, 0)


def _evenly(x: Tensor, axis: Dim, count: int, out_dim: Dim | None) -> Tensor:
    if type(count) is not int or count < 0:
        needed = "an int of at least 0, or a Tensor of ints"
        raise errors.bad_argument("repeat", "counts", count, needed, "counts=2.")
    x, backend, at = clean(x), x.backend, x.axis(axis)
    *before, size = backend.shape(x.raw)[: at + 1]
    after = backend.shape(x.raw)[at + 1 :]
    raw = backend.expand_dims(x.raw, (at + 1,))
    raw = backend.broadcast_to(raw, (*before, size, count, *after))
    raw = backend.reshape(raw, (*before, size * count, *after))
    scaled = axis * count
    dims = align.distinct("repeat", [scaled if dim is axis else dim for dim in x.dims])
    table = carried(x, (axis,), lambda n: _evenly(n, axis, count, None))
    result = Tensor(raw, dims, table, x.sparse_dim, backend=backend)
    return result if out_dim is None else result.rename(scaled, out_dim)


def _checked(x: Tensor, axis: Dim, counts: Tensor, out_dim: Dim | None) -> Dim:
    align.check("repeat", counts, axis, name="counts")
    align.common_backend("repeat", (x, counts))
    align.check_sizes("repeat", (x, counts))
    if not dtypes.is_int(counts.dtype):
        raise errors.wrong_dtype("repeat", "counts", counts, "an integer type")
    if any(dim not in x.dims for dim in counts.dims):
        raise errors.no_common_dims("repeat", (x, counts))
    if not isinstance(out_dim, Dim):
        fix = 'out_dim=sf.Dim("frame"), made once.'
        raise errors.bad_argument("repeat", "out_dim", out_dim, "a Dim, for such counts", fix)
    align.distinct("repeat", (*x.dims, out_dim))
    return out_dim


def _numbers(x: Tensor, axis: Dim, counts: Tensor) -> Tensor:
    """Counts as int32, 0 in the padding."""
    backend = x.backend
    number = masked(counts, 0)
    number = Tensor(
        backend.cast(number.raw, "int32"), counts.dims, counts.lengths_table, backend=backend
    )
    if own_lengths(x, axis) is not None:
        number = elementwise.where(x.mask(axis), number, 0, allow_broadcast=True)
    if checks.may_look(backend, number.raw) and (backend.to_numpy(number.raw) < 0).any():
        raise errors.bad_argument(
            "repeat", "counts", counts, "at least 0 everywhere", "sf.maximum(counts, 0)."
        )
    return number


def _extent(total: Tensor, out_dim: Dim) -> Size:
    """Positions of the longest sequence: data, unless the dim is static."""
    backend = total.backend
    must_look = out_dim.size is None and not backend.is_tracing()
    looks = must_look or checks.may_look(backend, total.raw)
    longest = backend.reduce("max", total.raw, range(len(total.dims)))
    if looks:
        found = max(int(backend.to_numpy(longest)), 0)
        if out_dim.size is not None and found > out_dim.size:
            raise errors.wrong_size("repeat", total, out_dim, found)
    else:
        found = backend.binary("max", longest, 0)
    if out_dim.size is not None:
        return out_dim.size
    if not looks and not backend.sizes_may_be_data:
        raise errors.needs_values("repeat", total, "the number of repetitions")
    return found


def _source(ends: Tensor, total: Tensor, x: Tensor, axis: Dim, out_dim: Dim, size: Size) -> Tensor:
    """The position that each one comes from: as many as end at or before it."""
    position = positions(x.backend, out_dim, size, x.device)
    each = elementwise.add(total * 0, position, allow_broadcast=True)
    found = search_sorted(ends, each, axis=axis, side="right")
    last = x.backend.convert(x.size(axis), "int32", x.device)
    last = x.backend.binary("max", x.backend.binary("sub", last, 1), 0)
    raw = x.backend.binary("min", found.raw, x.backend.cast(last, "int64"))
    return Tensor(raw, found.dims, backend=x.backend)
