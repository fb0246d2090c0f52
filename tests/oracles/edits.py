"""Edit alignments by brute force: every one of a small pair, one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from oracles.lattices import edit_distance

Ops = tuple[str, ...]


def _alignments(hypothesis: Sequence[int], reference: Sequence[int]) -> Iterator[Ops]:
    """All ways to edit the reference into the hypothesis: "match", "substitute", ... from the
    end to the start; of two ways, the one that takes the earlier op first comes first."""
    if not len(hypothesis) and not len(reference):
        yield ()
        return
    equal = len(hypothesis) and len(reference) and hypothesis[-1] == reference[-1]
    if len(reference):
        for rest in _alignments(hypothesis, reference[:-1]):
            yield ("delete", *rest)
    if len(hypothesis) and len(reference) and not equal:
        for rest in _alignments(hypothesis[:-1], reference[:-1]):
            yield ("substitute", *rest)
    if len(hypothesis):
        for rest in _alignments(hypothesis[:-1], reference):
            yield ("insert", *rest)
    if equal:
        for rest in _alignments(hypothesis[:-1], reference[:-1]):
            yield ("match", *rest)


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens both begin with."""
    count = 0
    while count < min(len(a), len(b)) and a[count] == b[count]:
        count += 1
    return count


def alignment(hypothesis: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, ...]:
    """Substitutions, deletions, insertions, positions of the reference and of the hypothesis."""
    h, r = hypothesis.tolist(), reference.tolist()
    prefix = _common(h, r)
    suffix = _common(h[prefix:][::-1], r[prefix:][::-1])
    middle = h[prefix : len(h) - suffix], r[prefix : len(r) - suffix]
    best = min(_alignments(*middle), key=lambda ops: sum(op != "match" for op in ops))
    ops = ("match",) * suffix + best + ("match",) * prefix
    of_reference, of_hypothesis = np.full(len(r), -1), np.full(len(h), -1)
    i, j = len(r), len(h)
    for op in ops:
        i, j = i - (op != "insert"), j - (op != "delete")
        if op in ("match", "substitute"):
            of_reference[i], of_hypothesis[j] = j, i
    counts = [np.array(best.count(op)) for op in ("substitute", "delete", "insert")]
    return (*counts, of_reference, of_hypothesis)


def completion(hypothesis: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By the definition: continue each prefix with each suffix of the reference."""
    h, r = hypothesis.tolist(), reference.tolist()
    distances = np.array(
        [[edit_distance(h[:i] + r[j:], r) for j in range(len(r) + 1)] for i in range(len(h) + 1)]
    )
    best = np.array([_least(h[:i], r) for i in range(len(h) + 1)])
    return distances == best[:, None], best


def _least(prefix: list[int], reference: list[int]) -> int:
    """The least distance of anything that begins so: some prefix of the reference is matched, and
    what follows it is copied."""
    return min(edit_distance(prefix, reference[:j]) for j in range(len(reference) + 1))
