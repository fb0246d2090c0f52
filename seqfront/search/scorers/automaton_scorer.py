"""Scorers whose whole knowledge of a hypothesis is a state of an automaton."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from seqfront import align, errors, native
from seqfront.backend import product
from seqfront.dim import Dim
from seqfront.native import lattice_dtype
from seqfront.ops import create
from seqfront.search.scorers.automaton import Automaton, Place
from seqfront.search.scorers.scorer import Scorer
from seqfront.tensor import Tensor

Implementation = Literal["native", "composed"]
"""The library's kernels, or operations of the framework."""


class AutomatonState(NamedTuple):
    """Where hypotheses are."""

    node: Tensor
    """int32 [batch...]: a state of the automaton."""
    final: Tensor
    """[batch...]: what ending there adds; its dtype is that of all scores."""


class AutomatonScorer(Scorer):
    """A scorer that walks along an automaton.

    Args:
        op: What it is called in messages.
        automaton: Over the labels of `classes`.
        classes: What is scored; static.
        start: The state of the automaton before the first label.
        implementation: "native", "composed", or None: "native" on devices that have kernels.
    """

    def __init__(
        self,
        op: str,
        automaton: Automaton,
        classes: Dim,
        *,
        start: int,
        implementation: Implementation | None = None,
    ) -> None:
        if implementation not in (None, "native", "composed"):
            known = ("native", "composed")
            raise errors.unknown_choice(op, "implementation", implementation, known)
        if implementation == "composed":
            automaton.searchable()
        self.automaton = automaton
        self.classes = classes
        self._op = op
        self._start = start
        self._implementation = implementation

    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> AutomatonState:
        """Before the first label."""
        return self._state(self._first(batch, like), lattice_dtype(like.dtype))

    def score(self, state: AutomatonState) -> Tensor:
        """[batch..., classes]: of each label as the next."""
        node, backend = state.node, state.node.backend
        flat = backend.reshape(node.raw, (product(backend.shape(node.raw)),))
        rows = self.automaton.scores(flat, self._place(state.final))
        raw = backend.reshape(rows, (*backend.shape(node.raw), self.classes.size))
        return Tensor(raw, (*node.dims, self.classes), node.lengths_table, backend=backend)

    def advance(self, state: AutomatonState, labels: Tensor) -> AutomatonState:
        """The state after one label more, integers over [batch...]."""
        node, backend = state.node, state.node.backend
        align.check(self._op, labels, *node.dims, name="labels")
        shape = backend.shape(node.raw)
        size = (product(shape),)
        label = backend.reshape(backend.cast(labels.raw_in(node.dims), "int32"), size)
        flat = backend.reshape(node.raw, size)
        target, _ = self.automaton.advance(flat, label, self._place(state.final))
        raw = backend.reshape(target, shape)
        moved = Tensor(raw, node.dims, node.lengths_table, backend=backend)
        return self._state(moved, state.final.dtype)

    def final(self, state: AutomatonState) -> Tensor:
        """[batch...]: of ending here."""
        return state.final

    def _first(self, batch: Sequence[Dim], like: Tensor) -> Tensor:
        return create.full(tuple(batch), self._start, dtype="int32", like=like)

    def _state(self, node: Tensor, dtype: str) -> AutomatonState:
        backend = node.backend
        weights = self.automaton.final_weights(self._place(node, dtype))
        raw = backend.gather(weights, node.raw, 0)
        return AutomatonState(node, Tensor(raw, node.dims, node.lengths_table, backend=backend))

    def _place(self, like: Tensor, dtype: str | None = None) -> Place:
        backend = like.backend
        by_library = self._implementation == "native" or (
            self._implementation is None and native.serves(backend, "automaton_scores", like.raw)
        )
        return Place(backend, like.device, dtype or like.dtype, by_library)


def classes_of(op: str, classes: object) -> int:
    """The size of a dim of classes, which is static."""
    if not isinstance(classes, Dim):
        raise errors.not_a_dim(op, classes)
    if classes.size is None:
        raise errors.size_unknown(op, classes)
    return classes.size
