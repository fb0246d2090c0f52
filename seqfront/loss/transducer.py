"""The transducer loss (RNN-T; Graves 2012, arXiv:1211.3711) and its variants."""

from __future__ import annotations

from collections.abc import Mapping

from seqfront.dim import Dim
from seqfront.loss import composed, lattice, variants
from seqfront.loss.lattice import Infeasible
from seqfront.loss.variants import Implementation, Star, Topology, Windows
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
    topology: Topology = "regular",
    fastemit: float = 0.0,
    fastemit_scales_loss: bool = False,
    clamp: float | None = None,
    delay_penalty: float = 0.0,
    windows: Windows | None = None,
    big_blanks: Mapping[int, int] | None = None,
    sigma: float = 0.0,
    hat: bool = False,
    star: Star | None = None,
    star_weight: float = 0.0,
    reuse_logits: bool = False,
    implementation: Implementation = "native",
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
        infeasible: What sequences without any alignment get: "inf", "zero", or "raise" for an
            error. Their gradient is zero.
        topology: "regular": any number of labels in a frame. "modified": a label takes its frame,
            as a blank does. "constrained": that too, and it pays the blank after it (k2).
        fastemit: Scales what labels contribute to the gradient by 1 + fastemit, so that they come
            early (FastEmit, arXiv:2010.11148).
        fastemit_scales_loss: Report the loss times 1 + fastemit, as NeMo and ESPnet do.
        clamp: Bound for each element of the gradient of a sequence's loss by the logits, before
            it is multiplied by what comes from above.
        delay_penalty: Added to a label in frame t, times (frames - 1) / 2 - t (arXiv:2211.00490).
        windows: First and last frame where each label may be emitted, two integer tensors over
            [batch..., targets_spatial_dim] (alignment-restricted, arXiv:2011.03072); see
            `alignment_windows`.
        big_blanks: Frames, 2 or more, that further blanks take, by class (arXiv:2211.03541).
        sigma: Taken off every log-prob, so that short paths win (ibid.).
        hat: A sigmoid of its own logit for the blank, a softmax of the others for the labels
            (HAT, arXiv:2003.07705).
        star: The audio may hold more than the labels say, before and after them (W-Transducer,
            arXiv:2303.10384): jump from the start to any frame; and after the last label to the
            last frame ("force_final"), or out ("allow_ignore").
        star_weight: Log weight of such a jump.
        reuse_logits: The gradient may be written over the logits, which nothing else may use then.
            (TensorFlow sees to that by itself.)
        implementation: "composed" runs in operations of the framework: slower, but it has second
            derivatives and runs under XLA. It has no `clamp`.

    Returns:
        Loss in nats over the batch dims, unreduced; float64 for float64 logits, else float32.
        An empty target without frames costs 0.

    Raises:
        DimError: Dims, vocabularies or labels do not fit, or variants do not go together.
        NativeError: With `infeasible="raise"`, sequences that have no alignment.
    """
    op = "rnnt_loss"
    lattice.check_choice(op, infeasible)
    attributes = {
        **variants.shape(op, topology, delay_penalty, sigma, hat, logits_normalized),
        **variants.training(op, fastemit, fastemit_scales_loss, clamp, implementation),
        **variants.wildcard(op, star, star_weight),
    }
    states = variants.label_states(op, logits, targets, targets_spatial_dim)
    rows = (input_spatial_dim, states)
    p = lattice.problem(
        op, logits, targets, input_spatial_dim, targets_spatial_dim, blank_index, rows
    )
    attributes["blank"] = p.blank
    allowed = variants.windows(op, p, logits, targets_spatial_dim, windows)
    blanks = variants.big_blanks(op, p, targets, big_blanks, hat)
    if implementation == "composed":
        loss = composed.rnnt(p.backend, *p.inputs, allowed, blanks, **attributes)
    else:
        inputs = (*p.inputs, allowed, variants.pairs(p, blanks))
        (loss,) = p.backend.native_call("rnnt", inputs, {**attributes, "reuse": reuse_logits})
    return lattice.per_sequence(op, p, loss, logits, infeasible, variants.needed(topology))
