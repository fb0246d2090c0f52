"""Greedy search by label looping in a graph (Bataev et al. 2024, arXiv:2406.06220).

The outer loop is over labels: it runs the prediction network once for the whole batch. The inner
loop is over frames: each sequence goes on, at its own pace, until it has a label or no frame left.
Both are loops of the graph, over tensors of fixed extents.

On an accelerator, outside of graphs, it would wait at each turn to know whether there is another.
So there each turn of the outer loop reads one frame, and the prediction network runs for all
sequences, whether they have found a label or not; the loop looks every sixteenth turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from seqfront.backend import Size
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry
from seqfront.nn.stateful import kept
from seqfront.ops import elementwise, reduce
from seqfront.ops.control import while_loop
from seqfront.ops.create import zeros
from seqfront.ops.index import gather
from seqfront.ops.nested import nested_where
from seqfront.ops.positions import never_empty, positions
from seqfront.search.looking import looks_seldom, repeated
from seqfront.search.transducer.emission import Emission
from seqfront.search.transducer.greedy_state import Emitted, GreedyState
from seqfront.search.transducer.model import Prediction
from seqfront.tensor import Tensor


class _Place(NamedTuple):
    """Where each sequence is, over [batch...]; and the label that it has found there."""

    at: Tensor
    emitted: Tensor
    """Labels at this frame so far."""
    score: Tensor
    found: Tensor
    label: Tensor
    log_prob: Tensor
    start: Tensor
    end: Tensor


class _Table(NamedTuple):
    """Labels so far, over [batch..., label]; beyond `used` of them, zeros."""

    used: Tensor
    labels: Tensor
    log_probs: Tensor
    start: Tensor
    end: Tensor


_Now: TypeAlias = tuple[_Place, _Table, Prediction]


class Loops:
    """Label looping over one part of the frames.

    Args:
        emission: What is best at a frame.
        encoded: [batch..., axis, in].
        axis: The frames.
        batch: The dims of the streams.
        label: The dim of the labels.
        max_symbols: Most labels at one frame.
    """

    def __init__(
        self,
        emission: Emission,
        encoded: Tensor,
        *,
        axis: Dim,
        batch: Sequence[Dim],
        label: Dim,
        max_symbols: int,
    ) -> None:
        self.emission = emission
        self.classes = emission.transducer.classes
        self.divisor = emission.divisor(like=encoded)
        self.lengths = kept(encoded.lengths(axis))
        self.encoded = never_empty(encoded, axis).with_lengths(FULL)
        self.axis = axis
        self.batch = tuple(batch)
        self.label = label
        self.max_symbols = max_symbols
        self.extent: Size = encoded.size(axis) * max_symbols

    def run(self, state: GreedyState) -> Emitted:
        """The labels, and where the frames lead."""
        place, table = self._place(state), self._table(state.score)
        start = (place, table, state.prediction)
        place, table, prediction = repeated(
            lambda s: self._any(s[0].at < self.lengths), self._next_label, start, like=state.score
        )
        lengths = Entry(table.used.raw_in(self.batch), self.batch)
        ragged = FULL.with_entries({self.label: lengths})
        _, labels, log_probs, starts, ends = [x.with_lengths(ragged) for x in table]
        return Emitted(labels, log_probs, starts, ends, place.score, place.at, prediction)

    def _place(self, state: GreedyState) -> _Place:
        def zero(dtype: str = "int32") -> Tensor:
            return zeros(self.batch, dtype=dtype, like=state.score)  # a loop shares no tensors

        return _Place(
            at=state.skip + 0,
            emitted=zero(),
            score=state.score + 0,
            found=zero() > 0,
            label=zero().labels_of(self.classes),
            log_prob=zero(state.score.dtype),
            start=zero(),
            end=zero(),
        )

    def _table(self, like: Tensor) -> _Table:
        backend = like.backend
        shape = [*[like.size(dim) for dim in self.batch], self.extent]

        def table(dtype: str) -> Tensor:
            raw = backend.full(shape, 0, dtype, like.device)
            return Tensor(raw, (*self.batch, self.label), backend=backend)

        labels = table("int32").labels_of(self.classes)
        used = zeros(self.batch, dtype="int32", like=like)
        return _Table(used, labels, table(like.dtype), table("int32"), table("int32"))

    def _any(self, x: Tensor) -> Tensor:
        return reduce.any(x, axis=self.batch) if self.batch else x

    def _next_label(self, now: _Now) -> _Now:
        """One label for every sequence that has one more."""
        place, table, prediction = now
        none = place._replace(found=place.at < 0)
        place = self._next_found(none, prediction)
        transducer = self.emission.transducer
        label = elementwise.where(place.found, place.label, transducer.blank)
        after = transducer.advance(prediction, label)
        return place, self._written(table, place), nested_where(place.found, after, prediction)

    def _next_found(self, place: _Place, prediction: Prediction) -> _Place:
        """Frames until all have found a label; or one frame, where nobody looks."""
        if looks_seldom(place.score):
            return self._next_frame(place, prediction)
        return while_loop(
            lambda p: self._any(self._searching(p)),
            lambda p: self._next_frame(p, prediction),
            place,
        )

    def _searching(self, place: _Place) -> Tensor:
        return elementwise.logical_not(place.found) & (place.at < self.lengths)

    def _next_frame(self, place: _Place, prediction: Prediction) -> _Place:
        """One class for every sequence that has no label yet."""
        searching = self._searching(place)
        at = elementwise.where(searching, place.at, 0)
        frame = gather(self.encoded, indices=at, axis=self.axis)
        choice = self.emission(frame, prediction.features, self.divisor)
        is_label = choice.is_label
        emitted = place.emitted + 1
        full = is_label & (choice.frames == 0) & (emitted >= self.max_symbols)
        moved = elementwise.where(full, 1, choice.frames)
        stays = is_label & (moved == 0)
        after = _Place(
            at=at + moved,
            emitted=elementwise.where(stays, emitted, 0),
            score=place.score + choice.path,
            found=is_label,
            label=choice.label,
            log_prob=choice.log_prob,
            start=at,
            end=at + elementwise.maximum(choice.frames, 1),
        )
        return nested_where(searching, after, place)

    def _written(self, table: _Table, place: _Place) -> _Table:
        backend = table.used.backend
        column = positions(backend, self.label, self.extent, table.used.device)
        here = elementwise.binary("eq", column, table.used, allow_broadcast=True)
        here = elementwise.binary("and", here, place.found, allow_broadcast=True)

        def written(old: Tensor, new: Tensor) -> Tensor:
            return elementwise.where(here, new, old, allow_broadcast=True)

        return _Table(
            table.used + elementwise.where(place.found, 1, 0),
            written(table.labels, place.label),
            written(table.log_probs, place.log_prob),
            written(table.start, place.start),
            written(table.end, place.end),
        )
