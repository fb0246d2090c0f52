"""What a frame-synchronous search asks of its models: what comes next, and what a label leads to.

The algorithm sees hypotheses through `look` and `extend` alone, so that whatever is known more
cheaply (predictions of labels met before, logits of several frames at once) stays behind them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.ops.nested import nested_gather
from seqfront.search.scorers.scorer import Fusion, FusionState
from seqfront.search.transducer.fused_outlook import fused_best_labels
from seqfront.search.transducer.model import Prediction, Transducer
from seqfront.tensor import Tensor


class Known(NamedTuple):
    """What models know of hypotheses, over [batch..., beam]."""

    prediction: Prediction
    """After the labels so far."""
    fusion: FusionState
    """Of the scorers."""


class Outlook(NamedTuple):
    """What may come next at a frame: raw, [batch..., beam], and the best labels of each."""

    blank: Raw
    """Log-probability of the blank."""
    labels: Raw
    """[batch..., beam, best]: int32, the best first; never the blank, unless its score is -inf."""
    log_probs: Raw
    """[batch..., beam, best]: of the labels, by the model alone."""
    scores: Raw
    """[batch..., beam, best]: what the labels add: log-probabilities and weighted scorers'."""
    rows: tuple[Tensor, ...]
    """[batch..., beam, classes]: of each scorer, as `Fusion.advance` wants them."""


class Models:
    """The transducer and the scorers.

    Args:
        transducer: The model.
        fusion: The scorers.
        beam_dim: Hypotheses; static.
        temperature: Divides the logits.
        blank_penalty: Taken from the logits of the blank.
    """

    def __init__(
        self,
        transducer: Transducer,
        fusion: Fusion,
        beam_dim: Dim,
        temperature: float,
        blank_penalty: float,
    ) -> None:
        self.transducer = transducer
        self.fusion = fusion
        self.beam_dim = beam_dim
        self.temperature = temperature
        self.blank_penalty = blank_penalty
        self.width = min(beam_dim.size or 0, transducer.classes.size or 0)

    def look(self, known: Known, frame: Tensor, dtype: str) -> Outlook:
        """What comes next after each hypothesis.

        Args:
            known: Of the hypotheses.
            frame: [batch..., in]; or [batch..., beam, in], for each hypothesis its own.
            dtype: Of the scores.
        """
        transducer, classes = self.transducer, self.transducer.classes
        features = known.prediction.features
        if not self.fusion and self.blank_penalty == 0.0:
            found = fused_best_labels(
                transducer, frame, features, self.beam_dim, self.width, self.temperature
            )
            if found is not None:
                transducer.count_joiner(frame, features)
                blank, log_probs = [
                    frame.backend.cast(x, dtype) for x in (found.blank, found.log_probs)
                ]
                return Outlook(blank, found.labels, log_probs, log_probs, ())
        row = transducer.log_probs(frame, features, self.temperature, self.blank_penalty)
        apart = (transducer.in_dim, self.beam_dim)
        dims = (*[dim for dim in frame.dims if dim not in apart], self.beam_dim)
        axis, backend = len(dims), row.backend
        log_probs = backend.cast(row.raw_in((*dims, classes)), dtype)
        blank = backend.slice(log_probs, axis, transducer.blank, transducer.blank + 1)
        rows = self.fusion.rows(known.fusion) if self.fusion else ()
        whole = log_probs
        if rows:
            added = backend.cast(self.fusion.total(rows).raw_in((*dims, classes)), dtype)
            whole = backend.binary("add", whole, added)
        number = backend.arange(classes.size or 0, "int32", row.device)
        is_blank = backend.binary("eq", number, transducer.blank)
        scores, labels = backend.top_k(backend.where(is_blank, -math.inf, whole), self.width)
        own = backend.gather(log_probs, labels, axis, axis) if rows else scores
        blank = backend.squeeze(blank, (axis,))
        return Outlook(blank, backend.cast(labels, "int32"), own, scores, rows)

    def extend(
        self, known: Known, outlook: Outlook, source: Tensor, labels: Tensor, where: Tensor
    ) -> Known:
        """After one label more.

        Args:
            known: Of the hypotheses that there were.
            outlook: What `look` gave for them.
            source: Labels of the beam: which of them each grows from.
            labels: int32 over [batch..., beam].
            where: bool over [batch..., beam]: which have a label more; of the others anything may
                be known.
        """
        moved = nested_gather(known, indices=source, axis=self.beam_dim)
        prediction = self.transducer.advance(moved.prediction, labels)
        if not self.fusion:
            return Known(prediction, moved.fusion)
        rows = nested_gather(outlook.rows, indices=source, axis=self.beam_dim)
        return Known(prediction, self.fusion.advance(moved.fusion, labels, rows, where))
