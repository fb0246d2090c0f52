"""Order along a dim: sorted data comes first, padding stays behind it.

NaN has no place in an order: where a row of data holds one, the order of that row is the
framework's, and may differ between frameworks.
"""

from __future__ import annotations

from typing import Literal

from seqfront import align, dtypes, errors
from seqfront.backend import Raw, product
from seqfront.dim import Dim
from seqfront.ops.mask import clean, masked, own_lengths, padding_mask
from seqfront.ops.reduce import greatest, least
from seqfront.tensor import Tensor


def sort(x: Tensor, *, axis: Dim, descending: bool = False) -> Tensor:
    """Each row along a dim in order; equals stay in the order they had.

    Args:
        x: Has `axis`; any dtype.
        axis: The dim to sort along; of a ragged one, the data is sorted, and padding stays last.
        descending: The greatest first.

    Returns:
        Dims, lengths and dtype of `x`. The gradient goes back to where values came from.

    Raises:
        DimError: Lengths of another dim run over `axis`: sorting would tear sequences apart.

    Example:
        >>> import seqfront as sf
        >>> batch, time = sf.Dim("batch"), sf.Dim("time")
        >>> x = sf.wrap([[3, 1, 2], [9, 8, 0]], (batch, time), lengths={time: [3, 2]})
        >>> sf.sort(x, axis=time).raw
        array([[1, 2, 3],
               [8, 9, 0]], dtype=int32)
    """
    values, _ = _sorted("sort", x, axis, descending)
    return masked(Tensor(values, x.dims, x.lengths_table, x.sparse_dim, backend=x.backend), 0)


def argsort(x: Tensor, *, axis: Dim, descending: bool = False) -> Tensor:
    """Where the values of `sort` come from: positions along `axis`, as labels of it.

    Args:
        x: Has `axis`; any dtype.
        axis: The dim to sort along; of a ragged one, positions of data come first.
        descending: The position of the greatest first.

    Returns:
        int64 over the dims of `x`, with its lengths. `gather` reads other tensors by it.

    Raises:
        DimError: Lengths of another dim run over `axis`.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> sf.argsort(sf.wrap([3.0, 1.0, 2.0], (time,)), axis=time).raw
        array([1, 2, 0])
    """
    _, order = _sorted("argsort", x, axis, descending)
    return Tensor(order, x.dims, x.lengths_table, axis, backend=x.backend)


def _sorted(op: str, x: Tensor, axis: Dim, descending: bool) -> tuple[Raw, Raw]:
    align.distinct(op, (axis,))
    align.check(op, x, axis)
    check_rows(op, x, axis)
    mask = padding_mask(x, (axis,))
    raw = clean(x).raw
    if mask is not None:  # equals keep their order, so padding stays behind data of this value
        fill = least(x.dtype) if descending else greatest(x.dtype)
        raw = x.backend.where(mask, raw, fill)
    return x.backend.sort(raw, x.axis(axis), descending)


def check_rows(op: str, x: Tensor, *axes: Dim) -> None:
    """That no lengths of other dims run over `axes`, whose positions are going to be mixed."""
    for dim in x.dims:
        entry = own_lengths(x, dim)
        if dim not in axes and entry is not None and any(axis in entry.dims for axis in axes):
            axis = next(axis for axis in axes if axis in entry.dims)
            raise errors.torn_sequences(op, x, axis, dim)


def search_sorted(
    sorted_values: Tensor, values: Tensor, *, axis: Dim, side: Literal["left", "right"] = "left"
) -> Tensor:
    """Where values would go into a sorted row, to keep it sorted.

    Args:
        sorted_values: Ascending along `axis`; its padding is not looked at.
        values: Has all other dims of `sorted_values`, and any more.
        axis: The sorted dim.
        side: "left": before equals, so that the result counts what is less. "right": behind
            equals, so that it counts what is less or equal.

    Returns:
        int64 over the dims of `values`: 0 to the length of the row.

    Raises:
        DimError: `values` lacks dims of `sorted_values`, or has `axis`.

    Example:
        >>> import seqfront as sf
        >>> edge, time = sf.Dim("edge", 3), sf.Dim("time")
        >>> edges = sf.wrap([0.0, 1.0, 2.0], (edge,))
        >>> sf.search_sorted(edges, sf.wrap([-1.0, 0.5, 1.0, 5.0], (time,)), axis=edge).raw
        array([0, 1, 1, 3])
    """
    align.distinct("search_sorted", (axis,))
    align.check("search_sorted", sorted_values, axis, name="sorted_values")
    align.check("search_sorted", values, name="values")
    if side not in ("left", "right"):
        raise errors.bad_argument(
            "search_sorted", "side", side, "'left' or 'right'", "'left' counts what is less."
        )
    backend = align.common_backend("search_sorted", (sorted_values, values))
    align.check_sizes("search_sorted", (sorted_values, values), (axis,))
    lead = tuple(dim for dim in sorted_values.dims if dim is not axis)
    if axis in values.dims:
        raise errors.repeated_dim("search_sorted", (*values.dims, axis), axis)
    if any(dim not in values.dims for dim in lead):
        raise errors.no_common_dims("search_sorted", (sorted_values, values))
    table = align.common_lengths("search_sorted", (sorted_values, values))
    dtype = _comparable(dtypes.promote(sorted_values.dtype, values.dtype))
    row = masked(sorted_values, greatest(sorted_values.dtype), (axis,))
    rest = tuple(dim for dim in values.dims if dim not in lead)
    sought = backend.cast(clean(values).raw_in((*lead, *rest)), dtype)
    shape = backend.shape(sought)
    count = product(shape[len(lead) :])
    found = backend.search_sorted(
        backend.cast(clean(row).raw_in((*lead, axis)), dtype),
        backend.reshape(sought, (*shape[: len(lead)], count)),
        side,
    )
    result = Tensor(backend.reshape(found, shape), (*lead, *rest), table, backend=backend)
    return _within(result, sorted_values, axis)


def _within(found: Tensor, row: Tensor, axis: Dim) -> Tensor:
    """No further than the length: values as great as the fill would go behind the padding."""
    entry = own_lengths(row, axis)
    if entry is None:
        return found
    backend = found.backend
    end = align.moved(backend, entry.raw, align.move_to(entry.dims, found.dims))
    raw = backend.binary("min", found.raw, backend.cast(end, "int64"))
    return Tensor(raw, found.dims, found.lengths_table, backend=backend)


def _comparable(dtype: str) -> str:
    """A dtype of the same order that every framework searches in."""
    if dtypes.is_float(dtype):
        return "float64" if dtype == "float64" else "float32"
    return "int64" if dtype == "int64" else "int32"
