"""Edit distance (Levenshtein 1966)."""

from __future__ import annotations

from seqfront import dtypes
from seqfront.dim import Dim
from seqfront.loss.pairs import pairs
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
    p = pairs("edit_distance", ("a", "b"), (a, b), (a_spatial_dim, b_spatial_dim))
    (raw,) = p.backend.native_call("edit_distance", p.inputs, {})
    raw = raw if dtype == "int32" else p.backend.cast(raw, dtypes.check(dtype, "edit_distance"))
    return p.tensor(raw)
