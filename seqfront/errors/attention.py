"""Messages of attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfront.errors.base import DimError

if TYPE_CHECKING:
    from seqfront.dim import Dim
    from seqfront.tensor import Tensor


def shared_key_axis(query: Tensor, axis: Dim) -> DimError:
    """Queries and keys along one dim."""
    return DimError(
        f"dot_attention: the query has the dim of the keys, {axis!r}.",
        [("query", query), ("axis", repr(axis))],
        "keys need a dim of their own: key_time = time.clone('key_time'), "
        "and then key.rename(time, key_time).",
    )


def foreign_bias(energy: Tensor, bias: Tensor) -> DimError:
    """A bias over dims that no pair of query and key has."""
    return DimError(
        "dot_attention: the bias has a dim that neither query nor key has.",
        [("bias", bias), ("query . key", energy)],
        "the bias runs over dims of queries and keys, without their features.",
    )
