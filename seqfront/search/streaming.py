"""What all searches share: frames come in parts, and streams come and go.

    search = sf.search.TransducerBeam(model.predictor, model.joiner, blank_index=0, beam=8)
    hypotheses, state = search(encoded, axis=frames)                       # all frames at once
    hypotheses, state = search(part, axis=frames, state=state, is_last=False)   # or part by part

The parts of an utterance give what the whole gives: offline is streaming with one part. A state is
an immutable tuple of tensors over [batch..., beam]; streams of different age go in one batch, and
`select`, `concat` and `reset` let them join and leave it. What all hypotheses agree on can be taken
out with `commit`, so that a stream without end needs no memory without end.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.ops import elementwise
from seqfront.ops.index import gather
from seqfront.ops.nested import nested_concat, nested_gather, nested_map, nested_where
from seqfront.search.history import Said, a_valid_one, parted, stable_lengths
from seqfront.search.hypotheses import Hypotheses
from seqfront.tensor import Tensor


class StreamState(Protocol):
    """What the state of any search has; more is its own."""

    @property
    def score(self) -> Tensor:
        """[batch...] or [batch..., beam]: log-probabilities so far."""
        ...

    @property
    def frames(self) -> Tensor:
        """int32 [batch...]: frames so far."""
        ...


class BeamState(StreamState, Protocol):
    """What the state of a beam search has besides; its scores rank hypotheses, -inf is none."""

    @property
    def said(self) -> Said:
        """Labels that are not committed yet."""
        ...

    def with_said(self, said: Said) -> Any:
        """The same with other labels."""
        ...


AnyState = TypeVar("AnyState", bound=StreamState)
State = TypeVar("State", bound=BeamState)
Found = TypeVar("Found")


class Streaming(abc.ABC, Generic[AnyState, Found]):
    """A search over frames, whole or in parts."""

    label_dim: Dim
    """Positions of the labels of the results."""
    classes: Dim
    """What labels are labels of."""

    @abc.abstractmethod
    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> AnyState:
        """The state before the first frame: nothing said.

        Args:
            batch: The dims of the streams.
            like: Frames such as come in: sizes of batch dims, float dtype, backend and device.
        """

    @abc.abstractmethod
    def __call__(
        self,
        encoded: Tensor,
        *,
        axis: Dim,
        state: AnyState | None = None,
        is_last: bool | Tensor = True,
    ) -> tuple[Found, AnyState]:
        """Read frames.

        Args:
            encoded: [batch..., axis, features], ragged: each stream may bring any number of
                frames, also none.
            axis: The frames.
            state: Of the frames before; default: there were none.
            is_last: Whether these are the last frames: then what scorers say of ending there
                counts. A bool, or bool over [batch...] for each stream.

        Returns:
            What was found, and the state to go on from.
        """

    def reset(self, state: AnyState, streams: Tensor) -> AnyState:
        """Streams anew where `streams`, bool over [batch...], is true; the others go on."""
        check_streams(streams)
        fresh = self.initial_state(state.frames.dims, like=state.score)
        return nested_where(streams, fresh, state)

    @staticmethod
    def select(state: AnyState, indices: Tensor, *, axis: Dim) -> AnyState:
        """Some of the streams, in any order.

        Args:
            state: Of all.
            indices: Integers over a dim (a new one, or `axis` itself): which stream.
            axis: The dim of the streams.
        """
        return nested_gather(state, indices=indices, axis=axis)

    @staticmethod
    def concat(*states: tuple[AnyState, Dim], out_dim: Dim) -> AnyState:
        """The streams of several states in one batch.

        Args:
            states: Pairs of a state and the dim of its streams.
            out_dim: The dim of all streams; one of the others may serve.
        """
        return nested_concat(*states, out_dim=out_dim)


class Search(Streaming[State, Hypotheses], Generic[State]):
    """A beam search over frames. What it gives has all labels that are not committed."""

    beam_dim: Dim
    """Hypotheses of an utterance; static."""

    def commit(self, state: State) -> tuple[Said, State]:
        """Take out what is settled: the labels that all hypotheses of a stream begin with.

        No frame to come can change them. Hypotheses of later calls are without them.

        Returns:
            Labels [batch..., label], ragged, maybe none, with what belongs to them; and the state
            without them.
        """
        valid = elementwise.binary("gt", state.score, float("-inf"))
        beam, label = self.beam_dim, self.label_dim
        count = stable_lengths(state.said, valid, beam=beam, label=label)
        settled, rest = parted(state.said, count, label=label)
        one = a_valid_one(valid, beam)

        def first(x: Tensor) -> Tensor:
            return gather(x, indices=one, axis=beam)

        return nested_map(first, settled), state.with_said(rest)


def check_streams(streams: Tensor) -> None:
    """That what says which streams begin anew is bool."""
    align.check("reset", streams, name="streams")
    if streams.dtype != "bool":
        raise errors.wrong_dtype("reset", "streams", streams, "bool")
