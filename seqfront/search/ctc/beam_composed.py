"""Frames of a CTC prefix beam search, one after another, in operations of the framework.

What hypotheses consist of is written down frame by frame, see `history`: at each frame, of every
hypothesis, its last label, as a run that ends there; followed only where the alignment goes on.
Once more after the last frame, as the labels of then are those that the results end with.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.ops.index import gather
from seqfront.ops.positions import positions
from seqfront.ops.scanning import scan
from seqfront.search.ctc.beam_state import CtcBeamState
from seqfront.search.ctc.frame import CtcFrame, CtcPaths, Merge, Tokens
from seqfront.search.history import Said, Step, read_back
from seqfront.search.recombination import keys_of
from seqfront.search.scorers.scorer import Fusion, FusionState
from seqfront.tensor import Tensor


class _Carried(NamedTuple):
    """State of the loop."""

    paths: CtcPaths
    score: Tensor
    fusion: FusionState
    frames: Tensor


class ComposedReader:
    """Reads frames.

    Args:
        beam: The hypotheses.
        paths: The same twice, for both kinds of alignments.
        label: Positions of labels.
        classes: What they are labels of.
        blank: Index of the blank.
        merge: How alignments meet.
        tokens: How many labels a frame may add.
        fusion: Scorers.
    """

    def __init__(
        self,
        beam: Dim,
        paths: Dim,
        label: Dim,
        classes: Dim,
        *,
        blank: int,
        merge: Merge,
        tokens: int,
        fusion: Fusion,
    ) -> None:
        self.beam, self.paths, self.label, self.classes = beam, paths, label, classes
        self.blank, self.fusion = blank, fusion
        self.merge: Merge = merge
        self.token = Dim("token", tokens)
        self.step = Dim("step")

    def __call__(
        self, state: CtcBeamState, log_probs: Tensor, axis: Dim, batch: tuple[Dim, ...]
    ) -> tuple[CtcBeamState, Tensor, Said]:
        """After the frames.

        Args:
            state: Before them; what was said on paths that end in a label is without that.
            log_probs: [batch..., axis, classes].
            axis: The frames.
            batch: Dims of the streams.

        Returns:
            The state, with what was said before; over [batch..., path], labels of the paths: which
            of those before each grew from; and what was said since.
        """
        backend, size = log_probs.backend, log_probs.size(axis)
        number = positions(backend, axis, size, log_probs.device)
        start = _Carried(self._paths(state, batch), state.score, state.fusion, state.frames)
        columns = (number, log_probs, *self._tokens(log_probs, axis, batch))

        def body(now: _Carried, x: Any) -> tuple[_Carried, Step]:
            return self._frame(now, batch, *x)

        after, steps = scan(body, start, columns, axis=axis)
        return self._read(state, after, steps, axis, batch)

    def _paths(self, state: CtcBeamState, batch: tuple[Dim, ...]) -> CtcPaths:
        dims, p, width = (*batch, self.beam), state.score.backend, self.beam.size or 0
        place = p.arange(width, "int32", state.score.device)
        shape = p.shape(state.score.raw_in(dims))
        labels = state.said.labels.raw_in((*batch, self.paths, self.label))
        labels = p.slice(labels, len(batch), 0, width)
        whole = state.said.labels.lengths(self.label).raw_in((*batch, self.paths))
        counts = p.cast(p.slice(whole, len(batch), 0, width), "int32")
        fewer = p.binary("sub", counts, 1)
        raws = (
            keys_of(p, labels, counts),
            keys_of(p, labels, fewer),
            p.broadcast_to(place, shape),
            p.broadcast_to(p.binary("add", place, width), shape),
        )
        known = (state.blank, state.label, state.best_blank, state.best_label, state.last,
                 state.start, state.run)  # fmt: skip
        return CtcPaths(*known, *[Tensor(raw, dims, backend=p) for raw in raws])

    def _tokens(
        self, log_probs: Tensor, axis: Dim, batch: tuple[Dim, ...]
    ) -> tuple[Tensor, Tensor]:
        """The best labels of each frame, the blank not among them."""
        p = log_probs.backend
        raw = log_probs.raw_in((*batch, axis, self.classes))
        index = p.arange(self.classes.size or 0, "int32", log_probs.device)
        labels = p.where(p.binary("eq", index, self.blank), float("-inf"), raw)
        values, found = p.top_k(labels, self.token.size or 0)
        dims, table = (*batch, axis, self.token), log_probs.lengths_table
        return (
            Tensor(values, dims, table, backend=p),
            Tensor(p.cast(found, "int32"), dims, table, backend=p),
        )

    def _frame(
        self,
        now: _Carried,
        batch: tuple[Dim, ...],
        number: Tensor,
        row: Tensor,
        values: Tensor,
        labels: Tensor,
    ) -> tuple[_Carried, Step]:
        dims, p = (*batch, self.beam), row.backend
        first = p.binary("mul", p.binary("add", number.raw, 1), self.paths.size or 0)
        frame = CtcFrame(
            p,
            len(batch),
            self.merge,
            self.blank,
            now.frames.raw_in(batch),
            row.raw_in((*batch, self.classes)),
            Tokens(values.raw_in((*batch, self.token)), labels.raw_in((*batch, self.token))),
            first,
        )
        old = CtcPaths(*[x.raw_in(dims) for x in now.paths])

        def named(raw: Raw) -> Tensor:
            return Tensor(raw, dims, backend=p)

        rows = self.fusion.rows(now.fusion)
        after, choice = frame(old, *self._fused(now.fusion, rows, labels, dims))
        source = named(choice.source).labels_of(self.beam)
        fusion = now.fusion
        if self.fusion:
            fusion = self.fusion.advance(
                self.fusion.gathered(fusion, source, self.beam),
                named(choice.label),
                [gather(x, indices=source, axis=self.beam) for x in rows],
                named(choice.grown),
            )
        carried = _Carried(
            CtcPaths(*map(named, after)), named(choice.score), fusion, now.frames + 1
        )
        return carried, self._written(now.paths, now.frames, batch)

    def _fused(
        self, fusion: FusionState, rows: tuple[Tensor, ...], labels: Tensor, dims: tuple[Dim, ...]
    ) -> tuple[Raw | None, Raw | None]:
        """What scorers say of hypotheses, and of labels after them."""
        if not self.fusion:
            return None, None
        total = self.fusion.total(list(fusion.scores.values()))
        ahead = gather(self.fusion.total(rows), indices=labels, axis=self.classes)
        return total.raw_in(dims), ahead.raw_in((*dims, self.token))

    def _written(self, paths: CtcPaths, frames: Tensor, batch: tuple[Dim, ...]) -> Step:
        """The last label of each, as one whose run ends here."""
        dims, p = (*batch, self.beam), frames.backend
        start, run = paths.start.raw_in(dims), paths.run.raw_in(dims)
        now = p.broadcast_to(p.expand_dims(frames.raw_in(batch), (len(batch),)), p.shape(start))
        count = p.cast(p.binary("max", p.binary("sub", now, start), 1), p.dtype(run))
        last = p.binary("max", paths.last.raw_in(dims), 0)
        raws = (paths.parent.raw_in(dims), last, p.binary("div", run, count), start, now)
        return Step(*[Tensor(raw, dims, backend=p) for raw in raws])

    def _read(
        self,
        state: CtcBeamState,
        after: _Carried,
        steps: Step,
        axis: Dim,
        batch: tuple[Dim, ...],
    ) -> tuple[CtcBeamState, Tensor, Said]:
        p, paths, rank = after.score.backend, after.paths, len(batch)
        dims, width = (*batch, self.beam), self.beam.size or 0
        final = self._written(paths, after.frames, batch)

        def joined(x: Tensor, end: Tensor) -> Tensor:
            """All steps, with room for as many nodes as there are paths."""
            raw = p.concat([x.raw_in((axis, *dims)), p.expand_dims(end.raw_in(dims), (0,))], 0)
            raw = p.pad(raw, [*[(0, 0)] * (rank + 1), (0, width)], 0)
            return Tensor(raw, (self.step, *batch, self.paths), backend=p)

        whole = Step(*[joined(x, end) for x, end in zip(steps, final, strict=True)])
        count = whole.parent.size(self.step)
        place = p.arange(width, "int32", after.score.device)
        ended = p.binary("add", place, count * (2 * width))
        in_blank = p.binary("gt", paths.best_blank.raw_in(dims), float("-inf"))
        in_label = p.binary("gt", paths.best_label.raw_in(dims), float("-inf"))
        node = paths.node.raw_in(dims)
        ends = [p.where(in_blank, node, ended), p.where(in_label, ended, node)]
        nodes = Tensor(p.concat(ends, rank), (*batch, self.paths), backend=p)
        source, said = read_back(nodes, whole, step=self.step, beam=self.paths, label=self.label,
                                 classes=self.classes)  # fmt: skip
        found = CtcBeamState(
            after.score, paths.blank, paths.label, paths.best_blank, paths.best_label, paths.last,
            paths.start, paths.run, after.fusion, state.said, after.frames,
        )  # fmt: skip
        return found, source, said
