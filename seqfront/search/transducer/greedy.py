"""Greedy transducer search: the best class at every step, for a whole batch at once.

    search = sf.search.TransducerGreedy(model.predictor, model.joiner, blank_index=0)
    transcript, state = search(encoded, axis=frames)                     # all frames at once
    transcript, state = search(part, axis=frames, state=state)           # or part by part

Labels are looped over (Bataev et al. 2024, arXiv:2406.06220): the prediction network runs once for
each position of the labels, for all sequences together, however far apart the frames are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seqfront import checks, dtypes
from seqfront.dim import Dim
from seqfront.nn.stateful import kept
from seqfront.ops import create, elementwise
from seqfront.ops.gradient import stop_gradient
from seqfront.ops.nested import nested_map
from seqfront.search.options import check_counts
from seqfront.search.streaming import Streaming
from seqfront.search.transcript import Transcript
from seqfront.search.transducer.calls import Calls
from seqfront.search.transducer.emission import Emission
from seqfront.search.transducer.greedy_state import Emitted, GreedyState
from seqfront.search.transducer.label_blocks import Blocks
from seqfront.search.transducer.label_looping import Loops
from seqfront.search.transducer.model import PredictionNetwork, Transducer
from seqfront.search.unrecorded import unrecorded
from seqfront.tensor import Tensor


class TransducerGreedy(Streaming[GreedyState, Transcript]):
    """The best class at every step. No gradient flows through it.

    A sequence emits labels at a frame until the blank is best, or it has emitted `max_symbols`.
    With `durations` (TDT, Xu et al. 2023, arXiv:2304.06795), each class goes on by the frames that
    are best: a label by any of the durations, the blank by one above 0. With `big_blanks` (Xu et
    al. 2022, arXiv:2211.03541) further classes go on by more than one frame.

    Args:
        predict: The prediction network; the blank starts it.
        join: A `sf.models.Joiner`, or any function from frames [rows, ..., in] and predictions
            [rows, features] to logits; with `durations`, to a pair: logits of the classes, and
            those of the durations, over one dim more. Rows are any sequences of the batch; in a
            graph they are the batch.
        blank_index: Class of the blank, which starts the prediction network, too; negative: from
            the end.
        classes: Labels and the blank. Default: the classes of the joiner.
        in_dim: Features of a frame. Default: those that the joiner takes.
        max_symbols: Most labels at one frame; then the search goes on to the next one.
        durations: Frames that a symbol may take, ascending, in the order of their logits.
        big_blanks: Frames, 2 or more, that further blanks take, by class.
        temperature: What logits are divided by: it changes scores, never labels.

    Raises:
        DimError: Arguments that do not fit.
    """

    def __init__(
        self,
        predict: PredictionNetwork,
        join: Callable[[Tensor, Tensor], Any],
        *,
        blank_index: int,
        classes: Dim | None = None,
        in_dim: Dim | None = None,
        max_symbols: int = 4,
        durations: Sequence[int] | None = None,
        big_blanks: Mapping[int, int] | None = None,
        temperature: float = 1.0,
    ) -> None:
        op = "TransducerGreedy"
        check_counts(op, max_symbols=max_symbols)
        self.transducer = Transducer(
            op, predict, join, blank_index=blank_index, classes=classes, in_dim=in_dim
        )
        self.emission = Emission(self.transducer, durations, big_blanks, temperature)
        self.classes = self.transducer.classes
        self.max_symbols = max_symbols
        self.label_dim = Dim("label")

    @property
    def calls(self) -> Calls:
        """Calls of the networks since the search was made, outside of graphs."""
        return self.transducer.calls

    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> GreedyState:
        """The state before the first frame.

        Args:
            batch: The dims of the streams.
            like: Frames such as come in: sizes of batch dims, float dtype, backend and device.
        """
        zero = create.zeros(tuple(batch), dtype="int32", like=like)
        score = create.zeros(tuple(batch), dtype=dtypes.promote(like.dtype, "float32"), like=like)
        return nested_map(
            stop_gradient, GreedyState(self.transducer.start(batch, like=like), zero, zero, score)
        )

    def __call__(
        self,
        encoded: Tensor,
        *,
        axis: Dim,
        state: GreedyState | None = None,
        is_last: bool | Tensor = True,
    ) -> tuple[Transcript, GreedyState]:
        """Read frames.

        Args:
            encoded: [batch..., axis, in], ragged: each stream may bring any number of frames, also
                none.
            axis: The frames.
            state: Of the frames before; default: there were none.
            is_last: Changes nothing, as a greedy search never looks back.

        Returns:
            The labels of these frames, and the state to go on from.
        """
        batch = self.transducer.batch_of(encoded, axis)
        backend = encoded.backend
        loops = Blocks if checks.values_are_cheap(backend, encoded.raw) else Loops

        def run() -> tuple[Transcript, GreedyState]:
            before = state or self.initial_state(batch, like=encoded)
            loop = loops(
                self.emission, encoded, axis=axis, batch=batch, label=self.label_dim,
                max_symbols=self.max_symbols,
            )  # fmt: skip
            return self._result(before, loop.run(before), kept(encoded.lengths(axis)))

        return unrecorded(backend, run)

    def _result(
        self, before: GreedyState, found: Emitted, lengths: Tensor
    ) -> tuple[Transcript, GreedyState]:
        frames = before.frames
        after = GreedyState(found.prediction, found.at - lengths, frames + lengths, found.score)
        transcript = Transcript(
            found.labels,
            found.log_probs,
            elementwise.add(found.start, frames),
            elementwise.add(found.end, frames),
            found.score,
            self.label_dim,
        )
        return transcript, after
