"""One step of an alignment-synchronous search: every hypothesis takes a blank or one label.

After n steps a hypothesis with u labels has read t = n - u frames, so equal labels are at the same
frame, and become one before the best are chosen. A hypothesis that has read the last frame is
complete. It leaves the beam for a set of its own: between a complete score and one that still has
to fall, a beam would always choose the wrong one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from seqfront import checks
from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.ops.index import gather
from seqfront.ops.nested import nested_concat, nested_gather, nested_map, nested_where
from seqfront.search.history import Step, node_of
from seqfront.search.scorers.scorer import FusionState
from seqfront.search.transducer.alignment_pool import (
    Aligned,
    Growth,
    Limits,
    Pool,
    gathered,
    total_of,
)
from seqfront.search.transducer.outlook import Known, Models, Outlook
from seqfront.tensor import Tensor


class Complete(NamedTuple):
    """The best hypotheses that have read the last frame."""

    score: Tensor
    """[batch..., beam]: what scorers say of ending there included; -inf where there is none."""
    paths: Aligned
    fusion: FusionState


class Running(NamedTuple):
    """A search between two steps."""

    paths: Aligned
    known: Known
    complete: Complete


class Span(NamedTuple):
    """The frames at hand."""

    frames: Tensor
    """[batch..., frame, in]."""
    frame_dim: Dim
    first: Raw
    """int32 [batch..., 1]: where in the stream they begin."""
    end: Raw
    """int32 [batch..., 1]: how many frames of the stream have come."""
    is_last: Raw
    """bool [batch..., 1]: there will be no others."""


class AlignmentStep:
    """What a step does to the beam.

    Args:
        models: What is asked for scores.
        limits: What bounds the search.
    """

    def __init__(self, models: Models, limits: Limits) -> None:
        self.models = models
        self.limits = limits
        self.beam_dim = models.beam_dim
        self.width = limits.beam
        self.side_dims = Dim("before", self.width), Dim("new", self.width)
        self.both_dim = Dim("both", 2 * self.width)

    def goes_on(self, now: Running, span: Span) -> Raw:
        """bool [batch..., 1]: where there is another step to do.

        Before the last frames have come, a step needs to know of every frame it may end at whether
        it is the last one. So steps are the same, however frames come. Once they have, the search
        ends when no hypothesis can be better than the worst complete one: alignments not yet
        complete are together no likelier than now.
        """
        backend = now.paths.model.backend
        dims = now.paths.model.dims
        model, at = now.paths.model.raw, now.paths.at.raw_in(dims)
        axis = len(dims) - 1
        alive = backend.binary("gt", model, -math.inf)
        furthest = backend.reduce("max", backend.where(alive, at, -1), (axis,), True)
        known = backend.binary("lt", backend.binary("add", furthest, 1), span.end)
        on = backend.where(span.is_last, True, known)
        if not self.models.fusion:
            score = now.complete.score.raw_in(dims)
            worst = backend.slice(score, axis, self.width - 1, self.width)
            together = backend.reduce("max", model, (axis,), True)
            if self.limits.recombine == "sum":
                together = backend.logsumexp(model, (axis,), True)
            on = backend.binary("and", on, backend.binary("lt", worst, together))
        return backend.binary("and", on, backend.reduce("any", alive, (axis,), True))

    def __call__(
        self, now: Running, span: Span, *, goes: Raw, step: Tensor | int
    ) -> tuple[Running, Step]:
        """The next step of the streams that go on.

        Args:
            now: Before it.
            span: The frames.
            goes: bool [batch..., 1]: which go on.
            step: How many steps were written down before.
        """
        return _Move(self, now, span, goes)(step)


class _Move:
    """One step, with what is the same all along it."""

    def __init__(self, step: AlignmentStep, now: Running, span: Span, goes: Raw) -> None:
        self.step, self.now, self.span, self.goes = step, now, span, goes
        self.dims: tuple[Dim, ...] = now.paths.model.dims
        self.backend: Backend = now.paths.model.backend
        self.axis = len(self.dims) - 1
        self.dtype = now.paths.model.dtype
        self.paths = Aligned(*[x.raw_in(self.dims) for x in now.paths])

    def __call__(self, step: Tensor | int) -> tuple[Running, Step]:
        backend = self.backend
        outlook = self.step.models.look(self.now.known, self._frame(), self.dtype)
        limits, width = self.step.limits, self.step.models.width
        pool = Growth(backend, limits, self.paths, self._fused(), outlook, width).all()
        ends = backend.binary("ge", pool.paths.at, self.span.end)
        ends = backend.binary("and", ends, self.span.is_last)
        complete = self._complete(pool, ends)
        total = total_of(backend, pool.paths.model, pool.fused)
        values, places = backend.top_k(backend.where(ends, -math.inf, total), self.step.width)
        there = backend.binary("gt", values, -math.inf)
        has_label = backend.binary("and", backend.binary("ge", places, self.step.width), there)
        has_label = backend.binary("and", has_label, self.goes)
        chosen = gathered(backend, pool, places)
        known = self._known(chosen, outlook, has_label)
        paths, written = self._written(chosen, there, has_label, step)
        after = Running(Aligned(*map(self._named, paths)), known, complete)
        return self._of_those_that_go(after), Step(*map(self._named, written))

    def _written(
        self, chosen: Pool, there: Raw, has_label: Raw, step: Tensor | int
    ) -> tuple[Aligned, tuple[Raw, ...]]:
        """Paths with their new nodes, and what is written down of those."""
        backend, paths = self.backend, chosen.paths
        node = node_of(step, self.step.beam_dim, like=self.now.paths.model).raw
        after = paths._replace(
            node=backend.where(has_label, node, paths.node),
            model=backend.where(there, paths.model, -math.inf),
        )
        end = backend.binary("add", paths.at, 1)
        return after, (paths.node, chosen.label, chosen.log_prob, paths.at, end)

    def _frame(self) -> Tensor:
        """[batch..., beam, in]: the frame that each hypothesis is at."""
        backend = self.backend
        place = backend.binary("sub", self.paths.at, self.span.first)
        last = backend.binary("sub", backend.binary("sub", self.span.end, self.span.first), 1)
        place = backend.binary("max", backend.binary("min", place, last), 0)
        frames = self.span.frames.with_lengths(FULL)
        return gather(frames, indices=self._named(place), axis=self.span.frame_dim)

    def _fused(self) -> Raw:
        fusion = self.step.models.fusion
        if not fusion:
            return None
        total = fusion.total(list(self.now.known.fusion.scores.values()))
        return self.backend.cast(total.raw_in(self.dims), self.dtype)

    def _complete(self, pool: Pool, ends: Raw) -> Complete:
        """The best of those that were complete and those that are now, all of them blanks."""
        backend, axis, before = self.backend, self.axis, self.now.complete
        if checks.surely_none(backend, ends):
            return before
        width, fusion = self.step.width, self.step.models.fusion
        blanks = Aligned(*[backend.slice(x, axis, 0, width) for x in pool.paths])
        score = blanks.model
        if fusion:
            total = fusion.total(list(fusion.end(self.now.known.fusion).values()))
            score = total_of(backend, score, backend.cast(total.raw_in(self.dims), self.dtype))
        score = backend.where(backend.slice(ends, axis, 0, width), score, -math.inf)
        whole = backend.concat((before.score.raw_in(self.dims), score), axis)
        values, places = backend.top_k(whole, width)
        pairs = zip(before.paths, blanks, strict=True)
        both = [backend.concat((x.raw_in(self.dims), y), axis) for x, y in pairs]
        paths = Aligned(*[self._named(backend.gather(x, places, axis, axis)) for x in both])
        return Complete(self._named(values), paths, self._fusion_at(places))

    def _fusion_at(self, places: Raw) -> FusionState:
        old, new = self.step.side_dims
        both, beam = self.step.both_dim, self.step.beam_dim

        def renamed(state: FusionState, dim: Dim) -> FusionState:
            def one(x: Tensor) -> Tensor:
                return x.rename(beam, dim)

            return nested_map(one, state)

        whole = nested_concat(
            (renamed(self.now.complete.fusion, old), old),
            (renamed(self.now.known.fusion, new), new),
            out_dim=both,
        )
        return nested_gather(whole, indices=self._named(places).labels_of(both), axis=both)

    def _known(self, chosen: Pool, outlook: Outlook, has_label: Raw) -> Known:
        """What models know of the chosen ones; the prediction network runs if there is a label."""
        beam, known = self.step.beam_dim, self.now.known
        source = self._named(chosen.source).labels_of(beam)
        moved = nested_gather(known, indices=source, axis=beam)
        backend = self.backend
        if checks.surely_none(backend, has_label):
            return moved
        where = self._named(has_label)
        label = self._named(
            backend.where(has_label, chosen.label, self.step.models.transducer.blank)
        )
        longer = self.step.models.extend(known, outlook, source, label, where)
        return nested_where(where, longer, moved)

    def _of_those_that_go(self, after: Running) -> Running:
        backend = self.backend
        if checks.values_are_cheap(backend, self.goes) and backend.to_numpy(self.goes).all():
            return after
        goes = Tensor(
            self.backend.squeeze(self.goes, (self.axis,)), self.dims[:-1], backend=self.backend
        )
        return nested_where(goes, after, self.now)

    def _named(self, raw: Raw) -> Tensor:
        return Tensor(raw, self.dims, backend=self.backend)
