"""Feed-forward layers, and the models made of them and of attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from oracles import plain
from oracles.attention import causal, linear, multi_head

import seqfront as sf
from cases.attention import positioned
from cases.dims import RAGGED, batch, feature, key_time, out, time, vocab
from seqfront import Dim
from seqfront.testing import Case, integers, normal

_X = normal(batch, time, feature)

ACTIVATIONS: dict[str, Any] = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf, [float])(x * math.sqrt(0.5))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


def feed_forward(m: Any, x: np.ndarray) -> np.ndarray:
    return linear(m.second, ACTIVATIONS[m.activation](linear(m.first, x)))


def gated(m: Any, x: np.ndarray) -> np.ndarray:
    return linear(m.output, ACTIVATIONS[m.activation](linear(m.gate, x)) * linear(m.value, x))


FEED_FORWARD = [
    Case(
        f"nn-{name}-{activation}",
        lambda m, x: m(x),
        {"x": _X},
        RAGGED,
        covers=(f"nn.{kind.__name__}",),
        module=lambda kind=kind, activation=activation: kind(feature, out, activation=activation),
        batch=(batch,),
        oracle=oracle,
    )
    for name, kind, oracle, names in [
        ("feed-forward", sf.nn.FeedForward, feed_forward, tuple(ACTIVATIONS)),
        ("gated-feed-forward", sf.nn.GatedFeedForward, gated, ("silu", "gelu", "sigmoid")),
    ]
    for activation in names
]


# -- models ----------------------------------------------------------------------------------------


def _norm(m: Any, x: np.ndarray) -> np.ndarray:
    return plain.layer_norm(x) * m.scale.numpy() + m.bias.numpy()


def _encoder_layer(m: Any, x: np.ndarray) -> np.ndarray:
    x = x + positioned(m.attention, _norm(m.attention_norm, x))
    return x + feed_forward(m.feed_forward, _norm(m.feed_forward_norm, x))


def _encoder(m: Any, x: np.ndarray) -> np.ndarray:
    for layer in m.layers:
        x = _encoder_layer(layer, x)
    return _norm(m.norm, x)


def _decoder_layer(m: Any, x: np.ndarray, source: np.ndarray | None) -> np.ndarray:
    x = x + positioned(m.attention, _norm(m.attention_norm, x), causal)
    if source is not None:
        x = x + multi_head(m.source_attention, _norm(m.source_norm, x), source)
    return x + feed_forward(m.feed_forward, _norm(m.feed_forward_norm, x))


def _decoder(m: Any, labels: np.ndarray, source: np.ndarray | None = None) -> np.ndarray:
    x = m.embedding.weight.numpy()[labels]
    for layer in m.layers:
        x = _decoder_layer(layer, x, source)
    return linear(m.output, _norm(m.norm, x))


def _convolution(m: Any, x: np.ndarray) -> np.ndarray:
    x = _norm(m.norm, x)
    y = linear(m.value, x) * ACTIVATIONS["sigmoid"](linear(m.gate, x))
    y = plain.conv(y, m.depthwise.weight.numpy(), left=1, right=1, groups=4)
    y = _norm(m.inner_norm, y + m.depthwise.bias.numpy())
    return linear(m.output, ACTIVATIONS["silu"](y))


def _conformer(m: Any, x: np.ndarray) -> np.ndarray:
    for layer in m.layers:
        x = _conformer_layer(layer, x)
    return x


def _conformer_layer(m: Any, x: np.ndarray) -> np.ndarray:
    x = x + 0.5 * feed_forward(m.first, _norm(m.first_norm, x))
    x = x + positioned(m.attention, _norm(m.attention_norm, x))
    x = x + _convolution(m.convolution, x)
    return _norm(m.norm, x + 0.5 * feed_forward(m.second, _norm(m.second_norm, x)))


def _subsampled(m: Any, x: np.ndarray) -> np.ndarray:
    for layer in m.layers:
        y = plain.conv(x, layer.weight.numpy(), left=1, right=1, stride=2)
        x = np.maximum(y + layer.bias.numpy(), 0)
    return x


def _decode(m: Any, labels: sf.Tensor, source: sf.Tensor) -> sf.Tensor:
    return m(labels, axis=time, source=m.project(source, key_time))[0]


def _decode_by_step(m: Any, labels: sf.Tensor, source: sf.Tensor) -> sf.Tensor:
    projected, state, found = m.project(source, key_time), None, []
    for i in range(3):
        label = sf.gather(labels, indices=i, axis=_steps)
        logits, state = m(label, axis=None, state=state, source=projected)
        found.append(logits)
    return sf.stack(found, _steps)


def _onto(m: Any, x: sf.Tensor) -> sf.Tensor:
    return m(x, axis=time)


_steps = Dim("steps", 3)
_SIZES: dict[str, Any] = {"heads": 2, "inner": out}
_DECODER: dict[str, Any] = {**_SIZES, "layers": 2}
_SOURCE = normal(batch, key_time, out)

MODELS = [
    Case(
        f"model-{name}",
        call,
        inputs,
        RAGGED,
        covers=("nn.Module",),
        module=make,
        batch=(batch,),
        oracle=oracle,
        tolerance=4.0,  # float32 through many layers
    )
    for name, call, inputs, make, oracle in [
        ("transformer-encoder-layer", _onto, {"x": _X},
         lambda: sf.models.TransformerEncoderLayer(feature, **_SIZES), _encoder_layer),
        ("transformer-encoder", _onto, {"x": _X},
         lambda: sf.models.TransformerEncoder(
             feature, layers=2, position=sf.nn.RotaryPosition, **_SIZES), _encoder),
        ("transformer-language", lambda m, labels: m(labels, axis=time)[0],
         {"labels": integers(batch, time, of=vocab)},
         lambda: sf.models.TransformerDecoder(vocab, feature, **_DECODER), _decoder),
        ("transformer-decoder", _decode,
         {"labels": integers(batch, time, of=vocab), "source": _SOURCE},
         lambda: sf.models.TransformerDecoder(vocab, feature, source_dim=out, **_DECODER),
         _decoder),
        ("transformer-decoder-step-by-step", _decode_by_step,
         {"labels": integers(batch, _steps, of=vocab), "source": _SOURCE},
         lambda: sf.models.TransformerDecoder(vocab, feature, source_dim=out, **_DECODER),
         _decoder),
        ("conformer-convolution", _onto, {"x": _X},
         lambda: sf.models.ConformerConvolution(feature, window=3), _convolution),
        ("conformer-layer", _onto, {"x": _X},
         lambda: sf.models.ConformerLayer(feature, window=3, **_SIZES), _conformer_layer),
        ("conformer", _onto, {"x": _X},
         lambda: sf.models.Conformer(feature, layers=2, window=3, **_SIZES), _conformer),
        ("conv-subsampling", _onto, {"x": _X},
         lambda: sf.models.ConvSubsampling(feature, out, factor=4), _subsampled),
    ]
]  # fmt: skip

DEPTHWISE = [
    Case(
        "nn-conv1d-depthwise",
        _onto,
        {"x": _X},
        RAGGED,
        covers=("nn.Conv1d",),
        module=lambda: sf.nn.Conv1d(
            feature, feature, 3, groups=4, stride=2, dilation=2, padding="same", bias=False
        ),
        batch=(batch,),
        oracle=lambda m, x: plain.conv(
            x, m.weight.numpy(), left=2, right=2, stride=2, dilation=2, groups=4
        ),
    )
]

CASES = [*FEED_FORWARD, *MODELS, *DEPTHWISE]
