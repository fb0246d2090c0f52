"""Making tensors, converting them, masks, gradients as values, random numbers."""

from __future__ import annotations

import numpy as np

import seqfront as sf
from cases.dims import PLAIN, RAGGED, batch, feature, group, time, vocab
from seqfront.testing import Case, booleans, constant, integers, normal, uniform

_X = normal(batch, time, feature)
_NONE = "a constant"
_INT = "integers have none"

CREATE = [
    Case(
        "full",
        lambda x: sf.full((time, batch), 2.5, like=x),
        {"x": _X},
        RAGGED,
        covers=("full",),
        batch=(batch,),
        oracle=lambda x: np.full(len(x), 2.5),
        no_gradient=_NONE,
    ),
    Case(
        "full-static",
        lambda: (sf.full((feature, vocab), 3), sf.full((feature,), True), sf.full((), 0.5)),
        covers=("full",),
        oracle=lambda: (np.full((4, 7), 3), np.full(4, True), np.full((), 0.5)),
        no_gradient=_NONE,
        not_compiled=dict.fromkeys(("torch", "tensorflow"), "there is no input to trace"),
    ),
    Case(
        "zeros",
        lambda x: sf.zeros((batch, feature), like=x),
        {"x": _X},
        RAGGED,
        covers=("zeros",),
        batch=(batch,),
        oracle=lambda x: np.zeros(4),
        no_gradient=_NONE,
    ),
    Case(
        "ones",
        lambda x: sf.ones((time, vocab), dtype="int64", like=x),
        {"x": _X},
        PLAIN,
        covers=("ones",),
        batch=(batch,),
        oracle=lambda x: np.ones((5, 7)),
        no_gradient=_NONE,
    ),
    Case(
        "range-over",
        lambda x: (sf.range_over(time, like=x), sf.range_over(feature, dtype="float32", like=x)),
        {"x": _X},
        RAGGED,
        covers=("range_over",),
        batch=(batch,),
        no_gradient=_NONE,
        extent_matters="it spans the extent",
    ),
    Case(
        "range-over-lengths",
        lambda x: sf.where(sf.range_over(time, like=x) < 2, x, -1.0),
        {"x": _X},
        RAGGED,
        covers=("range_over",),
        batch=(batch,),
        oracle=lambda x: np.where((np.arange(len(x)) < 2)[:, None], x, -1.0),
    ),
]
CREATE += [
    Case(
        "wrap",
        lambda x, n: sf.wrap(x.raw_in((batch, time)), (batch, time), {time: n.raw}),
        {"x": normal(batch, time), "n": constant([1, 0, 3], batch)},
        PLAIN,
        covers=("wrap",),
        batch=(batch,),
        oracle=lambda x, n: x[:n],
        unsafe_output="what comes from outside is as it is",
    ),
    Case(
        "wrap-lengths-of-any-dims",
        lambda x, n: sf.sum(sf.wrap(x.raw, x.dims, {time: n}), axis=time),
        {"x": normal(time, batch, group), "n": constant([2, 5], group)},
        PLAIN,
        covers=("wrap",),
        batch=(batch, group),
        oracle=lambda x, n: x[:n].sum(),
    ),
]

