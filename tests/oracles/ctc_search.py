"""CTC search by brute force: every string of symbols, one for each frame, and what it reads."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from oracles.lattices import log_softmax


class Reading(NamedTuple):
    """A label sequence, and what the strings that read it have in common."""

    labels: tuple[int, ...]
    score: float
    """Log-probability of all of them, or of the best."""
    best: float
    """Log-probability of the best one; and in it, of each label:"""
    log_probs: tuple[float, ...]
    """The mean over its frames."""
    start: tuple[int, ...]
    end: tuple[int, ...]


class Run(NamedTuple):
    """Frames in a row of one label."""

    label: int
    start: int
    end: int


def runs(symbols: tuple[int, ...], blank: int) -> list[Run]:
    """The labels that a string of symbols reads."""
    found, at = [], 0
    for symbol, group in itertools.groupby(symbols):
        size = len(list(group))
        if symbol != blank:
            found.append(Run(symbol, at, at + size))
        at += size
    return found


def every_reading(
    logits: np.ndarray, *, blank: int, merge: str = "sum", normalized: bool = False
) -> list[Reading]:
    """All label sequences of logits [time, classes], the most probable first."""
    table = logits.astype(np.float64) if normalized else log_softmax(logits.astype(np.float64))
    strings: dict[tuple[int, ...], list[tuple[float, tuple[int, ...]]]] = {}
    for symbols in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        score = float(sum(table[t, v] for t, v in enumerate(symbols)))
        labels = tuple(run.label for run in runs(symbols, blank))
        strings.setdefault(labels, []).append((score, symbols))
    found = [_reading(labels, ways, table, blank, merge) for labels, ways in strings.items()]
    return sorted(found, key=lambda reading: -reading.score)


def _reading(
    labels: tuple[int, ...],
    ways: list[tuple[float, tuple[int, ...]]],
    table: np.ndarray,
    blank: int,
    merge: str,
) -> Reading:
    best, symbols = max(ways)
    total = float(np.logaddexp.reduce([score for score, _ in ways]))
    said = runs(symbols, blank)
    return Reading(
        labels,
        total if merge == "sum" else best,
        best,
        tuple(float(table[run.start : run.end, run.label].mean()) for run in said),
        tuple(run.start for run in said),
        tuple(run.end for run in said),
    )


def best_path(logits: np.ndarray, *, blank: int, normalized: bool = False) -> Reading:
    """The best symbol of each frame."""
    table = logits.astype(np.float64) if normalized else log_softmax(logits.astype(np.float64))
    symbols = tuple(int(v) for v in table.argmax(1))
    score = float(table.max(1).sum()) if len(table) else 0.0
    return _reading((), [(score, symbols)], table, blank, "max")._replace(
        labels=tuple(run.label for run in runs(symbols, blank))
    )


def textbook(logits: np.ndarray, *, blank: int, beam: int) -> list[tuple[tuple[int, ...], float]]:
    """Prefix beam search as it stands in books: prefixes in a dictionary, the best few kept."""
    none = -np.inf
    found: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, none)}
    for row in log_softmax(logits.astype(np.float64)):
        after: dict[tuple[int, ...], tuple[float, float]] = {}

        def add(
            labels: tuple[int, ...], in_blank: float, in_label: float, to: dict = after
        ) -> None:
            ends = to.get(labels, (none, none))
            to[labels] = (np.logaddexp(ends[0], in_blank), np.logaddexp(ends[1], in_label))

        for labels, (in_blank, in_label) in found.items():
            total = np.logaddexp(in_blank, in_label)
            add(labels, total + row[blank], none)
            for v in range(len(row)):
                if v != blank and labels[-1:] == (v,):
                    add(labels, none, in_label + row[v])
                    add((*labels, v), none, in_blank + row[v])
                elif v != blank:
                    add((*labels, v), none, total + row[v])
        best = sorted(after.items(), key=lambda entry: -np.logaddexp(*entry[1]))
        found = dict(best[:beam])
    return [(labels, float(np.logaddexp(*ends))) for labels, ends in found.items()]
