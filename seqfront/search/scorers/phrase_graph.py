"""The automaton of phrases to favour: each label of a phrase that was said counts, exactly once.

While a phrase is being said, its labels count in advance, so that a search keeps it; if it goes on
in another way, they are taken back. So a state has to know more than the longest end of the history
that begins a phrase (Aho and Corasick 1975), its *window*: also which labels of the window belong
to phrases that are complete, for those stay when the others are taken back. With "ab" and "bcd",
the b of "abc" is kept whatever follows, that of "xbc" only if d does.

What a history is worth is

    the sum, over the labels before the window, of the bonus that they have for good,
    and over the labels of the window, of that or the bonus of a phrase that it may become;

an arc has the difference of two such sums as its weight. So the sum along any path, and of the
weight of ending there, is what the complete phrases are worth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seqfront.search.scorers.automaton import Automaton

Phrase = tuple[tuple[int, ...], float]
"""Labels, and the bonus of each."""

_NEVER = -math.inf


class _State(NamedTuple):
    """A window, and the bonus that each of its labels has for good."""

    node: int
    kept: tuple[float, ...]
    """-inf: none."""


class _Trie:
    """All beginnings of phrases. Node 0 is the empty one."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self.children: list[dict[int, int]] = [{}]
        self.complete = [_NEVER]
        """Bonus of the phrase that ends at a node; -inf: none does."""
        self.hope = [_NEVER]
        """Greatest bonus of the phrases that a node may become."""
        for labels, bonus in phrases:
            node = 0
            for label in labels:
                self.hope[node] = max(self.hope[node], bonus)
                node = self._child(node, label)
            self.complete[node] = max(self.complete[node], bonus)
        self.longest_end = [0] * len(self.children)
        """The longest proper end of a node that is a node."""
        self.depth = [0] * len(self.children)
        self._connect()

    def _child(self, node: int, label: int) -> int:
        if label not in self.children[node]:
            self.children[node][label] = len(self.children)
            self.children.append({})
            self.complete.append(_NEVER)
            self.hope.append(_NEVER)
        return self.children[node][label]

    def _connect(self) -> None:
        queue = [0]
        for node in queue:
            for label, child in self.children[node].items():
                self.depth[child] = self.depth[node] + 1
                self.longest_end[child] = self._after(node, label)
                queue.append(child)

    def _after(self, node: int, label: int) -> int:
        """The longest proper end of a node that has a child of this label: that child."""
        while node:
            node = self.longest_end[node]
            if label in self.children[node]:
                return self.children[node][label]
        return 0

    def extended(self, state: _State, label: int) -> _State | None:
        """A window after one label more, if that is one, with all phrases that it completes."""
        child = self.children[state.node].get(label)
        if child is None:
            return None
        kept = [*state.kept, _NEVER]
        end = child
        while end:
            for place in range(len(kept) - self.depth[end], len(kept)):
                kept[place] = max(kept[place], self.complete[end])
            end = self.longest_end[end]
        return _State(child, tuple(kept))

    def shortened(self, state: _State) -> _State:
        """The next shorter window."""
        end = self.longest_end[state.node]
        return _State(end, state.kept[len(state.kept) - self.depth[end] :])

    def worth(self, state: _State) -> float:
        """Of the labels of a window."""
        return sum([max(bonus, self.hope[state.node]) for bonus in state.kept])


def _for_good(kept: Sequence[float]) -> float:
    return sum([bonus for bonus in kept if bonus != _NEVER])


class _Row(NamedTuple):
    """A state of the automaton as it is being made."""

    arcs: list[tuple[int, _State, float]]
    failure: _State | None
    failure_weight: float
    final: float


def _rows(trie: _Trie) -> dict[_State, _Row]:
    """All states that labels lead to, shorter windows first."""
    found: dict[_State, _Row] = {}
    waiting = [_State(0, ())]
    for state in waiting:
        if state in found:
            continue
        worth = trie.worth(state)
        arcs: list[tuple[int, _State, float]] = []
        for label in sorted(trie.children[state.node]):
            after = trie.extended(state, label)
            if after is not None:
                arcs.append((label, after, trie.worth(after) - worth))
        failure, paid = None, 0.0
        if state.node:
            failure = trie.shortened(state)
            lost = state.kept[: len(state.kept) - len(failure.kept)]
            paid = _for_good(lost) + trie.worth(failure) - worth
            waiting.append(failure)
        found[state] = _Row(arcs, failure, paid, _for_good(state.kept) - worth)
        waiting += [after for _, after, _ in arcs]
    return dict(sorted(found.items(), key=lambda item: len(item[0].kept)))


def phrase_graph(lists: Sequence[tuple[Phrase, ...]], classes: int) -> tuple[Automaton, list[int]]:
    """One automaton for several lists of phrases, and the root of each list."""
    roots: dict[tuple[Phrase, ...], int] = {}
    columns: dict[str, list[Any]] = {
        name: []
        for name in ("counts", "label", "target", "weight", "failure", "failure_weight", "final")
    }
    for phrases in lists:
        if phrases in roots:
            continue
        root = roots[phrases] = len(columns["failure"])
        rows = _rows(_Trie(phrases))
        number = {state: root + place for place, state in enumerate(rows)}
        for row in rows.values():
            columns["counts"].append(len(row.arcs))
            columns["label"] += [label for label, _, _ in row.arcs]
            columns["target"] += [number[after] for _, after, _ in row.arcs]
            columns["weight"] += [weight for _, _, weight in row.arcs]
            columns["failure"].append(-1 if row.failure is None else number[row.failure])
            columns["failure_weight"].append(row.failure_weight)
            columns["final"].append(row.final)
    automaton = Automaton(
        first_arc=np.concatenate([[0], np.cumsum(columns["counts"])]),
        arc_label=columns["label"],
        arc_target=columns["target"],
        arc_weight=columns["weight"],
        failure=columns["failure"],
        failure_weight=columns["failure_weight"],
        missing=np.zeros(classes),
        final=columns["final"],
    )
    return automaton, [roots[phrases] for phrases in lists]
