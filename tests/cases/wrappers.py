"""Layers around layers, modules by name, and masks on spectrograms."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import plain

import seqfront as sf
from cases.dims import RAGGED, TWO_BATCH_DIMS, batch, feature, group, out, time, vocab
from seqfront.testing import Case, normal

_X = normal(batch, time, feature)
_DRAWS = "draws are replayed from a context variable, see creating.py"


class _Heads(sf.nn.Module):
    def __init__(self) -> None:
        self.heads = sf.nn.ModuleDict({"out": sf.nn.Linear(feature, out)})
        self.heads["vocab"] = sf.nn.Linear(feature, vocab, bias=False)

    def __call__(self, x: sf.Tensor) -> Any:
        return tuple(head(x) for _, head in self.heads.items())


def _heads(m: Any, x: np.ndarray) -> Any:
    first, second = m.heads["out"], m.heads["vocab"]
    return x @ first.weight.numpy() + first.bias.numpy(), x @ second.weight.numpy()


class _Rescaled(sf.nn.Module):
    """Weight normalisation with magnitudes that are not the norms any more."""

    def __init__(self) -> None:
        self.norm = sf.nn.WeightNorm(sf.nn.Linear(feature, out), out)
        self.norm.magnitude.assign(np.arange(1.0, 7.0))

    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        return self.norm(x)


def _rescaled(m: Any, x: np.ndarray) -> np.ndarray:
    v, g = m.norm.layer.weight.numpy(), m.norm.magnitude.numpy()
    return x @ (v * g / np.sqrt((v**2).sum(0))) + m.norm.layer.bias.numpy()


def _lstm(m: Any, x: np.ndarray) -> Any:
    w = m.layer
    weights = (w.input_weight.numpy(), w.hidden_weight.numpy(), w.bias.numpy())
    return plain.lstm(x, *weights, np.zeros(6), np.zeros(6))


LAYERS = [
    Case(
        "nn-module-dict",
        lambda m, x: m(x),
        {"x": _X},
        RAGGED,
        covers=("nn.ModuleDict",),
        module=_Heads,
        batch=(batch,),
        oracle=_heads,
    ),
    Case(
        "nn-weight-norm",
        lambda m, x: m(x),
        {"x": _X},
        RAGGED,
        covers=("nn.WeightNorm",),
        module=_Rescaled,
        batch=(batch,),
        oracle=_rescaled,
    ),
    Case(
        "nn-weight-dropout-eval",
        lambda m, x: m.eval()(x, axis=time),
        {"x": _X},
        RAGGED,
        covers=("nn.WeightDropout",),
        module=lambda: sf.nn.WeightDropout(sf.nn.LSTM(feature, out), 0.5),
        batch=(batch,),
        oracle=_lstm,
    ),
    Case(
        "nn-weight-dropout-train",
        lambda m, x: m(x, axis=time),
        {"x": _X},
        RAGGED,
        covers=("nn.WeightDropout",),
        module=lambda: sf.nn.WeightDropout(sf.nn.GRU(feature, out), 0.5),
        draws=True,
        not_compiled={"torch": _DRAWS},
    ),
]

SPEC_AUGMENT = [
    Case(
        "nn-spec-augment-eval",
        lambda m, x: m.eval()(x, axis=time),
        {"x": _X},
        RAGGED,
        covers=("nn.SpecAugment",),
        module=lambda: sf.nn.SpecAugment(feature),
        batch=(batch,),
        oracle=lambda m, x: x,
        unsafe_output="the tensor itself",
    ),
    Case(
        "nn-spec-augment-train",
        lambda m, x: m(x, axis=time),
        {"x": _X},
        RAGGED,
        covers=("nn.SpecAugment",),
        module=lambda: sf.nn.SpecAugment(feature, frequency_width=2, time_width=3),
        draws=True,
        not_compiled={"torch": _DRAWS},
    ),
    Case(
        "nn-spec-augment-two-batch-dims",
        lambda m, x: m(x, axis=time),
        {"x": normal(batch, group, time, feature)},
        TWO_BATCH_DIMS,
        covers=("nn.SpecAugment",),
        module=lambda: sf.nn.SpecAugment(feature, frequency_width=2, time_fraction=0.5),
        draws=True,
        not_compiled={"torch": _DRAWS},
        order_matters="draws go to positions in physical order",
    ),
]

CASES = [*LAYERS, *SPEC_AUGMENT]
