"""Edit distance (Levenshtein 1966)."""

from __future__ import annotations

from seqfront import align, dtypes, errors
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.loss.lattice import flattened, lengths_of
from seqfront.ops.shape import expand_dim
from seqfront.tensor import Tensor


def edit_distance(
    a: Tensor, a_spatial_dim: Dim, b: Tensor, b_spatial_dim: Dim, *, dtype: str = "int32"
) -> Tensor:
    """Least number of substitutions, insertions and deletions that turn one sequence into another.

    Args:
        a: Integers over [batch..., a_spatial_dim]; padding may be anything.
        a_spatial_dim: Positions of `a`.
        b: Integers over [batch..., b_spatial_dim]; either of the two has all batch dims.
        b_spatial_dim: Positions of `b`. For `edit_distance(x, t, y, t)` both may be one dim only
            if the sequences have equal lengths; else it is two dims.
        dtype: Of the result.

    Returns:
        Distances over the batch dims; no gradient.
    """
    for name, x, dim in (("a", a, a_spatial_dim), ("b", b, b_spatial_dim)):
        align.check("edit_distance", x, dim, name=name)
        if not dtypes.is_int(x.dtype):
            raise errors.wrong_dtype("edit_distance", name, x, "an integer type")
    if a.sparse_dim is not None and b.sparse_dim is not None and a.sparse_dim is not b.sparse_dim:
        raise errors.foreign_labels("edit_distance", b, a.sparse_dim)
    backend = align.common_backend("edit_distance", (a, b))
    align.check_sizes("edit_distance", (a, b), (a_spatial_dim, b_spatial_dim))
    table = align.common_lengths("edit_distance", (a, b))
    batch_a = tuple(dim for dim in a.dims if dim is not a_spatial_dim)
    batch_b = tuple(dim for dim in b.dims if dim is not b_spatial_dim)
    batch = batch_a if set(batch_a) >= set(batch_b) else batch_b
    if not set(batch) >= {*batch_a, *batch_b}:
        raise errors.no_common_dims("edit_distance", (a, b))
    inputs: list[Raw] = []
    for x, dim, other in ((a, a_spatial_dim, b), (b, b_spatial_dim, a)):
        for missing in (d for d in batch if d not in x.dims):
            x = expand_dim(x, missing, like=other)
        inputs.append(backend.cast(flattened(x, batch, (dim,)), "int32"))
        inputs.append(lengths_of(x, dim, batch))
    whole = a if batch is batch_a else b
    (raw,) = backend.native_call("edit_distance", inputs, {})
    if len(batch) != 1:
        raw = backend.reshape(raw, [whole.size(dim) for dim in batch])
    raw = raw if dtype == "int32" else backend.cast(raw, dtypes.check(dtype, "edit_distance"))
    return Tensor(raw, batch, table, backend=backend)
