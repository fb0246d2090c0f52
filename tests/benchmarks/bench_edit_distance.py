"""Speed of edit distance and alignment, beside rapidfuzz, in one run.

    python tests/benchmarks/bench_edit_distance.py [--threads N]

Pairs of equal length, a tenth of the tokens replaced, or all of them. Rounds go over all in turn,
so that a busy machine slows both; what is printed is the best time of each, and the ratio of these.
rapidfuzz gets text, which suits it best; with many symbols it gets lists of integers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from seqfront import backends, native

CASES = [(256, 100, 20), (64, 1000, 10), (10, 10_000, 5), (10, 100_000, 1)]
"""Pairs, length, rounds."""


def _pairs(count: int, size: int, symbols: int, replaced: float) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    a = rng.integers(0, symbols, (count, size)).astype(np.int32)
    noise = rng.integers(0, symbols, (count, size)).astype(np.int32)
    return a, np.where(rng.random((count, size)) < replaced, noise, a)


def _text(rows: Any) -> list[str]:
    return ["".join(map(chr, row + 0x4E00)) for row in rows]


def _best(functions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    best = dict.fromkeys(functions, float("inf"))
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def measure(count: int, size: int, rounds: int, symbols: int, replaced: float) -> None:
    """One line."""
    numpy = backends.get("numpy")
    a, b = _pairs(count, size, symbols, replaced)
    lengths = np.full(count, size, np.int32)
    texts = _text(a), _text(b)
    workers = native.library().default_threads()
    functions: dict[str, Callable[[], Any]] = {
        "distance": lambda: numpy.native_call("edit_distance", (a, lengths, b, lengths), {})[0],
        "cpdist": lambda: process.cpdist(*texts, scorer=Levenshtein.distance, workers=workers),
    }
    if size <= 10_000:
        functions["alignment"] = lambda: numpy.native_call(
            "edit_alignment", (b, lengths, a, lengths), {}
        )
        functions["editops"] = lambda: [Levenshtein.editops(*pair) for pair in zip(*texts)]  # noqa: B905
    assert (functions["distance"]() == functions["cpdist"]()).all()
    best = _best(functions, rounds)
    line = f"{count:4} x {size:6}, {symbols:4} symbols, {replaced:4.0%} replaced:"
    line += f"  distance {best['distance'] * 1e3:9.3f} ms"
    line += f"  rapidfuzz / ours {best['cpdist'] / best['distance']:5.2f}"
    if "alignment" in best:
        line += f"   alignment {best['alignment'] * 1e3:8.3f} ms"
        line += f"  editops / ours {best['editops'] / best['alignment']:5.2f}"
    print(line)


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=native.library().default_threads())
    native.library().set_default_threads(parser.parse_args().threads)
    print(f"{native.library().isa()}, {native.library().default_threads()} threads")
    for count, size, rounds in CASES:
        for symbols in (30, 1000):
            for replaced in (0.1, 1.0):
                measure(count, size, rounds, symbols, replaced)


if __name__ == "__main__":
    main()
