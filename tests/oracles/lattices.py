"""Lattices by brute force: every alignment of a small problem, one after another.

No recurrence, no log-space trick: probabilities of alignments are multiplied, added and logged.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    if not logits.size:
        return logits
    logits = logits.astype(np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def _loss(scores: Sequence[float], max_approx: bool) -> float:
    """-log of the sum over alignments (or of the best one), from their log-probabilities."""
    if not scores:
        return np.inf
    high = max(scores)
    if max_approx or high == -np.inf:
        return -high
    return -(high + np.log(sum(np.exp(score - high) for score in scores)))


def collapse(path: Sequence[int], blank: int, label_loop: bool) -> list[int]:
    """What a CTC path reads: repeats merged (if labels may loop), blanks removed."""
    if label_loop:
        path = [symbol for symbol, _ in itertools.groupby(path)]
    return [symbol for symbol in path if symbol != blank]


def ctc(
    logits: np.ndarray,
    labels: np.ndarray,
    *,
    blank: int,
    normalized: bool = False,
    max_approx: bool = False,
    label_loop: bool = True,
) -> float:
    """logits [time, classes], labels [n]: over all paths of one symbol a frame that read labels."""
    log_probs = logits if normalized else log_softmax(logits)
    symbols = sorted({blank, *map(int, labels)})
    scores = [
        float(sum(log_probs[t, symbol] for t, symbol in enumerate(path)))
        for path in itertools.product(symbols, repeat=len(logits))
        if collapse(path, blank, label_loop) == list(labels)
    ]
    return _loss(scores, max_approx)


def _monotonic(frames: int, labels: int) -> Iterator[tuple[bool, ...]]:
    """Orders of `frames` blanks (True) and `labels` labels (False) that end in a blank."""
    if frames == 0:
        if labels == 0:
            yield ()
        return
    for places in itertools.combinations(range(frames + labels - 1), labels):
        yield tuple(i not in places for i in range(frames + labels))


def rnnt(logits: np.ndarray, labels: np.ndarray, *, blank: int, normalized: bool = False) -> float:
    """logits [time, labels + 1, classes]: over all monotonic walks through the grid."""
    log_probs = logits if normalized else log_softmax(logits)
    scores: list[float] = []
    for walk in _monotonic(len(logits), len(labels)):
        t = u = 0
        score = 0.0
        for is_blank in walk:
            score += float(log_probs[t, u, blank if is_blank else int(labels[u])])
            t, u = (t + 1, u) if is_blank else (t, u + 1)
        scores.append(score)
    return _loss(scores, False)


def edit_distance(a: Sequence[int], b: Sequence[int]) -> int:
    """By its definition, recursively."""
    if not len(a) or not len(b):
        return len(a) + len(b)
    return min(
        edit_distance(a[1:], b) + 1,
        edit_distance(a, b[1:]) + 1,
        edit_distance(a[1:], b[1:]) + int(a[0] != b[0]),
    )
