"""A transducer, as searches use it: log-probabilities of what comes next at a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from seqfront import align, dtypes, errors
from seqfront.backend import product
from seqfront.dim import Dim
from seqfront.nn.stateful import kept
from seqfront.ops import create
from seqfront.ops.dtype import cast
from seqfront.ops.index import one_hot
from seqfront.ops.nested import nested_map
from seqfront.ops.softmax import log_softmax
from seqfront.search.transducer.calls import Calls
from seqfront.search.transducer.panels import Panels
from seqfront.tensor import Tensor


class PredictionNetwork(Protocol):
    """What a search needs of a prediction network."""

    def __call__(
        self, labels: Tensor, *, axis: Dim | None, state: Any = None
    ) -> tuple[Tensor, Any]:
        """Features after each label along `axis`, and the new state; None: one step."""
        ...


class Prediction(NamedTuple):
    """What the prediction network makes of the labels of hypotheses."""

    features: Tensor
    """[batch..., features]: what goes to the joiner."""
    memory: Any
    """The state of the prediction network."""


class Transducer:
    """Prediction network and joiner, and what of the classes is the blank.

    Args:
        op: The search, as messages name it.
        predict: The prediction network; the blank starts it.
        join: A `sf.models.Joiner`, or any function from one frame and one prediction to logits.
        blank_index: Class of the blank, which is the start symbol, too; negative: from the end.
        classes: Labels and the blank. Default: the classes of the joiner.
        in_dim: Features of a frame. Default: those that the joiner takes.
    """

    def __init__(
        self,
        op: str,
        predict: PredictionNetwork,
        join: Callable[[Tensor, Tensor], Tensor],
        *,
        blank_index: int,
        classes: Dim | None = None,
        in_dim: Dim | None = None,
    ) -> None:
        self.op = op
        self.calls = Calls()
        self.panels = Panels()
        self.predict = predict
        self.join = join
        self.classes = _given(op, "classes", classes, join)
        self.in_dim = _given(op, "in_dim", in_dim, join)
        size = self.classes.size
        if size is None:
            raise errors.size_unknown(op, self.classes)
        if type(blank_index) is not int or not -size <= blank_index < size:
            needed, fix = f"an int in {-size} .. {size - 1}", "negative counts from the end."
            raise errors.bad_argument(op, "blank_index", blank_index, needed, fix)
        self.blank = blank_index % size

    def batch_of(self, encoded: Tensor, axis: Dim) -> tuple[Dim, ...]:
        """The dims of the streams."""
        align.check(self.op, encoded, axis, self.in_dim, name="encoded")
        return tuple([dim for dim in encoded.dims if dim not in (axis, self.in_dim)])

    def start(self, batch: Sequence[Dim], *, like: Tensor) -> Prediction:
        """Before the first label. Sizes of dynamic dims are those of `like`."""
        labels = create.full(tuple(batch), self.blank, dtype="int32", like=like)
        return self.advance(None, labels)

    def advance(self, prediction: Prediction | None, labels: Tensor) -> Prediction:
        """After one label more, int32 over the dims of the hypotheses."""
        if not labels.backend.is_tracing():
            self.calls.count_predictor(_extent((labels,)))
        memory = None if prediction is None else prediction.memory
        found = self.predict(labels.labels_of(self.classes), axis=None, state=memory)
        return nested_map(kept, Prediction(*found))

    def joined(self, frame: Tensor, features: Tensor) -> Any:
        """Whatever the joiner gives at a frame [batch..., in], which may be more than logits."""
        self.count_joiner(frame, features)
        return self.join(frame, features)

    def checked(self, logits: Any) -> Tensor:
        """What has to be logits [batch..., classes], at least in single precision."""
        align.check(self.op, logits, self.classes, name="what join gave")
        return cast(logits, dtypes.promote(logits.dtype, "float32"))

    def log_probs(
        self,
        frame: Tensor,
        features: Tensor,
        temperature: float = 1.0,
        blank_penalty: float = 0.0,
    ) -> Tensor:
        """[batch..., classes]: of each class as the next, at a frame [batch..., in]; at least in
        single precision. The blank's logit is divided as the others', then the penalty taken."""
        logits = self.checked(self.joined(frame, features))
        if temperature != 1.0:
            logits = logits / temperature
        if blank_penalty != 0.0:
            blank = create.full((), self.blank, dtype="int32", like=logits).labels_of(self.classes)
            logits = logits - one_hot(blank, dtype=logits.dtype) * blank_penalty
        return log_softmax(logits, axis=self.classes)

    def count_joiner(self, frame: Tensor, features: Tensor) -> None:
        """One call more, of `joined` or of what stands in for it."""
        if not frame.backend.is_tracing():
            self.calls.count_joiner(_extent((frame, features), self.in_dim))


def _extent(xs: Sequence[Tensor], without: Dim | None = None) -> int:
    """How many positions tensors have together, eagerly."""
    sizes: dict[Dim, Any] = {dim: x.size(dim) for x in xs for dim in x.dims if dim is not without}
    return int(product(sizes.values()))


def _given(op: str, name: str, dim: Dim | None, join: object) -> Dim:
    if dim is None:
        dim = getattr(join, name, None)
    if not isinstance(dim, Dim):
        fix = f"{name}=vocab; a sf.models.Joiner knows its own."
        raise errors.bad_argument(op, name, dim, "a Dim, as join is no sf.models.Joiner", fix)
    return dim
