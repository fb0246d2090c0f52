"""What a transducer has learnt of the language, apart from what it hears."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from seqfront import align
from seqfront.dim import Dim
from seqfront.nn.stateful import kept
from seqfront.ops import create, elementwise
from seqfront.ops.dtype import cast
from seqfront.ops.nested import nested_map
from seqfront.ops.positions import positions
from seqfront.ops.softmax import log_softmax
from seqfront.search.scorers.language_model import positive
from seqfront.search.scorers.scorer import Scorer
from seqfront.search.transducer.model import Prediction, PredictionNetwork, Transducer
from seqfront.tensor import Tensor


class InternalState(NamedTuple):
    """What the transducer's own language model knows of hypotheses."""

    log_probs: Tensor
    """[batch..., classes]: of the next label; 0 for the blank."""
    prediction: Prediction
    """What the prediction network knows."""


class InternalLanguageModel(Scorer):
    """The internal language model of a transducer (Meng et al. 2021, arXiv:2011.01991, section 3):
    log-probabilities of labels without hearing anything, the blank left out. A search takes it with
    a negative weight, so that a language model of the domain stands in its place.

    Args:
        predict: The prediction network.
        join: As in the search.
        blank_index: Class of the blank; negative: from the end.
        frame: [features]: what the joiner hears; default zeros. The mean over training data is
            another usual choice.
        classes: Labels and the blank. Default: the classes of the joiner.
        in_dim: Features of a frame. Default: those that the joiner takes.
        temperature: Divides the logits.

    Example:
        >>> import seqfront as sf
        >>> vocab, joint = sf.Dim("vocab", 5), sf.Dim("joint", 4)
        >>> embedding, hidden = sf.Dim("embedding", 3), sf.Dim("hidden", 6)
        >>> predict = sf.models.LSTMPrediction(vocab, embedding, hidden, joint)
        >>> join = sf.models.Joiner(joint, vocab)
        >>> internal = sf.search.InternalLanguageModel(predict, join, blank_index=0)
        >>> beam = sf.Dim("beam", 2)
        >>> internal.score(internal.initial_state((beam,), like=sf.ones(())))
        float32[beam:2, vocab:5] numpy:cpu
    """

    bounds = (-math.inf, 0.0)

    def __init__(
        self,
        predict: PredictionNetwork,
        join: Callable[[Tensor, Tensor], Tensor],
        *,
        blank_index: int,
        frame: Tensor | None = None,
        classes: Dim | None = None,
        in_dim: Dim | None = None,
        temperature: float = 1.0,
    ) -> None:
        op = "InternalLanguageModel"
        self.transducer = Transducer(
            op, predict, join, blank_index=blank_index, classes=classes, in_dim=in_dim
        )
        if frame is not None:
            align.check(op, frame, self.transducer.in_dim, name="frame")
        self.classes = self.transducer.classes
        self.frame = frame
        self.temperature = positive(op, "temperature", temperature)

    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> InternalState:
        """Before the first label."""
        return self._state(self.transducer.start(tuple(batch), like=like), like.dtype)

    def score(self, state: InternalState) -> Tensor:
        """[batch..., classes]: log-probabilities of the next label."""
        return state.log_probs

    def advance(self, state: InternalState, labels: Tensor) -> InternalState:
        """After one label more."""
        after = self.transducer.advance(state.prediction, labels)
        return self._state(after, state.log_probs.dtype)

    def _state(self, prediction: Prediction, dtype: str) -> InternalState:
        features, in_dim, axis = prediction.features, self.transducer.in_dim, self.classes
        frame = self.frame
        if frame is None:
            frame = create.zeros((in_dim,), dtype=features.dtype, like=features)
        logits = self.transducer.join(frame, features)
        align.check(self.transducer.op, logits, axis, name="what join gave")
        place = positions(logits.backend, axis, axis.size or 0, logits.device)
        blank = place == self.transducer.blank
        logits = cast(logits, dtype) / self.temperature
        row = log_softmax(elementwise.where(blank, -math.inf, logits), axis=axis)
        row = elementwise.where(blank, 0.0, row)
        return nested_map(kept, InternalState(row, prediction))
