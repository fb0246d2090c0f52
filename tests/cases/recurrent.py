"""Recurrent layers beside the LSTM, both directions, and sequences backwards."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import plain

import seqfront as sf
from cases.dims import PLAIN, RAGGED, TWO_BATCH_DIMS, batch, feature, group, out, time, vocab
from seqfront import Dim
from seqfront.testing import Case, integers, normal

_X = normal(batch, time, feature)
_steps = Dim("steps", 4)
_back = Dim("back", 5)


class _WithState(sf.nn.Module):
    """A GRU that starts from a learned state, with biases that are not zero."""

    def __init__(self) -> None:
        self.gru = sf.nn.GRU(feature, out)
        self.gru.bias = sf.nn.Parameter((out * 3,), sf.nn.init.Normal())
        self.gru.candidate_bias = sf.nn.Parameter((out,), sf.nn.init.Normal())
        self.hidden = sf.nn.Parameter((out,), sf.nn.init.Normal())

    def __call__(self, x: sf.Tensor) -> Any:
        zeros = sf.zeros((batch, out), dtype=x.dtype, like=x)
        return self.gru(x, axis=time, state=sf.nn.GRUState(zeros + self.hidden))


def _stepwise(layer: Any, x: sf.Tensor) -> Any:
    state, ys = None, []
    for i in range(4):
        y, state = layer(sf.gather(x, indices=i, axis=_steps), axis=None, state=state)
        ys.append(y)
    return sf.stack(ys, _steps), state


def _gru(layer: Any, x: np.ndarray, hidden: np.ndarray | None = None) -> Any:
    names = ("input_weight", "hidden_weight", "bias", "candidate_bias")
    start = np.zeros(layer.out_dim.size) if hidden is None else hidden
    return plain.gru(x, *(getattr(layer, name).numpy() for name in names), start)


def _lstm(layer: Any, x: np.ndarray) -> Any:
    weights = (layer.input_weight.numpy(), layer.hidden_weight.numpy(), layer.bias.numpy())
    zeros = np.zeros(layer.out_dim.size)
    return plain.lstm(x, *weights, zeros, zeros)


def _both_ways(oracle: Any) -> Any:
    def run(m: Any, x: np.ndarray) -> Any:
        first, *last = oracle(m.ahead, x)
        second, *start = oracle(m.back, x[::-1])
        return np.concatenate([first, second[::-1]], -1), *last, *start

    return run


def _both(kind: Any) -> Any:
    return lambda: sf.nn.Bidirectional(kind(feature, out), kind(feature, _back))


REVERSE = [
    Case(
        "reverse-labels-two-batch-dims",
        lambda x: sf.reverse(x, axis=time),
        {"x": integers(batch, time, group, of=vocab)},
        TWO_BATCH_DIMS,
        covers=("reverse",),
        batch=(batch, group),
        oracle=lambda x: x[::-1],
        no_gradient="integers",
    ),
]

GRU = [
    Case(
        f"nn-gru{name}",
        lambda m, x: m(x, axis=time),
        {"x": normal(*dims)},
        layout,
        covers=("nn.GRU", "nn.GRUState"),
        module=lambda: sf.nn.GRU(feature, out),
        batch=rows,
        oracle=_gru,
    )
    for name, dims, layout, rows in [
        ("", (batch, time, feature), RAGGED, (batch,)),
        ("-full", (batch, time, feature), PLAIN, (batch,)),
        ("-two-batch-dims", (batch, time, group, feature), TWO_BATCH_DIMS, (batch, group)),
        ("-no-batch", (time, feature), PLAIN, ()),
    ]
]

STATES = [
    Case(
        "nn-gru-state",
        lambda m, x: m(x),
        {"x": _X},
        RAGGED,
        covers=("nn.GRU", "nn.GRUState"),
        module=_WithState,
        batch=(batch,),
        oracle=lambda m, x: _gru(m.gru, x, m.hidden.numpy()),
    ),
    Case(
        "nn-gru-step-by-step",
        _stepwise,
        {"x": normal(batch, _steps, feature)},
        PLAIN,
        covers=("nn.GRU",),
        module=lambda: sf.nn.GRU(feature, out),
        batch=(batch,),
        oracle=_gru,
    ),
    Case(
        "nn-gru-in-two-parts",
        lambda m, x: m(x, axis=time, state=m(x, axis=time)[1]),
        {"x": _X},
        RAGGED,
        covers=("nn.GRU",),
        module=lambda: sf.nn.GRU(feature, out),
        batch=(batch,),
        oracle=lambda m, x: _gru(m, x, _gru(m, x)[1]),
    ),
]

BIDIRECTIONAL = [
    Case(
        f"nn-bidirectional-{name}",
        lambda m, x: m(x, axis=time),
        {"x": _X},
        layout,
        covers=("nn.Bidirectional",),
        module=_both(kind),
        batch=(batch,),
        oracle=_both_ways(oracle),
        extent_matters=why,
    )
    for name, kind, layout, oracle, why in [
        ("lstm", sf.nn.LSTM, RAGGED, _lstm, ""),
        ("gru", sf.nn.GRU, RAGGED, _gru, ""),
        ("full", sf.nn.GRU, PLAIN, _gru, "nothing says which positions are padding"),
    ]
]

CASES = [*REVERSE, *GRU, *STATES, *BIDIRECTIONAL]
