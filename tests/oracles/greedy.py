"""Greedy transducer search, one sequence and one step at a time, as the papers write it down.

Networks are functions of what was said: `logits(frame, labels)` gives the logits of the classes;
with durations, a pair of those and of the durations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Found(NamedTuple):
    """What one sequence says."""

    labels: list[int]
    log_probs: list[float]
    start: list[int]
    end: list[int]
    score: float


def log_softmax(x: Any) -> Any:
    high = x.max()
    return x - high - np.log(np.exp(x - high).sum())


def greedy(
    logits: Callable[[int, list[int]], Any],
    frames: int,
    *,
    blank: int,
    max_symbols: int,
    durations: Sequence[int] | None = None,
    big_blanks: Mapping[int, int] | None = None,
) -> Found:
    """Graves 2012; arXiv:2304.06795 with durations; arXiv:2211.03541 with big blanks."""
    found = Found([], [], [], [], 0.0)
    t = symbols = 0
    score = 0.0
    blanks = {blank: 1, **(big_blanks or {})}
    while t < frames:
        given = logits(t, found.labels)
        classes = log_softmax(given if durations is None else given[0])
        best = int(classes.argmax())
        score += classes[best]
        taken = blanks.get(best, 0)
        if durations is not None:
            lasting = log_softmax(given[1])
            allowed = [i for i, d in enumerate(durations) if d > 0 or best != blank]
            index = max(allowed, key=lambda i: (lasting[i], -i))
            taken = durations[index]
            score += lasting[index]
        if best not in blanks:
            found.labels.append(best)
            found.log_probs.append(float(classes[best]))
            found.start.append(t)
            found.end.append(t + max(taken, 1))
            symbols = symbols + 1 if taken == 0 else 0
            if symbols == max_symbols:
                taken, symbols = 1, 0
        else:
            symbols = 0
        t += taken
    return found._replace(score=float(score))
