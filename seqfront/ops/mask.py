"""Padding is poison: how operations keep what lies beyond the lengths out.

Three rules do it, for values and for gradients:

1. An operation that mixes positions of a ragged dim (a sum, a convolution) first replaces the
   padding by what is neutral to it, with `where`. So the padding has no say, and gets a gradient of
   exactly zero.
2. Zero times NaN is NaN: where a gradient of zero meets NaN padding on its way back, and a weight
   is shared by all frames, the weight's gradient would be lost. So no result of an operation has
   anything but finite numbers in its padding: what comes from outside is cleaned by the first
   operation that sees it (`clean`), and functions with poles (`log`, `/`) do not look at padding
   (`without_poles`).
3. The losses read data only; they need neither.
"""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import align, dtypes, errors
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.lengths import Entry, Lengths
from seqfront.tensor import Tensor


def mask_padding(x: Tensor, value: float = 0.0, dims: Sequence[Dim] | None = None) -> Tensor:
    """`x` with `value` in the padding of its ragged dims (or of some of them).

    Args:
        x: Any dims.
        value: What to put there, converted to the dtype of `x`.
        dims: Only padding that mixing these dims would see. None: all padding.
    """
    if not isinstance(x, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_wrapped("mask_padding", "x", x)
    if dims is not None:
        align.distinct("mask_padding", dims)
    if not isinstance(value, (bool, int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_number("mask_padding", "value", value, x.dtype)
    return masked(x, value, dims)


def masked(x: Tensor, value: float, dims: Sequence[Dim] | None = None) -> Tensor:
    """`mask_padding` for arguments that are known to be right."""
    if not x.lengths_table.entries:
        return x
    mask = padding_mask(x, dims)
    if mask is None:
        return x
    raw = x.backend.where(mask, x.raw, dtypes.number(value, x.dtype))
    return Tensor(raw, x.dims, x.lengths_table, x.sparse_dim, backend=x.backend)


def clean(x: Tensor) -> Tensor:
    """`x` with finite padding: as it is, or masked if it came from outside."""
    return masked(x, 0.0) if x.untrusted else x


def without_poles(x: Tensor, value: float = 1) -> Raw:
    """Raw `x` with a value in the padding where a function is finite that is not everywhere."""
    mask = padding_mask(x)
    return x.raw if mask is None else x.backend.where(mask, x.raw, value)


def padding_mask(x: Tensor, dims: Sequence[Dim] | None = None) -> Raw | None:
    """`data_mask` as a raw bool that broadcasts against `x.raw`; kept with the lengths."""
    table, backend = x.lengths_table, x.backend
    if not table.entries or (dims is not None and not are_ragged(table, dims)):
        return None
    if backend.is_tracing():
        return _padding_mask(x, dims)
    key = (x.dims, backend.shape(x.raw), None if dims is None else tuple(dims))
    return table.kept(key, lambda: _padding_mask(x, dims))


def are_ragged(table: Lengths, dims: Sequence[Dim]) -> bool:
    """Whether the table may say anything of some dims: a quick look."""
    for dim in dims:
        derived = dim.expr is not None and len(dim.expr.dims) == 1  # from one that may be ragged
        if derived or dim in table.entries:
            return True
        for entry in table.entries.values():
            if dim in entry.dims:
                return True
    return False


def _padding_mask(x: Tensor, dims: Sequence[Dim] | None) -> Raw | None:
    mask = data_mask(x, dims)
    if mask is None:
        return None
    return align.moved(x.backend, mask.raw, align.move(x.backend, mask.dims, x.dims))


def data_mask(x: Tensor, dims: Sequence[Dim] | None = None) -> Tensor | None:
    """bool over the dims that it depends on, true where there is data; None if no dim is ragged.

    With `dims`: only for the ragged dims that are mixed when these are, which are those among them
    and those whose lengths depend on one of them.
    """
    if not x.lengths_table.entries:
        return None
    masks = _ragged(x, dims)
    if not masks:
        return None
    backend = x.backend
    over = align.union([mask.dims for mask in masks])
    raws = [align.moved(backend, mask.raw, align.move_to(mask.dims, over)) for mask in masks]
    result = raws[0]
    for raw in raws[1:]:
        result = backend.binary("and", result, raw)
    return Tensor(result, over, x.lengths_table, backend=backend)


def _ragged(x: Tensor, dims: Sequence[Dim] | None) -> list[Entry]:
    found: list[Entry] = []
    for dim in x.dims:
        if dims is not None and dim not in dims and not _depends(x, dim, dims):
            continue
        entry = own_lengths(x, dim)
        if entry is not None:
            mask = x.lengths_table.mask(dim, x.size(dim), x.backend)
            found.append(entry if mask is None else mask)
    return found


def _depends(x: Tensor, dim: Dim, dims: Sequence[Dim]) -> bool:
    entry = own_lengths(x, dim)
    return entry is not None and any(d in dims for d in entry.dims)


def own_lengths(x: Tensor, dim: Dim) -> Entry | None:
    """Lengths of a dim that vary over dims of `x` itself; None if the dim is full in `x`."""
    table = x.lengths_table
    if not table.entries:
        return None
    entry = table.of(dim, x.backend)
    if entry is None or any(d not in x.dims for d in entry.dims):
        return None
    return entry


def sequence_mask(x: Tensor, axis: Dim) -> Tensor:
    """bool over `axis` and what its lengths depend on: true where `x` has data."""
    align.check("sequence_mask", x, axis)
    return x.mask(axis)
