"""The transducer loss (RNN-T; Graves 2012, arXiv:1211.3711)."""

from __future__ import annotations

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.loss import lattice
from seqfront.loss.lattice import Infeasible
from seqfront.tensor import Tensor


def rnnt_loss(
    *,
    logits: Tensor,
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    logits_normalized: bool = False,
    infeasible: Infeasible = "inf",
) -> Tensor:
    """-log p(targets | logits), summed over all alignments.

    Args:
        logits: float over [batch..., input_spatial_dim, targets_spatial_dim + 1, classes], in any
            order; the third dim may also be `1 + targets_spatial_dim`, as it is when a start
            symbol was put before the targets (`sf.pad(targets, axis=..., left=1)`).
        targets: Integers over [batch..., targets_spatial_dim], labels of the classes (or of a
            smaller dim, without the blank); their padding may be anything. May be empty.
        input_spatial_dim: Frames of the logits.
        targets_spatial_dim: Positions of the targets.
        blank_index: Class of the blank, anywhere; negative counts from the end.
        logits_normalized: The logits are log-probs already. Their gradient is then that of free
            inputs: minus the probability of passing through each, without a softmax term.
        infeasible: What sequences with labels but without frames get: "inf", "zero", or "raise"
            for an error. Their gradient is zero.

    Returns:
        Loss in nats over the batch dims, unreduced; float64 for float64 logits, else float32.
        An empty target without frames costs 0.

    Raises:
        DimError: Dims, vocabularies or labels do not fit.
        NativeError: With `infeasible="raise"`, sequences that have no alignment.
    """
    lattice.check_choice("rnnt_loss", infeasible)
    align.check("rnnt_loss", logits, name="logits")
    align.check("rnnt_loss", targets, targets_spatial_dim, name="targets")
    states = next(
        (d for d in (targets_spatial_dim + 1, 1 + targets_spatial_dim) if d in logits.dims), None
    )
    if states is None:
        raise errors.missing_label_states(logits, targets_spatial_dim)
    _check_states(logits, targets, states, targets_spatial_dim)
    p = lattice.problem(
        "rnnt_loss",
        logits,
        targets,
        input_spatial_dim,
        targets_spatial_dim,
        blank_index,
        (input_spatial_dim, states),
    )
    attributes = {"blank": p.blank, "normalized": bool(logits_normalized)}
    (loss,) = p.backend.native_call("rnnt", (*p.inputs, None, None), attributes)
    return lattice.per_sequence(
        "rnnt_loss", p, loss, logits, infeasible, lambda labels, repeats: (0, min(labels, 1))
    )


def _check_states(logits: Tensor, targets: Tensor, states: Dim, labels: Dim) -> None:
    came = logits.backend.static_shape(logits.raw)[logits.axis(states)]
    count = targets.backend.static_shape(targets.raw)[targets.axis(labels)]
    if came is not None and count is not None and came != count + 1:
        raise errors.wrong_label_states(logits, targets, states, came, count + 1)
