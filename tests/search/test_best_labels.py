"""The best labels of rows of logits: native ops against what is composed, on every backend."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED
from small_transducer import Parts, frames, read, time, wrapped

import seqfront as sf
from seqfront import backends
from seqfront.search.transducer import best_labels, fused_outlook
from seqfront.search.transducer.panels import Panels

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
    frame, node, pair = sf.Dim("frame", 4), sf.Dim("node", 3), sf.Dim("pair", 6)
    with sf.use_backend(name):
        joiner = sf.models.Joiner(joint, vocab, activation=activation)  # pyright: ignore[reportArgumentType]
    b = backends.get(name)
    rng = np.random.default_rng(1)
    source, prediction = (
        sf.wrap(b.convert(rng.standard_normal((n, 11)).astype("float32")), (dim, joint))
        for n, dim in ((4, frame), (3, node))
    )
    at_frame, at_node = np.array([0, 3, 3, 1, 2, 0], np.int32), np.array([0, 2, 1, 1, 0, 2], "i4")
    found = best_labels.joint_best_labels(
        b, source.raw, prediction.raw, joiner, b.convert(at_frame), b.convert(at_node),
        Panels(), blank=2, count=5, temperature=1.5,
    )  # fmt: skip
    rows = joiner(
        sf.gather(source, indices=sf.wrap(b.convert(at_frame), (pair,)), axis=frame),
        sf.gather(prediction, indices=sf.wrap(b.convert(at_node), (pair,)), axis=node),
    )
    wanted = best_labels.composed_best_labels(b, (rows / 1.5).raw_in((pair, vocab)), 2, 5)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(b.to_numpy(ours), b.to_numpy(theirs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize(
    "options", [{}, {"temperature": 1.5, "max_symbols": 2}, {"temperature": 1.7}]
)
def test_a_search_with_and_without(
    name: str, options: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A joiner asked for its best labels only, and for all."""
    classes = sf.Dim("classes", 6)
    parts = Parts(classes, 3, name)
    encoded = wrapped(frames(3, (7, 4)), (7, 4), name)
    searches: list[sf.search.TransducerBeam] = []
    found: list[sf.search.Hypotheses] = []
    for serves in (True, False):
        if not serves:
            monkeypatch.setattr(fused_outlook, "has_native", lambda *_: False)
        search = sf.search.TransducerBeam(
            parts.prediction, parts.joiner, blank_index=2, beam=4, **options
        )
        found.append(search(encoded, axis=time)[0])
        searches.append(search)
    for ours, theirs in zip(read(found[0]), read(found[1]), strict=True):
        assert [one.labels for one in ours] == [one.labels for one in theirs]
        np.testing.assert_allclose([h.score for h in ours], [h.score for h in theirs], rtol=1e-12)
    calls = searches[0].calls
    assert calls == searches[1].calls
    assert calls.joiner >= 7
    assert calls.joiner_rows == calls.joiner * 2 * 4
    assert calls.predictor_rows == calls.predictor * 2 * 4


@pytest.mark.parametrize("name", BACKENDS)
def test_weights_that_change_are_noticed(name: str) -> None:
    """A search keeps them as it reads them best."""
    classes = sf.Dim("classes", 6)
    parts = Parts(classes, 3, name)
    encoded = wrapped(frames(3, (7, 4)), (7, 4), name)

    def search() -> sf.search.TransducerBeam:
        return sf.search.TransducerBeam(parts.prediction, parts.joiner, blank_index=2, beam=4)

    kept = search()
    before = read(kept(encoded, axis=time)[0])
    weight = parts.joiner.output.weight
    weight.assign(1.5 * backends.of(weight.raw).to_numpy(weight.raw))
    after = read(kept(encoded, axis=time)[0])
    assert after == read(search()(encoded, axis=time)[0])
    assert after != before


class _Sharper(sf.models.Joiner):
    """A joiner that gives other logits from the same parameters."""

    def __call__(self, encoded: sf.Tensor, predicted: sf.Tensor) -> sf.Tensor:
        return super().__call__(encoded, predicted) * 3.0


@pytest.mark.parametrize("name", BACKENDS)
def test_a_joiner_of_another_class_is_asked_itself(name: str) -> None:
    sf.set_seed(5)
    joint, vocab, batch, time = (
        sf.Dim("joint", 6), sf.Dim("vocab", 5), sf.Dim("batch"), sf.Dim("time"),
    )  # fmt: skip
    predict = sf.models.LSTMPrediction(vocab, sf.Dim("e", 3), sf.Dim("h", 4), joint)
    predict, joiner = predict.to_backend(name), _Sharper(joint, vocab).to_backend(name)
    raw = np.random.default_rng(1).normal(size=(2, 5, 6)).astype(np.float32)
    x = sf.wrap(backends.get(name).convert(raw), (batch, time, joint))

    def scores(join: Any) -> np.ndarray:
        search = sf.search.TransducerBeam(
            predict, join, blank_index=0, beam=3, classes=vocab, in_dim=joint
        )
        found, _ = search(x, axis=time)
        return found.score.numpy(batch, search.beam_dim)

    np.testing.assert_allclose(scores(joiner), scores(lambda a, b: joiner(a, b)), rtol=1e-6)
