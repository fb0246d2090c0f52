"""One step of an alignment-synchronous search: every hypothesis takes a blank or one label.

After n steps a hypothesis with u labels has read t = n - u frames, so equal labels are at the same
frame, and become one before the best are chosen. A hypothesis that has read the last frame is
complete. It leaves the beam for a set of its own: between a complete score and one that still has
to fall, a beam would always choose the wrong one.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.ops.index import gather
from seqfront.ops.nested import nested_concat, nested_gather, nested_map, nested_where
from seqfront.search.history import Step, node_of
from seqfront.search.outlook import Known, Models, Outlook
from seqfront.search.recombination import Recombine, merged, next_key
from seqfront.search.scorer import FusionState
from seqfront.tensor import Tensor


class Aligned(NamedTuple):
    """Label sequences and where they are, over [batch..., beam]; raw within a step."""

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
    at: Any
    """int32: the next frame, counted from the stream's first."""
    symbols: Any
    """int32: labels at that frame so far; 0 always, if their number is free."""


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


class _Pool(NamedTuple):
    """What a step makes of hypotheses, over [batch..., 2 beam]: first each with the blank, then the
    best labels after them."""

    paths: Aligned
    fused: Raw
    """Of the scorers, weighted; None without scorers."""
    source: Raw
    """int32: which hypothesis each grew from."""
    label: Raw
    """int32; of blanks it means nothing."""
    log_prob: Raw
    """Of the label."""


