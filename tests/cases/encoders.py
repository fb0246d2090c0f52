"""The LSTM encoder, and Conformers with BatchNorm or that look back only."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import attention, plain

import seqfront as sf
from cases.attention import positioned
from cases.dims import RAGGED, batch, feature, out, time
from cases.streaming import in_parts, steps
from cases.transformers import ACTIVATIONS, feed_forward
from seqfront import Dim
from seqfront.testing import Case, normal

_X = normal(batch, time, feature)
_hidden = Dim("hidden", 3)


def _lstm(m: Any, x: np.ndarray) -> np.ndarray:
    weights = (m.input_weight.numpy(), m.hidden_weight.numpy(), m.bias.numpy())
    return plain.lstm(x, *weights, np.zeros(3), np.zeros(3))[0]


def _encoded(m: Any, x: np.ndarray) -> np.ndarray:
    for i, (layer, pool) in enumerate(zip(m.layers, m.pooling, strict=True)):
        if isinstance(layer, sf.nn.Bidirectional):
            x = np.concatenate([_lstm(layer.ahead, x), _lstm(layer.back, x[::-1])[::-1]], -1)
        else:
            x = _lstm(layer, x)
        x = plain.pool(x, "max", pool, pool, right=pool - 1)
        if len(m.projections):
            x = attention.linear(m.projections[i], x)
    return x


def _norm(m: Any, x: np.ndarray) -> np.ndarray:
    if isinstance(m, sf.nn.BatchNorm):
        variance = m.running_variance.numpy().astype(np.float64)
        x = (x - m.running_mean.numpy()) / np.sqrt(variance + 1e-5)
    else:
        x = plain.layer_norm(x)
    return x * m.scale.numpy() + m.bias.numpy()


def _convolution(m: Any, x: np.ndarray) -> np.ndarray:
    x = _norm(m.norm, x)
    y = attention.linear(m.value, x) * ACTIVATIONS["sigmoid"](attention.linear(m.gate, x))
    sides = {"left": 2} if m.depthwise.padding == "causal" else {"left": 1, "right": 1}
    y = plain.conv(y, m.depthwise.weight.numpy(), groups=4, **sides)
    y = _norm(m.inner_norm, y + m.depthwise.bias.numpy())
    return attention.linear(m.output, ACTIVATIONS["silu"](y))


def _conformer(m: Any, x: np.ndarray) -> np.ndarray:
    for layer in m.layers:
        x = x + 0.5 * feed_forward(layer.first, _norm(layer.first_norm, x))
        x = x + positioned(layer.attention, _norm(layer.attention_norm, x), attention.causal)
        x = x + _convolution(layer.convolution, x)
        x = _norm(layer.norm, x + 0.5 * feed_forward(layer.second, _norm(layer.second_norm, x)))
    return x


def _parts(m: Any, x: np.ndarray, z: np.ndarray) -> Any:
    y = _conformer(m, np.concatenate([x, z]))
    return y[: len(x)], y[len(x) :]


def _batch_normed() -> sf.nn.Module:
    module = sf.models.ConformerConvolution(feature, window=3, norm="batch")
    norm: Any = module.inner_norm
    norm.running_mean.assign([0.1, -0.2, 0.3, 0.0])
    norm.running_variance.assign([0.5, 1.0, 2.0, 0.1])
    return module


def _causal() -> sf.nn.Module:
    return sf.models.Conformer(feature, layers=1, heads=2, inner=out, window=3, causal=True)


def _onto(m: Any, x: sf.Tensor) -> sf.Tensor:
    return m(x, axis=time)


CASES = [
    Case(
        f"model-{name}",
        call,
        {"x": _X, "z": normal(batch, steps, feature)} if call is in_parts else {"x": _X},
        RAGGED,
        covers=("nn.Module", *covers),
        module=make,
        batch=(batch,),
        oracle=oracle,
        tolerance=4.0,  # float32 through many layers
    )
    for name, call, make, oracle, covers in [
        ("lstm-encoder", _onto,
         lambda: sf.models.LSTMEncoder(feature, _hidden, layers=2, pooling=(2,), projection=out),
         _encoded, ()),
        ("lstm-encoder-one-way", _onto,
         lambda: sf.models.LSTMEncoder(
             feature, _hidden, layers=2, pooling=(3,), bidirectional=False), _encoded, ()),
        ("conformer-convolution-batch-norm", lambda m, x: m.eval()(x, axis=time), _batch_normed,
         _convolution, ("nn.BatchNorm",)),
        ("conformer-causal", _onto, _causal, _conformer, ()),
        ("conformer-causal-in-parts", in_parts, _causal, _parts, ("nn.Stateful",)),
    ]
]  # fmt: skip
