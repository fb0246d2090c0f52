"""Feed-forward layers, and the models made of them and of attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from oracles.attention import linear

import seqfront as sf
from cases.dims import RAGGED, batch, feature, out, time
from seqfront.testing import Case, normal

_X = normal(batch, time, feature)

ACTIVATIONS: dict[str, Any] = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x * math.sqrt(0.5))),
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

CASES = [*FEED_FORWARD]
