"""Attention and positions."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from oracles import attention as plain

import seqfront as sf
from cases.dims import PLAIN, RAGGED, TWO_BATCH_DIMS, batch, feature, group, key_time, out, time
from seqfront import Dim
from seqfront.testing import Case, Layout, Spec, normal

_width = Dim("width", 8)
_steps = Dim("steps", 4)
_two = Dim("two", 2)
_Q, _K = normal(batch, time, feature), normal(batch, key_time, feature)
_V = normal(batch, key_time, out)
_X = normal(batch, time, _width)
_FULL = Layout({batch: 3, time: 5, key_time: 6})


def _key_bias() -> Spec:
    """A bias that hides one key from all queries, and all keys from one query."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        bias = rng.standard_normal(shape)
        bias[:, 0] = -math.inf
        bias[1] = -math.inf
        return bias

    return Spec((time, key_time), draw)


def _attend(q: sf.Tensor, k: sf.Tensor, v: sf.Tensor, bias: sf.Tensor | None = None) -> sf.Tensor:
    return sf.dot_attention(q, k, v, feature=feature, axis=key_time, bias=bias)


def _half(q: sf.Tensor, k: sf.Tensor, v: sf.Tensor) -> sf.Tensor:
    return sf.cast(_attend(*(sf.cast(x, "float16") for x in (q, k, v))), "float16")


def _itself(x: sf.Tensor) -> sf.Tensor:
    y = x.rename(time, key_time)
    return sf.dot_attention(x, y, y, feature=feature, axis=key_time, causal=time, scale=0.3)


