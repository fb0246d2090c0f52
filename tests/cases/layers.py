"""Layers of `sf.nn`, with the gradients of their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import plain

import seqfront as sf
from cases.dims import PLAIN, RAGGED, TWO_BATCH_DIMS, batch, feature, group, out, time, vocab
from seqfront import Dim
from seqfront.testing import Case, Layout, integers, normal, ragged

_X = normal(batch, time, feature)
_steps = Dim("steps", 4)
_FRAMES = Layout({batch: 3, time: 7}, {time: ragged(batch, [7, 2, 4])})


class _TwoLayers(sf.nn.Module):
    """Modules in a list, one of them twice."""

    def __init__(self) -> None:
        square = sf.nn.Linear(feature, feature.clone())
        self.layers = sf.nn.ModuleList([square, sf.nn.LayerNorm(square.out_dim)])
        self.output = sf.nn.Linear(square.out_dim, out)

    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.output(sf.relu(x))


class _LSTMWithState(sf.nn.Module):
    """An LSTM that starts from learned states."""

    def __init__(self) -> None:
        self.lstm = sf.nn.LSTM(feature, out)
        self.hidden = sf.nn.Parameter((out,), sf.nn.init.Normal())
        self.cell = sf.nn.Parameter((out,), sf.nn.init.Normal())

    def __call__(self, x: sf.Tensor) -> Any:
        zeros = sf.zeros((batch, out), dtype=x.dtype, like=x)
        state = sf.nn.LSTMState(zeros + self.hidden, zeros + self.cell)
        return self.lstm(x, axis=time, state=state)


def _stepwise(lstm: sf.nn.LSTM, x: sf.Tensor) -> Any:
    state, ys = None, []
    for i in range(4):
        y, state = lstm(sf.gather(x, indices=i, axis=_steps), axis=None, state=state)
        ys.append(y)
    return sf.stack(ys, _steps), state


def _weights(lstm: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return lstm.input_weight.numpy(), lstm.hidden_weight.numpy(), lstm.bias.numpy()


def _lstm(model: Any, x: np.ndarray) -> Any:
    return plain.lstm(x, *_weights(model), np.zeros(6), np.zeros(6))


def _linear(m: Any, x: np.ndarray) -> np.ndarray:
    return x @ m.weight.numpy() + (0 if m.bias is None else m.bias.numpy())


def _norm(m: Any, x: np.ndarray) -> np.ndarray:
    return plain.layer_norm(x) * m.scale.numpy() + m.bias.numpy()


def _two_layers(m: Any, x: np.ndarray) -> np.ndarray:
    hidden = _norm(m.layers[1], _linear(m.layers[0], x))
    return _linear(m.output, np.maximum(hidden, 0))


LINEAR = [
    Case(
        f"nn-linear{name}",
        lambda m, x: m(x),
        {"x": normal(*dims)},
        layout,
        covers=("nn.Linear",),
        module=lambda bias=bias: sf.nn.Linear(feature, out, bias=bias),
        batch=rows,
        oracle=_linear,
    )
    for name, bias, dims, layout, rows in [
        ("", True, (batch, time, feature), RAGGED, (batch,)),
        ("-no-bias", False, (batch, time, feature), RAGGED, (batch,)),
        ("-two-batch-dims", True, (group, time, batch, feature), TWO_BATCH_DIMS, (batch, group)),
        ("-vector", True, (feature,), PLAIN, ()),
    ]
]

SIMPLE = [
    Case(
        "nn-embedding",
        lambda m, x: m(x),
        {"x": integers(batch, time, of=vocab)},
        RAGGED,
        covers=("nn.Embedding",),
        module=lambda: sf.nn.Embedding(vocab, feature),
        batch=(batch,),
        oracle=lambda m, x: m.weight.numpy()[x],
    ),
    Case(
        "nn-layer-norm",
        lambda m, x: m(x),
        {"x": _X},
        RAGGED,
        covers=("nn.LayerNorm",),
        module=lambda: sf.nn.LayerNorm(feature),
        batch=(batch,),
        oracle=_norm,
    ),
    Case(
        "nn-layer-norm-of-constant",
        lambda m, x: m(x * 0.0 + 3.0),
        {"x": _X},
        RAGGED,
        covers=("nn.LayerNorm",),
        module=lambda: sf.nn.LayerNorm(feature),
        batch=(batch,),
        oracle=lambda m, x: x * 0,
    ),
    Case(
        "nn-dropout-eval",
        lambda m, x: m.eval()(x),
        {"x": _X},
        RAGGED,
        covers=("nn.Dropout",),
        module=lambda: sf.nn.Dropout(0.5),
        batch=(batch,),
        oracle=lambda m, x: x,
        unsafe_output="the tensor itself",
    ),
    Case(
        "nn-dropout-train",
        lambda m, x: m(x),
        {"x": _X},
        RAGGED,
        covers=("nn.Dropout",),
        module=lambda: sf.nn.Dropout(0.5),
        draws=True,
        not_compiled={"torch": "draws are replayed from a context variable, see creating.py"},
        order_matters="draws go to positions in physical order",
        extent_matters="other draws are made for another extent",
    ),
    Case(
        "nn-sequential",
        lambda m, x: m(x),
        {"x": _X},
        RAGGED,
        covers=("nn.Sequential", "nn.LayerNorm"),
        module=lambda: sf.nn.Sequential(
            sf.nn.LayerNorm(feature), sf.nn.Linear(feature, out), sf.relu
        ),
        batch=(batch,),
        oracle=lambda m, x: np.maximum(_linear(m[1], _norm(m[0], x)), 0),
    ),
    Case(
        "nn-module-list",
        lambda m, x: m(x),
        {"x": _X},
        RAGGED,
        covers=("nn.ModuleList", "nn.Module", "nn.Parameter"),
        module=_TwoLayers,
        batch=(batch,),
        oracle=_two_layers,
    ),
]

LSTM = [
    Case(
        "nn-lstm",
        lambda m, x: m(x, axis=time),
        {"x": _X},
        RAGGED,
        covers=("nn.LSTM", "nn.LSTMState"),
        module=lambda: sf.nn.LSTM(feature, out),
        batch=(batch,),
        oracle=_lstm,
    ),
    Case(
        "nn-lstm-full",
        lambda m, x: m(x, axis=time),
        {"x": _X},
        PLAIN,
        covers=("nn.LSTM",),
        module=lambda: sf.nn.LSTM(feature, out),
        batch=(batch,),
        oracle=_lstm,
    ),
    Case(
        "nn-lstm-two-batch-dims",
        lambda m, x: m(x, axis=time),
        {"x": normal(batch, time, group, feature)},
        TWO_BATCH_DIMS,
        covers=("nn.LSTM",),
        module=lambda: sf.nn.LSTM(feature, out),
        batch=(batch, group),
        oracle=_lstm,
    ),
    Case(
        "nn-lstm-no-batch",
        lambda m, x: m(x, axis=time),
        {"x": normal(time, feature)},
        PLAIN,
        covers=("nn.LSTM",),
        module=lambda: sf.nn.LSTM(feature, out),
        oracle=_lstm,
    ),
    Case(
        "nn-lstm-state",
        lambda m, x: m(x),
        {"x": _X},
        RAGGED,
        covers=("nn.LSTM", "nn.LSTMState"),
        module=_LSTMWithState,
        batch=(batch,),
        oracle=lambda m, x: plain.lstm(x, *_weights(m.lstm), m.hidden.numpy(), m.cell.numpy()),
    ),
    Case(
        "nn-lstm-step-by-step",
        _stepwise,
        {"x": normal(batch, _steps, feature)},
        PLAIN,
        covers=("nn.LSTM",),
        module=lambda: sf.nn.LSTM(feature, out),
        batch=(batch,),
        oracle=_lstm,
    ),
    Case(
        "nn-lstm-in-two-parts",
        lambda m, x: m(x, axis=time, state=m(x, axis=time)[1]),
        {"x": _X},
        RAGGED,
        covers=("nn.LSTM",),
        module=lambda: sf.nn.LSTM(feature, out),
        batch=(batch,),
        oracle=lambda m, x: plain.lstm(x, *_weights(m), *_lstm(m, x)[1:]),
    ),
]

CONV = [
    Case(
        f"nn-conv1d-{name}",
        lambda m, x: m(x, axis=time),
        {"x": _X},
        _FRAMES,
        covers=("nn.Conv1d",),
        module=lambda options=options: sf.nn.Conv1d(feature, out, 3, **options),
        batch=(batch,),
        oracle=lambda m, x, o=oracle: (
            plain.conv(x, m.weight.numpy(), **o) + (0 if m.bias is None else m.bias.numpy())
        ),
    )
    for name, options, oracle in [
        ("valid", {}, {}),
        ("same", {"padding": "same", "bias": False}, {"left": 1, "right": 1}),
        ("stride", {"padding": "same", "stride": 2}, {"left": 1, "right": 1, "stride": 2}),
        ("causal", {"padding": "causal", "dilation": 2}, {"left": 4, "dilation": 2}),
        ("groups", {"groups": 2}, {"groups": 2}),
    ]
]


class _Model(sf.nn.Module):
    """Everything together, as a model is."""

    def __init__(self) -> None:
        self.subsample = sf.nn.Conv1d(feature, out, 3, stride=2, padding="same")
        self.encoder = sf.nn.LSTM(out, Dim("hidden", 5))
        self.norm = sf.nn.LayerNorm(self.encoder.out_dim)
        self.output = sf.nn.Linear(self.encoder.out_dim, vocab)

    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        y, _ = self.encoder(sf.relu(self.subsample(x, axis=time)), axis=time.ceil_div(2))
        return sf.log_softmax(self.output(self.norm(y)), axis=vocab)


MODELS = [
    Case(
        "model-of-layers",
        lambda m, x: m(x),
        {"x": _X},
        _FRAMES,
        covers=("nn.Module",),
        module=_Model,
        batch=(batch,),
        tolerance=4.0,  # float32 through five layers
    )
]

CASES = [*LINEAR, *SIMPLE, *LSTM, *CONV, *MODELS]
