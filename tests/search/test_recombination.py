"""Keys of label sequences, and merging by them: against sequences themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqfront import backends
from seqfront.search.recombination import START, merged, next_key

LABELS = [[(1, 2), (2, 1), (1, 2), (), (1, 2)], [(0,), (0, 0), (), (0,), (3,)]]
SCORES = np.array([[-1.0, -2.0, -0.5, -3.0, -np.inf], [-1.0, -2.0, -np.inf, -1.0, -np.inf]])


def keys(backend: Any) -> Any:
    found = np.full((2, 5), START, np.int64)
    for place in np.ndindex(2, 5):
        key = backend.convert(np.full(1, START, np.int64))
        for label in LABELS[place[0]][place[1]]:
            key = next_key(backend, key, backend.convert(np.array([label], np.int32)))
        found[place] = backend.to_numpy(key)[0]
    return backend.convert(found)


@pytest.mark.parametrize("name", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize("recombine", ["sum", "max", None])
@pytest.mark.parametrize("turned", [False, True])
def test_merged(name: str, recombine: Any, turned: bool) -> None:
    backend = backends.get(name)
    counts = np.array([[len(labels) for labels in row] for row in LABELS], np.int32)
    by = -SCORES if turned else SCORES
    found = merged(
        backend, keys(backend), backend.convert(counts), backend.convert(SCORES), recombine,
        backend.convert(by) if turned else None,
    )  # fmt: skip
    score, kept = backend.to_numpy(found.score), backend.to_numpy(found.kept)
    for row, column in np.ndindex(2, 5):
        same = [
            other for other in range(5)
            if LABELS[row][other] == LABELS[row][column] and np.isfinite(SCORES[row, other])
        ] if recombine else [column]  # fmt: skip
        stays = np.isfinite(SCORES[row, column]) and column == max(same, key=lambda i: by[row, i])
        assert kept[row, column] == stays
        own = SCORES[row, same]
        total = np.logaddexp.reduce(own) if recombine == "sum" else max(own, default=-np.inf)
        assert score[row, column] == (pytest.approx(total) if stays else -np.inf)


def test_keys_tell_sequences_apart() -> None:
    """All of up to five labels of eight, and long ones that differ in one place."""
    backend = backends.get("numpy")
    level = np.array([START], np.int64)
    found = [level]
    for _ in range(5):
        level = next_key(backend, level[:, None], np.arange(8)[None]).ravel()
        found.append(level)
    every = np.concatenate(found)
    assert len(set(every.tolist())) == len(every) == (8**6 - 1) // 7
    rows = np.zeros((200, 200), np.int64) + np.eye(200, dtype=np.int64)
    key = np.full(200, START, np.int64)
    for column in rows.T:
        key = next_key(backend, key, column)
    assert len(set(key.tolist())) == 200
