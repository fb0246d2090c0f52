"""Transducers and their parts: prediction networks, time reduction, the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import lattices, plain
from oracles.attention import linear
from oracles.emformer import emformer

import seqfront as sf
from cases.dims import RAGGED, batch, feature, out, time, vocab
from cases.transformers import _conformer, feed_forward
from seqfront import Dim
from seqfront.testing import Case, Layout, integers, normal, ragged

_hidden = Dim("hidden", 5)
_steps = Dim("steps", 4)
labels = Dim("labels")

BOTH = Layout(
    {batch: 3, time: 6, labels: 2},
    {time: ragged(batch, [6, 3, 4]), labels: ragged(batch, [2, 0, 1])},
)


def _norm(m: Any, x: np.ndarray) -> np.ndarray:
    return plain.layer_norm(x, m.epsilon) * m.scale.numpy() + m.bias.numpy()


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _lstm(m: Any, x: np.ndarray) -> Any:
    """One step after another: outputs, last hidden and cell."""
    hidden = cell = np.zeros(m.out_dim.size)
    found = np.zeros((len(x), m.out_dim.size))
    for t, frame in enumerate(x):
        gates = frame @ m.input.weight.numpy() + hidden @ m.hidden.weight.numpy()
        i, f, g, o = np.split(_norm(m.gates_norm, gates), 4)
        cell = _norm(m.cell_norm, _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g))
        hidden = found[t] = _sigmoid(o) * np.tanh(cell)
    return found, hidden, cell


def _prediction(m: Any, x: np.ndarray) -> np.ndarray:
    x = _norm(m.embedding_norm, m.embedding.weight.numpy()[x])
    for layer in m.layers:
        x = _lstm(layer, x)[0]
    return _norm(m.norm, linear(m.projection, x))


def _stateless(m: Any, x: np.ndarray) -> np.ndarray:
    embedded = m.embedding.weight.numpy()[x]
    y = plain.conv(embedded, m.window.weight.numpy(), left=m.recent.size) + m.window.bias.numpy()
    return np.maximum(y, 0)


def _reduced(x: np.ndarray, stride: int) -> np.ndarray:
    return x[: len(x) // stride * stride].reshape(len(x) // stride, -1)


def _transcribed(m: Any, x: np.ndarray, context: int = 0) -> np.ndarray:
    reduced = _reduced(linear(m.input, x), m.stride)
    y = emformer(m.encoder, reduced, context // m.stride, feed_forward)
    return _norm(m.norm, linear(m.output, y))


def _logits(m: Any, x: np.ndarray, targets: np.ndarray) -> np.ndarray:
    encoded, predicted = _transcribed(m.transcriber, x), _prediction(m.predictor, targets)
    joint = np.maximum(encoded[:, None] + predicted[None], 0)
    return linear(m.joiner.output, joint)


def _loss(m: Any, x: np.ndarray, targets: np.ndarray) -> np.ndarray:
    logits = _logits(m, x, np.concatenate([[6], targets]))
    return np.array(lattices.rnnt(logits, targets, blank=6))


def _conformer_logits(m: Any, x: np.ndarray, targets: np.ndarray) -> np.ndarray:
    t = m.transcriber
    encoded = _conformer(t.encoder, linear(t.input, _reduced(x, t.stride)))
    encoded = _norm(t.norm, linear(t.output, encoded))
    predicted = _stateless(m.predictor, targets)
    return linear(m.joiner.output, np.tanh(encoded[:, None] + predicted[None]))


def _stepwise(m: Any, x: sf.Tensor) -> Any:
    state, ys = None, []
    for i in range(4):
        y, state = m(sf.gather(x, indices=i, axis=_steps), axis=None, state=state)
        ys.append(y)
    return sf.stack(ys, _steps)


def _in_two_parts(m: Any, x: sf.Tensor) -> sf.Tensor:
    """The second time from where the first ended."""
    return m(x, axis=time, state=m(x, axis=time)[1])[0]


def _model(**options: Any) -> sf.models.RNNT:
    return sf.models.emformer_rnnt_model(
        input_dim=feature, encoding_dim=5, num_symbols=vocab, segment_length=4,
        right_context_length=2, time_reduction_input_dim=3, time_reduction_stride=2,
        transformer_num_heads=2, transformer_ffn_dim=5, transformer_num_layers=1,
        transformer_left_context_length=2, transformer_max_memory_size=1,
        symbol_embedding_dim=4, num_lstm_layers=1, lstm_layer_norm=True, **options,
    )  # fmt: skip


def _conformer_model() -> sf.models.RNNT:
    return sf.models.conformer_rnnt_model(
        input_dim=feature, encoding_dim=5, num_symbols=vocab, time_reduction_stride=2,
        conformer_input_dim=4, conformer_ffn_dim=6, conformer_num_layers=1,
        conformer_num_heads=2, conformer_window=3, symbol_embedding_dim=4,
    )  # fmt: skip


def _predictor() -> sf.models.NormalizedPrediction:
    return sf.models.NormalizedPrediction(vocab, feature, _hidden, out, layers=2, epsilon=1e-3)


def _recent() -> sf.models.StatelessPrediction:
    return sf.models.StatelessPrediction(vocab, feature, out, context=3)


_X = normal(batch, time, feature)
_Y = integers(batch, time, of=vocab)
_BY_STEP = integers(batch, _steps, of=vocab)

CASES = [
    Case(
        f"model-{name}",
        call,
        inputs,
        layout,
        covers=("nn.Module",),
        module=make,
        batch=(batch,),
        oracle=oracle,
        tolerance=4.0,  # float32 through many layers
    )
    for name, call, inputs, layout, make, oracle in [
        ("normalized-lstm", lambda m, x: m(x, axis=time), {"x": _X}, RAGGED,
         lambda: sf.models.NormalizedLSTM(feature, out), _lstm),
        ("normalized-prediction", lambda m, x: m(x, axis=time)[0], {"x": _Y}, RAGGED,
         _predictor, _prediction),
        ("normalized-prediction-step-by-step", _stepwise, {"x": _BY_STEP}, RAGGED,
         _predictor, _prediction),
        ("stateless-prediction", lambda m, x: m(x, axis=time)[0], {"x": _Y}, RAGGED,
         _recent, _stateless),
        ("stateless-prediction-step-by-step", _stepwise, {"x": _BY_STEP}, RAGGED,
         _recent, _stateless),
        ("stateless-prediction-in-two-parts", _in_two_parts, {"x": _Y}, RAGGED, _recent,
         lambda m, x: _stateless(m, np.concatenate([x, x]))[len(x) :]),
        ("emformer-transcriber",
         lambda m, x: m.transcribe(x, axis=time, context=2).rename(m.joiner.output.in_dim, _hidden),
         {"x": _X}, BOTH, _model,
         lambda m, x: _transcribed(m.transcriber, x, 2)),
        ("emformer-rnnt-loss",
         lambda m, x, y: m.loss(x, y, axis=time, targets_axis=labels, blank_index=6),
         {"x": _X, "y": integers(batch, labels, of=vocab, high=6)}, BOTH, _model, _loss),
        ("conformer-rnnt",
         lambda m, x, y: m(x, y, axis=time, targets_axis=labels),
         {"x": _X, "y": integers(batch, labels, of=vocab)}, BOTH, _conformer_model,
         _conformer_logits),
    ]
]  # fmt: skip
