"""Pruned transducer training by brute force, one sequence at a time.

Alignments are listed one after another, as lists of arcs (frame, position, is it a blank).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from oracles.lattices import log_softmax

Arc = tuple[int, int, bool]


def alignments(frames: int, labels: int, topology: str) -> Iterator[list[Arc]]:
    """All alignments; "modified": one symbol a frame."""
    if topology == "modified":
        for places in itertools.combinations(range(frames), labels):
            symbols = [t not in places for t in range(frames)]
            yield _arcs(symbols, True)
    elif frames == 0:
        yield from [[]] if labels == 0 else []
    else:
        for places in itertools.combinations(range(frames + labels - 1), labels):
            yield _arcs([i not in places for i in range(frames + labels)], False)


def _arcs(symbols: list[bool], one_a_frame: bool) -> list[Arc]:
    t = u = 0
    arcs: list[Arc] = []
    for is_blank in symbols:
        arcs.append((t, u, is_blank))
        t, u = t + int(is_blank or one_a_frame), u + int(not is_blank)
    return arcs


def arc_scores(
    source: np.ndarray,
    prediction: np.ndarray,
    *,
    lm_only: float = 0.0,
    am_only: float = 0.0,
) -> np.ndarray:
    """Smoothed log-probs [frames, labels + 1, classes] of the simple joiner."""
    lm_only, am_only = float(np.float32(lm_only)), float(np.float32(am_only))
    source, prediction = source.astype(np.float64), prediction.astype(np.float64)
    frames, positions = len(source), len(prediction)
    shape = (frames, positions, source.shape[1])
    scores = (1 - lm_only - am_only) * log_softmax(source[:, None] + prediction[None])
    if lm_only:
        scores = scores + lm_only * np.broadcast_to(log_softmax(prediction)[None], shape)
    if am_only:
        unigram = np.log(np.exp(log_softmax(prediction)).mean(0))
        scores = scores + am_only * np.broadcast_to(log_softmax(source + unigram)[:, None], shape)
    return scores


def path_scores(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    blank: int,
    topology: str = "regular",
    delay_penalty: float = 0.0,
    starts: np.ndarray | None = None,
) -> list[tuple[float, list[Arc]]]:
    """(log-prob, alignment) of each alignment. With `starts` the scores [frames, band, classes]
    are those of a band, and alignments that leave it are left out."""
    frames, band = scores.shape[:2]
    penalty = float(np.float32(delay_penalty))
    first = np.zeros(frames, int) if starts is None else starts
    found: list[tuple[float, list[Arc]]] = []
    for arcs in alignments(frames, len(labels), topology):
        places = [u - first[t] for t, u, _ in arcs]
        if any(not 0 <= place < band for place in places):
            continue
        total = 0.0
        for place, (t, u, is_blank) in zip(places, arcs, strict=True):
            total += float(scores[t, place, blank if is_blank else int(labels[u])])
            total += 0.0 if is_blank else penalty * ((frames - 1) / 2 - t)
        found.append((total, arcs))
    return found


def loss(paths: list[tuple[float, list[Arc]]]) -> float:
    """-log of the sum of the probabilities of alignments."""
    if not paths:
        return np.inf
    scores = np.array([score for score, _ in paths])
    high = scores.max()
    return float(-(high + np.log(np.exp(scores - high).sum())))


def bounds(
    paths: list[tuple[float, list[Arc]]], frames: int, labels: int, band: int, topology: str
) -> np.ndarray:
    """First position of the band of each frame, in the steps of the paper."""
    windows = max(1, labels + 2 - band)
    step = 1 if topology == "modified" and labels else band - 1
    score = np.zeros((frames, windows))
    total = -loss(paths)
    for log_prob, arcs in paths:
        probability = np.exp(log_prob - total)
        for t, u, is_blank in arcs:
            for r in range(windows):
                leaves = r <= u < r + band and (is_blank or topology == "modified")
                enters = u == r - 1 and not is_blank and topology == "regular"
                score[t, r] += probability * (int(leaves) - int(enters))
    best = score.argmax(1)
    best[frames - 1 :] = windows - 1
    best = np.minimum.accumulate(best[::-1])[::-1]  # never falls
    slack = np.arange(frames) * step - best  # never falls, if no step is too large
    slack = np.maximum(np.minimum.accumulate(slack[::-1])[::-1], 0)
    return np.arange(frames) * step - slack
