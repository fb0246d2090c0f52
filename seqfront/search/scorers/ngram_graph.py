"""The automaton of an n-gram model.

A state is a history that the model has n-grams for, or a backoff weight; an arc is an n-gram, and
leads to the longest end of it that is a state. A history fails to the longest end of itself that
is a state: what lies between has neither n-grams nor weights, so that the failures add up to what
the format defines. All of this runs over whole orders at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqfront import errors
from seqfront.search.scorers.arpa import ArpaModel, Order
from seqfront.search.scorers.automaton import Automaton


class Vocabulary(NamedTuple):
    """What words mean to a search."""

    words: Any
    """Numbers of words in the model, and ..."""
    labels: Any
    """... the classes they stand for. A word may stand for several."""
    missing: Any
    """[classes]: of labels that no word stands for."""
    start: int | None
    """The word before the first label."""
    end: int | None
    """The word after the last."""


class _Level(NamedTuple):
    """N-grams of one order that labels can have, sorted by context and last word."""

    key: Any
    """Ascending: (row of the context, one level below) * words + last word."""
    context: Any
    """Row of the context."""
    order: Order


def ngram_graph(model: ArpaModel, vocabulary: Vocabulary) -> tuple[Automaton, int]:
    """The automaton, and the state before the first label."""
    levels = _levels(model, vocabulary)
    histories = _Histories(levels, len(model.words))
    failure, failure_weight = [np.array([-1])], [np.zeros(1)]
    sources: list[Any] = []
    for level, state in zip(levels, histories.states, strict=True):
        kept = state >= 0
        failure.append(histories.longest(level.order.words[kept], 1))
        failure_weight.append(level.order.backoff[kept])
        sources.append(histories.of_contexts(len(sources), level.context))
    failures, weights = np.concatenate(failure), np.concatenate(failure_weight)
    start = vocabulary.start
    first = 0 if start is None else int(histories.longest(np.array([[start]], np.int32), 0)[0])
    arcs = _arcs(levels, sources, histories, vocabulary, len(failures))
    final = _finals(levels, sources, failures, weights, vocabulary.end)
    return Automaton(failure=failures, failure_weight=weights, final=final, **arcs), first


def _levels(model: ArpaModel, vocabulary: Vocabulary) -> list[_Level]:
    ends = [word for word in (vocabulary.start, vocabulary.end) if word is not None]
    said = np.isin(np.arange(len(model.words)), [*vocabulary.words.tolist(), *ends])
    levels: list[_Level] = []
    for number, order in enumerate(model.orders, 1):
        keep = said[order.words].all(1)
        rows = Order(*[values[keep] for values in order])
        context = _rows(levels, rows.words[:, :-1], len(model.words))
        if (context < 0).any():
            raise _wrong(model, rows, int(np.argmax(context < 0)),
                         f"the context of a {number}-gram is missing",
                         f"its first words among the {number - 1}-grams")  # fmt: skip
        key = context * len(model.words) + rows.words[:, -1]
        by_key = np.argsort(key, kind="stable")
        key, rows = key[by_key], Order(*[values[by_key] for values in rows])
        twice = np.flatnonzero(key[1:] == key[:-1])
        if twice.size:
            raise _wrong(model, rows, int(twice[0]) + 1, f"a {number}-gram is there twice",
                         f"{number}-grams that differ")  # fmt: skip
        levels.append(_Level(key, context[by_key], rows))
    return levels


def _wrong(
    model: ArpaModel, rows: Order, row: int, wrong: str, needed: str
) -> errors.CheckpointError:
    words = list(model.words)
    numbers: list[int] = rows.words[row].tolist()
    text = " ".join([words[number] for number in numbers])
    return errors.malformed_arpa(model.file, int(rows.lines[row]), text, wrong, needed)


def _rows(levels: list[_Level], words: Any, count: int) -> Any:
    """Where n-grams of the order that `words` is wide stand in their level; -1: nowhere. The
    n-gram of no words is row 0."""
    row = np.zeros(len(words), np.int64)
    for level, word in zip(levels, words.T, strict=False):
        key = row * count + word
        at = np.minimum(np.searchsorted(level.key, key), max(len(level.key) - 1, 0))
        there = level.key[at] == key if level.key.size else np.zeros(len(key), bool)
        row = np.where((row >= 0) & there, at, -1)
    return row


class _Histories:
    """The n-grams that are states; the empty one is state 0, then come those of each order."""

    def __init__(self, levels: list[_Level], count: int) -> None:
        self.levels, self.count = levels, count
        self.states: list[Any] = []
        number = 1
        for place, level in enumerate(levels):
            wanted = np.zeros(len(level.key), bool)
            if place + 1 < len(levels):
                wanted = level.order.backoff != 0
                wanted[levels[place + 1].context] = True
            self.states.append(np.where(wanted, number + np.cumsum(wanted) - 1, -1))
            number += int(wanted.sum())

    def of_contexts(self, place: int, rows: Any) -> Any:
        """States of contexts of the n-grams of a level."""
        return self.states[place - 1][rows] if place else np.zeros(len(rows), np.int64)

    def longest(self, words: Any, skip: int) -> Any:
        """The longest end of each n-gram, without its first `skip` words, that is a state."""
        found = np.zeros(len(words), np.int64)
        for begin in range(words.shape[1] - 1, skip - 1, -1):
            row = _rows(self.levels, words[:, begin:], self.count)
            states = self.states[words.shape[1] - begin - 1]
            if states.size:
                state = np.where(row >= 0, states[row], -1)
                found = np.where(state >= 0, state, found)
        return found


def _arcs(
    levels: list[_Level],
    sources: list[Any],
    histories: _Histories,
    vocabulary: Vocabulary,
    states: int,
) -> dict[str, Any]:
    """Arcs, sorted by state and label. Those from the root to itself need none."""
    by_word = np.argsort(vocabulary.words, kind="stable")
    words, labels = vocabulary.words[by_word], vocabulary.labels[by_word]
    parts: list[tuple[Any, ...]] = []
    for level, source in zip(levels, sources, strict=True):
        last = level.order.words[:, -1]
        begin = words.searchsorted(last)
        count = words.searchsorted(last, "right") - begin
        row = np.repeat(np.arange(len(last)), count)  # once for each class of its word
        nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        target = histories.longest(level.order.words, 0)
        label = labels[begin[row] + nth]
        parts.append((source[row], label, target[row], level.order.log_prob[row]))
    source, label, target, weight = (np.concatenate(each) for each in zip(*parts, strict=True))
    missing = vocabulary.missing.copy()
    own = (source == 0) & (target == 0)
    missing[label[own]] = weight[own]
    by_state = np.lexsort((label, source))
    by_state = by_state[~own[by_state]]
    counts = np.bincount(source[by_state], minlength=states)
    return {
        "first_arc": np.concatenate([[0], np.cumsum(counts)]),
        "arc_label": label[by_state],
        "arc_target": target[by_state],
        "arc_weight": weight[by_state],
        "missing": missing,
    }


def _finals(
    levels: list[_Level],
    sources: list[Any],
    failure: Any,
    failure_weight: Any,
    end: int | None,
) -> Any:
    """log p(end) after each state."""
    if end is None:
        return np.zeros(len(failure))
    final = np.full(len(failure), np.nan)
    for level, source in zip(levels, sources, strict=True):
        ending = level.order.words[:, -1] == end
        final[source[ending]] = level.order.log_prob[ending]
    for state in np.flatnonzero(np.isnan(final)):  # failures lead to lower numbers
        final[state] = failure_weight[state] + final[failure[state]]
    return final
