"""Exact probabilities of n-best lists, and lists in a new order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends

BACKENDS = ["numpy", "torch", "tensorflow"]
batch, beam = sf.Dim("batch"), sf.Dim("beam", 3)
label, time = sf.Dim("label"), sf.Dim("time")
feature, vocab = sf.Dim("feature", 5), sf.Dim("vocab", 4)

LABELS = [[[0, 2, 0], [2, 2, 0], [0, 0, 0]], [[3, 0, 2], [3, 0, 0], [0, 0, 0]]]
COUNTS = [[2, 2, 0], [3, 1, 0]]
FRAMES = [4, 6]
BLANK = 1


def _hypotheses(name: str) -> sf.search.Hypotheses:
    backend = backends.get(name)

    def over_beam(values: Any) -> sf.Tensor:
        return sf.wrap(backend.convert(np.array(values)), (batch, beam))

    counts = np.array(COUNTS, np.int32)

    def over_labels(values: Any) -> sf.Tensor:
        raw = backend.convert(np.array(values))
        lengths = sf.wrap(backend.convert(counts), (batch, beam))
        return sf.wrap(raw, (batch, beam, label), {label: lengths})

    labels = over_labels(np.array(LABELS, np.int32))
    score = over_beam([[-1.0, -2.0, -3.0], [-1.0, -2.0, -np.inf]])
    parts = {"model": score, "lm": over_beam([[-9.0, -1.0, 0.0], [-1.0, -2.0, 0.0]])}
    return sf.search.Hypotheses(
        labels.labels_of(vocab), score, parts, labels * 0.5, labels, labels + 1,
        over_beam([[True] * 3, [True, True, False]]), beam, label,
    )  # fmt: skip


def _raw(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def _wrapped(name: str, raw: Any, dims: Any, **options: Any) -> sf.Tensor:
    return sf.wrap(backends.get(name).convert(raw), dims, **options)


class _Model(sf.nn.Module):
    def __init__(self) -> None:
        sf.set_seed(3)
        small, hidden = sf.Dim("small", 3), sf.Dim("hidden", 4)
        self.predict = sf.models.LSTMPrediction(vocab, small, hidden, feature)
        self.joiner = sf.models.Joiner(feature, vocab)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("plain", [False, True])
def test_transducer_log_probs_are_those_of_the_loss(name: str, plain: bool) -> None:
    model = _Model().to_backend(name)
    raw = _raw(0, 2, 6, 5).astype(np.float32)
    raw[0, 4:] = np.nan
    x = _wrapped(name, raw, (batch, time, feature), lengths={time: FRAMES})
    known: Any = {"classes": vocab, "in_dim": feature} if plain else {}
    join: Any = (lambda a, b: model.joiner(a, b)) if plain else model.joiner
    found = sf.search.transducer_log_probs(
        _hypotheses(name),
        x,
        axis=time,
        predict=model.predict,
        join=join,
        blank_index=BLANK,
        **known,
    )
    for b in range(2):
        for k in range(3):
            if not (b == 1 and k == 2):
                frames, count = FRAMES[b], COUNTS[b][k]
                one = _wrapped(name, raw[b, :frames], (time, feature))
                row = np.array(LABELS[b][k][:count], np.int32)
                single = sf.models.RNNT(_Same(), model.predict, model.joiner).loss(
                    one, _wrapped(name, row, (label,), sparse_dim=vocab), axis=time,
                    targets_axis=label, blank_index=BLANK,
                )  # fmt: skip
                wanted = -single.numpy()
                assert found.numpy(batch, beam)[b, k] == pytest.approx(float(wanted), abs=1e-4)
    assert found.numpy(batch, beam)[1, 2] == -np.inf


class _Same(sf.nn.Module):
    def __call__(self, x: sf.Tensor, *, axis: sf.Dim) -> sf.Tensor:
        return x


@pytest.mark.parametrize("name", BACKENDS)
def test_ctc_log_probs_are_those_of_the_loss(name: str) -> None:
    raw = _raw(1, 2, 6, 4)
    logits = _wrapped(name, raw, (batch, time, vocab), lengths={time: FRAMES})
    found = sf.search.ctc_log_probs(_hypotheses(name), logits, axis=time, blank_index=BLANK)
    for b in range(2):
        for k in range(3):
            row = np.array(LABELS[b][k][: COUNTS[b][k]], np.int32)
            loss = sf.ctc_loss(
                logits=_wrapped(name, raw[b, : FRAMES[b]], (time, vocab)),
                targets=_wrapped(name, row, (label,)), input_spatial_dim=time,
                targets_spatial_dim=label, blank_index=BLANK,
            )  # fmt: skip
            wanted = -float(loss.numpy()) if (b, k) != (1, 2) else -np.inf
            assert found.numpy(batch, beam)[b, k] == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_list_in_the_order_of_new_scores(name: str) -> None:
    exact = sf.wrap(backends.get(name).convert(_raw(2, 2, 3) * 0 + [[-4.0, -3, -1]]), (batch, beam))
    hypotheses = _hypotheses(name).rescored({"exact": exact}, weights={"exact": 1.0, "lm": 0.5})
    score = hypotheses.score.numpy(batch, beam)
    assert score.tolist() == [[-1.0, -3.5, -8.5], [-4.0, -4.5, -np.inf]]
    order = hypotheses.scores["model"].numpy(batch, beam)
    assert order.tolist() == [[-3.0, -2.0, -1.0], [-2.0, -1.0, -np.inf]]
    lengths = hypotheses.labels.lengths(label).numpy(batch, beam)
    assert lengths.tolist() == [[0, 2, 2], [1, 3, 0]]
    assert hypotheses.labels.numpy(batch, beam, label)[1, 1].tolist() == [3, 0, 2]


@pytest.mark.parametrize("name", BACKENDS)
def test_parts_of_the_list(name: str) -> None:
    hypotheses = _hypotheses(name)
    best = hypotheses.best()
    assert best.score.numpy(batch).tolist() == [-1.0, -1.0]
    assert best.labels.lengths(label).numpy(batch).tolist() == [2, 3]
    two = hypotheses.nbest(2)
    assert two.score.numpy(batch, two.beam_dim).tolist() == [[-1.0, -2.0], [-1.0, -2.0]]
    assert hypotheses.nbest(7) is hypotheses
    chances = hypotheses.posterior().numpy(batch, beam)
    wanted = np.exp([[-1.0, -2, -3], [-1, -2, -np.inf]])
    np.testing.assert_allclose(chances, wanted / wanted.sum(1, keepdims=True), rtol=1e-6)
    flat = hypotheses.posterior(temperature=100.0).numpy(batch, beam)
    assert flat[0].max() < 0.34
    assert flat[1, 2] == 0
    nothing = hypotheses._replace(valid=hypotheses.score > 0.0)
    assert (nothing.posterior().numpy() == 0).all()
