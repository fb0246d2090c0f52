"""The best labels of rows of logits: native ops against what is composed, on every backend."""

from __future__ import annotations

import math

import numpy as np
import pytest
from frameworks import INSTALLED

import seqfront as sf
from seqfront import backends
from seqfront.search import best_labels

BACKENDS = [name for name in ("numpy", "torch", "tensorflow") if name in INSTALLED]


def logits(dtype: str) -> np.ndarray:
    """Normal ones, ties, impossible classes, none possible."""
    x = np.random.default_rng(0).standard_normal((5, 9)).round(1).astype(dtype)
    x[1] = 0.5
    x[2, 3:] = -math.inf
    x[3] = -math.inf
    x[4, 7] = 90.0
    return x


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [1, 4, 12])
def test_native_is_composed(name: str, dtype: str, count: int) -> None:
    b = backends.get(name)
    raw = b.convert(logits(dtype))
    for blank in (0, 5):
        assert best_labels.has_native(b, raw, count)
        found = best_labels.best_labels(b, raw, blank, count)
        wanted = best_labels.composed_best_labels(b, raw, blank, count)
        assert [b.dtype(x) for x in found] == [b.dtype(x) for x in wanted]
        np.testing.assert_array_equal(b.to_numpy(found.labels), b.to_numpy(wanted.labels))
        for ours, theirs in zip(found[:2], wanted[:2], strict=True):
            np.testing.assert_allclose(b.to_numpy(ours), b.to_numpy(theirs), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("activation", ["tanh", "relu", None])
def test_of_a_joiner(name: str, activation: object) -> None:
    joint, vocab = sf.Dim("joint", 11), sf.Dim("vocab", 9)
    frames, nodes, pair = sf.Dim("frames", 4), sf.Dim("nodes", 3), sf.Dim("pair", 6)
    with sf.use_backend(name):
        joiner = sf.models.Joiner(joint, vocab, activation=activation)  # pyright: ignore[reportArgumentType]
    b = backends.get(name)
    rng = np.random.default_rng(1)
    source, prediction = (
        sf.wrap(b.convert(rng.standard_normal((n, 11)).astype("float32")), (dim, joint))
        for n, dim in ((4, frames), (3, nodes))
    )
    at_frame, at_node = np.array([0, 3, 3, 1, 2, 0], np.int32), np.array([0, 2, 1, 1, 0, 2], "i4")
    found = best_labels.joint_best_labels(
        b, source.raw, prediction.raw, joiner, b.convert(at_frame), b.convert(at_node),
        blank=2, count=5, temperature=1.5,
    )  # fmt: skip
    rows = joiner(
        sf.gather(source, indices=sf.wrap(b.convert(at_frame), (pair,)), axis=frames),
        sf.gather(prediction, indices=sf.wrap(b.convert(at_node), (pair,)), axis=nodes),
    )
    wanted = best_labels.composed_best_labels(b, (rows / 1.5).raw_in((pair, vocab)), 2, 5)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(b.to_numpy(ours), b.to_numpy(theirs), rtol=1e-5, atol=1e-5)
