"""One part of the frames of an alignment-synchronous search: what waits, what comes, what stays."""

from __future__ import annotations

import math
from typing import NamedTuple

from seqfront import checks
from seqfront.backend import Raw, Size
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry
from seqfront.nn.stateful import kept
from seqfront.ops import create, elementwise
from seqfront.ops.join import concat
from seqfront.ops.nested import nested_where
from seqfront.ops.positions import never_empty
from seqfront.ops.slicing import slice
from seqfront.search import history
from seqfront.search.history import Said, Step
from seqfront.search.hypotheses import Hypotheses
from seqfront.search.scorers.scorer import FusionState
from seqfront.search.transducer.alignment_loop import AlignmentLoop
from seqfront.search.transducer.alignment_pool import Aligned
from seqfront.search.transducer.alignment_step import Complete, Running, Span
from seqfront.search.transducer.outlook import Known
from seqfront.tensor import Tensor

HELD = Dim("held")
"""Frames that wait for some hypotheses."""
_FRAME = Dim("frame")
"""Those, and those that come."""


class AlignmentBeamState(NamedTuple):
    """Where the search is after the frames so far."""

    score: Tensor
    """[batch..., beam]: what hypotheses are ranked by; -inf where there is none."""
    paths: Aligned
    """Labels so far, those committed included, and the frame that each hypothesis is at."""
    known: Known
    """What predictor and scorers know of them."""
    said: Said
    """Labels that are not committed yet."""
    frames: Tensor
    """int32 [batch...]: frames so far."""
    held: Tensor
    """[batch..., held, in]: the last of them, which some hypotheses have not read yet; ragged."""
    ended: Tensor
    """bool [batch...]: the last frame has come, and the hypotheses are complete."""

    def with_said(self, said: Said) -> AlignmentBeamState:
        """The same with other labels."""
        return self._replace(said=said)


class _Found(NamedTuple):
    """Hypotheses after a part, complete ones where the stream has ended."""

    score: Tensor
    paths: Aligned
    fusion: FusionState


