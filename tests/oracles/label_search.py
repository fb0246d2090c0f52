"""Label-synchronous search by brute force: every sequence of labels, scored as a whole."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

Labels = tuple[int, ...]
Part = Callable[[Labels, bool], float]
"""What one scorer gives a whole sequence: with its end, or as a prefix of others."""


def sequences(labels: Sequence[int], most: int) -> Iterator[Labels]:
    """All sequences of up to `most` labels."""
    for count in range(most + 1):
        yield from itertools.product(labels, repeat=count)


def ranked(
    parts: Mapping[str, tuple[Part, float]],
    labels: Sequence[int],
    *,
    most: int,
    fewest: int = 0,
    length_norm: float = 0.0,
) -> list[tuple[float, Labels, dict[str, float]]]:
    """All sequences that are possible with their ranks and what each scorer gives, best first."""
    found: list[tuple[float, Labels, dict[str, float]]] = []
    for sequence in sequences(labels, most):
        values = {name: part(sequence, True) for name, (part, _) in parts.items()}
        if len(sequence) < fewest or -math.inf in values.values():
            continue
        score = sum(weight * values[name] for name, (_, weight) in parts.items())
        found.append((score / (len(sequence) + 1) ** length_norm, sequence, values))
    return sorted(found, key=lambda item: -item[0])


def pruned(
    parts: Mapping[str, tuple[Part, float]], labels: Sequence[int], *, beam: int, most: int
) -> list[tuple[float, Labels, dict[str, float]]]:
    """What a search with a narrow beam finds: a set of prefixes, and one of those that ended."""
    whole = {item[1]: item for item in ranked(parts, labels, most=most)}

    def score(sequence: Labels) -> float:
        given = [(part(sequence, False), weight) for part, weight in parts.values()]
        dead = any(value == -math.inf for value, _ in given)
        return -math.inf if dead else sum(value * weight for value, weight in given)

    now: list[Labels] = [()]
    ended: list[tuple[float, Labels, dict[str, float]]] = []
    for count in range(most + 1):
        ended += [whole[sequence] for sequence in now if sequence in whole]
        longer = [(*sequence, label) for sequence in now for label in labels if count < most]
        scores = {sequence: score(sequence) for sequence in longer}
        alive = [sequence for sequence in longer if scores[sequence] > -math.inf]
        now = sorted(alive, key=lambda sequence: -scores[sequence])[:beam]
    return sorted(ended, key=lambda item: -item[0])[:beam]


def ctc(log_probs: np.ndarray, blank: int) -> dict[Labels, float]:
    """p(labels) for every sequence of labels: all strings of classes, one for each frame of
    `log_probs` [time, classes], by what they read."""
    found: dict[Labels, float] = defaultdict(float)
    for string in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        changes = [c for i, c in enumerate(string) if i == 0 or string[i - 1] != c]
        read = tuple(c for c in changes if c != blank)
        found[read] += math.exp(sum(row[c] for row, c in zip(log_probs, string, strict=True)))
    return found
