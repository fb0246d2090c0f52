"""Optimal completions (Sabour et al. 2018, arXiv:1810.01398)."""

from __future__ import annotations

from typing import NamedTuple

from seqfront.dim import Dim
from seqfront.loss.pairs import pairs
from seqfront.tensor import Tensor


class OptimalCompletion(NamedTuple):
    """What may best follow each prefix of a hypothesis; no gradient."""

    optimal: Tensor
    """bool over [batch..., hypothesis dim + 1, reference dim + 1]: whether going on after the
    prefix of i tokens with token j of the reference (and then all that follow) gives the least
    distance that is still possible; j past the last token: whether stopping does."""
    distance: Tensor
    """int32 over [batch..., hypothesis dim + 1]: that distance."""


def optimal_completion(
    *,
    hypothesis: Tensor,
    hypothesis_spatial_dim: Dim,
    reference: Tensor,
    reference_spatial_dim: Dim,
) -> OptimalCompletion:
    """The continuations of each prefix of a hypothesis that keep its edit distance least.

    Optimal completion distillation trains a model on its own samples with these as targets: after
    i tokens the target is spread evenly over the distinct optimal tokens.

    Args:
        hypothesis: Integers over [batch..., hypothesis_spatial_dim]; padding may be anything.
        hypothesis_spatial_dim: Positions of the hypothesis. Neither dim may be the other one.
        reference: Integers over [batch..., reference_spatial_dim]; either of the two has all batch
            dims.
        reference_spatial_dim: Positions of the reference.

    Returns:
        Both are false or 0 in the padding. Every prefix has at least one optimal continuation.

    Raises:
        DimError: Dims do not fit.
        DTypeError: Tokens that are no integers.
    """
    on = (hypothesis_spatial_dim, reference_spatial_dim)
    names = ("hypothesis", "reference")
    p = pairs("optimal_completion", names, (hypothesis, reference), on)
    optimal, distance = p.backend.native_call("optimal_completion", p.inputs, {})
    prefixes, next_tokens = hypothesis_spatial_dim + 1, reference_spatial_dim + 1
    return OptimalCompletion(
        p.tensor(p.backend.binary("ne", optimal, 0), prefixes, next_tokens),
        p.tensor(distance, prefixes),
    )
