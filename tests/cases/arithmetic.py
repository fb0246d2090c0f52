"""Two operands: arithmetic, comparison, choice; how dims and dtypes meet."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import PLAIN, RAGGED, batch, feature, group, key_time, time
from seqfront.testing import Case, Spec, booleans, constant, distinct, integers, normal, uniform

_X = distinct(batch, time, feature, step=0.31)
_Y = distinct(batch, time, feature, step=0.47)
_POSITIVE = uniform(batch, time, feature, low=0.5, high=2.0)
_BOOL = "the result is bool"
_STEP = "a step function, where the gradient means nothing"


def _pair(
    name: str,
    call: Callable[..., Any],
    x: Spec = _X,
    y: Spec = _Y,
    oracle: Callable[..., Any] | None = None,
    covers: tuple[str, ...] = (),
    **flags: Any,
) -> Case:
    return Case(
        name,
        call,
        {"x": x, "y": y},
        RAGGED,
        covers=covers,
        batch=(batch,),
        oracle=call if oracle is None else oracle,
        **flags,
    )


OPERATORS = [
    _pair("operator-add", operator.add),
    _pair("operator-sub", operator.sub),
    _pair("operator-mul", operator.mul),
    _pair("operator-div", operator.truediv),
    _pair("operator-pow", operator.pow, _POSITIVE, _X),
    _pair("operator-floordiv", operator.floordiv, _POSITIVE, _Y, no_gradient=_STEP),
    _pair("operator-mod", operator.mod, _X, _Y, no_gradient=_STEP, no_half="it jumps"),
    _pair("operator-eq", lambda x, y: x == y, _X, _X, no_gradient=_BOOL),
    _pair("operator-ne", lambda x, y: x != y, _X, _Y, no_gradient=_BOOL),
    _pair("operator-lt", operator.lt, no_gradient=_BOOL),
    _pair("operator-le", operator.le, no_gradient=_BOOL),
    _pair("operator-gt", operator.gt, no_gradient=_BOOL),
    _pair("operator-ge", operator.ge, no_gradient=_BOOL),
    *(
        _pair(f"operator-{name}", call, booleans(batch, time), booleans(batch, time),
              no_gradient=_BOOL)
        for name, call in {"and": operator.and_, "or": operator.or_, "xor": operator.xor}.items()
    ),
]  # fmt: skip

FUNCTIONS = [
    _pair("add", lambda x, y: sf.add(x, y), oracle=np.add, covers=("add",)),
    _pair("multiply", lambda x, y: sf.multiply(x, y), oracle=np.multiply, covers=("multiply",)),
    _pair("maximum", lambda x, y: sf.maximum(x, y), oracle=np.maximum, covers=("maximum",)),
    _pair("minimum", lambda x, y: sf.minimum(x, y), oracle=np.minimum, covers=("minimum",)),
    _pair("logaddexp", lambda x, y: sf.logaddexp(x, y), oracle=np.logaddexp, covers=("logaddexp",)),
    Case(
        "logaddexp-of-infinities",
        lambda x, y: sf.logaddexp(x, y),
        {
            "x": constant([[-np.inf, 1.0, -np.inf, 700.0]] * 3, batch, feature),
            "y": constant([[-np.inf, -np.inf, 2.0, 701.0]] * 3, batch, feature),
        },
        PLAIN,
        covers=("logaddexp",),
        batch=(batch,),
        oracle=np.logaddexp,
        no_finite_difference="infinities do not move",
    ),
    Case(
        "outer-sum",
        lambda x, y: sf.add(x, y, allow_broadcast=True),
        {"x": normal(batch, time), "y": normal(key_time, batch)},
        RAGGED,
        covers=("add",),
        batch=(batch,),
        oracle=lambda x, y: x[:, None] + y,
    ),
    Case(
        "outer-product",
        lambda x, y: sf.multiply(x, y, allow_broadcast=True),
        {"x": normal(batch, time, feature), "y": normal(batch, key_time, feature)},
        RAGGED,
        covers=("multiply",),
        batch=(batch,),
        oracle=lambda x, y: x[:, :, None] * y.T,
    ),
]

BROADCASTING = [
    Case(
        f"broadcast-{name}",
        lambda x, y: x * y + y,
        {"x": normal(batch, time, feature), "y": normal(*dims)},
        RAGGED,
        batch=(batch,),
        oracle=oracle,
    )
    for name, dims, oracle in [
        ("batch", (batch,), lambda x, y: x * y + y),
        ("time", (time,), lambda x, y: x * y[:, None] + y[:, None]),
        ("feature", (feature,), lambda x, y: x * y + y),
        ("feature-batch", (feature, batch), lambda x, y: x * y + y),
        ("feature-time", (feature, time), lambda x, y: x * y.T + y.T),
        ("scalar", (), lambda x, y: x * y + y),
    ]
]
BROADCASTING.append(
    Case(
        "broadcast-smaller-first",
        lambda x, y: y - x,
        {"x": normal(batch, time, feature), "y": normal(feature)},
        RAGGED,
        batch=(batch,),
        oracle=lambda x, y: y - x,
    )
)


def _number(name: str, call: Callable[..., Any], x: Spec = _X, no_gradient: str = "") -> Case:
    return Case(
        f"number-{name}", call, {"x": x}, RAGGED, batch=(batch,), oracle=call,
        no_gradient=no_gradient,
    )  # fmt: skip


_INT = integers(batch, time, low=1, high=9)
_NONE = "integers have none"
NUMBERS = [
    _number("add", lambda x: 1 + x + 2.5),
    _number("sub", lambda x: 1.5 - (x - 2)),
    _number("div", lambda x: 1.0 / x + x / 4),
    _number("pow", lambda x: x**2),
    _number("int-pow", lambda x: x**2, _INT, _NONE),
    _number("base", lambda x: 2.0**x),
    _number("int-times-float", lambda x: x * 0.5, _INT, _NONE),
    _number("int-div-int", lambda x: x / 2, _INT, _NONE),
    _number("int-floordiv", lambda x: (x - 5) // 3, _INT, _NONE),
    _number("int-mod", lambda x: (x - 5) % 3, _INT, _NONE),
    _number("int-under", lambda x: 20 // x, _INT, _NONE),
    _number("int-over", lambda x: 20 % x, _INT, _NONE),
    _number("neg", lambda x: -x),
    _number("pos", lambda x: +x),
    _number("builtin-abs", lambda x: abs(x)),
    _number("compare", lambda x: x > 0.4, no_gradient=_BOOL),
    _number("compare-int", lambda x: x >= 4, _INT, no_gradient=_BOOL),
    Case(
        "number-invert",
        lambda x: ~x,
        {"x": booleans(batch, time)},
        RAGGED,
        batch=(batch,),
        oracle=np.invert,
        no_gradient=_BOOL,
        not_compiled={"torch": "TorchDynamo has no ~ of objects; sf.logical_not is the same"},
    ),
    _number("bool-plus-one", lambda x: x + 1, booleans(batch, time), _NONE),
]

PROMOTION = [
    Case(
        f"promote-{a}-{b}",
        lambda x, y: x + y,
        {"x": _of(a, batch, time), "y": _of(b, batch, time)},
        RAGGED,
        batch=(batch,),
        no_gradient="values and dtypes are what is looked at",
    )
    for _of in [
        lambda dtype, *dims: (
            booleans(*dims)
            if dtype == "bool"
            else integers(*dims, low=1, high=9, dtype=dtype)
            if "int" in dtype
            else normal(*dims, dtype=dtype)
        )
    ]
    for a, b in [
        ("int32", "float32"), ("int64", "float16"), ("bool", "float32"), ("bool", "int32"),
        ("bool", "bool"), ("int32", "int64"), ("uint8", "int8"), ("float16", "float32"),
        ("float64", "float32"), ("uint8", "int32"), ("int16", "int8"), ("uint8", "float16"),
    ]
]  # fmt: skip

CHOICES = [
    Case(
        "where",
        lambda c, x, y: sf.where(c, x, y),
        {"c": booleans(batch, time), "x": _X, "y": _Y},
        RAGGED,
        covers=("where",),
        batch=(batch,),
        oracle=lambda c, x, y: np.where(c[:, None], x, y),
    ),
    Case(
        "where-number",
        lambda c, x: (sf.where(c, x, -3), sf.where(c, 0.5, x)),
        {"c": booleans(batch, feature), "x": _X},
        RAGGED,
        covers=("where",),
        batch=(batch,),
        oracle=lambda c, x: (np.where(c, x, -3), np.where(c, 0.5, x)),
    ),
    Case(
        "where-numbers",
        lambda c: (sf.where(c, 1.0, 0.0), sf.where(c, 1, 0), sf.where(c, 1, 0.5)),
        {"c": booleans(batch, time)},
        RAGGED,
        covers=("where",),
        batch=(batch,),
        oracle=lambda c: (np.where(c, 1.0, 0.0), np.where(c, 1, 0), np.where(c, 1, 0.5)),
        no_gradient="there is nothing to differentiate by",
    ),
    Case(
        "where-hides-nan",
        lambda x: sf.where(x > 0, sf.log(sf.where(x > 0, x, 1.0)), 0.0),
        {"x": _X},
        RAGGED,
        covers=("where",),
        batch=(batch,),
        oracle=lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0),
    ),
    Case(
        "where-dims",
        lambda c, x, y: sf.where(c, x, y, allow_broadcast=True),
        {"c": booleans(batch, time), "x": normal(group, batch), "y": normal(feature)},
        RAGGED,
        covers=("where",),
        batch=(batch,),
        oracle=lambda c, x, y: np.where(c[:, None, None], x[:, None], y),
    ),
    Case(
        "where-int",
        lambda c, x: sf.where(c, x, 0.5),
        {"c": booleans(batch, time), "x": _INT},
        RAGGED,
        covers=("where",),
        batch=(batch,),
        oracle=lambda c, x: np.where(c, x, 0.5),
        no_gradient=_NONE,
    ),
]

POISONOUS = [
    Case(
        "divide-by-length-dependent",
        lambda x, y: x / y,
        {"x": _X, "y": uniform(batch, time, low=0.5, high=2.0)},
        RAGGED,
        batch=(batch,),
        oracle=lambda x, y: x / y[:, None],
    ),
    Case(
        "shared-weight-of-padded-frames",
        lambda x, w: sf.exp(sf.log(sf.abs(x * w) + 1.0) * 0.5),
        {"x": _X, "w": normal(feature)},
        RAGGED,
        batch=(batch,),
        oracle=lambda x, w: np.sqrt(np.abs(x * w) + 1.0),
    ),
]

CASES = [*OPERATORS, *FUNCTIONS, *BROADCASTING, *NUMBERS, *PROMOTION, *CHOICES, *POISONOUS]
