"""One frame of a frame-synchronous search: labels, as many as allowed, then the blank.

    A = the beam;  B = nothing
    max_symbols times and once more:
        every one of A enters B with the blank; equal labels in B become one
        A = the best labels after A that are better than the worst that B has to keep
    the beam = the best of B

So B has at the end every way of saying up to `max_symbols` labels at this frame (Graves 2012,
arXiv:1211.3711, algorithm 1, for one frame), and each label sequence once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seqfront import checks
from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.ops.nested import nested_concat, nested_gather, nested_map
from seqfront.search.history import Step, node_of
from seqfront.search.recombination import Recombine, merged, next_key
from seqfront.search.transducer.outlook import Known, Models, Outlook
from seqfront.tensor import Tensor


class Paths(NamedTuple):
    """Label sequences and what speaks for them, over [batch..., beam]; raw within a frame."""

    node: Any
    """int32: where in the history it ends."""
    key: Any
    """int64: of its labels."""
    count: Any
    """int32: how many labels."""
    model: Any
    """Log-probability, all alignments together; -inf: there is no such hypothesis."""
    path: Any
    """Log-probability of the best alignment, which the history is of."""


class Beam(NamedTuple):
    """Hypotheses between two frames: tensors over [batch..., beam]."""

    paths: Paths
    known: Known


class _Level(NamedTuple):
    """Hypotheses at a frame, after so many labels there."""

    paths: Paths
    fused: Raw
    """What scorers say of them, weighted; None without scorers."""
    known: Known


class FrameStep:
    """What a frame does to the beam.

    Args:
        models: What is asked for scores.
        max_symbols: Most labels at a frame.
        recombine: How scores of the same labels meet.
        margin: Hypotheses worse by more than this than the best one are dropped.
        prune_norm: Whether scores are divided by the number of labels + 2 before they are compared
            at the end of a frame.
    """

    def __init__(
        self,
        models: Models,
        *,
        max_symbols: int,
        recombine: Recombine,
        margin: float | None,
        prune_norm: bool,
    ) -> None:
        self.models = models
        self.beam_dim = models.beam_dim
        self.width = models.beam_dim.size or 0
        self.max_symbols = max_symbols
        self.recombine: Recombine = recombine
        self.margin = margin
        self.prune_norm = prune_norm
        levels = range(max_symbols + 1)
        self.level_dims = [Dim("level", self.width) for _ in levels]
        self.pool_dims = [Dim("pool", self.width * (level + 1)) for level in levels]

    def __call__(
        self, beam: Beam, frame: Tensor, *, now: Raw, first: Tensor | int, active: Raw | None
    ) -> tuple[Beam, list[Step]]:
        """The beam after a frame.

        Args:
            beam: Before it.
            frame: [batch..., in].
            now: int32 [batch...]: which frame of its stream this is.
            first: How many steps were written down before.
            active: bool [batch...]: where there is such a frame, if it matters; what becomes of
                the others means nothing.

        Returns:
            The beam, and what was written down at each level; in a trace that are `max_symbols`
            steps, otherwise as few as are needed.
        """
        dims = (*[d for d in frame.dims if d is not self.models.transducer.in_dim], self.beam_dim)
        backend, dtype = frame.backend, beam.paths.model.dtype
        frame_run = _Frame(self, backend, dims, dtype, now, active)
        return frame_run(beam, frame, first)

    def ranks(self, backend: Backend, score: Raw, count: Raw) -> Raw:
        """What hypotheses are compared by."""
        if not self.prune_norm:
            return score
        number = backend.cast(backend.binary("add", count, 2), backend.dtype(score))
        return backend.binary("div", score, number)


class _Frame:
    """One frame, with what is the same all along it."""

    def __init__(
        self,
        step: FrameStep,
        backend: Backend,
        dims: tuple[Dim, ...],
        dtype: str,
        now: Raw,
        active: Raw | None,
    ) -> None:
        self.step = step
        self.backend = backend
        self.dims = dims
        self.axis = len(dims) - 1
        self.dtype = dtype
        self.now = now
        self.active = active

    def __call__(self, beam: Beam, frame: Tensor, first: Tensor | int) -> tuple[Beam, list[Step]]:
        level = self._level(Paths(*[x.raw_in(self.dims) for x in beam.paths]), beam.known)
        ended: list[_Level] = []
        steps: list[Step] = []
        while True:
            outlook = self.step.models.look(level.known, frame, self.dtype)
            ended.append(self._with_blank(level, outlook.blank))
            if len(steps) == self.step.max_symbols:
                break
            node = node_of(first + len(steps), self.step.beam_dim, like=frame).raw
            found = self._grown(level, outlook, self._limit(ended), node)
            if found is None:
                break
            level, written = found
            steps.append(written)
        return self._survivors(ended), steps

    def _level(self, paths: Paths, known: Known) -> _Level:
        fused = None
        fusion = self.step.models.fusion
        if fusion:
            total = fusion.total(list(known.fusion.scores.values()))
            fused = self.backend.cast(total.raw_in(self.dims), self.dtype)
        return _Level(paths, fused, known)

    def _with_blank(self, level: _Level, blank: Raw) -> _Level:
        paths = level.paths
        model, path = [self.backend.binary("add", x, blank) for x in (paths.model, paths.path)]
        return level._replace(paths=paths._replace(model=model, path=path))

    def _score(self, model: Raw, fused: Raw) -> Raw:
        return model if fused is None else self.backend.binary("add", model, fused)

    # -- labels -----------------------------------------------------------------------------------

    def _limit(self, ended: Sequence[_Level]) -> Raw:
        """[batch..., 1]: what a hypothesis has to be better than, to be of any use."""
        backend = self.backend
        _, total, _ = self._pool(ended)
        best = backend.top_k(total, self.step.width)[0]
        limit = backend.slice(best, self.axis, self.step.width - 1, self.step.width)
        if self.step.margin is None:
            return limit
        least = backend.binary("sub", backend.slice(best, self.axis, 0, 1), self.step.margin)
        return backend.binary("max", limit, least)

    def _grown(
        self, level: _Level, outlook: Outlook, limit: Raw, node: Raw
    ) -> tuple[_Level, Step] | None:
        """The best labels after hypotheses; None, if there are none and that can be looked
        at."""
        backend, axis, paths = self.backend, self.axis, level.paths
        score = self._score(paths.model, level.fused)
        width = self.step.models.width
        lead = backend.shape(score)[:axis]

        def flat(x: Raw) -> Raw:
            return backend.reshape(x, (*lead, self.step.width * width))

        grown = backend.binary("add", backend.expand_dims(score, (axis + 1,)), outlook.scores)
        values, at = backend.top_k(flat(grown), self.step.width)
        better = backend.binary("gt", values, limit)
        if self.active is not None:
            better = backend.binary("and", better, backend.expand_dims(self.active, (axis,)))
        if checks.surely_none(backend, better):
            return None
        source = backend.cast(backend.binary("floor_div", at, width), "int32")
        label = backend.gather(flat(outlook.labels), at, axis, axis)
        log_prob = backend.gather(flat(outlook.log_probs), at, axis, axis)
        before = Paths(*[backend.gather(x, source, axis, axis) for x in paths])

        def longer(x: Raw) -> Raw:
            return backend.where(better, backend.binary("add", x, log_prob), -math.inf)

        after = Paths(
            backend.where(better, node, before.node),
            next_key(backend, before.key, label),
            backend.binary("add", before.count, 1),
            longer(before.model),
            longer(before.path),
        )
        known = self.step.models.extend(
            level.known,
            outlook,
            self._named(source).labels_of(self.step.beam_dim),
            self._named(label),
            self._named(better),
        )
        start = self._this_frame(label)
        end = backend.binary("add", start, 1)
        written = Step(*map(self._named, (before.node, label, log_prob, start, end)))
        return self._level(after, known), written

    # -- the end of the frame ---------------------------------------------------------------------

    def _pool(self, ended: Sequence[_Level]) -> tuple[Paths, Raw, Raw]:
        """All that have ended, side by side: what they are, their scores (-inf for those that are
        merged into another), and what of it is the model's."""
        paths, fused = self._side_by_side(ended)
        model = paths.model
        if len(ended) > 1:
            model = merged(
                self.backend, paths.key, paths.count, model, self.step.recombine, paths.path
            ).score
        return paths, self._score(model, fused), model

    def _side_by_side(self, ended: Sequence[_Level]) -> tuple[Paths, Raw]:
        if len(ended) == 1:
            return ended[0].paths, ended[0].fused
        backend = self.backend
        columns = zip(*[level.paths for level in ended], strict=True)
        paths = Paths(*[backend.concat(column, self.axis) for column in columns])
        if ended[0].fused is None:
            return paths, None
        return paths, backend.concat([level.fused for level in ended], self.axis)

    def _survivors(self, ended: Sequence[_Level]) -> Beam:
        backend, axis, step = self.backend, self.axis, self.step
        paths, total, model = self._pool(ended)
        if step.margin is not None:
            best = backend.reduce("max", total, (axis,), True)
            far = backend.binary("lt", total, backend.binary("sub", best, step.margin))
            total = backend.where(far, -math.inf, total)
        ranks = step.ranks(backend, total, paths.count)
        values, at = backend.top_k(ranks, step.width)
        chosen = Paths(*[backend.gather(x, at, axis, axis) for x in paths._replace(model=model)])
        there = backend.binary("gt", values, -math.inf)
        chosen = chosen._replace(
            model=backend.where(there, chosen.model, -math.inf),
            path=backend.where(there, chosen.path, -math.inf),
        )
        known = self._known([level.known for level in ended], self._named(at))
        return Beam(Paths(*map(self._named, chosen)), known)

    def _known(self, known: Sequence[Known], at: Tensor) -> Known:
        """Of some of all levels."""
        beam = self.step.beam_dim
        if len(known) == 1:
            if self._all_stay(at):
                return known[0]
            return nested_gather(known[0], indices=at.labels_of(beam), axis=beam)
        levels = self.step.level_dims[: len(known)]
        pairs = [(_renamed(x, beam, level), level) for x, level in zip(known, levels, strict=True)]
        pool = self.step.pool_dims[len(known) - 1]
        return nested_gather(
            nested_concat(*pairs, out_dim=pool), indices=at.labels_of(pool), axis=pool
        )

    def _all_stay(self, at: Tensor) -> bool:
        """Whether no hypothesis moves, as at most frames; False where nobody looks."""
        if not checks.values_are_cheap(self.backend, at.raw):
            return False
        return bool((at.numpy(*self.dims) == np.arange(self.step.width)).all())

    # -- shapes -----------------------------------------------------------------------------------

    def _named(self, raw: Raw) -> Tensor:
        return Tensor(raw, self.dims, backend=self.backend)

    def _this_frame(self, like: Raw) -> Raw:
        """int32 [batch..., beam]."""
        now = self.backend.expand_dims(self.now, (self.axis,))
        return self.backend.broadcast_to(now, self.backend.shape(like))


def _renamed(known: Known, old: Dim, new: Dim) -> Known:
    def renamed(x: Tensor) -> Tensor:
        return x.rename(old, new)

    return nested_map(renamed, known)
