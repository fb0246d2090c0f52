"""Functions by name: of reals, of pairs, with kinks; many in one case, as they share a form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import RAGGED, batch, feature, time
from seqfront.testing import Case, Spec, booleans, constant, distinct, integers, normal, uniform

_KINKS = distinct(batch, time, feature, step=0.31)
_POSITIVE = uniform(batch, time, feature, low=0.3, high=3.0)
_NONE = "integers and bools have none"


def _all(name: str, table: Mapping[str, Callable[..., Any]], *inputs: Spec, **flags: Any) -> Case:
    """Every function of a table, with what NumPy has for it."""
    return Case(
        f"functions-{name}",
        lambda *xs: tuple(getattr(sf, function)(*xs) for function in table),
        dict(zip("xyz", inputs, strict=False)),
        RAGGED,
        covers=tuple(table),
        batch=(batch,),
        oracle=lambda *xs: tuple(oracle(*xs) for oracle in table.values()),
        **flags,
    )


def _elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


_ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "log_sigmoid": lambda x: -np.log1p(np.exp(-x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": _elu,
    "selu": lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
}
_SIGNED = {"negative": np.negative, "square": np.square, "trunc": np.trunc}
_COMPARISONS = {
    "equal": np.equal, "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal,
    "greater": np.greater, "greater_equal": np.greater_equal,
}  # fmt: skip
_WHOLE = {"floor_divide": np.floor_divide, "remainder": np.mod}
_INTEGERS = integers(batch, time, low=-4, high=5)
_DIVISORS = constant([[3, -2, 1, -3, 2]] * 3, batch, time)

TABLES = [
    _all("of-reals", {"tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "atan": np.arctan,
                      "asinh": np.arcsinh}, uniform(batch, time, feature, low=-1.3, high=1.3)),
    _all("within-one", {"asin": np.arcsin, "acos": np.arccos, "atanh": np.arctanh},
         uniform(batch, time, feature, low=-0.9, high=0.9)),
    _all("above-one", {"acosh": np.arccosh}, uniform(batch, time, feature, low=1.2, high=3.0)),
    _all("of-positives", {"log2": np.log2, "log10": np.log10, "reciprocal": np.reciprocal},
         _POSITIVE),
    _all("with-signs", _SIGNED, _KINKS),
    _all("with-signs-of-integers", _SIGNED, _INTEGERS, no_gradient=_NONE),
    _all("activations", _ACTIVATIONS, _KINKS),
    _all("activations-of-integers", _ACTIVATIONS, _INTEGERS, no_gradient=_NONE),
    _all("of-pairs", {"subtract": np.subtract, "divide": np.divide, "atan2": np.arctan2},
         _KINKS, distinct(batch, time, feature, step=0.47)),
    _all("powers", {"power": np.power}, _POSITIVE, normal(feature, batch)),
    _all("whole", _WHOLE, _INTEGERS, _DIVISORS, no_gradient=_NONE),
    _all("comparisons", _COMPARISONS, _INTEGERS, _DIVISORS, no_gradient=_NONE),
    _all("logic", {"logical_and": np.logical_and, "logical_or": np.logical_or,
                   "logical_xor": np.logical_xor}, booleans(batch, time), booleans(batch, time),
         no_gradient=_NONE),
    _all("infinite", {"is_inf": np.isinf},
         constant([[1.0, np.inf, -np.inf, np.nan, 0.0]] * 3, batch, time), no_gradient=_NONE),
]  # fmt: skip


def _clip(name: str, call: Any, oracle: Any, *inputs: Spec, **flags: Any) -> Case:
    return Case(f"clip-{name}", call, dict(zip("xlh", inputs, strict=False)), RAGGED,
                covers=("clip",), batch=(batch,), oracle=oracle, **flags)  # fmt: skip


CLIP = [
    _clip(
        "numbers",
        lambda x: (sf.clip(x, -1.0, 2), sf.clip(x, low=0.5), sf.clip(x, high=0.5)),
        lambda x: (np.clip(x, -1, 2), np.maximum(x, 0.5), np.minimum(x, 0.5)),
        _KINKS,
    ),
    _clip(
        "tensors",
        lambda x, low, high: sf.clip(x, low, high),
        lambda x, low, high: np.minimum(np.maximum(x, low), high),
        _KINKS, uniform(feature, batch, low=-2.0, high=0.0), uniform(batch, low=0.1, high=2.0),
    ),
    _clip(
        "integers",
        lambda x: (sf.clip(x, -1, 2), sf.clip(x, 0.5)),
        lambda x: (np.clip(x, -1, 2), np.maximum(x, 0.5)),
        _INTEGERS, no_gradient=_NONE,
    ),
]  # fmt: skip

CASES = [*TABLES, *CLIP]