def _with_bias(q: np.ndarray, k: np.ndarray, v: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return plain.attention(q, k, v, bias=lambda i, j: bias[i, j])


def _several(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Several queries at each time, q [time, group, feature], that share keys and values."""
    return np.stack([plain.attention(q[:, h], k, v) for h in range(q.shape[1])], 1)


DOT = [
    Case(f"dot-attention{name}", call, inputs, layout, covers=("dot_attention",), batch=rows,
         oracle=oracle)
    for name, call, inputs, layout, rows, oracle in [
        ("", _attend, {"q": _Q, "k": _K, "v": _V}, RAGGED, (batch,), plain.attention),
        ("-full", _attend, {"q": _Q, "k": _K, "v": _V}, _FULL, (batch,), plain.attention),
        ("-no-batch", _attend, {"q": normal(time, feature), "k": normal(key_time, feature),
                                "v": normal(key_time, out)}, _FULL, (), plain.attention),
        ("-causal", _itself, {"x": normal(batch, time, feature)}, RAGGED, (batch,),
         lambda x: plain.attention(x, x, x, seen=plain.causal, scale=0.3)),
        ("-bias", _attend, {"q": _Q, "k": _K, "v": _V, "bias": _key_bias()}, RAGGED, (batch,),
         _with_bias),
        ("-several-queries", _attend, {"q": normal(batch, time, group, feature), "k": _K, "v": _V},
         RAGGED, (batch,), _several),
        ("-causal-two-batch-dims", _itself, {"x": normal(batch, time, group, feature)},
         TWO_BATCH_DIMS, (batch, group),
         lambda x: plain.attention(x, x, x, seen=plain.causal, scale=0.3)),
    ]
]  # fmt: skip

HALF = [
    Case(
        "dot-attention-half",
        _half,
        {"q": _Q, "k": _K, "v": _V},
        RAGGED,
        covers=("dot_attention",),
        batch=(batch,),
        oracle=plain.attention,
        no_gradient="gradients in float16 are as coarse as it is",
    )
]

# -- layers ----------------------------------------------------------------------------------------


def _self(m: Any, x: np.ndarray, **options: Any) -> np.ndarray:
    return plain.multi_head(m, x, x, **options)


def positioned(m: Any, x: np.ndarray, seen: Any = lambda i, j: True) -> np.ndarray:
    """Self-attention with the position of the layer."""
    kind = type(m.position).__name__

    def head(q: np.ndarray, k: np.ndarray, v: np.ndarray, h: int) -> np.ndarray:
        table = np.zeros((len(q), len(k)))
        if kind == "RotaryPosition":
            q, k = plain.rotated(q), plain.rotated(k)
        elif kind == "ALiBi":
            table = -plain.alibi_rate(h, 2) * np.abs(
                np.subtract.outer(range(len(q)), range(len(k)))
            )
        elif kind == "RelativePosition":
            table = plain.shaw(m.position, q, len(k))
        elif kind == "TransformerXLPosition":
            table = plain.transformer_xl(m.position, q, k, h)
        return plain.attention(q, k, v, seen=seen, bias=lambda i, j: table[i, j])

    return plain.multi_head(m, x, x, head)


def _stepwise(layer: Any, x: sf.Tensor) -> Any:
    state, ys = None, []
    for i in range(4):
        y, state = layer(sf.gather(x, indices=i, axis=_steps), axis=None, state=state)
        ys.append(y)
    return sf.stack(ys, _steps)


def _in_parts(layer: Any, x: sf.Tensor, z: sf.Tensor) -> Any:
    """A ragged part, and another after it."""
    y, state = layer(x, axis=time)
    return y, layer(z, axis=_steps, state=state)[0]


def _parts(m: Any, x: np.ndarray, z: np.ndarray) -> Any:
    whole = positioned(m, np.concatenate([x, z]), plain.causal)
    return whole[: len(x)], whole[len(x) :]


def _state(m: Any, x: sf.Tensor) -> Any:
    """Keys and values, over dims that do not belong to the one layer."""
    dims = ((m.past, time), (m.heads, _two), (m.feature, feature))
    return tuple(functools.reduce(lambda y, d: y.rename(*d), dims, y) for y in m(x, axis=time)[1])


def _cross(m: Any, x: sf.Tensor, source: sf.Tensor) -> sf.Tensor:
    return m(x, m.project(source, key_time))


SELF = [
    Case(
        f"nn-self-attention{name}",
        lambda m, x: m(x, axis=time),
        {"x": x},
        layout,
        covers=("nn.SelfAttention", "nn.MultiHeadAttention"),
        module=lambda: sf.nn.SelfAttention(_width, 2),
        batch=rows,
        oracle=_self,
    )
    for name, x, layout, rows in [
        ("", _X, RAGGED, (batch,)),
        ("-two-batch-dims", normal(batch, time, group, _width), TWO_BATCH_DIMS, (batch, group)),
        ("-no-batch", normal(time, _width), PLAIN, ()),
    ]
]

CAUSAL = [
    Case(
        "nn-causal-self-attention",
        lambda m, x: m(x, axis=time)[0],
        {"x": _X},
        RAGGED,
        covers=("nn.CausalSelfAttention",),
        module=lambda: sf.nn.CausalSelfAttention(_width, 2, bias=False),
        batch=(batch,),
        oracle=functools.partial(_self, seen=plain.causal),
    ),
    Case(
        "nn-causal-self-attention-state",
        _state,
        {"x": _X},
        RAGGED,
        covers=("nn.CausalSelfAttention", "nn.AttentionState"),
        module=lambda: sf.nn.CausalSelfAttention(_width, 2),
        batch=(batch,),
        oracle=lambda m, x: tuple(plain.linear(p, x).reshape(-1, 2, 4) for p in (m.key, m.value)),
    ),
]

POSITIONS: dict[str, Any] = {
    "none": sf.nn.Position,
    "rotary": sf.nn.RotaryPosition,
    "alibi": sf.nn.ALiBi,
    "relative": functools.partial(sf.nn.RelativePosition, reach=2),
    "transformer-xl": sf.nn.TransformerXLPosition,
}

_COVERED = {
    "none": "nn.Position",
    "rotary": "nn.RotaryPosition",
    "alibi": "nn.ALiBi",
    "relative": "nn.RelativePosition",
    "transformer-xl": "nn.TransformerXLPosition",
}

POSITIONED = [
    Case(
        f"nn-{what}-{name}",
        call,
        inputs,
        RAGGED,
        covers=(_COVERED[name], "nn.AttentionState"),
        module=lambda make=make, kind=kind: make(_width, 2, position=kind),
        batch=(batch,),
        oracle=oracle,
    )
    for name, kind in POSITIONS.items()
    for what, make, call, inputs, oracle in [
        ("self-attention", sf.nn.SelfAttention, lambda m, x: m(x, axis=time), {"x": _X},
         positioned),
        ("attention-step-by-step", sf.nn.CausalSelfAttention, _stepwise,
         {"x": normal(batch, _steps, _width)}, functools.partial(positioned, seen=plain.causal)),
        ("attention-in-parts", sf.nn.CausalSelfAttention, _in_parts,
         {"x": _X, "z": normal(batch, _steps, _width)}, _parts),
    ]
]  # fmt: skip

OTHERS = [
    Case(
        "nn-cross-attention",
        _cross,
        {"x": _X, "source": normal(batch, key_time, feature)},
        RAGGED,
        covers=("nn.CrossAttention", "nn.AttentionState"),
        module=lambda: sf.nn.CrossAttention(_width, 2, source_dim=feature),
        batch=(batch,),
        oracle=plain.multi_head,
    ),
    Case(
        "nn-cross-attention-one-step",
        _cross,
        {"x": normal(batch, _width), "source": normal(batch, key_time, feature)},
        RAGGED,
        covers=("nn.CrossAttention", "nn.AttentionState"),
        module=lambda: sf.nn.CrossAttention(_width, 2, source_dim=feature),
        batch=(batch,),
        oracle=lambda m, x, source: plain.multi_head(m, x[None], source)[0],
    ),
    Case(
        "nn-sinusoidal-position",
        lambda m, x: m(x, axis=time),
        {"x": _X},
        RAGGED,
        covers=("nn.SinusoidalPosition",),
        module=lambda: sf.nn.SinusoidalPosition(_width),
        batch=(batch,),
        oracle=lambda m, x: x + plain.sinusoids(np.arange(len(x)), 8),
    ),
    Case(
        "nn-self-attention-dropout",
        lambda m, x: m(x, axis=time),
        {"x": _X},
        RAGGED,
        covers=("nn.SelfAttention",),
        module=lambda: sf.nn.SelfAttention(_width, 2, dropout=0.5),
        draws=True,
        not_compiled={"torch": "draws are replayed from a context variable, see creating.py"},
        order_matters="draws go to positions in physical order",
        extent_matters="other draws are made for another extent",
    ),
]

CASES = [*DOT, *HALF, *SELF, *CAUSAL, *POSITIONED, *OTHERS]