class Part:
    """One call of the search.

    Args:
        loop: The steps.
        encoded: [batch..., axis, in].
        axis: The frames.
        batch: The dims of the streams.
        state: Of the frames before.
        is_last: Whether the streams end with these frames; a bool, or one for each stream.
    """

    def __init__(
        self,
        loop: AlignmentLoop,
        encoded: Tensor,
        axis: Dim,
        batch: tuple[Dim, ...],
        state: AlignmentBeamState,
        is_last: bool | Tensor,
    ) -> None:
        self.loop, self.before, self.batch = loop, state, batch
        self.backend = encoded.backend
        self.models = loop.step.models
        zero = kept(create.zeros(batch, dtype="int32", like=encoded))
        came = elementwise.where(state.ended, zero, zero + kept(encoded.lengths(axis)))
        last = is_last if isinstance(is_last, Tensor) else zero == int(not is_last)
        self.frames = state.frames + came
        self.ended = elementwise.logical_or(state.ended, last)
        new = encoded.with_lengths(FULL.with_entries({axis: Entry(came.raw_in(batch), batch)}))
        self.joined = kept(concat((state.held, HELD), (new, axis), out_dim=_FRAME))
        self.first = self.frames - kept(self.joined.lengths(_FRAME))
        columns = map(self._column, (self.first, self.frames, self.ended))
        self.span = Span(never_empty(self.joined, _FRAME), _FRAME, *columns)

    def _column(self, x: Tensor) -> Raw:
        return self.backend.expand_dims(x.raw_in(self.batch), (len(self.batch),))

    def read(self, label: Dim) -> tuple[Hypotheses, AlignmentBeamState]:
        """What the search gives."""
        after, steps = self.loop(self._start(), self.span)
        found = self._found(after)
        said = self._said(found.paths.node, steps, label)
        known = Known(after.known.prediction, found.fusion)
        state = AlignmentBeamState(
            found.score, found.paths, known, said, self.frames, self._held(found.paths), self.ended
        )
        return self._hypotheses(state, label), state

    def _start(self) -> Running:
        """Hypotheses with nodes of their own; complete, if the stream has no frame to read."""
        state, beam = self.before, self.models.beam_dim
        place = create.range_over(beam, like=state.score).labels_of(None)
        node = elementwise.add(state.paths.count * 0, place)
        paths = state.paths._replace(node=node)
        done = self.ended & (state.ended | (self.frames == 0))
        none = create.full(state.score.dims, -math.inf, dtype=state.score.dtype, like=state.score)
        ended = elementwise.where(done, self._total(paths, self._end(state.known)), none)
        open_paths = paths._replace(model=elementwise.where(done, none, paths.model))
        return Running(open_paths, state.known, Complete(ended, paths, state.known.fusion))

    def _end(self, known: Known) -> dict[str, Tensor]:
        return self.models.fusion.end(known.fusion)

    def _total(self, paths: Aligned, scores: dict[str, Tensor]) -> Tensor:
        """Of the model and all scorers."""
        fusion = self.models.fusion
        if not fusion:
            return paths.model
        return paths.model + fusion.total([scores[name] for name in fusion.scorers])

    def _found(self, after: Running) -> _Found:
        complete, scores = after.complete, after.known.fusion.scores
        there = elementwise.binary("gt", complete.score, -math.inf)
        model = elementwise.where(there, complete.paths.model, -math.inf)
        ended = _Found(complete.score, complete.paths._replace(model=model), complete.fusion)
        going = _Found(self._total(after.paths, scores), after.paths, after.known.fusion)
        return nested_where(self.ended, ended, going)

    def _said(self, node: Tensor, steps: Step, label: Dim) -> Said:
        beam, classes = self.models.beam_dim, self.models.transducer.classes
        source, more = history.read_back(
            node, steps, step=self.loop.step_dim, beam=beam, label=label, classes=classes
        )
        return history.extended(self.before.said, source, more, beam=beam, label=label)

    def _held(self, paths: Aligned) -> Tensor:
        """Frames from the one on that the hypothesis farthest behind is at."""
        backend, dims = self.backend, (*self.batch, self.models.beam_dim)
        alive = backend.binary("gt", paths.model.raw_in(dims), -math.inf)
        at = backend.where(alive, paths.at.raw_in(dims), 2**31 - 1)
        least = backend.reduce("min", at, (len(self.batch),))
        behind = elementwise.minimum(Tensor(least, self.batch, backend=backend), self.frames)
        start = elementwise.where(self.ended, self.frames, behind) - self.first
        held = kept(slice(self.joined, axis=_FRAME, start=start, out_dim=HELD))
        return _trimmed(held)

    def _hypotheses(self, state: AlignmentBeamState, label: Dim) -> Hypotheses:
        valid = elementwise.binary("gt", state.score, -math.inf)
        so_far = state.known.fusion.scores
        end = self._end(state.known)
        scores = {name: nested_where(self.ended, end[name], x) for name, x in so_far.items()}
        scores = {name: elementwise.where(valid, x, 0.0) for name, x in scores.items()}
        said = history.only_valid(state.said, valid, label)
        return Hypotheses(
            said.labels,
            state.score,
            {"model": state.paths.model, **scores},
            said.log_probs,
            said.start,
            said.end,
            valid,
            self.models.beam_dim,
            label,
        )


def _trimmed(held: Tensor) -> Tensor:
    """Without padding that all streams have, where its extent can be known."""
    backend = held.backend
    lengths = held.lengths(HELD).raw
    longest: Size | None = checks.longest_if_cheap(backend, lengths)
    if longest is None:
        if not backend.sizes_may_be_data:
            return held
        longest = backend.reduce("max", lengths, range(len(held.lengths(HELD).dims)))
    raw = backend.slice(held.raw, held.axis(HELD), 0, longest)
    return Tensor(raw, held.dims, held.lengths_table, held.sparse_dim, backend=backend)
