"""Learning rates: plain functions of the number of updates done, from 0.

rate = sf.training.warmup(sf.training.cosine(3e-3, 100_000), 1000)
rate(0), rate(1000)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

from seqfront import errors

Schedule: TypeAlias = Callable[[int], float]
"""Learning rate by step, from 0."""


def constant(rate: float) -> Schedule:
    """Always the same."""
    return lambda step: rate


def cosine(peak: float, total: int, *, floor: float = 0.0) -> Schedule:
    """From `peak` down to `floor` along half a cosine, then `floor` (Loshchilov & Hutter 2017)."""
    _positive("cosine", "total", total)

    def rate(step: int) -> float:
        done = min(1.0, step / total)
        return floor + (peak - floor) * 0.5 * (1.0 + math.cos(math.pi * done))

    return rate


def inverse_square_root(peak: float, steps: int) -> Schedule:
    """Linearly up to `peak` in so many steps, then as 1 / sqrt(step) (Vaswani et al. 2017, §5.3).

    Their factor d^-0.5 is part of `peak`: it is (d * steps)^-0.5 there.
    """
    _positive("inverse_square_root", "steps", steps)

    def rate(step: int) -> float:
        number = step + 1
        return peak * min(number / steps, math.sqrt(steps / number))

    return rate


def piecewise(pieces: Sequence[tuple[int, float]]) -> Schedule:
    """Constant in pieces.

    Args:
        pieces: Pairs (first step, rate) in ascending order; the first one starts at step 0.

    Example:
        >>> import seqfront as sf
        >>> rate = sf.training.piecewise([(0, 0.1), (1000, 0.01)])
        >>> rate(999), rate(1000)
        (0.1, 0.01)
    """
    starts = [start for start, _ in pieces]
    if not starts or starts[0] != 0 or any(b <= a for a, b in pairwise(starts)):
        needed = "pairs (first step, rate), ascending, from step 0"
        fix = "piecewise([(0, 1e-3), (10_000, 1e-4)])."
        raise errors.bad_argument("piecewise", "pieces", pieces, needed, fix)
    return lambda step: [rate for start, rate in pieces if start <= step][-1]


def warmup(schedule: Schedule, steps: int) -> Schedule:
    """Linearly up to `schedule(0)` in so many steps, then the schedule, from its own step 0.

    Example:
        >>> import seqfront as sf
        >>> rate = sf.training.warmup(sf.training.constant(1.0), 4)
        >>> [rate(step) for step in range(6)]
        [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    if not isinstance(steps, int) or steps < 0:  # pyright: ignore[reportUnnecessaryIsInstance]
        fix = "0 is no warm-up."
        raise errors.bad_argument("warmup", "steps", steps, "an int of at least 0", fix)

    def rate(step: int) -> float:
        return schedule(0) * (step + 1) / steps if step < steps else schedule(step - steps)

    return rate


def warmup_cosine(peak: float, warmup_steps: int, total: int) -> Schedule:
    """Linearly up to `peak`, then down to zero along a cosine (Loshchilov & Hutter 2017), so that
    step `total` has rate 0."""
    return warmup(cosine(peak, max(1, total - warmup_steps)), warmup_steps)


def _positive(op: str, name: str, value: object) -> None:
    if type(value) is not int or value < 1:
        fix = f"{name} counts updates."
        raise errors.bad_argument(op, name, value, "an int of at least 1", fix)
