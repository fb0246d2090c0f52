"""A weighted deterministic automaton with failure arcs.

An n-gram language model and a list of phrases to favour are the same thing to a search: a state for
what of the history matters, and for each label a weight and a next state. Few labels have an arc of
their own in a state; the others go on from its failure state, which is a shorter history, and pay
for that (Aho and Corasick 1975; Allauzen, Mohri and Roark 2003). So a model takes as many arcs as
it has n-grams, not states times labels.

    score(state, label) = weight of its arc, if there is one
                        = failure_weight[state] + score(failure[state], label), if not
                        = missing[label] at a root, where it leads to the root itself

The arrays are made once, with NumPy, and moved once to each device. The native library reads them
row by row; the composed form runs in operations of any framework, and gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqfront.backend import Backend, Raw


class Place(NamedTuple):
    """Where an automaton is read, and in what precision."""

    backend: Backend
    device: str
    dtype: str
    """float32 or float64."""
    native: bool
    """By the library, or in operations of the framework."""


class Automaton:
    """States are numbered; a failure leads to a lower number. Arrays that cannot be changed.

    Args:
        first_arc: int [states + 1]: arcs of state s are first_arc[s] .. first_arc[s + 1] - 1.
        arc_label: int [arcs]: ascending within a state.
        arc_target: int [arcs]: the next state.
        arc_weight: float [arcs].
        failure: int [states]: where a label without an arc goes on; -1: here, for it is a root.
        failure_weight: float [states]: what that costs; of a root it is not read.
        missing: float [classes]: of labels without an arc at a root.
        final: float [states]: of ending in a state.
    """

    def __init__(
        self,
        *,
        first_arc: Any,
        arc_label: Any,
        arc_target: Any,
        arc_weight: Any,
        failure: Any,
        failure_weight: Any,
        missing: Any,
        final: Any,
    ) -> None:
        self.first_arc = _kept(first_arc, "int32")
        self.arc_label = _kept(arc_label, "int32")
        self.arc_target = _kept(arc_target, "int32")
        self.arc_weight = _kept(arc_weight, "float64")
        self.failure = _kept(failure, "int32")
        self.failure_weight = _kept(failure_weight, "float64")
        self.missing = _kept(missing, "float64")
        self.final = _kept(final, "float64")
        self.depth = _longest_chain(self.failure)
        """States on the longest way to a root, both counted."""
        self._searched: tuple[Any, ...] | None = None
        self._moved: dict[tuple[str, str, str, str], tuple[Raw, ...]] = {}

    def scores(self, state: Raw, at: Place) -> Raw:
        """[rows, classes]: of all labels from each state, int32 [rows]."""
        backend, classes = at.backend, len(self.missing)
        if at.native:
            tables = self._tables(at)[:-1]
            return backend.native_call("automaton_scores", (state, *tables), {})[0]
        shape = (backend.size(state, 0), classes)
        rows = backend.broadcast_to(backend.expand_dims(state, (1,)), shape)
        labels = backend.broadcast_to(backend.arange(classes, "int32", at.device), shape)
        size = (shape[0] * classes,)
        _, weights = self._walk(backend.reshape(rows, size), backend.reshape(labels, size), at)
        return backend.reshape(weights, shape)

    def advance(self, state: Raw, label: Raw, at: Place) -> tuple[Raw, Raw]:
        """The states after one label each, both int32 [rows], and the weights of these steps."""
        if not at.native:
            return self._walk(state, label, at)
        inputs = (state, label, *self._tables(at))
        target, weight = at.backend.native_call("automaton_advance", inputs, {})
        return target, weight

    def final_weights(self, at: Place) -> Raw:
        """[states]: of ending in them."""
        return self.on_device("final", at, lambda: (self.final,))[0]

    def bounds(self) -> tuple[float, float]:
        """What no score, of a label or of ending, lies below or above; read off state by state."""
        low: list[float] = []
        high: list[float] = []
        missing, final = self.missing.tolist(), self.final.tolist()
        for state, failure in enumerate(self.failure.tolist()):  # which is a lower number
            known = self.arc_weight[self.first_arc[state] : self.first_arc[state + 1]].tolist()
            paid = self.failure_weight[state].item()
            known += [paid + low[failure], paid + high[failure]] if failure >= 0 else missing
            low.append(min(known))
            high.append(max(known))
        return min([*low, *final]), max([*high, *final])

    def _walk(self, state: Raw, label: Raw, at: Place) -> tuple[Raw, Raw]:
        """All rows search for an arc, and fail together, as often as any of them may."""
        backend, binary, where = at.backend, at.backend.binary, at.backend.where
        keys, weights, targets = self._searchable(at)
        _, _, _, failures, failure_weights, missing, _ = self._tables(at)
        paid = found_weight = backend.full((backend.size(state, 0),), 0.0, at.dtype, at.device)
        target, found = state, binary("lt", state, 0)  # which none is
        wide = backend.cast(label, "int64")
        for _ in range(self.depth):
            from_here = binary("mul", backend.cast(state, "int64"), len(self.missing))
            key = binary("add", from_here, wide)
            arc = backend.search_sorted(keys, key, "left")
            hit = binary("eq", backend.gather(keys, arc, 0), key)
            hit = binary("and", hit, backend.unary("not", found))
            weight = binary("add", paid, backend.gather(weights, arc, 0))
            found_weight = where(hit, weight, found_weight)
            target = where(hit, backend.gather(targets, arc, 0), target)
            found = binary("or", found, hit)
            failure = backend.gather(failures, state, 0)
            fails = binary("ge", failure, 0)
            more = binary("add", paid, backend.gather(failure_weights, state, 0))
            paid = where(fails, more, paid)
            state = where(fails, failure, state)
        otherwise = binary("add", paid, backend.gather(missing, label, 0))
        return where(found, target, state), where(found, found_weight, otherwise)

    def _tables(self, at: Place) -> tuple[Raw, ...]:
        """As the native ops take them, in their order."""

        def arrays() -> Sequence[Any]:
            return (
                self.first_arc,
                self.arc_label,
                self.arc_weight,
                self.failure,
                self.failure_weight,
                self.missing,
                self.arc_target,
            )

        return self.on_device("tables", at, arrays)

    def _searchable(self, at: Place) -> tuple[Raw, ...]:
        return self.on_device("searchable", at, self.searchable)

    def searchable(self) -> Sequence[Any]:
        """Arcs by ascending state * classes + label, with weights and targets; at the end stands
        one that nothing is. Made the first time, which cannot be in a graph."""
        if self._searched is None:
            states = np.arange(len(self.failure), dtype=np.int64)
            sources = np.repeat(states, np.diff(self.first_arc))
            keys = np.append(sources * len(self.missing) + self.arc_label, np.iinfo(np.int64).max)
            weights, targets = np.append(self.arc_weight, 0.0), np.append(self.arc_target, 0)
            self._searched = (keys, weights, targets.astype(np.int32))
        return self._searched

    def on_device(
        self, what: str, at: Place, arrays: Callable[[], Sequence[Any]]
    ) -> tuple[Raw, ...]:
        """Arrays on a device, floats in the precision wanted; moved there once."""
        key = (what, at.backend.name, at.device, at.dtype)
        found = self._moved.get(key)
        if found is None:
            backend = at.backend
            raws = [backend.convert(array, None, at.device) for array in arrays()]
            found = tuple(
                [backend.cast(x, at.dtype) if backend.dtype(x) == "float64" else x for x in raws]
            )
            if not backend.is_tracing():  # else they belong to that graph
                self._moved[key] = found
        return found


def _kept(values: Any, dtype: str) -> Any:
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array


def _longest_chain(failure: np.ndarray) -> int:
    """Of states that fail one to the next."""
    depth, state = 0, np.arange(len(failure))
    while state.size:
        depth, state = depth + 1, failure[state]
        state = np.unique(state[state >= 0])
    return depth
