"""Two programs taking turns: how the benchmarks of the frontend measure.

On a machine that others use as well, neither a mean nor a best time of one program says much. So
both run in short rounds, one right after the other and each first in every second round; of each
round there is one ratio, and the median of the ratios is the figure. One thread is measured in
processor time, which others cannot take; two by the clock, as they may wait for each other.
"""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable
from typing import Any, NamedTuple

Call = Callable[[], Any]


class Figures(NamedTuple):
    """Medians over the rounds."""

    ours: float
    """Microseconds for a call of ours."""
    theirs: float
    """Microseconds for a call of theirs."""
    ratio: float
    """The first to the second, in the same round."""


def compare(
    ours: Call, theirs: Call, rounds: int, threads: int = 1, slice_of: float = 0.02
) -> Figures:
    """Medians of `rounds` rounds, in each of which both run for about `slice_of` seconds."""
    timer = time.process_time if threads == 1 else time.perf_counter
    calls = _calls(theirs, slice_of)
    pairs: list[tuple[float, float]] = []
    for i in range(rounds):
        programs = (theirs, ours) if i % 2 else (ours, theirs)
        times = [timeit.timeit(run, number=calls, timer=timer) / calls * 1e6 for run in programs]
        pairs.append((times[1], times[0]) if i % 2 else (times[0], times[1]))
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Figures(a, b, statistics.median(x / y for x, y in pairs))


def _calls(program: Call, slice_of: float) -> int:
    """How many calls fill a slice of time; the first ones, which set things up, do not count."""
    for _ in range(3):
        program()
    return max(1, round(slice_of / min(timeit.repeat(program, number=1, repeat=5))))


def header(peer: str) -> str:
    """The first line of a table."""
    return f"{'':<44}{'seqfront':>11}{peer:>11}{'ratio':>8}"


def line(name: str, figures: Figures) -> str:
    """A line of a table, in microseconds."""
    ours, theirs, ratio = figures
    return f"{name:<44}{ours:11.2f}{theirs:11.2f}{ratio:8.2f}"
