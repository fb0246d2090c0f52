"""Exact probabilities of what a search found, summed over all alignments.

A beam search sums over the alignments that it happened to keep. For the few hypotheses that are
left in the end the whole sum is cheap: it is the training loss of each. So an n-best list gets its
true log p(labels | frames), an honest posterior, and maybe another best:

    exact = sf.search.transducer_log_probs(hypotheses, encoded, axis=frames, predict=..., join=...,
                                           blank_index=0)
    hypotheses = hypotheses.rescored({"exact": exact}, weights={"exact": 1.0, "lm": 0.3})
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from seqfront.dim import Dim
from seqfront.loss.ctc import ctc_loss
from seqfront.loss.transducer import rnnt_loss
from seqfront.ops import elementwise
from seqfront.ops.padding import pad
from seqfront.ops.shape import expand_dim
from seqfront.search.hypotheses import Hypotheses
from seqfront.search.transducer.model import PredictionNetwork, Transducer
from seqfront.tensor import Tensor


@runtime_checkable
class Fused(Protocol):
    """A joint network that gives the loss without making all logits, as `sf.models.Joiner`."""

    def loss(self, encoded: Tensor, predicted: Tensor, targets: Tensor, **options: Any) -> Tensor:
        """`rnnt_loss` of its logits."""
        ...


def transducer_log_probs(
    hypotheses: Hypotheses,
    encoded: Tensor,
    *,
    axis: Dim,
    predict: PredictionNetwork,
    join: Callable[[Tensor, Tensor], Tensor],
    blank_index: int,
    classes: Dim | None = None,
    in_dim: Dim | None = None,
) -> Tensor:
    """log p(labels | frames) of each hypothesis by a transducer (Graves 2012, arXiv:1211.3711).

    Sums over all alignments, with any number of labels at a frame. With a `sf.models.Joiner` the
    logits are never all in memory.

    Args:
        hypotheses: Of a search over all of `encoded`, nothing committed.
        encoded: [batch..., axis, features], ragged.
        axis: The frames.
        predict: The prediction network; the blank starts it.
        join: A `sf.models.Joiner`, or any function from frames and predictions to logits.
        blank_index: Class of the blank, which is the start symbol, too.
        classes: Labels and the blank. Default: the classes of the joiner.
        in_dim: Features of a frame. Default: those that the joiner takes.

    Returns:
        [batch..., beam], in nats; -inf where a hypothesis is not valid.
    """
    op = "transducer_log_probs"
    model = Transducer(op, predict, join, blank_index=blank_index, classes=classes, in_dim=in_dim)
    model.batch_of(encoded, axis)
    label = hypotheses.label_dim
    so_far = pad(hypotheses.labels, axis=label, left=1, value=model.blank)
    predicted, _ = predict(so_far.labels_of(model.classes), axis=1 + label)
    source = expand_dim(encoded, hypotheses.beam_dim, like=hypotheses.score)
    options: dict[str, Any] = {
        "targets": hypotheses.labels,
        "input_spatial_dim": axis,
        "targets_spatial_dim": label,
        "blank_index": model.blank,
    }
    if isinstance(join, Fused):
        loss = join.loss(source, predicted, **options)
    else:
        loss = rnnt_loss(logits=join(source, predicted), **options)
    return elementwise.where(hypotheses.valid, -loss, float("-inf"))


def ctc_log_probs(
    hypotheses: Hypotheses,
    logits: Tensor,
    *,
    axis: Dim,
    blank_index: int,
    logits_normalized: bool = False,
) -> Tensor:
    """log p(labels | frames) of each hypothesis by CTC (Graves et al. 2006).

    Args:
        hypotheses: Of a search over all of `logits`, nothing committed.
        logits: [batch..., axis, classes], ragged.
        axis: The frames.
        blank_index: Class of the blank.
        logits_normalized: The logits are log-probs already.

    Returns:
        [batch..., beam], in nats; -inf where a hypothesis is not valid.
    """
    loss = ctc_loss(
        logits=expand_dim(logits, hypotheses.beam_dim, like=hypotheses.score),
        targets=hypotheses.labels,
        input_spatial_dim=axis,
        targets_spatial_dim=hypotheses.label_dim,
        blank_index=blank_index,
        logits_normalized=logits_normalized,
    )
    return elementwise.where(hypotheses.valid, -loss, float("-inf"))
