"""What a transducer does at a frame, if it does what is best there: a label, or how far to go on.

Three kinds of transducers differ only in how many frames that takes. A plain one stays where it is
after a label, and goes on by one after a blank. One with big blanks (Xu et al. 2022,
arXiv:2211.03541) has further blanks that each take more. In one with durations (TDT, Xu et al.
2023, arXiv:2304.06795) all symbols take what a second distribution says, blanks at least one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.loss.tdt import check_durations
from seqfront.loss.variants import check_big_blank
from seqfront.ops import create, elementwise, reduce
from seqfront.ops.dtype import cast as to_dtype
from seqfront.ops.index import gather
from seqfront.ops.softmax import log_softmax
from seqfront.search.options import check_numbers
from seqfront.search.transducer.model import Transducer
from seqfront.tensor import Tensor


class Choice(NamedTuple):
    """The best class at frames, over the dims of the frames."""

    label: Tensor
    """int32: the class."""
    is_label: Tensor
    """bool: it is no blank."""
    log_prob: Tensor
    """Of the class."""
    path: Tensor
    """Of the class and its duration: what the score of a path grows by."""
    frames: Tensor
    """int32: how far it goes on; 0: further labels may come at the same frame."""


class Emission:
    """The best class of a transducer, and where that leads.

    Args:
        transducer: Its joiner gives logits, or, if there are durations, also those of the
            durations.
        durations: Frames that symbols may take, ascending; None: it has no durations.
        big_blanks: Frames that further blanks take, by class.
        temperature: What logits are divided by.
    """

    def __init__(
        self,
        transducer: Transducer,
        durations: Sequence[int] | None,
        big_blanks: Mapping[int, int] | None,
        temperature: float,
    ) -> None:
        op = transducer.op
        check_numbers(op, temperature=temperature)
        if durations is not None:
            check_durations(op, durations)
            if big_blanks:
                reason = "durations already say how far a blank goes"
                raise errors.cannot_combine(op, "durations", "big_blanks", reason)
        self.transducer = transducer
        self.temperature = None if temperature == 1 else temperature
        self.durations = None if durations is None else tuple(durations)
        self.blanks = {transducer.blank: 1, **self._big(big_blanks)}

    def _big(self, given: Mapping[int, int] | None) -> dict[int, int]:
        op, classes = self.transducer.op, self.transducer.classes
        if given is not None and not isinstance(given, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            needed = "a mapping from classes to frames, or None"
            raise errors.bad_argument(op, "big_blanks", given, needed, "{class: frames, ...}.")
        taken, size = [self.transducer.blank], classes.size or 0
        for index, duration in (given or {}).items():
            taken.append(check_big_blank(op, classes, index, duration, size, taken))
        return dict(zip(taken[1:], (given or {}).values(), strict=True))

    def divisor(self, *, like: Tensor) -> Tensor | None:
        """The temperature as a tensor, as loops of graphs want it; None: it changes nothing."""
        if self.temperature is None:
            return None
        return create.full(
            (), self.temperature, dtype=dtypes.promote(like.dtype, "float32"), like=like
        )

    def __call__(self, frame: Tensor, features: Tensor, divisor: Tensor | None) -> Choice:
        """The best class at frames [..., in], after what gave features."""
        found: Any = self.transducer.joined(frame, features)
        if self.durations is None:
            scores = _scaled(self.transducer.checked(found), divisor)
            return self._after_class(*self._best(scores))
        logits, duration_logits = self._pair(found)
        axis = self._duration_dim(logits, duration_logits)
        log_probs = log_softmax(_scaled(duration_logits, divisor), axis=axis)
        return self._after_duration(*self._best(_scaled(logits, divisor)), log_probs, axis)

    def _best(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """The class, and its log-prob."""
        classes = self.transducer.classes
        label = to_dtype(reduce.argmax(scores, axis=classes), "int32")
        return label, reduce.max(scores, axis=classes) - reduce.logsumexp(scores, axis=classes)

    def _after_class(self, label: Tensor, log_prob: Tensor) -> Choice:
        frames = to_dtype(label == self.transducer.blank, "int32")
        for index, duration in self.blanks.items():
            if duration > 1:
                frames = elementwise.where(label == index, duration, frames)
        return Choice(label, frames == 0, log_prob, log_prob, frames)

    def _after_duration(
        self, label: Tensor, log_prob: Tensor, log_probs: Tensor, axis: Dim
    ) -> Choice:
        backend = log_probs.backend
        raw = backend.convert(list(self.durations or ()), "int32", log_probs.device)
        table = Tensor(raw, (axis,), backend=backend)
        moving = elementwise.where(table > 0, log_probs, float("-inf"))
        is_label = label != self.transducer.blank
        best = elementwise.where(
            is_label, reduce.argmax(log_probs, axis=axis), reduce.argmax(moving, axis=axis)
        ).labels_of(axis)
        taken = gather(log_probs, indices=best, axis=axis)
        frames = gather(table, indices=best, axis=axis)
        return Choice(label, is_label, log_prob, log_prob + taken, frames)

    def _pair(self, found: Any) -> tuple[Tensor, Tensor]:
        pair = cast("tuple[Any, ...]", found)
        if not isinstance(found, tuple) or len(pair) != 2:
            raise errors.bad_argument(
                self.transducer.op,
                "what join gave",
                pair,
                "a pair, as there are durations",
                "join gives logits of the classes, and logits of the durations.",
            )
        align.check(self.transducer.op, pair[1], name="duration_logits")
        logits = self.transducer.checked(pair[0])
        return logits, to_dtype(pair[1], logits.dtype)

    def _duration_dim(self, logits: Tensor, x: Tensor) -> Dim:
        left = [dim for dim in x.dims if dim not in logits.dims]
        count = len(self.durations or ())
        if len(left) != 1 or left[0].size not in (None, count):
            raise errors.wrong_durations(self.transducer.op, x, left, count)
        return left[0]


def _scaled(logits: Tensor, divisor: Tensor | None) -> Tensor:
    return logits if divisor is None else logits / divisor
