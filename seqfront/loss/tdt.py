"""The loss of token-and-duration transducers (Xu et al. 2023, arXiv:2304.06795)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqfront import align, dtypes, errors, randomness
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.loss import composed, lattice, variants
from seqfront.loss.lattice import Infeasible, Problem
from seqfront.loss.variants import Attributes, Implementation
from seqfront.ops.noise import check_rate
from seqfront.tensor import Tensor


def tdt_loss(
    *,
    logits: Tensor,
    duration_logits: Tensor,
    durations: Sequence[int],
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    logits_normalized: bool = False,
    infeasible: Infeasible = "inf",
    sigma: float = 0.0,
    omega: float = 0.0,
    fastemit: float = 0.0,
    fastemit_scales_loss: bool = False,
    clamp: float | None = None,
    reuse_logits: bool = False,
    implementation: Implementation = "native",
) -> Tensor:
    """-log p(targets | logits, duration_logits): every token also says how many frames it takes.

    A blank takes one of the durations above 0, a label any of them; the last symbol is a blank that
    ends right after the last frame.

    Args:
        logits: As for `rnnt_loss`.
        duration_logits: float over the dims of the logits, with a dim of the durations in the
            place of the classes.
        durations: Frames, ascending, as in (0, 1, 2, 3, 4).
        targets: As for `rnnt_loss`, and so are the arguments that are not named here.
        input_spatial_dim: Frames of the logits.
        targets_spatial_dim: Positions of the targets.
        blank_index: Class of the blank.
        logits_normalized: Both kinds of logits are log-probs already.
        infeasible: What sequences without any alignment get: "inf", "zero", or "raise".
        sigma: Taken off every log-prob of a token, so that long durations win.
        omega: Probability with which a sequence is trained with the plain RNN-T loss of its logits
            instead (without sigma; the duration logits get no gradient). Drawn for each sequence
            from the framework's generator.
        fastemit: Scales what labels contribute to both gradients by 1 + fastemit.
        fastemit_scales_loss: Report the loss times 1 + fastemit.
        clamp: Bound for each element of the gradients, before what comes from above.
        reuse_logits: The gradient may be written over the logits.
        implementation: As for `rnnt_loss`.

    Returns:
        Loss in nats over the batch dims, unreduced; float64 for float64 logits, else float32.

    Raises:
        DimError: Dims, vocabularies, labels or durations do not fit.
        NativeError: With `infeasible="raise"`, sequences that have no alignment.
    """
    op = "tdt_loss"
    lattice.check_choice(op, infeasible)
    variants.check_implementation(op, implementation, clamp)
    check_rate(op, omega)
    shape = variants.shape(op, "regular", 0.0, sigma, False, logits_normalized)
    _check_durations(op, durations)
    states = variants.label_states(op, logits, targets, targets_spatial_dim)
    rows = (input_spatial_dim, states)
    p = lattice.problem(
        op, logits, targets, input_spatial_dim, targets_spatial_dim, blank_index, rows
    )
    lasting = _flat_durations(op, p, logits, duration_logits, rows, len(durations))
    attributes = {
        "blank": p.blank,
        "normalized": shape["normalized"],
        **variants.training(op, fastemit, fastemit_scales_loss, clamp),
    }
    run = _Run(p, lasting, tuple(durations), attributes, shape["sigma"], reuse_logits, implementation)
    loss = run.mixed(omega) if omega else run.tdt(p)
    return lattice.per_sequence(op, p, loss, logits, infeasible, _needed(durations))
