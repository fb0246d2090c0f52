"""Positions along a dim, and reading at them: what operations that move data within it share."""

from __future__ import annotations

from seqfront import align
from seqfront.backend import Backend, Raw, Size
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


def never_empty(x: Tensor, axis: Dim) -> Tensor:
    """`x`, with one more position if there may be none: padding is read somewhere, too."""
    physical = x.axis(axis)
    if x.backend.static_shape(x.raw)[physical]:
        return x
    margin = [(0, 1) if i == physical else (0, 0) for i in range(len(x.dims))]
    raw = x.backend.pad(x.raw, margin, 0)
    return Tensor(raw, x.dims, x.lengths_table, x.sparse_dim, backend=x.backend)


def aligned(raw: Raw, dims: tuple[Dim, ...], x: Tensor) -> Raw:
    """Raw values over some dims of `x` such that they broadcast against `x.raw`."""
    return align.moved(x.backend, raw, align.move_to(dims, x.dims))
