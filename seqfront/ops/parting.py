"""A dim taken apart: into the parts that `concat` joins, or the tensors that `stack` does."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import align, errors
from seqfront.backend import Size
from seqfront.dim import Dim
from seqfront.ops.carry import carried
from seqfront.ops.index import gather
from seqfront.ops.mask import clean, own_lengths
from seqfront.ops.slicing import slice
from seqfront.tensor import Tensor


def split(x: Tensor, *, axis: Dim, parts: Sequence[Dim]) -> tuple[Tensor, ...]:
    """A dim cut into parts, one after another: the reverse of `concat`.

    Args:
        x: Has `axis`.
        axis: The dim to cut. Of a ragged one, the parts before the dynamic one are the first
            positions of each sequence, and those behind it the last.
        parts: Dims of the results, whose sizes add up to that of `axis`. At most one is dynamic
            and gets what is left; of a ragged `axis`, one has to be.

    Returns:
        For each part, the dims of `x` with that part for `axis`. Of a ragged `axis` all parts are
        ragged: a sequence shorter than the static parts has less of them.

    Raises:
        DimError: Sizes do not add up.

    Example:
        >>> import seqfront as sf
        >>> first, rest, time = sf.Dim("first", 1), sf.Dim("rest"), sf.Dim("time")
        >>> x = sf.wrap([7, 8, 9], (time,))
        >>> [part.raw.tolist() for part in sf.split(x, axis=time, parts=(first, rest))]
        [[7], [8, 9]]
    """
    align.distinct("split", (axis,))
    align.check("split", x, axis)
    parts = align.distinct("split", parts)
    align.distinct("split", (*(dim for dim in x.dims if dim is not axis), *parts))
    known = _total(parts)
    unknown = [dim for dim in parts if dim.size is None]
    size, ragged = x.backend.static_shape(x.raw)[x.axis(axis)], own_lengths(x, axis) is not None
    fits = len(unknown) <= 1 and (len(unknown) == 1 or not ragged)
    if fits and not ragged and size is not None:
        fits = known <= size if unknown else known == size
    if not fits or not parts:
        raise errors.cannot_part(x, axis, parts)
    if ragged:
        return tuple(_ragged_part(x, axis, parts, dim) for dim in parts)
    return _cut(clean(x), axis, parts)


def _total(dims: Sequence[Dim]) -> int:
    total = 0
    for dim in dims:
        total += dim.size or 0
    return total


def _cut(x: Tensor, axis: Dim, parts: tuple[Dim, ...]) -> tuple[Tensor, ...]:
    backend, physical = x.backend, x.axis(axis)
    rest: Size = x.size(axis) - _total(parts)
    sizes = [dim.size if dim.size is not None else rest for dim in parts]
    raws = backend.split(x.raw, sizes, physical)
    found: list[Tensor] = []
    for number, (dim, raw) in enumerate(zip(parts, raws, strict=True)):
        dims = tuple(dim if d is axis else d for d in x.dims)
        table = carried(x, (axis,), lambda n, number=number: _cut(n, axis, parts)[number])
        found.append(Tensor(raw, dims, table, x.sparse_dim, backend=backend))
    return tuple(found)


def _ragged_part(x: Tensor, axis: Dim, parts: tuple[Dim, ...], dim: Dim) -> Tensor:
    """Counted from the start as far as the dynamic part, from the end behind it."""
    at, middle = parts.index(dim), next(i for i, d in enumerate(parts) if d.size is None)
    before, behind = _total(parts[:at]), _total(parts[at + 1 :])
    if at == middle:
        part = slice(x, axis=axis, start=before, end=-behind if behind else None)
        return part.rename(part.dims[x.axis(axis)], dim)
    if at < middle:
        return slice(x, axis=axis, start=before, end=before + (dim.size or 0), out_dim=dim)
    start = -behind - (dim.size or 0)
    return slice(x, axis=axis, start=start, end=-behind if behind else None, out_dim=dim)


def unstack(x: Tensor, *, axis: Dim) -> tuple[Tensor, ...]:
    """A tensor for each position of a static dim: the reverse of `stack`.

    Args:
        x: Has `axis`, which is static and not ragged.
        axis: The dim to take apart.

    Returns:
        As many tensors as `axis` has positions, over the other dims.

    Raises:
        DimError: `axis` is dynamic or ragged.

    Example:
        >>> import seqfront as sf
        >>> pair, time = sf.Dim("pair", 2), sf.Dim("time")
        >>> real, imaginary = sf.unstack(sf.wrap([[1, 2], [3, 4]], (time, pair)), axis=pair)
        >>> real.raw, imaginary.raw
        (array([1, 3], dtype=int32), array([2, 4], dtype=int32))
    """
    align.distinct("unstack", (axis,))
    align.check("unstack", x, axis)
    if axis.size is None:
        raise errors.size_unknown("unstack", axis)
    if own_lengths(x, axis) is not None:
        raise errors.ragged_dim("unstack", x, axis)
    return tuple(gather(x, indices=index, axis=axis) for index in range(axis.size))