CONVERT = [
    Case(
        f"cast-{a}-{b}",
        lambda x, b=b: sf.cast(x, b),
        {"x": x},
        RAGGED,
        covers=("cast",),
        batch=(batch,),
        oracle=lambda x, b=b: x.astype(b),
        no_gradient="" if a == "float" and b.startswith("float") else _INT,
    )
    for a, b, x in [
        ("float", "float64", _X),
        ("float", "int32", normal(batch, time, scale=5.0)),
        ("float", "bool", constant([[0.0, 1.0, -2.0, 0.0, 0.5]] * 3, batch, time)),
        ("int", "float32", integers(batch, time, low=-5, high=5)),
        ("int", "int64", integers(batch, time, of=vocab)),
        ("int", "uint8", integers(batch, time, high=200)),
        ("bool", "float32", booleans(batch, time)),
    ]
]
CONVERT += [
    Case(
        "cast-float16",
        lambda x: sf.cast(sf.cast(x, "float16") * 2.0, "float32"),
        {"x": _X},
        RAGGED,
        covers=("cast",),
        batch=(batch,),
        oracle=lambda x: (x.astype(np.float16) * 2.0).astype("float32"),
        no_finite_difference="float16 moves in steps",
    ),
    Case(
        "to-device",
        lambda x: sf.to_device(x, "cpu") * 2.0,
        {"x": _X},
        RAGGED,
        covers=("to_device",),
        batch=(batch,),
        oracle=lambda x: x * 2,
    ),
    Case(
        "to-backend",
        lambda x: sf.to_backend(sf.to_backend(x, "numpy"), x.backend.name),
        {"x": _X},
        RAGGED,
        covers=("to_backend",),
        batch=(batch,),
        oracle=lambda x: x,
        no_gradient="it is detached",
        not_compiled=dict.fromkeys(("torch", "tensorflow"), "values are not there while tracing"),
        unsafe_output="the tensor is as it was",
    ),
]

MASKS = [
    Case(
        "sequence-mask",
        lambda x: (sf.sequence_mask(x, time), sf.sequence_mask(x, feature)),
        {"x": _X},
        RAGGED,
        covers=("sequence_mask",),
        batch=(batch,),
        no_gradient="bools have none",
    ),
    Case(
        "mask-padding",
        lambda x: sf.mask_padding(x, -7.0),
        {"x": _X},
        RAGGED,
        covers=("mask_padding",),
        batch=(batch,),
        oracle=lambda x: x,
    ),
    Case(
        "lengths-and-masks",
        lambda x: (x.lengths(time), x.lengths(time // 2), x.mask(time) & (x.lengths(time) > 2)),
        {"x": _X},
        RAGGED,
        batch=(batch,),
        no_gradient=_INT,
    ),
]


GRADIENT = [
    Case(
        "stop-gradient",
        lambda x: x * sf.stop_gradient(x),
        {"x": _X},
        RAGGED,
        covers=("stop_gradient",),
        batch=(batch,),
        oracle=lambda x: x * x,
        no_finite_difference="differences see through it",
    ),
]

_NOT_REPLAYED = "TorchDynamo does not read the context variable that draws are replayed from"
_DRAWN = "draws go to positions in physical order"
RANDOM = [
    Case(
        f"random-{kind}",
        lambda x, kind=kind: getattr(sf, f"random_{kind}")((batch, time), like=x) * x,
        {"x": _X},
        RAGGED,
        covers=(f"random_{kind}",),
        batch=(),
        draws=True,
        extent_matters="other draws are made for another extent",
        not_compiled={"torch": _NOT_REPLAYED},
    )
    for kind in ("uniform", "normal")
]
RANDOM += [
    Case(
        f"dropout-{name}",
        lambda x, rate=rate, axis=axis: sf.dropout(x, rate, axis=axis),
        {"x": uniform(batch, time, feature, low=1.0, high=2.0)},
        RAGGED,
        covers=("dropout",),
        draws=rate not in (0.0, 1.0),
        batch=(batch,) if rate in (0.0, 1.0) else (),
        extent_matters="other draws are made for another extent",
        order_matters=_DRAWN,
        not_compiled={"torch": _NOT_REPLAYED} if rate not in (0.0, 1.0) else {},
        unsafe_output="" if rate else "the tensor itself",
    )
    for name, rate, axis in [
        ("half", 0.5, None),
        ("shared-over-time", 0.3, (batch, feature)),
        ("none", 0.0, None),
        ("all", 1.0, None),
    ]
]

CASES = [*CREATE, *CONVERT, *MASKS, *GRADIENT, *RANDOM]
