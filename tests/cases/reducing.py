"""Reductions and softmax: over ragged dims, full dims, the batch, and several at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oracles import plain

import seqfront as sf
from cases.dims import PLAIN, RAGGED, TWO_BATCH_DIMS, batch, feature, group, time
from seqfront.dim import Dim
from seqfront.testing import Case, booleans, constant, distinct, integers, normal

_X = distinct(batch, time, feature, step=0.13)
_NONE = "integers have none"
_BOOL = "bools have none"
_NUMPY: dict[str, Callable[..., Any]] = {
    "sum": np.nansum,
    "mean": np.nanmean,
    "max": np.nanmax,
    "min": np.nanmin,
    "prod": np.nanprod,
    "logsumexp": plain.logsumexp,
}


def _over(name: str, where: str, axis: Any, numpy_axis: Any, mixes: str = "") -> Case:
    oracle = _NUMPY[name]
    return Case(
        f"{name}-over-{where}",
        lambda x: getattr(sf, name)(x, axis=axis),
        {"x": _X},
        RAGGED,
        covers=(name,),
        batch=(batch,),
        oracle=lambda x: oracle(x, axis=numpy_axis),
        mixes_batch=mixes,
        no_half="beyond 65504" if name == "prod" else "",
    )


REDUCTIONS = [
    case
    for name in _NUMPY
    for case in (
        _over(name, "time", time, 0),
        _over(name, "feature", feature, 1),
        _over(name, "time-feature", (feature, time), (0, 1)),
        _over(name, "batch", batch, 0, "the batch is reduced"),
        _over(name, "everything", (time, batch, feature), (0, 1, 2), "the batch is reduced"),
    )
]

TWO_BATCHES = [
    Case(
        f"{name}-over-time-of-two-batch-dims",
        lambda x, name=name: getattr(sf, name)(x, axis=time),
        {"x": distinct(group, time, batch, feature, step=0.13)},
        TWO_BATCH_DIMS,
        covers=(name,),
        batch=(group, batch),
        oracle=lambda x, oracle=_NUMPY[name]: oracle(x, axis=0),
    )
    for name in _NUMPY
]
TWO_BATCHES.append(
    Case(
        "mean-over-one-of-two-batch-dims",
        lambda x: sf.mean(x, axis=group),
        {"x": normal(group, time, batch, feature)},
        TWO_BATCH_DIMS,
        covers=("mean",),
        mixes_batch="a dim that the lengths depend on is reduced",
        oracle=lambda x: np.nanmean(np.where(np.isnan(x).all(0), 0.0, x), 0),
    )
)

TWO_BATCHES += [
    Case(
        "subtract-mean-over-batch",
        lambda x: sf.sum(sf.mean(x, axis=batch) - x, axis=time),
        {"x": normal(batch, time, feature)},
        RAGGED,
        covers=("mean",),
        batch=(batch,),
        mixes_batch="the batch is averaged",
        oracle=lambda x: np.nansum(np.nanmean(x, 0) - x, 1),
    ),
    Case(
        "sum-over-batch-then-ragged-time",
        lambda x: sf.max(sf.logsumexp(x, axis=batch), axis=time),
        {"x": normal(batch, time, feature)},
        RAGGED,
        covers=("logsumexp", "max"),
        batch=(batch,),
        mixes_batch="the batch is summed over",
        oracle=lambda x: plain.logsumexp(x, 0).max(0),
    ),
]

LOGICAL = [
    Case(
        f"{name}-over-{where}",
        lambda x, name=name, axis=axis: getattr(sf, name)(x, axis=axis),
        {"x": booleans(batch, time)},
        RAGGED,
        covers=(name,),
        batch=(batch,),
        oracle=getattr(np, name) if axis is time else None,
        mixes_batch=mixes,
        no_gradient=_BOOL,
    )
    for name in ("any", "all")
    for where, axis, mixes in [
        ("time", time, ""),
        ("batch", batch, "the batch is reduced"),
        ("both", (time, batch), "the batch is reduced"),
    ]
]

ARG = [
    Case(
        f"{name}-over-{where}",
        lambda x, name=name, axis=axis: getattr(sf, name)(x, axis=axis),
        {"x": x},
        RAGGED,
        covers=(name,),
        batch=(batch,),
        oracle=lambda x, name=name, n=numpy_axis: getattr(np, name)(x, n),
        no_gradient="positions have none",
    )
    for name in ("argmax", "argmin")
    for where, axis, numpy_axis, x in [
        ("time", time, 0, _X),
        ("feature", feature, 1, _X),
        ("time-of-ties", time, 0, integers(batch, time, feature, low=0, high=3)),
    ]
]

INTEGERS = [
    Case(
        f"{name}-of-{dtype}",
        lambda x, name=name: getattr(sf, name)(x, axis=time),
        {"x": integers(batch, time, low=1, high=5, dtype=dtype)},
        RAGGED,
        covers=(name,),
        batch=(batch,),
        oracle=lambda x, oracle=_NUMPY[name]: oracle(x, axis=0),
        no_gradient=_NONE,
    )
    for name in _NUMPY
    for dtype in ("int32", "int64", "uint8")
    if not (dtype == "uint8" and name in ("sum", "prod"))
]
INTEGERS.append(
    Case(
        "sum-of-bool",
        lambda x: sf.sum(x, axis=time),
        {"x": booleans(batch, time)},
        RAGGED,
        covers=("sum",),
        batch=(batch,),
        oracle=lambda x: x.sum(0),
        no_gradient=_BOOL,
    )
)

UNMASKED = [
    Case(
        f"{name}-unmasked",
        lambda x, name=name: getattr(sf, name)(x, axis=time, mask=False),
        {"x": normal(batch, time, feature)},
        PLAIN,
        covers=(name,),
        batch=(batch,),
        oracle=lambda x, oracle=_NUMPY[name]: oracle(x, axis=0),
    )
    for name in ("sum", "mean", "logsumexp")
]

TIES = [
    Case(
        f"{name}-of-ties",
        lambda x, name=name: getattr(sf, name)(x, axis=time),
        {"x": constant([[1.0, 1.0, 1.0, 0.5, 1.0]] * 3, batch, time)},
        RAGGED,
        covers=(name,),
        batch=(batch,),
        no_finite_difference="ties share the gradient, one position of a tie has no derivative",
    )
    for name in ("max", "min")
]


def _log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    return np.log(plain.softmax(x, axis))


def _softmax(name: str, where: str, axis: Dim, numpy_axis: int) -> Case:
    oracle = plain.softmax if name == "softmax" else _log_softmax
    return Case(
        f"{name}-over-{where}",
        lambda x: getattr(sf, name)(x, axis=axis),
        {"x": normal(batch, time, feature, scale=3.0)},
        RAGGED,
        covers=(name,),
        batch=(batch,),
        oracle=lambda x: oracle(x, numpy_axis),
    )


_HOLES = [[[0.5, -np.inf, 1.0, 2.0]] * 4 + [[-np.inf] * 4]] * 3
SOFTMAX = [
    *(_softmax(name, "time", time, 0) for name in ("softmax", "log_softmax")),
    *(_softmax(name, "feature", feature, 1) for name in ("softmax", "log_softmax")),
    *(
        Case(
            f"{name}-of-int",
            lambda x, name=name: getattr(sf, name)(x, axis=time),
            {"x": integers(batch, time, low=-3, high=4)},
            RAGGED,
            covers=(name,),
            batch=(batch,),
            oracle=oracle,
            no_gradient=_NONE,
        )
        for name, oracle in {
            "softmax": lambda x: plain.softmax(x * 1.0, 0),
            "log_softmax": lambda x: _log_softmax(x * 1.0, 0),
        }.items()
    ),
    *(
        Case(
            f"{name}-of-impossible-values",
            lambda x, name=name: getattr(sf, name)(x, axis=feature),
            {"x": constant(_HOLES, batch, time, feature)},
            RAGGED,
            covers=(name,),
            batch=(batch,),
            no_finite_difference="minus infinity does not move",
        )
        for name in ("softmax", "log_softmax")
    ),
    *(
        Case(
            f"{name}-of-large-values",
            lambda x, name=name: getattr(sf, name)(x, axis=time),
            {"x": normal(batch, time, scale=300.0)},
            RAGGED,
            covers=(name,),
            batch=(batch,),
            oracle=oracle,
        )
        for name, oracle in {
            "softmax": plain.softmax,
            "logsumexp": plain.logsumexp,
        }.items()
    ),
    Case(
        "softmax-unmasked",
        lambda x: sf.softmax(x, axis=time, mask=False),
        {"x": normal(batch, time, feature)},
        PLAIN,
        covers=("softmax",),
        batch=(batch,),
        oracle=plain.softmax,
    ),
    Case(
        "softmax-over-batch",
        lambda x: sf.softmax(x, axis=batch),
        {"x": normal(batch, feature)},
        PLAIN,
        covers=("softmax",),
        batch=(batch,),
        oracle=plain.softmax,
        mixes_batch="the batch sums to one",
    ),
]

CASES = [
    *REDUCTIONS, *TWO_BATCHES, *LOGICAL, *ARG, *INTEGERS, *UNMASKED, *TIES, *SOFTMAX,
]  # fmt: skip
