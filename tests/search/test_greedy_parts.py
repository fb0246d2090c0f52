"""Greedy search over frames that come in parts: what the whole gives, on every backend."""

from __future__ import annotations

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends
from seqfront.recipes.streaming import labels_of

batch, time, part = sf.Dim("batch"), sf.Dim("time"), sf.Dim("part")
feature, classes = sf.Dim("feature", 5), sf.Dim("classes", 4)
LENGTHS = np.array([7, 3, 0, 6], np.int32)


@pytest.mark.parametrize("name", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize("size", [1, 3])
def test_parts_give_what_the_whole_gives(name: str, size: int) -> None:
    sf.set_seed(4)
    embedding, hidden = sf.Dim("embedding", 3), sf.Dim("hidden", 6)
    predict = sf.models.LSTMPrediction(classes, embedding, hidden, feature).to_backend(name)
    join = sf.models.Joiner(feature, classes).to_backend(name)
    frames = 2 * np.random.default_rng(0).standard_normal((4, 9, 5)).astype(np.float32)
    convert = backends.get(name).convert

    def search(x: np.ndarray, axis: sf.Dim, there: np.ndarray, state: object) -> object:
        encoded = sf.wrap(convert(x), (batch, axis, feature), {axis: convert(there)})
        return sf.search.greedy_transducer(
            encoded, axis=axis, predict=predict, join=join, classes=classes, blank_index=1,
            state=state,
        )  # fmt: skip

    whole = search(frames[:, :7], time, LENGTHS, None)
    found: list[list[int]] = [[] for _ in LENGTHS]
    state = None
    for start in range(0, 9, size):
        there = np.clip(LENGTHS - start, 0, size).astype(np.int32)
        new = search(frames[:, start : start + size], part, there, state)
        state = new.state
        for row, labels in zip(found, labels_of(new, batch), strict=True):
            row.extend(labels)
    assert found == labels_of(whole, batch)
    assert sum(map(len, found)) > 4
