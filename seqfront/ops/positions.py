"""Positions along a dim, or several as one, and reading at them: what operations that move or rank
data share."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import align
from seqfront.backend import Backend, Raw, Size, product
from seqfront.dim import Dim
from seqfront.lengths import Lengths
from seqfront.tensor import Tensor


def positions(backend: Backend, dim: Dim, size: Size, device: str) -> Tensor:
    """0, 1, 2, ... along a dim, int32."""
    return Tensor(backend.arange(size, "int32", device), (dim,), backend=backend)


def read_at(x: Tensor, axis: Dim, source: Tensor, out_dim: Dim, table: Lengths) -> Tensor:
    """`x` with `out_dim` for `axis`, each position read at `source`.

    `source` is over `out_dim` and other dims of `x`, and everywhere in range.
    """
    backend = x.backend
    common = tuple(dim for dim in x.dims if dim in source.dims and dim is not axis)
    rest = tuple(dim for dim in x.dims if dim not in common and dim is not axis)
    raw = backend.gather(
        x.raw_in((*common, axis, *rest)),
        source.raw_in((*common, out_dim)),
        len(common),
        len(common),
    )
    return Tensor(raw, (*common, out_dim, *rest), table, x.sparse_dim, backend=backend)


def never_empty(x: Tensor, axis: Dim, fill: float = 0) -> Tensor:
    """`x`, with one more position if there may be none: padding is read somewhere, too."""
    physical = x.axis(axis)
    if x.backend.static_shape(x.raw)[physical]:
        return x
    margin = [(0, 1) if i == physical else (0, 0) for i in range(len(x.dims))]
    raw = x.backend.pad(x.raw, margin, fill)
    return Tensor(raw, x.dims, x.lengths_table, x.sparse_dim, backend=x.backend)


def aligned(raw: Raw, dims: tuple[Dim, ...], x: Tensor) -> Raw:
    """Raw values over some dims of `x` such that they broadcast against `x.raw`."""
    return align.moved(x.backend, raw, align.move_to(dims, x.dims))


def flat(backend: Backend, raw: Raw, rank: int) -> Raw:
    """The axes from `rank` on as one."""
    shape = backend.shape(raw)
    if len(shape) == rank + 1:
        return raw
    return backend.reshape(raw, (*shape[:rank], product(shape[rank:])))


def at_least(backend: Backend, rows: Raw, count: int, fill: float) -> Raw:
    """At least `count` positions in the last axis, the added ones last."""
    size = backend.static_shape(rows)[-1]
    lacking = count if size is None else max(count - size, 0)
    if lacking == 0:
        return rows
    before = [(0, 0)] * (len(backend.static_shape(rows)) - 1)
    return backend.pad(rows, [*before, (0, lacking)], fill)


def apart(found: Tensor, sizes: Sequence[Size], axes: tuple[Dim, ...]) -> tuple[Tensor, ...]:
    """A position in dims that were merged, as one position in each."""
    backend, raw = found.backend, found.raw
    indices: list[Raw] = []
    for size in reversed(sizes[1:]):
        extent = size if isinstance(size, int) else backend.cast(size, "int64")
        extent = backend.binary("max", backend.convert(extent, "int64", found.device), 1)
        indices.append(backend.binary("mod", raw, extent))
        raw = backend.binary("floor_div", raw, extent)
    indices.append(raw)
    return tuple(
        Tensor(index, found.dims, found.lengths_table, dim, backend=backend)
        for index, dim in zip(reversed(indices), axes, strict=True)
    )
