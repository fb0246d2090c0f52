"""Layers that go on from a state: a ragged part and another after it, or step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import attention, plain

import seqfront as sf
from cases.attention import positioned
from cases.dims import RAGGED, batch, feature, out, time
from seqfront import Dim
from seqfront.testing import Case, normal

steps = Dim("steps", 4)
_BOTH = {"x": normal(batch, time, feature), "z": normal(batch, steps, feature)}


def in_parts(m: Any, x: sf.Tensor, z: sf.Tensor, capacity: int | None = None) -> Any:
    state = m.initial_state((batch,), like=x, capacity=capacity)
    y, state = m(x, axis=time, state=state)
    return y, m(z, axis=steps, state=state)[0]


def _by_step(m: Any, z: sf.Tensor, capacity: int | None = None) -> Any:
    state, ys = m.initial_state((batch,), like=z, capacity=capacity), []
    for i in range(4):
        y, state = m(sf.gather(z, indices=i, axis=steps), axis=None, state=state)
        ys.append(y)
    return sf.stack(ys, steps)


def _parts(whole: Any) -> Any:
    def oracle(m: Any, x: np.ndarray, z: np.ndarray) -> Any:
        y = whole(m, np.concatenate([x, z]))
        return y[: len(x)], y[len(x) :]

    return oracle


def _conv(m: Any, x: np.ndarray) -> np.ndarray:
    reach = (m.windows[0].size - 1) * m.dilations[0]
    kernel = m.weight.numpy()
    y = plain.conv(x, kernel, left=reach, dilation=m.dilations[0], groups=m.groups)
    return y + m.bias.numpy()


def _sinusoids(m: Any, x: np.ndarray) -> np.ndarray:
    return x + attention.sinusoids(np.arange(len(x)), 4)


def _sequential(m: Any, x: np.ndarray) -> np.ndarray:
    y = np.maximum(_conv(m[0], x), 0)
    names = ("input_weight", "hidden_weight", "bias", "candidate_bias")
    return plain.gru(y, *(getattr(m[2], n).numpy() for n in names), np.zeros(3))[0]


_hidden = Dim("hidden", 3)

_LAYERS: dict[str, tuple[Any, Any, tuple[str, ...]]] = {
    "conv1d": (
        lambda: sf.nn.Conv1d(feature, out, 2, dilation=2, groups=2, padding="causal"),
        _conv,
        ("nn.Conv1d", "nn.ConvState"),
    ),
    "sinusoids": (
        lambda: sf.nn.SinusoidalPosition(feature),
        _sinusoids,
        ("nn.SinusoidalPosition", "nn.PositionState"),
    ),
    "sequential": (
        lambda: sf.nn.Sequential(
            sf.nn.Conv1d(feature, out, 3, padding="causal"), sf.relu, sf.nn.GRU(out, _hidden)
        ),
        _sequential,
        ("nn.Sequential",),
    ),
}

LAYERS = [
    Case(
        f"nn-{name}-{how}",
        call,
        inputs,
        RAGGED,
        covers=("nn.Stateful", *covers),
        module=module,
        batch=(batch,),
        oracle=_parts(oracle) if how == "in-parts" else oracle,
    )
    for name, (module, oracle, covers) in _LAYERS.items()
    for how, call, inputs in [
        ("in-parts", in_parts, _BOTH),
        ("step-by-step", _by_step, {"z": _BOTH["z"]}),
    ]
]

ROOMS = [
    Case(
        "nn-attention-in-a-room-in-parts",
        lambda m, x, z: in_parts(m, x, z, 12),
        _BOTH,
        RAGGED,
        covers=("nn.CausalSelfAttention", "nn.AttentionCache", "nn.Stateful"),
        module=lambda: sf.nn.CausalSelfAttention(feature, 2, position=sf.nn.RotaryPosition),
        batch=(batch,),
        oracle=_parts(lambda m, x: positioned(m, x, attention.causal)),
    ),
    Case(
        "nn-attention-in-a-room-step-by-step",
        lambda m, z: _by_step(m, z, 4),
        {"z": _BOTH["z"]},
        RAGGED,
        covers=("nn.CausalSelfAttention", "nn.AttentionCache"),
        module=lambda: sf.nn.CausalSelfAttention(feature, 2, position=sf.nn.ALiBi),
        batch=(batch,),
        oracle=lambda m, z: positioned(m, z, attention.causal),
    ),
]

CASES = [*LAYERS, *ROOMS]
