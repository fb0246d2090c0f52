"""Positions chosen by a mask: taken out of each sequence, and put back."""

from __future__ import annotations

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.lengths import Entry
from seqfront.ops import elementwise
from seqfront.ops.cumulate import cumsum
from seqfront.ops.mask import clean, masked, own_lengths
from seqfront.ops.order import check_rows
from seqfront.ops.positions import never_empty, read_at
from seqfront.ops.reduce import sum as reduce_sum
from seqfront.tensor import Tensor


def masked_select(x: Tensor, *, mask: Tensor, axis: Dim, out_dim: Dim) -> Tensor:
    """Of each sequence, the positions where a mask holds, closed up.

    Sequences stay apart: the result is ragged, and padded as far as `x` is, so that no size is
    data. `pack_padded` puts all sequences in one row.

    Args:
        x: Has all dims of `mask`.
        mask: bool over `axis`, and any other dims of `x`; its padding is false.
        axis: The dim chosen from.
        out_dim: A dynamic dim, made once; the dim of what is chosen.

    Returns:
        The dims of `x` with `out_dim` for `axis`; its lengths count where the mask holds.

    Raises:
        DimError: `out_dim` is static; lengths of another dim run over `axis`.

    Example:
        >>> import seqfront as sf
        >>> batch, time, label = sf.Dim("batch"), sf.Dim("time"), sf.Dim("label")
        >>> x = sf.wrap([[0, 3, 0, 4], [5, 0, 0, 0]], (batch, time))
        >>> y = sf.masked_select(x, mask=x != 0, axis=time, out_dim=label)
        >>> y, y.lengths(label).raw
        (int32[batch≤2, label≤4] numpy:cpu, array([2, 1], dtype=int32))
        >>> y.raw
        array([[3, 4, 0, 0],
               [5, 0, 0, 0]], dtype=int32)
    """
    align.distinct("masked_select", (axis,))
    align.check("masked_select", x, axis)
    align.check("masked_select", mask, axis, name="mask")
    mask, backend = _own_mask("masked_select", x, mask, axis), x.backend
    _check_out_dim(x, out_dim)
    check_rows("masked_select", x, axis)
    last = backend.cast(backend.unary("not", mask.raw), "int32")
    order = backend.sort(last, mask.axis(axis))[1]
    dims = tuple(out_dim if dim is axis else dim for dim in mask.dims)
    count = reduce_sum(mask, axis=axis, mask=False)
    table = align.common_lengths("masked_select", (x, mask))
    table = table.with_entries({out_dim: Entry(count.raw, count.dims)})
    source = Tensor(order, dims, backend=backend)
    return masked(read_at(clean(x), axis, source, out_dim, table), 0)


def masked_scatter(x: Tensor, backup: Tensor, *, mask: Tensor, axis: Dim, in_dim: Dim) -> Tensor:
    """What `masked_select` took out, put back: where a mask holds, the next entry of `x`.

    Args:
        x: Over `in_dim` and the other dims of the result; as many positions of data as the mask
            has, in each sequence. More are left out; where it has fewer, `backup` stays.
        backup: What stands where the mask does not hold; has `axis`, and all dims of `mask`.
        mask: bool over `axis`, and any other dims of `backup`; its padding is false.
        axis: The dim of the result.
        in_dim: The dim of `x` that its entries run along.

    Returns:
        Dims and lengths of `backup`.

    Raises:
        DimError: Dims of `x` and `backup` do not fit.

    Example:
        >>> import seqfront as sf
        >>> time, label = sf.Dim("time"), sf.Dim("label")
        >>> old = sf.wrap([0, 1, 0, 1], (time,))
        >>> new = sf.wrap([7, 8], (label,))
        >>> sf.masked_scatter(new, old, mask=old == 1, axis=time, in_dim=label).raw
        array([0, 7, 0, 8], dtype=int32)
    """
    align.distinct("masked_scatter", (axis, in_dim))
    align.check("masked_scatter", x, in_dim)
    align.check("masked_scatter", backup, axis, name="backup")
    align.check("masked_scatter", mask, axis, name="mask")
    mask = _own_mask("masked_scatter", backup, mask, axis)
    rest = {dim for dim in backup.dims if dim is not axis}
    if {dim for dim in x.dims if dim is not in_dim} != rest:
        raise errors.no_common_dims("masked_scatter", (x, backup))
    table = align.common_lengths("masked_scatter", (backup, x))
    number = cumsum(Tensor(mask.raw, mask.dims, backend=x.backend), axis=axis) - 1
    there = elementwise.binary("lt", number, x.lengths(in_dim), allow_broadcast=True)
    there = elementwise.binary("and", there, mask, allow_broadcast=True)
    source = elementwise.where(there, number, 0, allow_broadcast=True)
    taken = read_at(never_empty(clean(x), in_dim), in_dim, source, axis, table)
    return masked(elementwise.where(there, taken, backup).with_lengths(table), 0)


def _own_mask(op: str, x: Tensor, mask: Tensor, axis: Dim) -> Tensor:
    """A mask that is false in the padding of `axis`, over all dims that this takes."""
    align.common_backend(op, (x, mask))
    align.check_sizes(op, (x, mask))
    if mask.dtype != "bool":
        raise errors.wrong_dtype(op, "mask", mask, "bool")
    if any(dim not in x.dims for dim in mask.dims):
        raise errors.no_common_dims(op, (x, mask))
    table = align.common_lengths(op, (x, mask))
    x, mask = x.with_lengths(table), mask.with_lengths(table)
    if own_lengths(x, axis) is None:
        return mask
    return elementwise.binary("and", mask, x.mask(axis), allow_broadcast=True)


def _check_out_dim(x: Tensor, out_dim: Dim) -> None:
    align.distinct("masked_select", (*x.dims, out_dim))
    if out_dim.size is not None:
        fix = 'out_dim=sf.Dim("label"), made once.'
        raise errors.bad_argument("masked_select", "out_dim", out_dim, "a dynamic dim", fix)
