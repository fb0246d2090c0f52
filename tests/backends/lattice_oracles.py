"""Losses by enumeration of all alignments, in float64: slow, and nothing of the library in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np


def log_softmax(x: np.ndarray) -> np.ndarray:
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def rnnt(logits: np.ndarray, labels: Sequence[int], blank: int, normalized: bool = False) -> float:
    """-log p(labels | logits [frames, labels + 1, classes]): one term for each monotonic path."""
    frames, positions, _ = logits.shape
    log_probs = logits if normalized else log_softmax(logits)
    if frames == 0:
        return np.inf if labels else 0.0
    scores = []
    steps = frames - 1 + len(labels)  # the last step is the blank that leaves the last frame
    for label_steps in itertools.combinations(range(steps), len(labels)):
        t = u = 0
        score = 0.0
        for step in range(steps):
            if step in label_steps:
                score += log_probs[t, u, labels[u]]
                u += 1
            else:
                score += log_probs[t, u, blank]
                t += 1
        scores.append(score + log_probs[t, u, blank])
    assert positions == len(labels) + 1
    return -float(np.logaddexp.reduce(scores))


def ctc(
    logits: np.ndarray,
    labels: Sequence[int],
    blank: int,
    normalized: bool = False,
    max_approx: bool = False,
    label_loop: bool = True,
) -> float:
    """-log p(labels | logits [frames, classes]): one term for each string of frame classes."""
    frames, classes = logits.shape
    log_probs = logits if normalized else log_softmax(logits)
    scores = [
        sum(log_probs[t, k] for t, k in enumerate(path))
        for path in itertools.product(range(classes), repeat=frames)
        if _collapse(path, blank, label_loop) == list(labels)
    ]
    if not scores:
        return np.inf
    return -float(max(scores) if max_approx else np.logaddexp.reduce(scores))


def _collapse(path: Sequence[int], blank: int, label_loop: bool) -> list[int]:
    if label_loop:
        path = [k for k, _ in itertools.groupby(path)]
    return [k for k in path if k != blank]


def edit_distance(a: Sequence[int], b: Sequence[int]) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(
        edit_distance(a[1:], b) + 1,
        edit_distance(a, b[1:]) + 1,
        edit_distance(a[1:], b[1:]) + (a[0] != b[0]),
    )


def gradient(loss: Callable[[np.ndarray], float], x: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences; zero where the loss is infinite."""
    grad = np.zeros_like(x)
    if not np.isfinite(loss(x)):
        return grad
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        grad[index] = (loss(up) - loss(down)) / (2 * step)
    return grad
