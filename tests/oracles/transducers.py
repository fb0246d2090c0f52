"""The transducer family by brute force: every path of a small lattice, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oracles.lattices import log_softmax

Node = tuple[int, int]
Arcs = Callable[[Node], Iterator[tuple[Node, float]]]


def paths(node: Node, goal: Node, arcs: Arcs) -> Iterator[float]:
    """Log weights of all paths from a node to the goal, where a path ends."""
    if node == goal:
        yield 0.0
        return
    for target, weight in arcs(node):
        for rest in paths(target, goal, arcs):
            yield weight + rest


def loss(scores: Sequence[float]) -> float:
    """-log of the sum of what the scores are logs of."""
    high = max(scores, default=-np.inf)
    return np.inf if high == -np.inf else -(high + np.log(sum(np.exp(s - high) for s in scores)))


def hat(logits: np.ndarray, blank: int) -> np.ndarray:
    """A Bernoulli for the blank, and a softmax of the rest for what comes if it does not."""
    emits = 1.0 / (1.0 + np.exp(logits[..., blank]))
    probs = np.empty_like(logits)
    rest = [v for v in range(logits.shape[-1]) if v != blank]
    exped = np.exp(logits[..., rest])
    probs[..., rest] = emits[..., None] * exped / exped.sum(-1, keepdims=True)
    probs[..., blank] = 1.0 - emits
    with np.errstate(divide="ignore"):  # an impossible class
        return np.log(probs)


@dataclass(frozen=True)
class Transducer:
    """Which arcs there are, and what they weigh: one of the family, for one sequence."""

    blank: int = 0
    normalized: bool = False
    topology: str = "regular"
    delay_penalty: float = 0.0
    windows: np.ndarray | None = None
    """[labels, 2]"""
    big_blanks: Mapping[int, int] | None = None
    sigma: float = 0.0
    hat: bool = False
    star: str | None = None
    star_weight: float = 0.0

    def loss(
        self, logits: np.ndarray, labels: np.ndarray, of_labels: np.ndarray | None = None
    ) -> float:
        """logits [time, labels + 1, classes], labels [n]; label arcs may have logits of their own,
        to move them apart from the blanks."""
        end = len(logits), len(labels)
        logp = self.log_probs(logits)
        arcs = self.arcs(logp, labels, logp if of_labels is None else self.log_probs(of_labels))
        scores = list(paths((0, 0), end, arcs))
        if self.star is not None:
            scores = list(self._with_star(logp, end, arcs))
        return loss(scores)

    def log_probs(self, logits: np.ndarray) -> np.ndarray:
        """Of all classes, less sigma."""
        if self.hat:
            return hat(logits, self.blank) - self.sigma
        return (logits if self.normalized else log_softmax(logits)) - self.sigma

    def arcs(self, logp: np.ndarray, labels: np.ndarray, of_labels: np.ndarray) -> Arcs:
        """Out of every node."""
        frames, count = len(logp), len(labels)

        def out(node: Node) -> Iterator[tuple[Node, float]]:
            t, u = node
            if t == frames:
                return
            for symbol, duration in {self.blank: 1, **(self.big_blanks or {})}.items():
                arrives = t + duration
                if arrives < frames or (arrives == frames and u == count):
                    yield (arrives, u), float(logp[t, u, symbol])
            if u < count and self._may_emit(t, u):
                weight = float(of_labels[t, u, labels[u]])
                if self.topology == "constrained":
                    weight += float(of_labels[t, u + 1, self.blank])
                weight += self.delay_penalty * ((frames - 1) / 2 - t)
                yield (t if self.topology == "regular" else t + 1, u + 1), weight

        return out

    def _may_emit(self, t: int, u: int) -> bool:
        return self.windows is None or bool(self.windows[u, 0] <= t <= self.windows[u, 1])

    def _with_star(self, logp: np.ndarray, end: Node, arcs: Arcs) -> Iterator[float]:
        """Paths that may start in any frame, and after the last label may leave from any."""
        frames, count = end
        for first in range(max(frames, 1)):
            into = self.star_weight if first else 0.0
            yield from (into + score for score in paths((first, 0), end, arcs))
            for last in range(first, frames - 1):
                out = self.star_weight
                if self.star == "force_final":
                    out += float(logp[frames - 1, count, self.blank])
                yield from (into + score + out for score in paths((first, 0), (last, count), arcs))


def tdt(
    logits: np.ndarray,
    duration_logits: np.ndarray,
    labels: np.ndarray,
    durations: Sequence[int],
    *,
    blank: int = 0,
    normalized: bool = False,
    sigma: float = 0.0,
) -> float:
    """Token-and-duration transducer: logits [time, labels + 1, classes or durations]. Durations go
    through a softmax even where the logits are log-probs."""
    logp = (logits if normalized else log_softmax(logits)) - sigma
    logq = log_softmax(duration_logits)
    frames, count = len(logits), len(labels)

    def arcs(node: Node) -> Iterator[tuple[Node, float]]:
        t, u = node
        if t == frames:
            return
        for index, duration in enumerate(durations):
            arrives, lasts = t + duration, float(logq[t, u, index])
            ends = arrives == frames and u == count
            if duration > 0 and (arrives < frames or ends):
                yield (arrives, u), float(logp[t, u, blank]) + lasts
            if u < count and arrives < frames:
                yield (arrives, u + 1), float(logp[t, u, labels[u]]) + lasts

    return loss(list(paths((0, 0), (frames, count), arcs)))


def packed(logits: np.ndarray, frames: Sequence[int], labels: Sequence[int]) -> list[np.ndarray]:
    """Cells [cells, classes] of several sequences as [frames, labels + 1, classes] each."""
    found: list[np.ndarray] = []
    first = 0
    for t, u in zip(frames, labels, strict=True):
        found.append(logits[first : first + t * (u + 1)].reshape(t, u + 1, -1))
        first += t * (u + 1)
    return found
