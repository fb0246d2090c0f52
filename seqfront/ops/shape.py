"""Dims in another shape: merged, split, added, removed."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import align, errors
from seqfront.backend import Size
from seqfront.dim import Dim
from seqfront.ops.carry import carried
from seqfront.ops.mask import clean, own_lengths
from seqfront.tensor import Tensor


def merge_dims(x: Tensor, dims: Sequence[Dim], out_dim: Dim | None = None) -> Tensor:
    """Several dims as one, the last running fastest.

    Args:
        x: Any dims.
        dims: The dims to merge, in the order wanted.
        out_dim: Default: their product, `a * b`.

    Raises:
        DimError: One of them is ragged, so that padding would lie between the data.
    """
    dims = align.distinct("merge_dims", dims)
    align.check("merge_dims", x, *dims)
    for dim in dims:
        if own_lengths(x, dim) is not None:
            raise errors.ragged_dim("merge_dims", x, dim)
    if not dims:
        raise errors.nothing_to_merge(x)
    x = clean(x)
    if out_dim is None:
        out_dim = dims[0]
        for dim in dims[1:]:
            out_dim = out_dim * dim
    at = x.dims.index(dims[0])
    head = tuple([dim for dim in x.dims[:at] if dim not in dims])
    tail = tuple([dim for dim in x.dims[at + 1 :] if dim not in dims])
    extents = _extents(x)
    size: Size = 1
    for dim in dims:
        size = size * extents[dim]
    shape = [*[extents[d] for d in head], size, *[extents[d] for d in tail]]
    raw = x.backend.reshape(x.raw_in((*head, *dims, *tail)), shape)
    merged = align.distinct("merge_dims", (*head, out_dim, *tail))
    if out_dim.size is not None and isinstance(size, int) and out_dim.size != size:
        raise errors.wrong_size("merge_dims", x, out_dim, size)
    table = carried(x, dims, lambda n: merge_dims(_over_all(n, dims, x), dims, out_dim))
    return Tensor(raw, merged, table, x.sparse_dim, backend=x.backend)


def _extents(x: Tensor) -> dict[Dim, Size]:
    """Padded extents by dim: what is static is known in a trace, too."""
    if x.backend.is_tracing():
        return {dim: x.size(dim) for dim in x.dims}
    return dict(zip(x.dims, x.backend.shape(x.raw), strict=True))


def _over_all(lengths: Tensor, dims: Sequence[Dim], like: Tensor) -> Tensor:
    """Lengths repeated along those of the dims that they do not run over."""
    for dim in dims:
        if dim not in lengths.dims:
            lengths = expand_dim(lengths, dim, like=like)
    return lengths


def split_dim(x: Tensor, axis: Dim, into: Sequence[Dim]) -> Tensor:
    """One dim as several, the last running fastest; at most one of them may be dynamic.

    Args:
        x: Has `axis`, which is not ragged.
        axis: The dim to split.
        into: The new dims, outermost first; their sizes multiply to that of `axis`.
    """
    align.check("split_dim", x, axis)
    into = align.distinct("split_dim", into)
    if own_lengths(x, axis) is not None:
        raise errors.ragged_dim("split_dim", x, axis)
    x = clean(x)
    at, extents, sizes = x.dims.index(axis), _extents(x), [dim.size for dim in into]
    total, known = extents[axis], 1
    for size in sizes:
        known *= 1 if size is None else size
    unknown = sizes.count(None)
    fits = unknown <= 1
    if fits and isinstance(total, int):
        fits = total == known if not unknown else known > 0 and total % known == 0
    if not fits:
        raise errors.cannot_split(x, axis, into)
    rest = list(extents.values())
    whole = [total // known if size is None else size for size in sizes]
    raw = x.backend.reshape(x.raw, [*rest[:at], *whole, *rest[at + 1 :]])
    dims = align.distinct("split_dim", (*x.dims[:at], *into, *x.dims[at + 1 :]))
    table = carried(x, (axis,), lambda n: split_dim(n, axis, into))
    return Tensor(raw, dims, table, x.sparse_dim, backend=x.backend)


def expand_dim(x: Tensor, dim: Dim, *, like: Tensor | None = None) -> Tensor:
    """Repeated along a new first dim; `like` gives the extent of a dynamic one."""
    align.check("expand_dim", x)
    align.distinct("expand_dim", (dim, *x.dims))
    if like is not None and (dim.size is None or not isinstance(like, Tensor)):  # pyright: ignore[reportUnnecessaryIsInstance]
        align.check("expand_dim", like, dim, name="like")
    if dim.size is None and like is None:
        raise errors.size_unknown("expand_dim", dim)
    x = clean(x)
    size = like.size(dim) if like is not None else dim.size
    raw = x.backend.broadcast_to(x.raw, (size, *x.backend.shape(x.raw)))
    return Tensor(raw, (dim, *x.dims), x.lengths_table, x.sparse_dim, backend=x.backend)


def squeeze(x: Tensor, dim: Dim) -> Tensor:
    """Without a dim of size one."""
    align.check("squeeze", x, dim)
    x, at = clean(x), x.dims.index(dim)
    size = x.backend.static_shape(x.raw)[at]
    if size is not None and size != 1:
        raise errors.wrong_size("squeeze", x, dim, size)
    dims = (*x.dims[:at], *x.dims[at + 1 :])
    raw = x.backend.squeeze(x.raw, (at,))
    table = carried(x, (dim,), lambda n: squeeze(n, dim))
    return Tensor(raw, dims, table, x.sparse_dim, backend=x.backend)
