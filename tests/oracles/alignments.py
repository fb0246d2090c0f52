"""Alignments by brute force: every walk through a small lattice, one after another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from oracles.lattices import log_softmax
from oracles.transducers import Arcs, Node, Transducer

States = tuple[int, ...]


def _ctc_paths(frames: int, labels: Sequence[int], label_loop: bool) -> Iterator[States]:
    """All walks through blank_0, label_0, blank_1, ...: one state for each frame."""
    last = 2 * len(labels)

    def after(state: int) -> list[int]:
        stay = [state] if state % 2 == 0 or label_loop else []
        skip = (
            [state + 2]
            if state % 2
            and state + 2 < last
            and not (label_loop and labels[state // 2] == labels[state // 2 + 1])
            else []
        )
        return [s for s in (*stay, state + 1, *skip) if s <= last]

    walks: list[States] = [(s,) for s in range(min(2, last + 1))] if frames else [()]
    for _ in range(frames - 1):
        walks = [(*walk, s) for walk in walks for s in after(walk[-1])]
    ends = {last, last - 1} - {-1}
    for walk in walks:
        if (walk and walk[-1] in ends) or (not walk and not labels):
            yield walk


def _preference(walk: States) -> tuple[int, ...]:
    """Smaller is better: the blank at the end, and then, going back, the shorter move."""
    if not walk:
        return ()
    moves = [b - a for a, b in itertools.pairwise(walk)][::-1]
    return (walk[-1] % 2, *moves, walk[0])


def _emissions(
    logits: np.ndarray, labels: Sequence[int], blank: int, normalized: bool
) -> np.ndarray:
    """[frames, states]"""
    log_probs = logits if normalized else log_softmax(logits)
    symbols = [blank]
    for label in labels:
        symbols += [label, blank]
    return log_probs[:, symbols]


def ctc_alignment(
    logits: np.ndarray,
    targets: np.ndarray,
    *,
    blank: int,
    normalized: bool = False,
    label_loop: bool = True,
) -> tuple[Any, ...]:
    """score, frame labels, positions, frame scores, starts, ends, label scores."""
    frames, labels = len(logits), targets.tolist()
    emissions = _emissions(logits, labels, blank, normalized)
    walks = {
        walk: float(sum(emissions[t, s] for t, s in enumerate(walk)))
        for walk in _ctc_paths(frames, labels, label_loop)
    }
    positions, frame_scores = np.full(frames, -1), np.zeros(frames)
    starts, ends = np.zeros(len(labels), int), np.zeros(len(labels), int)
    label_scores = np.full(len(labels), -np.inf)
    best = max(walks.values(), default=-np.inf)
    if best > -np.inf:
        walk = min((w for w, score in walks.items() if score == best), key=_preference)
        label_scores[:] = 0
        for t, state in enumerate(walk):
            frame_scores[t] = emissions[t, state]
            if state % 2:
                k = positions[t] = state // 2
                starts[k] = starts[k] if ends[k] else t
                ends[k] = t + 1
                label_scores[k] += emissions[t, state]
    frame_labels = np.array([labels[k] if k >= 0 else blank for k in positions], int)
    return best, frame_labels, positions, frame_scores, starts, ends, label_scores


def ctc_posteriors(
    logits: np.ndarray,
    targets: np.ndarray,
    *,
    blank: int,
    normalized: bool = False,
    label_loop: bool = True,
) -> tuple[Any, np.ndarray, np.ndarray]:
    """log p, posteriors of the blank and of the labels."""
    frames, labels = len(logits), targets.tolist()
    emissions = _emissions(logits, labels, blank, normalized)
    of_blank, of_labels, total = np.zeros(frames), np.zeros((frames, len(labels))), 0.0
    for walk in _ctc_paths(frames, labels, label_loop):
        p = float(np.exp(sum(emissions[t, s] for t, s in enumerate(walk))))
        total += p
        for t, state in enumerate(walk):
            if state % 2:
                of_labels[t, state // 2] += p
            else:
                of_blank[t] += p
    if total == 0:
        return -np.inf, of_blank, of_labels
    return np.log(total), of_blank / total, of_labels / total


Path = tuple[tuple[Node, Node, float], ...]


def _paths(node: Node, goal: Node, arcs: Arcs) -> Iterator[Path]:
    """All paths from a node to the goal, as arcs (from, to, weight)."""
    if node == goal:
        yield ()
        return
    for target, weight in arcs(node):
        for rest in _paths(target, goal, arcs):
            yield ((node, target, weight), *rest)


def _score(path: Path) -> float:
    return float(sum(weight for *_, weight in path))


def _all_paths(variant: Transducer, logits: np.ndarray, targets: np.ndarray) -> list[Path]:
    log_probs = variant.log_probs(logits)
    arcs = variant.arcs(log_probs, targets, log_probs)
    return list(_paths((0, 0), (len(logits), len(targets)), arcs))


def best_path(paths: Sequence[Path], count: int) -> tuple[Any, ...]:
    """score, and of each label frame, duration and score; the paths have different scores."""
    best = max(paths, key=_score, default=())
    score = max(map(_score, paths), default=-np.inf)
    frames, durations = np.full(count, -1), np.zeros(count, int)
    scores = np.full(count, -np.inf)
    for (t, u), (after, v), weight in best if score > -np.inf else ():
        if v == u + 1:
            frames[u], durations[u], scores[u] = t, after - t, weight
    return score, frames, durations, scores


def path_posteriors(paths: Sequence[Path], frames: int, count: int) -> tuple[Any, ...]:
    """log p, posteriors of blanks and of labels."""
    blanks, labels = np.zeros((frames, count + 1)), np.zeros((frames, count))
    weights = [np.exp(_score(path)) for path in paths]
    for path, weight in zip(paths, weights, strict=True):
        for (t, u), (_, v), _ in path:
            (labels if v == u + 1 else blanks)[t, u] += weight
    total = sum(weights)
    if total == 0:
        return -np.inf, blanks, labels
    return np.log(total), blanks / total, labels / total


def rnnt_alignment(variant: Transducer, logits: np.ndarray, targets: np.ndarray) -> tuple[Any, ...]:
    """What `rnnt_alignment` gives."""
    return best_path(_all_paths(variant, logits, targets), len(targets))


def rnnt_posteriors(
    variant: Transducer, logits: np.ndarray, targets: np.ndarray
) -> tuple[Any, ...]:
    """What `rnnt_posteriors` gives."""
    return path_posteriors(_all_paths(variant, logits, targets), len(logits), len(targets))


def tdt_paths(
    logits: np.ndarray,
    duration_logits: np.ndarray,
    targets: np.ndarray,
    durations: Sequence[int],
    *,
    blank: int,
    normalized: bool = False,
    sigma: float = 0.0,
) -> list[Path]:
    """All paths of a token-and-duration transducer."""
    logp = (logits if normalized else log_softmax(logits)) - sigma
    logq = log_softmax(duration_logits)
    end = len(logits), len(targets)

    def arcs(node: Node) -> Iterator[tuple[Node, float]]:
        t, u = node
        for index, duration in enumerate(durations if t < end[0] else ()):
            after = (t + duration, u)
            if duration and (after[0] < end[0] or after == end):
                yield after, float(logp[t, u, blank] + logq[t, u, index])
            if u < end[1] and after[0] < end[0]:
                yield (after[0], u + 1), float(logp[t, u, targets[u]] + logq[t, u, index])

    return list(_paths((0, 0), end, arcs))
