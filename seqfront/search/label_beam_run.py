"""One run of a label-synchronous beam search: what its loop carries, and a step of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from seqfront import align, checks, dtypes, errors
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.nn.stateful import kept
from seqfront.ops import create, elementwise, reduce
from seqfront.ops.dtype import cast
from seqfront.ops.index import gather
from seqfront.ops.nested import nested_concat, nested_gather, nested_map
from seqfront.ops.positions import positions
from seqfront.ops.top import top_k
from seqfront.search.history import Said, Step, node_of, read_back
from seqfront.search.hypotheses import Hypotheses
from seqfront.search.scorers.scorer import Fusion, FusionState
from seqfront.tensor import Tensor

if TYPE_CHECKING:
    from seqfront.search.label_beam import LabelBeam

OP = "LabelBeam"


class Open(NamedTuple):
    """Unfinished hypotheses, over [batch..., beam]."""

    score: Tensor
    """-inf where there is none."""
    node: Tensor
    fusion: FusionState


class Ended(NamedTuple):
    """Finished hypotheses, the best first, over [batch..., ended]."""

    rank: Tensor
    """-inf where there is none."""
    node: Tensor
    scores: dict[str, Tensor]


class Added(NamedTuple):
    """What steps wrote down, over [batch..., step, beam]: see `history.Step`."""

    parent: Tensor
    label: Tensor
    log_prob: Tensor


class State(NamedTuple):
    """What the loop carries."""

    length: Tensor
    """int32: labels of the unfinished hypotheses, and steps so far."""
    open: Open
    ended: Ended
    added: Added


class Run:
    """A search for one batch.

    Args:
        search: Its options and dims.
        fusion: The scorers.
        batch: Dims of the utterances.
        like: Sizes of dynamic dims, float dtype, backend and device.
        limits: int over batch dims: most labels; None: as many as the search has at most.
    """

    def __init__(
        self,
        search: LabelBeam,
        fusion: Fusion,
        batch: tuple[Dim, ...],
        like: Tensor,
        limits: Tensor | None,
    ) -> None:
        self.search = search
        self.fusion = fusion
        self.batch = batch
        self.beam, self.ended, self.step_dim = search.beam_dim, search.ended_dim, search.step_dim
        dtype = "float64" if like.dtype == "float64" else "float32"
        self.zero = kept(create.zeros(batch, dtype=dtype, like=like))
        self.limits = self._limits(limits)
        backend = self.zero.backend
        index = positions(backend, search.classes, search.classes.size or 0, self.zero.device)
        self.is_label = index >= 0
        for other in search.not_labels:
            self.is_label = self.is_label & (index != other)
        self.rise = most_rise(fusion)

    def start(self) -> State:
        """One hypothesis, without labels."""
        rows, zero = (*self.batch, self.beam), self.zero
        node = self._over_rows(node_of(-1, self.beam, like=zero))
        score = elementwise.where(node == 0, 0.0, self._full(rows, -math.inf, zero.dtype))
        count = create.zeros((), dtype="int32", like=zero)
        unfinished = Open(score, node, self.fusion.initial_state(rows, like=zero))
        over = (*self.batch, self.ended)
        rank = self._full(over, -math.inf, zero.dtype)
        scores = dict.fromkeys(self.fusion.scorers, rank)
        ended = Ended(rank, self._full(over, 0, "int32"), scores)
        over = (*self.batch, self.step_dim, self.beam)
        nodes = self._full(over, 0, "int32")
        added = Added(nodes, nodes.labels_of(self.search.classes), self._full(over, 0, zero.dtype))
        return self._settled(State(count, unfinished, ended, added))

    def goes_on(self, state: State) -> Tensor:
        """Whether any hypothesis is unfinished."""
        score = state.open.score
        return reduce.any(score > -math.inf, axis=score.dims)

    def step(self, state: State) -> State:
        """One label more for every unfinished hypothesis."""
        before, beam, classes = state.open, self.beam, self.search.classes
        rows = self.fusion.rows(before.fusion)
        total = elementwise.add(before.score, self.fusion.total(rows))
        there = elementwise.binary(
            "and", before.score > -math.inf, self.is_label, allow_broadcast=True
        )
        total = elementwise.where(there, total, -math.inf)
        score, source, label = self._best(total)
        rows = nested_gather(rows, indices=source, axis=beam)
        fusion = self.fusion.gathered(before.fusion, source, beam)
        after = Open(
            score,
            self._over_rows(node_of(state.length, beam, like=score)),
            self.fusion.advance(fusion, label, rows),
        )
        parent = gather(before.node, indices=source, axis=beam)
        now = Added(parent, label, gather(rows[0], indices=label, axis=classes))
        added = self._written(state.added, now, state.length)
        return self._settled(State(state.length + 1, after, state.ended, added))

    def _best(self, total: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of [batch..., beam, classes] the best over [batch..., beam]: scores, the hypotheses they
        grew from, and their new labels."""
        axes = (self.beam, self.search.classes)
        score, found, new = top_k(total, axis=axes, k_dim=self.search.next_dim)
        places: Any = found
        source, label = (place.rename(new, self.beam) for place in places)
        return score.rename(new, self.beam), source, cast(label, "int32")

    def hypotheses(self, state: State) -> Hypotheses:
        """What was found, the best first."""
        beam, label, ended = self.beam, self.search.label_dim, self.ended

        def renamed(x: Tensor) -> Tensor:
            return x.rename(ended, beam)

        rank, node, scores = nested_map(renamed, state.ended)
        valid = rank > -math.inf
        node = elementwise.where(valid, node, 0)
        scores = {name: elementwise.where(valid, x, -math.inf) for name, x in scores.items()}
        said = self._read(node, self._cut(state))
        return Hypotheses(
            said.labels, rank, scores, said.log_probs, said.start, said.end, valid, beam, label
        )

    # -- what ends, and what goes on ---------------------------------------------------------------

    def _settled(self, state: State) -> State:
        """Every unfinished hypothesis also ends; those that are hopeless are dropped."""
        state = state._replace(ended=self._with_endings(state))
        score = elementwise.where(self._goes_on(state), state.open.score, -math.inf)
        return state._replace(open=state.open._replace(score=score))

    def _with_endings(self, state: State) -> Ended:
        """The best of those that ended before and those that end here."""
        parts = self.fusion.end(state.open.fusion)
        rank = self._ranked(self.fusion.total(list(parts.values())), state.length)
        may = (state.open.score > -math.inf) & (state.length >= self.search.min_labels)
        here = Ended(elementwise.where(may, rank, -math.inf), state.open.node, parts)
        both = self.search.both_dim
        every = nested_concat((state.ended, self.ended), (here, self.beam), out_dim=both)
        found: Any = top_k(every.rank, axis=both, k_dim=self.ended)[1]
        return nested_gather(every, indices=found, axis=both)

    def _goes_on(self, state: State) -> Tensor:
        """bool [batch..., beam]: which have a label more to come, and may still be among the best:
        the search needs to know nothing else of them."""
        score, count, ended = state.open.score, state.length, state.ended.rank
        found = (score > -math.inf) & (count < self.limits)
        if self.rise < math.inf:
            worst = gather(ended, indices=-1, axis=self.ended)
            found = found & (self._highest_rank(score, count) > worst)
        if self.search.threshold < math.inf:
            here = self._ranked(score, count)
            best = elementwise.maximum(
                reduce.max(here, axis=self.beam), gather(ended, indices=0, axis=self.ended)
            )
            found = found & (here >= best - self.search.threshold)
        return found

    def _highest_rank(self, score: Tensor, count: Tensor) -> Tensor:
        """What hypotheses can get at most: if every label to come, and the end, scores the most
        there is, and the length is the best there is for that."""
        highest = score
        if self.rise > 0:
            highest = score + cast(self.limits - count + 1, score.dtype) * self.rise
        if not self.search.length_norm:
            return highest
        soon, late = (self._ranked(highest, n) for n in (count, self.limits))
        return elementwise.maximum(soon, late)

    def _ranked(self, score: Tensor, count: Tensor) -> Tensor:
        """Scores of hypotheses with so many labels, as finished ones are ranked."""
        power = self.search.length_norm
        return score / cast(count + 1, score.dtype) ** power if power else score

    # -- tensors -----------------------------------------------------------------------------------

    def _full(self, dims: tuple[Dim, ...], value: float, dtype: str) -> Tensor:
        zero = self.zero
        sizes = {self.step_dim: self.search.max_labels}
        sizes.update({dim: zero.size(dim) for dim in self.batch})
        shape = [sizes.get(dim, dim.size) for dim in dims]
        raw = zero.backend.full(shape, value, dtype, zero.device)
        return Tensor(raw, dims, backend=zero.backend)

    def _over_rows(self, node: Tensor) -> Tensor:
        """int32 [beam] over [batch..., beam]."""
        return elementwise.add(self._full((*self.batch, self.beam), 0, "int32"), node)

    def _limits(self, limits: Tensor | None) -> Tensor:
        """int32 over dims of the batch."""
        most = create.full((), self.search.max_labels, dtype="int32", like=self.zero)
        most = most.with_lengths(FULL)
        if limits is None:
            return most
        name = "max_labels"
        align.check(OP, limits, name=name)
        if not dtypes.is_int(limits.dtype):
            raise errors.wrong_dtype(OP, name, limits, "an integer type")
        if any(dim not in self.batch for dim in limits.dims):
            raise errors.wrong_dims(OP, limits, self.batch, name)
        return elementwise.minimum(kept(cast(limits, "int32")), most)

    def _written(self, added: Added, now: Added, count: Tensor) -> Added:
        """With what a step adds at its place."""
        place = positions(count.backend, self.step_dim, self.search.max_labels, count.device)
        here = place == count

        def put(old: Tensor, new: Tensor) -> Tensor:
            return elementwise.where(here, new, old, allow_broadcast=True)

        return nested_map(put, added, now)

    def _cut(self, state: State) -> Added:
        """What steps wrote down; without those that were not taken, where one can look."""
        backend = state.length.backend
        if not checks.values_are_cheap(backend, state.length.raw):
            return state.added
        steps = int(state.length)

        def cut(x: Tensor) -> Tensor:
            raw = backend.slice(x.raw, x.axis(self.step_dim), 0, steps)
            return Tensor(raw, x.dims, x.lengths_table, x.sparse_dim, backend=backend)

        return nested_map(cut, state.added)

    def _read(self, node: Tensor, added: Added) -> Said:
        """Labels of hypotheses, and where they are: at their positions, as there are no frames."""
        parent, label, log_prob = added
        steps = Step(parent, label, log_prob, parent, parent)
        axis = self.search.label_dim
        _, said = read_back(
            node, steps, step=self.step_dim, beam=self.beam, label=axis, classes=self.search.classes
        )
        backend = node.backend
        place = positions(backend, axis, said.labels.size(axis), node.device)
        start = place + 0 * said.start
        return said._replace(start=start, end=start + 1)


def most_rise(fusion: Fusion) -> float:
    """What one label, or the end, can add to a score at most; not below 0."""
    rise = 0.0
    for scorer, weight in fusion.scorers.values():
        bound = scorer.bounds[0 if weight < 0 else 1]
        rise += weight * bound if weight else 0.0
    return max(rise, 0.0)
