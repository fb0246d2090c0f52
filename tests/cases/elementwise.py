"""Functions of single values, and choices."""

from __future__ import annotations

from collections.abc import Callable
from math import erf
from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import RAGGED, batch, feature, time
from seqfront.testing import Case, Spec, booleans, constant, distinct, normal, uniform

_erf = np.vectorize(erf, otypes=[float])
_POSITIVE = uniform(batch, time, feature, low=0.2, high=3.0)
_ANY = normal(batch, time, feature, scale=2.0)
_KINKS = distinct(batch, time, feature, step=0.31)
_STEPS = "a step function: its gradient is zero, and where it is not, it does not exist"


def _unary(
    name: str,
    oracle: Callable[..., Any],
    x: Spec = _ANY,
    no_gradient: str = "",
) -> Case:
    return Case(
        name,
        lambda x: getattr(sf, name)(x),
        {"x": x},
        RAGGED,
        covers=(name,),
        batch=(batch,),
        oracle=oracle,
        no_gradient=no_gradient,
    )


def _gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1 + _erf(x / np.sqrt(2)))


_SPECIAL = constant(
    [[[1.0, np.inf, -np.inf, np.nan]] * 5, [[0.0, -0.0, 2.0, np.inf]] * 5, [[np.nan] * 4] * 5],
    batch, time, feature,
)  # fmt: skip
_FLAGS = "the result is bool"

FUNCTIONS = [
    _unary("exp", np.exp),
    _unary("expm1", np.expm1),
    _unary("log", np.log, _POSITIVE),
    _unary("log1p", np.log1p, _POSITIVE),
    _unary("sqrt", np.sqrt, _POSITIVE),
    _unary("rsqrt", lambda x: 1 / np.sqrt(x), _POSITIVE),
    _unary("sin", np.sin),
    _unary("cos", np.cos),
    _unary("tanh", np.tanh),
    _unary("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    _unary("erf", _erf),
    _unary("relu", lambda x: np.maximum(x, 0), _KINKS),
    _unary("abs", np.abs, _KINKS),
    _unary("floor", np.floor, _KINKS),
    _unary("ceil", np.ceil, _KINKS),
    _unary("round", np.round, _KINKS),
    _unary("sign", np.sign, _KINKS),
    _unary("silu", lambda x: x / (1 + np.exp(-x))),
    _unary("gelu", _gelu),
    _unary("softplus", lambda x: np.log1p(np.exp(x))),
    _unary("is_finite", np.isfinite, _SPECIAL, _FLAGS),
    _unary("is_nan", np.isnan, _SPECIAL, _FLAGS),
    _unary("logical_not", np.logical_not, booleans(batch, time), _FLAGS),
]

_LARGE = constant([[[-1e4, -100.0, 100.0, 1e4]] * 5] * 3, batch, time, feature)

EXTREMES = [
    Case(
        f"{name}-of-large-values",
        lambda x, name=name: getattr(sf, name)(x),
        {"x": _LARGE},
        RAGGED,
        covers=(name,),
        batch=(batch,),
        oracle=oracle,
        no_finite_difference="values are too far apart for one step",
    )
    for name, oracle in {
        "sigmoid": lambda x: np.where(x > 0, 1.0, 0.0),
        "tanh": np.sign,
        "softplus": lambda x: np.maximum(x, 0),
        "silu": lambda x: np.maximum(x, 0),
        "gelu": lambda x: np.maximum(x, 0),
    }.items()
]

OF_INTEGERS = [
    Case(
        f"{name}-of-{kind}",
        lambda x, name=name: getattr(sf, name)(x),
        {"x": spec},
        RAGGED,
        covers=(name,),
        batch=(batch,),
        no_gradient="integers have none",
    )
    for name in ("exp", "sqrt", "tanh", "relu", "abs", "sign", "sigmoid", "gelu", "floor")
    for kind, spec in {
        "int32": constant([[3, 1, 0, 2, 5]] * 3, batch, time),
        "int64": constant([[3, 1, 0, 2, 5]] * 3, batch, time, dtype="int64"),
    }.items()
]

CASES = [*FUNCTIONS, *EXTREMES, *OF_INTEGERS]