class AlignmentStep:
    """What a step does to the beam.

    Args:
        models: What is asked for scores.
        max_symbols: Most labels at a frame; None: any number.
        max_labels: Most labels of a stream; None: any number.
        recombine: How scores of the same labels meet.
    """

    def __init__(
        self,
        models: Models,
        *,
        max_symbols: int | None,
        max_labels: int | None,
        recombine: Recombine,
    ) -> None:
        self.models = models
        self.beam_dim = models.beam_dim
        self.width = models.beam_dim.size or 0
        self.max_symbols = max_symbols
        self.max_labels = max_labels
        self.recombine: Recombine = recombine
        self._sides = Dim("before", self.width), Dim("new", self.width)
        self._both = Dim("both", 2 * self.width)

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
            together = backend.logsumexp(model, (axis,), True) if self.recombine == "sum" else (
                backend.reduce("max", model, (axis,), True)
            )  # fmt: skip
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
        pool = self._merged(self._pool(outlook))
        total = self._total(pool.paths.model, pool.fused)
        ends = backend.binary("ge", pool.paths.at, self.span.end)
        ends = backend.binary("and", ends, self.span.is_last)
        complete = self._complete(pool, ends)
        values, places = backend.top_k(backend.where(ends, -math.inf, total), self.step.width)
        chosen = _Pool(*[_gathered(backend, x, places, self.axis) for x in pool])
        there = backend.binary("gt", values, -math.inf)
        has_label = backend.binary("and", backend.binary("ge", places, self.step.width), there)
        has_label = backend.binary("and", has_label, self.goes)
        node = node_of(step, self.step.beam_dim, like=self.now.paths.model).raw
        paths = chosen.paths._replace(
            node=backend.where(has_label, node, chosen.paths.node),
            model=backend.where(
                backend.binary("gt", values, -math.inf), chosen.paths.model, -math.inf
            ),
        )
        known = self._known(chosen, outlook, has_label)
        after = Running(Aligned(*map(self._named, paths)), known, complete)
        start = chosen.paths.at
        written = (
            chosen.paths.node,
            chosen.label,
            chosen.log_prob,
            start,
            backend.binary("add", start, 1),
        )
        return self._of_those_that_go(after), Step(*map(self._named, written))

    def _frame(self) -> Tensor:
        """[batch..., beam, in]: the frame that each hypothesis is at."""
        backend = self.backend
        place = backend.binary("sub", self.paths.at, self.span.first)
        last = backend.binary("sub", backend.binary("sub", self.span.end, self.span.first), 1)
        place = backend.binary("max", backend.binary("min", place, last), 0)
        frames = self.span.frames.with_lengths(FULL)
        return gather(frames, indices=self._named(place), axis=self.span.frame_dim)

    # -- what may come next -----------------------------------------------------------------------

    def _pool(self, outlook: Outlook) -> _Pool:
        backend, paths = self.backend, self.paths
        fused = self._fused()
        blank = paths._replace(
            model=backend.binary("add", paths.model, outlook.blank),
            path=backend.binary("add", paths.path, outlook.blank),
            at=backend.binary("add", paths.at, 1),
            symbols=backend.binary("mul", paths.symbols, 0),
        )
        labels = self._labels(outlook, fused)
        own = backend.arange(self.step.width, "int32", self.now.paths.model.device)
        own = backend.broadcast_to(own, backend.shape(paths.node))
        zero = backend.binary("mul", blank.model, 0.0)
        return self._joined(_Pool(blank, fused, own, own, zero), labels)

    def _fused(self) -> Raw:
        fusion = self.step.models.fusion
        if not fusion:
            return None
        total = fusion.total(list(self.now.known.fusion.scores.values()))
        return self.backend.cast(total.raw_in(self.dims), self.dtype)

    def _labels(self, outlook: Outlook, fused: Raw) -> _Pool:
        """The best labels after hypotheses."""
        backend, axis, paths = self.backend, self.axis, self.paths
        width = self.step.models.width
        lead = backend.shape(paths.node)[:axis]

        def flat(x: Raw) -> Raw:
            return backend.reshape(x, (*lead, self.step.width * width))

        score = self._total(self._open(), fused)
        grown = flat(backend.binary("add", backend.expand_dims(score, (axis + 1,)), outlook.scores))
        values, at = backend.top_k(grown, self.step.width)
        source = backend.cast(backend.binary("floor_div", at, width), "int32")
        label = backend.gather(flat(outlook.labels), at, axis, axis)
        log_prob = backend.gather(flat(outlook.log_probs), at, axis, axis)
        there = backend.binary("gt", values, -math.inf)
        before = Aligned(*[backend.gather(x, source, axis, axis) for x in paths])

        def longer(x: Raw) -> Raw:
            return backend.where(there, backend.binary("add", x, log_prob), -math.inf)

        after = before._replace(
            key=next_key(backend, before.key, label),
            count=backend.binary("add", before.count, 1),
            model=longer(before.model),
            path=longer(before.path),
            symbols=backend.binary("add", before.symbols, int(self.step.max_symbols is not None)),
        )
        if fused is not None:
            added = backend.binary("sub", values, after.model)
            fused = backend.where(there, added, 0.0)
        return _Pool(after, fused, source, label, log_prob)

    def _open(self) -> Raw:
        """Scores of the hypotheses that may have a label more."""
        backend, score = self.backend, self.paths.model
        for count, most in (
            (self.paths.symbols, self.step.max_symbols),
            (self.paths.count, self.step.max_labels),
        ):
            if most is not None:
                score = backend.where(backend.binary("lt", count, most), score, -math.inf)
        return score

    def _joined(self, a: _Pool, b: _Pool) -> _Pool:
        backend, axis = self.backend, self.axis
        pairs = zip(a.paths, b.paths, strict=True)
        paths = Aligned(*[backend.concat(pair, axis) for pair in pairs])
        rest = [x if x is None else backend.concat((x, y), axis)
                for x, y in zip(a[1:], b[1:], strict=True)]  # fmt: skip
        return _Pool(paths, *rest)

    def _merged(self, pool: _Pool) -> _Pool:
        """Equal labels with the same outlook become one."""
        paths, key = pool.paths, pool.paths.key
        if self.step.max_symbols is not None:
            key = next_key(self.backend, key, paths.symbols)
        found = merged(self.backend, key, paths.count, paths.model, self.step.recombine, paths.path)
        return pool._replace(paths=paths._replace(model=found.score))

    def _total(self, model: Raw, fused: Raw) -> Raw:
        return model if fused is None else self.backend.binary("add", model, fused)

    # -- what becomes of it -----------------------------------------------------------------------

    def _complete(self, pool: _Pool, ends: Raw) -> Complete:
        """The best of those that were complete and those that are now, all of them blanks."""
        backend, axis, before = self.backend, self.axis, self.now.complete
        if not backend.is_tracing() and not backend.to_numpy(ends).any():
            return before
        width, fusion = self.step.width, self.step.models.fusion
        blanks = Aligned(*[backend.slice(x, axis, 0, width) for x in pool.paths])
        score = blanks.model
        if fusion:
            total = fusion.total(list(fusion.end(self.now.known.fusion).values()))
            score = self._total(score, backend.cast(total.raw_in(self.dims), self.dtype))
        score = backend.where(backend.slice(ends, axis, 0, width), score, -math.inf)
        whole = backend.concat((before.score.raw_in(self.dims), score), axis)
        values, places = backend.top_k(whole, width)
        pairs = zip(before.paths, blanks, strict=True)
        both = [backend.concat((x.raw_in(self.dims), y), axis) for x, y in pairs]
        paths = Aligned(*[self._named(backend.gather(x, places, axis, axis)) for x in both])
        return Complete(self._named(values), paths, self._fusion_at(places))

    def _fusion_at(self, places: Raw) -> FusionState:
        old, new = self.step._sides  # pyright: ignore[reportPrivateUsage]
        both, beam = self.step._both, self.step.beam_dim  # pyright: ignore[reportPrivateUsage]

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

    def _known(self, chosen: _Pool, outlook: Outlook, has_label: Raw) -> Known:
        """What models know of the chosen ones; the prediction network runs if there is a label."""
        beam, known = self.step.beam_dim, self.now.known
        source = self._named(chosen.source).labels_of(beam)
        moved = nested_gather(known, indices=source, axis=beam)
        if not self.backend.is_tracing() and not self.backend.to_numpy(has_label).any():
            return moved
        where = self._named(has_label)
        label = self._named(
            self.backend.where(has_label, chosen.label, self.step.models.transducer.blank)
        )
        longer = self.step.models.extend(known, outlook, source, label, where)
        return nested_where(where, longer, moved)

    def _of_those_that_go(self, after: Running) -> Running:
        if not self.backend.is_tracing() and self.backend.to_numpy(self.goes).all():
            return after
        goes = Tensor(
            self.backend.squeeze(self.goes, (self.axis,)), self.dims[:-1], backend=self.backend
        )
        return nested_where(goes, after, self.now)

    def _named(self, raw: Raw) -> Tensor:
        return Tensor(raw, self.dims, backend=self.backend)


def _gathered(backend: Backend, x: Any, places: Raw, axis: int) -> Any:
    if isinstance(x, Aligned):
        return Aligned(*[backend.gather(part, places, axis, axis) for part in x])
    return None if x is None else backend.gather(x, places, axis, axis)
