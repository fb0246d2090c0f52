"""Greedy transducer search: against a plain loop over single sequences, on every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends

FEATURES, CLASSES = 5, 4
batch, time = sf.Dim("batch"), sf.Dim("time")
feature, classes = sf.Dim("feature", FEATURES), sf.Dim("classes", CLASSES)


class _Parts(sf.nn.Module):
    def __init__(self) -> None:
        sf.set_seed(4)
        embedding, hidden = sf.Dim("embedding", 3), sf.Dim("hidden", 6)
        self.prediction = sf.models.LSTMPrediction(classes, embedding, hidden, feature)
        self.joiner = sf.models.Joiner(feature, classes)


def _search(name: str, encoded: Any, lengths: Any, blank: int, max_symbols: int) -> Any:
    parts = _Parts().to_backend(name)
    raw = backends.get(name).convert(encoded)
    x = sf.wrap(raw, (batch, time, feature), {time: lengths})
    transcript = sf.search.greedy_transducer(
        x, axis=time, predict=parts.prediction, join=parts.joiner, classes=classes,
        blank_index=blank, max_symbols=max_symbols,
    )  # fmt: skip
    counts = transcript.labels.lengths(transcript.label_dim).numpy()
    pairs = zip(
        transcript.labels.numpy(batch, transcript.label_dim),
        transcript.frames.numpy(batch, transcript.label_dim),
        counts,
        strict=True,
    )
    return [list(zip(a[:n].tolist(), b[:n].tolist(), strict=True)) for a, b, n in pairs]


def _by_hand(encoded: Any, length: int, blank: int, max_symbols: int) -> list[tuple[int, int]]:
    """One sequence in plain NumPy, from the definition."""
    p = {name: value.numpy() for name, value in _Parts().named_parameters().items()}

    def sigmoid(x: Any) -> Any:
        return 1.0 / (1.0 + np.exp(-x))

    def step(label: int, h: Any, c: Any) -> Any:
        gates = (
            p["prediction.embedding.weight"][label] @ p["prediction.lstm.input_weight"]
            + p["prediction.lstm.bias"] + h @ p["prediction.lstm.hidden_weight"]
        )  # fmt: skip
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out = h @ p["prediction.projection.weight"] + p["prediction.projection.bias"]
        return out, h, c

    zeros = np.zeros(6, np.float32)
    predicted, h, c = step(blank, zeros, zeros)
    found: list[tuple[int, int]] = []
    for frame in range(length):
        for _ in range(max_symbols):
            joint = np.tanh(encoded[frame] + predicted)
            best = int(np.argmax(joint @ p["joiner.output.weight"] + p["joiner.output.bias"]))
            if best == blank:
                break
            found.append((best, frame))
            predicted, h, c = step(best, h, c)
    return found


@pytest.mark.parametrize("name", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize(("blank", "max_symbols"), [(0, 1), (3, 2), (1, 4)])
def test_batch_equals_single_sequences(name: str, blank: int, max_symbols: int) -> None:
    rng = np.random.default_rng(blank)
    lengths = [6, 3, 0, 5]
    encoded = (3 * rng.standard_normal((4, 7, FEATURES))).astype(np.float32)
    for row, length in enumerate(lengths):
        encoded[row, length:] = np.nan
    found = _search(name, encoded, lengths, blank, max_symbols)
    expected = [_by_hand(encoded[i], n, blank, max_symbols) for i, n in enumerate(lengths)]
    assert found == expected
    assert any(found)
