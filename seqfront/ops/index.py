"""Reading by index."""

from __future__ import annotations

import numpy as np

from seqfront import align, checks, dtypes, errors
from seqfront.backend import Size
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.ops.carry import carried
from seqfront.ops.mask import clean, masked, padding_mask
from seqfront.tensor import Tensor


def gather(x: Tensor, *, indices: Tensor | int, axis: Dim) -> Tensor:
    """Entries of `x` along a dim, by position.

    Dims of `indices` that `x` has too (other than `axis`) go together: each sequence is read at
    its own positions.

    Args:
        x: Has `axis`.
        indices: Integers in 0 .. size - 1; their padding may hold anything. An int takes one
            position and removes the dim.
        axis: The dim read from; if `indices` are labels, they have to be labels of it.

    Returns:
        Common dims, then the others of `indices`, then those of `x` without `axis`.
    """
    align.check("gather", x, axis)
    x, backend = clean(x), x.backend
    if type(indices) is int:
        return _take(x, indices, axis)
    if not isinstance(indices, Tensor):
        raise errors.not_wrapped("gather", "indices", indices, "a Tensor or an int")
    align.common_backend("gather", (x, indices))
    align.check_sizes("gather", (x, indices), (axis,))
    if not dtypes.is_int(indices.dtype):
        raise errors.wrong_dtype("gather", "indices", indices, "an integer type")
    if indices.sparse_dim is not None and indices.sparse_dim is not axis:
        raise errors.foreign_labels("gather", indices, axis)
    table = align.common_lengths("gather", (x, indices))
    common = tuple(dim for dim in x.dims if dim in indices.dims and dim is not axis)
    picked = tuple(dim for dim in indices.dims if dim not in common)
    rest = tuple(dim for dim in x.dims if dim not in common and dim is not axis)
    check_range("gather", indices, x, axis)
    known = masked(indices, 0)
    raw = backend.gather(
        x.raw_in((*common, axis, *rest)),
        known.raw_in((*common, *picked)),
        len(common),
        len(common),
    )
    known = known.with_lengths(FULL)  # or the lengths that it carries would be read at themselves
    table = carried(x.with_lengths(table), (axis,), lambda n: gather(n, indices=known, axis=axis))
    return Tensor(raw, (*common, *picked, *rest), table, x.sparse_dim, backend=backend)


def _take(x: Tensor, index: int, axis: Dim) -> Tensor:
    size = x.backend.static_shape(x.raw)[x.axis(axis)]
    if size is not None and not -size <= index < size:
        raise errors.index_out_of_range("gather", x, axis, index, index, size)
    start = index if index >= 0 else x.size(axis) + index
    physical = x.axis(axis)
    raw = x.backend.squeeze(x.backend.slice(x.raw, physical, start, start + 1), (physical,))
    dims = tuple(dim for dim in x.dims if dim is not axis)
    table = carried(x, (axis,), lambda n: _take(n, index, axis))
    return Tensor(raw, dims, table, x.sparse_dim, backend=x.backend)


def check_range(op: str, indices: Tensor, x: Tensor, axis: Dim) -> None:
    """Look at the values, where that costs nothing: on the CPU, outside a trace."""
    look_at_range(op, indices, x, axis, x.backend.static_shape(x.raw)[x.axis(axis)])


def look_at_range(op: str, indices: Tensor, x: Tensor, axis: Dim, size: Size | None) -> None:
    """`check_range` for a dim of a size that `x` does not have."""
    backend = x.backend
    if not checks.may_look(backend, indices.raw):
        return
    values = backend.to_numpy(indices.raw)
    mask = padding_mask(indices)
    if mask is not None:
        values = values[np.broadcast_to(backend.to_numpy(mask), values.shape)]
    if size is not None and values.size and (values.min() < 0 or values.max() >= size):
        low, high = int(values.min()), int(values.max())
        raise errors.index_out_of_range(op, x, axis, low, high, size)


def one_hot(labels: Tensor, *, dtype: str = "float32") -> Tensor:
    """1 at each label, 0 elsewhere, over a new last dim: the `sparse_dim` of the labels.

    A label out of range, and padding, give a row that is no label's; nothing is checked.
    """
    align.check("one_hot", labels, name="labels")
    if labels.sparse_dim is None:
        raise errors.no_labels("one_hot", labels)
    dim = labels.sparse_dim
    align.distinct("one_hot", (*labels.dims, dim))
    if dim.size is None:
        raise errors.size_unknown("one_hot", dim)
    raw = labels.backend.one_hot(labels.raw, dim.size, dtypes.check(dtype, "one_hot"))
    return Tensor(raw, (*labels.dims, dim), labels.lengths_table, backend=labels.backend)
