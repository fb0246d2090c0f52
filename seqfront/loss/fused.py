"""Losses together with the layer that makes their logits, which are never all in memory.

The logits of a transducer are [batch, frames, labels + 1, classes]: with 8 sequences of 400 frames
and 60 labels, and 4096 classes, 3.2 GB, and their gradient again. These losses make a few rows of
them at a time, keep of each row what the lattice needs, and make them once more for the gradient.
The result is the same; memory no longer depends on the product of all sizes, and rows of padding
are not computed at all.
"""

from __future__ import annotations

from typing import Literal

from seqfront import errors
from seqfront.dim import Dim
from seqfront.loss import head, lattice, variants
from seqfront.loss.head import Head
from seqfront.loss.lattice import Infeasible
from seqfront.loss.variants import Topology
from seqfront.tensor import Tensor

Activation = Literal["tanh", "relu"]
"""Of a joint network."""

ACTIVATIONS = (None, "tanh", "relu")


def fused_rnnt_loss(
    *,
    source: Tensor,
    prediction: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    joint_dim: Dim,
    classes: Dim,
    activation: Activation | None = "tanh",
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    infeasible: Infeasible = "inf",
    topology: Topology = "regular",
    fastemit: float = 0.0,
    fastemit_scales_loss: bool = False,
    clamp: float | None = None,
    delay_penalty: float = 0.0,
    skip_below: float = 0.0,
) -> Tensor:
    """`rnnt_loss` of logits = activation(source + prediction) weight + bias.

    Args:
        source: float over [batch..., input_spatial_dim, joint_dim], in any order.
        prediction: float over [batch..., targets_spatial_dim + 1, joint_dim], in any order; also
            with `1 + targets_spatial_dim`. Batch dims that it has not are shared.
        weight: [joint_dim, classes], in any order.
        bias: [classes].
        joint_dim: Features of the joint network.
        classes: Labels and the blank.
        activation: "tanh", "relu", or None.
        targets: Integers over [batch..., targets_spatial_dim], as in `rnnt_loss`.
        input_spatial_dim: Frames of the source.
        targets_spatial_dim: Positions of the targets.
        blank_index: Class of the blank, anywhere; negative counts from the end.
        infeasible: What sequences without any alignment get: "inf", "zero", or "raise" for an
            error. Their gradient is zero.
        topology: As in `rnnt_loss`; so are `fastemit`, `fastemit_scales_loss`, `clamp` (of the
            gradient of each logit) and `delay_penalty`.
        skip_below: Leave cells out of the gradient that alignments pass through with less than
            this probability. 0.0 leaves out none that matters. Of a trained model most cells are
            passed through with almost none: 1e-4 then saves most of the time of the gradient.

    Returns:
        Loss in nats over the batch dims of the source, unreduced; float64 for float64 inputs, else
        float32. Sums are made in this type, for inputs of half precision too.

    Raises:
        DimError: Dims, vocabularies, labels or numbers do not fit.
        NativeError: With `infeasible="raise"`, sequences that have no alignment.
    """
    op = "fused_rnnt_loss"
    lattice.check_choice(op, infeasible)
    if activation not in ACTIVATIONS:
        raise errors.unknown_choice(op, "activation", activation, ACTIVATIONS)
    states = variants.prediction_states(op, prediction, targets, targets_spatial_dim)
    layer = Head(joint_dim, classes, weight, bias, (("source", source), ("prediction", prediction)))
    rows = ((input_spatial_dim,), (states,))
    p, floats = head.problem(
        op, layer, targets, input_spatial_dim, targets_spatial_dim, blank_index, rows
    )
    attributes = {
        **variants.training(op, fastemit, fastemit_scales_loss, clamp, "native"),
        "topology": variants.topology_index(op, topology),
        "delay_penalty": variants.check_number(op, "delay_penalty", delay_penalty),
        "epsilon": variants.check_number(op, "skip_below", skip_below, least=0.0),
        "blank": p.blank,
        "activation": ACTIVATIONS.index(activation),
    }
    inputs = (*floats, p.targets, p.frame_lengths, p.label_lengths)
    (loss,) = p.backend.native_call("joint_rnnt", inputs, attributes)
    return lattice.per_sequence(op, p, loss, source, infeasible, variants.needed(topology))


def fused_ctc_loss(
    *,
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    feature_dim: Dim,
    classes: Dim,
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    max_approx: bool = False,
    label_loop: bool = True,
    infeasible: Infeasible = "inf",
) -> Tensor:
    """`ctc_loss` of logits = hidden weight + bias.

    Args:
        hidden: float over [batch..., input_spatial_dim, feature_dim], in any order.
        weight: [feature_dim, classes], in any order.
        bias: [classes].
        feature_dim: What the layer maps.
        classes: Labels and the blank.
        targets: Integers over [batch..., targets_spatial_dim], as in `ctc_loss`.
        input_spatial_dim: Frames.
        targets_spatial_dim: Positions of the targets.
        blank_index: Class of the blank, anywhere; negative counts from the end.
        max_approx: The best alignment only (Viterbi), instead of the sum over all.
        label_loop: A label may stay for several frames, as in `ctc_loss`.
        infeasible: What sequences with fewer frames than their labels need get: "inf", "zero", or
            "raise" for an error. Their gradient is zero.

    Returns:
        Loss in nats over the batch dims, unreduced; float64 for float64 inputs, else float32.

    Raises:
        DimError: Dims, vocabularies or labels do not fit.
        NativeError: With `infeasible="raise"`, sequences that have no alignment.
    """
    op = "fused_ctc_loss"
    lattice.check_choice(op, infeasible)
    layer = Head(feature_dim, classes, weight, bias, (("hidden", hidden),))
    p, floats = head.problem(
        op, layer, targets, input_spatial_dim, targets_spatial_dim, blank_index,
        ((input_spatial_dim,),),
    )  # fmt: skip
    lengths = (p.frame_lengths, p.label_lengths)
    call = p.backend.native_call
    log_probs, tokens = call("head_log_probs", (*floats, p.targets, *lengths), {"blank": p.blank})
    attributes = {
        "blank": 0,
        "normalized": True,
        "max_approx": bool(max_approx),
        "label_loop": bool(label_loop),
    }
    (loss,) = call("ctc", (log_probs, tokens, *lengths), attributes)

    def needed(labels: int, repeats: int) -> tuple[int, int]:
        blanks = repeats if label_loop else 0
        return blanks, labels + blanks

    return lattice.per_sequence(op, p, loss, hidden, infeasible, needed)
