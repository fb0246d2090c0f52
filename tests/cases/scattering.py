"""Writing by index."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import (
    PLAIN,
    RAGGED,
    TWO_BATCH_DIMS,
    batch,
    feature,
    group,
    key_time,
    out,
    time,
    vocab,
)
from seqfront import Dim
from seqfront.testing import Case, booleans, distinct, integers, normal
from seqfront.testing.inputs import Spec

_NONE = "integers have none"
_LABELS = integers(batch, time, of=vocab)
_EMPTY = {"add": 0.0, "max": -np.inf, "min": np.inf, "logsumexp": -np.inf, "update": 0.0}


def _combine(mode: str, a: Any, b: Any) -> Any:
    functions = {"add": np.add, "max": np.maximum, "min": np.minimum, "logsumexp": np.logaddexp}
    return b if mode == "update" else functions[mode](a, b)


def _oracle(mode: str, size: int, fill: float | None = None) -> Any:
    """For one sequence: x [time, ...], labels [time]."""

    def oracle(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
        y = np.full((size, *x.shape[1:]), _EMPTY[mode])
        for position, label in enumerate(labels):
            y[label] = _combine(mode, y[label], x[position])
        if fill is not None:
            y[[i for i in range(size) if i not in labels]] = fill
        return y

    return oracle


def _call(mode: Any, fill: float | None = None) -> Any:
    return lambda x, labels: sf.scatter(
        x, indices=labels, axis=time, out_dim=vocab, mode=mode, fill=fill
    )


def _case(name: str, call: Any, inputs: dict[str, Spec], oracle: Any, **more: Any) -> Case:
    more = {"layout": RAGGED, "batch": (batch,), **more}
    return Case(f"scatter-{name}", call, inputs, covers=("scatter",), oracle=oracle, **more)


_X = {"x": distinct(batch, time, feature), "labels": _LABELS}
_INFINITE = "positions that nothing is written to are infinite"

MODES = [
    _case("add", _call("add"), _X, _oracle("add", 7)),
    _case("update", _call("update"), _X, _oracle("update", 7)),
    *(
        _case(f"{mode}-filled", _call(mode, -2.5), _X, _oracle(mode, 7, -2.5))
        for mode in ("add", "max", "min", "logsumexp", "update")
    ),
    *(
        _case(mode, _call(mode), _X, _oracle(mode, 7), no_gradient=_INFINITE)
        for mode in ("max", "min", "logsumexp")
    ),
]

_heads = Dim("heads", 2)
SHAPES = [
    _case(
        "integers",
        _call("add"),
        {"x": integers(batch, time, low=-5, high=5), "labels": _LABELS},
        lambda x, labels: np.bincount(labels, x, 7),
        no_gradient=_NONE,
    ),
    _case(
        "bools-are-counted",
        _call("add"),
        {"x": booleans(batch, time), "labels": integers(batch, time, of=vocab, dtype="uint8")},
        lambda x, labels: np.bincount(labels, x, 7),
        no_gradient=_NONE,
    ),
    _case(
        "common-indices",
        _call("add"),
        {"x": normal(batch, time, feature), "labels": integers(time, of=vocab)},
        lambda x, labels: _oracle("add", 7)(x, labels[: len(x)]),
    ),
    _case(
        "last-of-common-indices",
        _call("update"),
        {"x": normal(batch, time, feature), "labels": integers(time, of=vocab)},
        lambda x, labels: _oracle("update", 7)(x, labels[: len(x)]),
    ),
    _case(
        "two-dims",
        lambda x, at: sf.scatter(x, indices=at, axis=(time, key_time), out_dim=out),
        {"x": normal(batch, time, key_time), "at": integers(batch, time, key_time, high=6)},
        lambda x, at: np.bincount(at.ravel(), x.ravel(), 6),
    ),
    _case(
        "two-batch-dims",
        _call("add"),
        {"x": normal(batch, group, time), "labels": integers(group, time, batch, of=vocab)},
        lambda x, labels: np.bincount(labels, x, 7),
        layout=TWO_BATCH_DIMS,
        batch=(batch, group),
    ),
    _case(
        "into-ragged",
        lambda x, at, like: sf.mean(
            sf.scatter(x, indices=at, axis=out, out_dim=key_time, like=like), axis=key_time
        ),
        {
            "x": normal(batch, out),
            "at": integers(batch, out, high=1),
            "like": normal(batch, key_time),
        },
        lambda x, at, like: x.sum() / max(len(like), 1),
        no_empty_row="a position of nothing is out of range",
    ),
    _case(
        "full",
        lambda x, at: sf.scatter(x, indices=at, axis=feature, out_dim=out, mode="max", fill=0.0),
        {"x": distinct(batch, time, feature), "at": integers(feature, high=6)},
        lambda x, at: _oracle("max", 6, 0.0)(x.T, at),
        layout=PLAIN,
    ),
    Case(
        "scatter-batch-of-ragged",
        lambda x, at: sf.sum(sf.scatter(x, indices=at, axis=batch, out_dim=_heads), axis=time),
        {"x": normal(batch, time), "at": integers(batch, high=2)},
        RAGGED,
        covers=("scatter",),
        mixes_batch="rows are added up",
        oracle=lambda x, at: np.bincount(at, np.nansum(x, 1), 2),
    ),
]

CASES = [*MODES, *SHAPES]
"""All cases of this kind."""
