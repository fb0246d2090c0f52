"""Cross-entropy and smoothed targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oracles import plain
from oracles.lattices import log_softmax

import seqfront as sf
from cases.dims import RAGGED, batch, feature, time, vocab
from seqfront.testing import Case, Spec, constant, integers, normal, uniform

_LOGITS = normal(batch, time, vocab, scale=2.0)
_LABELS = integers(batch, time, of=vocab)
_PROBS = uniform(batch, time, vocab, low=0.05, high=0.5)


def _of_logits(x: np.ndarray) -> np.ndarray:
    return log_softmax(x)


_LOG_PROBS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "logits": _of_logits,
    "log-probs": lambda x: x,
    "probs": np.log,
}


def _sparse(kind: str) -> Callable[..., Any]:
    return lambda x, y: -np.take_along_axis(_LOG_PROBS[kind](x), y[..., None], -1)[..., 0]


def _dense(kind: str) -> Callable[..., Any]:
    return lambda x, y: -(y * _LOG_PROBS[kind](x)).sum(-1)


def _case(name: str, kind: Any, x: Spec, y: Spec, oracle: Any, **flags: Any) -> Case:
    return Case(
        f"cross-entropy-{name}",
        lambda x, y: sf.cross_entropy(estimated=x, target=y, axis=vocab, estimated_type=kind),
        {"x": x, "y": y},
        RAGGED,
        covers=("cross_entropy",),
        batch=(batch,),
        oracle=oracle,
        **flags,
    )


KINDS = [
    case
    for kind in ("logits", "log-probs", "probs")
    for x in [_PROBS if kind == "probs" else _LOGITS]
    for case in (
        _case(f"{kind}-sparse", kind, x, _LABELS, _sparse(kind)),
        _case(f"{kind}-dense", kind, x, _PROBS, _dense(kind)),
    )
]

_IMPOSSIBLE = constant([[[0.5, -np.inf, 1.0, -np.inf, 0.0, 2.0, -1.0]] * 5] * 3, batch, time, vocab)
_FIXED = "infinities do not move"
_FEATURES = np.eye(7)[[0, 2, 4, 5, 6]][None].repeat(3, 0)

SPECIAL = [
    _case(
        "sparse-of-impossible-classes", "logits", _IMPOSSIBLE,
        constant([[0, 2, 4, 5, 6]] * 3, batch, time, of=vocab), _sparse("logits"),
        no_finite_difference=_FIXED,
    ),
    _case(
        "sparse-impossible-target", "logits", _IMPOSSIBLE,
        constant([[0, 1, 3, 5, 6]] * 3, batch, time, of=vocab), _sparse("logits"),
        no_gradient="the target is impossible: the loss is infinite and cannot fall",
    ),
    _case(
        "dense-of-impossible-classes", "logits", _IMPOSSIBLE,
        constant(_FEATURES, batch, time, vocab),
        lambda x, y: -log_softmax(x)[y.astype(bool)],
        no_finite_difference=_FIXED,
    ),
    _case(
        "probs-of-impossible-classes", "probs",
        constant(_FEATURES, batch, time, vocab),
        constant([[0, 2, 4, 5, 6]] * 3, batch, time, of=vocab),
        lambda x, y: np.zeros(len(x)),
    ),
    _case("targets-of-every-frame", "logits", normal(batch, vocab),
          integers(batch, time, of=vocab), lambda x, y: -log_softmax(x)[y]),
    _case("one-target-for-all-frames", "logits", _LOGITS, integers(batch, of=vocab),
          lambda x, y: -log_softmax(x)[:, y]),
    _case("int64-labels", "logits", _LOGITS, integers(batch, time, of=vocab, dtype="int64"),
          _sparse("logits")),
]  # fmt: skip

ATTENTION = [
    Case(
        "cross-entropy-over-ragged-classes",
        lambda x, y: sf.cross_entropy(
            estimated=x, target=y.labels_of(time), axis=time, estimated_type="logits"
        ),
        {"x": normal(batch, time, feature), "y": integers(batch, feature, high=2)},
        RAGGED,
        covers=("cross_entropy",),
        batch=(batch,),
        oracle=lambda x, y: -np.log(plain.softmax(x, 0))[y, np.arange(4)],
        no_empty_row="a label of nothing is out of range",
    )
]


def _smoothed(x: np.ndarray) -> np.ndarray:
    return x * 0.9 + (1 - x) * 0.1 / 6


SMOOTHING = [
    Case(
        "label-smoothing-of-labels",
        lambda y: sf.label_smoothing(y, 0.1),
        {"y": _LABELS},
        RAGGED,
        covers=("label_smoothing",),
        batch=(batch,),
        oracle=lambda y: _smoothed(np.eye(7)[y]),
        no_gradient="labels have none",
        tolerance=10.0,  # float32 constants: what is computed is not meant to be differentiated
    ),
    Case(
        "label-smoothing-of-probs",
        lambda y: sf.label_smoothing(y, 0.1, vocab),
        {"y": normal(batch, time, vocab)},
        RAGGED,
        covers=("label_smoothing",),
        batch=(batch,),
        oracle=_smoothed,
    ),
    Case(
        "cross-entropy-smoothed",
        lambda x, y: sf.cross_entropy(
            estimated=x, target=sf.label_smoothing(y, 0.2), axis=vocab, estimated_type="logits"
        ),
        {"x": _LOGITS, "y": _LABELS},
        RAGGED,
        covers=("cross_entropy", "label_smoothing"),
        batch=(batch,),
    ),
]

TRAINING = [
    Case(
        "cross-entropy-mean",
        lambda x, y: sf.mean(
            sf.cross_entropy(estimated=x, target=y, axis=vocab, estimated_type="logits"),
            axis=(batch, time),
        ),
        {"x": _LOGITS, "y": _LABELS},
        RAGGED,
        covers=("cross_entropy", "mean"),
        batch=(batch,),
        mixes_batch="the mean over the batch",
    )
]

CASES = [*KINDS, *SPECIAL, *ATTENTION, *SMOOTHING, *TRAINING]
