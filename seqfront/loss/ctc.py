"""Connectionist temporal classification (Graves et al. 2006)."""

from __future__ import annotations

from seqfront.dim import Dim
from seqfront.loss import lattice
from seqfront.loss.lattice import Infeasible
from seqfront.tensor import Tensor


def ctc_loss(
    *,
    logits: Tensor,
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    logits_normalized: bool = False,
    max_approx: bool = False,
    label_loop: bool = True,
    infeasible: Infeasible = "inf",
) -> Tensor:
    """-log p(targets | logits), summed over all alignments.

    Args:
        logits: float over [batch..., input_spatial_dim, classes], in any order; ragged or not.
        targets: Integers over [batch..., targets_spatial_dim], labels of the classes (or of a
            smaller dim, without the blank); their padding may be anything. May be empty.
        input_spatial_dim: Frames of the logits.
        targets_spatial_dim: Positions of the targets.
        blank_index: Class of the blank, anywhere; negative counts from the end.
        logits_normalized: The logits are log-probs already. Their gradient is then that of free
            inputs: minus the probability of passing through each, without a softmax term.
        max_approx: The best alignment only (Viterbi), instead of the sum over all.
        label_loop: A label may stay for several frames, and repeated labels need a blank between
            them. False: one frame for each label, and none needed (the RNA topology).
        infeasible: What sequences with fewer frames than their labels need get: "inf", "zero", or
            "raise" for an error. Their gradient is zero.

    Returns:
        Loss in nats over the batch dims, unreduced; float64 for float64 logits, else float32.
        An empty target without frames costs 0.

    Raises:
        DimError: Dims, vocabularies or labels do not fit.
        NativeError: With `infeasible="raise"`, sequences that have no alignment.
    """
    lattice.check_choice("ctc_loss", infeasible)
    p = lattice.problem(
        "ctc_loss",
        logits,
        targets,
        input_spatial_dim,
        targets_spatial_dim,
        blank_index,
        (input_spatial_dim,),
    )
    attributes = {
        "blank": p.blank,
        "normalized": bool(logits_normalized),
        "max_approx": bool(max_approx),
        "label_loop": bool(label_loop),
    }
    (loss,) = p.backend.native_call("ctc", (*p.inputs, None), attributes)

    def needed(labels: int, repeats: int) -> tuple[int, int]:
        blanks = repeats if label_loop else 0
        return blanks, labels + blanks

    return lattice.per_sequence("ctc_loss", p, loss, logits, infeasible, needed)
