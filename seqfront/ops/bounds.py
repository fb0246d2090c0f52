"""Parts of sequences between bounds that are tensors: every sequence has its own."""

from __future__ import annotations

from typing import TypeAlias

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.lengths import Entry
from seqfront.ops import elementwise
from seqfront.ops.index import gather
from seqfront.ops.mask import clean, masked, own_lengths
from seqfront.ops.positions import never_empty, positions
from seqfront.tensor import Tensor

Bound: TypeAlias = int | Tensor | None


def at_bounds(
    x: Tensor, axis: Dim, start: Bound, end: Bound, step: int, out_dim: Dim | None
) -> Tensor:
    """What `slice` does where a bound is a tensor, or the dim of the result is given."""
    out_dim = _checked(x, axis, start, end, out_dim)
    bounds = [bound for bound in (start, end) if isinstance(bound, Tensor)]
    table = align.common_lengths("slice", (x, *bounds))
    x, backend = clean(x).with_lengths(table), x.backend
    size = _length(x, axis)
    first = _position(start, size) if start is not None else size * 0
    last = _position(end, size) if end is not None else size
    count = elementwise.maximum(elementwise.binary("sub", last, first, allow_broadcast=True), 0)
    count = (count + (step - 1)) // step
    if out_dim.size is not None:
        count = elementwise.minimum(count, out_dim.size)
    table = table.with_entries({out_dim: Entry(count.raw, count.dims)})
    extent = x.size(axis) if out_dim.size is None else out_dim.size
    offsets = positions(backend, out_dim, extent, x.device) * step
    source = elementwise.add(first, offsets, allow_broadcast=True)
    for dim in count.dims:
        if dim not in source.dims:  # the end says how long, and so what is padding
            source = elementwise.add(count * 0, source, allow_broadcast=True)
    known = masked(source.with_lengths(table), 0)
    return masked(gather(never_empty(x, axis), indices=known, axis=axis), 0)


def _checked(x: Tensor, axis: Dim, start: Bound, end: Bound, out_dim: Dim | None) -> Dim:
    for name, bound in (("start", start), ("end", end)):
        if not isinstance(bound, Tensor):
            continue
        align.common_backend("slice", (x, bound))
        align.check_sizes("slice", (x, bound))
        if not dtypes.is_int(bound.dtype):
            raise errors.wrong_dtype("slice", name, bound, "an integer type")
        if axis in bound.dims:
            fix = "one bound for each sequence, not for each of its positions."
            raise errors.bad_argument("slice", name, bound, f"a Tensor without {axis!r}", fix)
    if not isinstance(out_dim, Dim):
        fix = 'out_dim=sf.Dim("part"), made once.'
        raise errors.bad_argument("slice", "out_dim", out_dim, "a Dim, for such bounds", fix)
    align.distinct("slice", (*x.dims, out_dim))
    return out_dim


def _length(x: Tensor, axis: Dim) -> Tensor:
    """How much of `axis` is data, int32."""
    entry, backend = own_lengths(x, axis), x.backend
    raw = x.size(axis) if entry is None else entry.raw
    dims = () if entry is None else entry.dims
    raw = backend.convert(raw, "int32", x.device) if entry is None else backend.cast(raw, "int32")
    return Tensor(raw, dims, backend=backend)


def _position(bound: int | Tensor, size: Tensor) -> Tensor:
    """A bound as one of 0 .. size, int32; a negative one counts from the end."""
    if isinstance(bound, int):
        if bound >= 0:
            return elementwise.minimum(size, bound)
        return elementwise.maximum(size + bound, 0)
    given = masked(clean(bound), 0)
    raw = size.backend.cast(given.raw, "int32")
    given = Tensor(raw, given.dims, given.lengths_table, backend=size.backend)
    from_end = elementwise.maximum(elementwise.add(given, size, allow_broadcast=True), 0)
    from_start = elementwise.binary("min", given, size, allow_broadcast=True)
    return elementwise.where(given < 0, from_end, from_start, allow_broadcast=True)
