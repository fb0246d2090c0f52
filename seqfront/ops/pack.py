"""The data of all sequences in one row without padding, and back."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import align, checks, errors
from seqfront.backend import Raw, product
from seqfront.dim import Dim
from seqfront.lengths import FULL, Lengths
from seqfront.ops.mask import clean, data_mask, masked, own_lengths
from seqfront.ops.positions import never_empty
from seqfront.tensor import Tensor


def pack_padded(x: Tensor, *, dims: Sequence[Dim], out_dim: Dim) -> Tensor:
    """The data of several dims one after the other, as one dim without padding.

    A packed dim is like any other: it is full, and every operation works on it.

    Args:
        x: Any dims.
        dims: The dims to pack, the last running fastest: (batch, time) puts each sequence behind
            the one before it. Dims that their lengths run over have to be among them.
        out_dim: A dynamic dim, made once. Its size is data: `torch.compile` takes it only with
            `torch._dynamo.config.capture_dynamic_output_shape_ops`.

    Returns:
        `out_dim`, then the other dims of `x`.

    Raises:
        DimError: Lengths run over a dim that is not packed, or other lengths over one that is.

    Example:
        >>> import seqfront as sf
        >>> batch, time, frame = sf.Dim("batch"), sf.Dim("time"), sf.Dim("frame")
        >>> x = sf.wrap([[1, 2, 3], [4, 0, 0]], (batch, time), lengths={time: [3, 1]})
        >>> sf.pack_padded(x, dims=(batch, time), out_dim=frame).raw
        array([1, 2, 3, 4], dtype=int32)
    """
    dims = align.distinct("pack_padded", dims)
    align.check("pack_padded", x, *dims)
    _check_packed("pack_padded", x, dims, out_dim)
    backend, rest = x.backend, tuple(dim for dim in x.dims if dim not in dims)
    align.distinct("pack_padded", (out_dim, *rest))
    shape = [product([x.size(dim) for dim in dims]), *(x.size(dim) for dim in rest)]
    rows = backend.reshape(clean(x).raw_in((*dims, *rest)), shape)
    raw = backend.masked_select(rows, _flat_mask(x, dims))
    table = _without(x.lengths_table, dims)
    return Tensor(raw, (out_dim, *rest), table, x.sparse_dim, backend=backend)


def unpack_padded(
    x: Tensor, *, in_dim: Dim, dims: Sequence[Dim], like: Tensor, value: float = 0
) -> Tensor:
    """What `pack_padded` put in one row, as sequences with padding again.

    Args:
        x: Has `in_dim`, and none of `dims`.
        in_dim: The packed dim: as many positions as `like` has data.
        dims: The dims that were packed, in the same order.
        like: Has `dims`: their extents and lengths.
        value: What to put into the padding.

    Returns:
        `dims`, then the other dims of `x`, with the lengths of `like`.

    Raises:
        DimError: `x` has not as many positions as `like` has data (looked for where that
            costs nothing).

    Example:
        >>> import seqfront as sf
        >>> batch, time, frame = sf.Dim("batch"), sf.Dim("time"), sf.Dim("frame")
        >>> like = sf.wrap([[0, 0, 0], [0, 0, 0]], (batch, time), lengths={time: [3, 1]})
        >>> x = sf.wrap([1, 2, 3, 4], (frame,))
        >>> sf.unpack_padded(x, in_dim=frame, dims=(batch, time), like=like).raw
        array([[1, 2, 3],
               [4, 0, 0]], dtype=int32)
    """
    dims = align.distinct("unpack_padded", dims)
    align.check("unpack_padded", x, in_dim)
    align.check("unpack_padded", like, *dims, name="like")
    _check_packed("unpack_padded", like, dims, in_dim)
    backend = align.common_backend("unpack_padded", (x, like))
    rest = tuple(dim for dim in x.dims if dim is not in_dim)
    align.distinct("unpack_padded", (*dims, *rest))
    data = backend.cast(_flat_mask(like, dims), "int32")
    _check_count(x, in_dim, like, data)
    number = backend.binary("sub", backend.cumulative("sum", data, 0), 1)
    rows = never_empty(clean(x), in_dim)
    last = backend.convert(backend.size(rows.raw, rows.axis(in_dim)), "int32", x.device)
    number = backend.binary("min", number, backend.binary("sub", last, 1))
    number = backend.binary("max", number, 0)
    raw = backend.gather(rows.raw_in((in_dim, *rest)), number, 0)
    sizes = [like.size(dim) for dim in dims] + [x.size(dim) for dim in rest]
    own = {dim: entry for dim, entry in like.lengths_table.entries.items() if dim in dims}
    table = x.lengths_table.with_entries(own) if own else x.lengths_table
    whole = Tensor(backend.reshape(raw, sizes), (*dims, *rest), table, x.sparse_dim,
                   backend=backend)  # fmt: skip
    return masked(whole, value, dims)


def _check_packed(op: str, x: Tensor, dims: Sequence[Dim], packed: Dim) -> None:
    if not dims:
        raise errors.bad_argument(op, "dims", dims, "at least one dim", "dims=(batch, time).")
    if packed.size is not None:
        fix = 'sf.Dim("frames"), made once.'
        raise errors.bad_argument(op, "the packed dim", packed, "a dynamic dim", fix)
    for dim in x.dims:
        entry = own_lengths(x, dim)
        over = [] if entry is None else [other for other in entry.dims if other in dims]
        if dim in dims and entry is not None and len(over) < len(entry.dims):
            raise errors.ragged_dim(op, x, dim)
        if dim not in dims and over:
            raise errors.torn_sequences(op, x, over[0], dim)


def _flat_mask(x: Tensor, dims: tuple[Dim, ...]) -> Raw:
    """bool over all positions of the dims, in their order: where there is data."""
    backend, count = x.backend, product([x.size(dim) for dim in dims])
    data = data_mask(x, dims)
    if data is None:
        return backend.full((count,), True, "bool", x.device)
    mask = align.moved(backend, data.raw, align.move_to(data.dims, dims))
    return backend.reshape(backend.broadcast_to(mask, [x.size(dim) for dim in dims]), (count,))


def _check_count(x: Tensor, in_dim: Dim, like: Tensor, data: Raw) -> None:
    backend = x.backend
    if not checks.may_look(backend, data):
        return
    wanted, found = int(backend.to_numpy(data).sum()), x.size(in_dim)
    if wanted != found:
        raise errors.bad_argument(
            "unpack_padded",
            "x",
            x,
            f"{wanted} positions of {in_dim!r}, as many as like has data",
            "like has to have the lengths that were packed.",
        )


def _without(table: Lengths, dims: Sequence[Dim]) -> Lengths:
    """The table of what has none of the dims any more."""
    kept = {
        dim: entry
        for dim, entry in table.entries.items()
        if dim not in dims and not any(other in dims for other in entry.dims)
    }
    return Lengths(kept) if kept else FULL
