"""CTC, against the enumeration of all strings of symbols."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from oracles import ctc as oracles

import seqfront as sf
from cases.dims import batch, group, time
from cases.lattices import (
    FULL,
    INFEASIBLE,
    INFINITE,
    LAYOUT,
    NO_FRAMES,
    TWO,
    classes,
    labels,
    scores,
    symbols,
)
from seqfront import Dim
from seqfront.testing import Case, Layout, Spec, constant, integers, normal, ragged, uniform

flat = Dim("flat")
"""The labels of all sequences, one after another."""

_TARGETS = integers(batch, labels, low=1, of=classes)
_REPEATS = constant([[2, 2, 3], [1, 1, 1], [3, 3, 2]], batch, labels, of=classes)
_PRIOR = constant([50, 5, 10, 5, 30], classes)
"""In percent: integers, by which nobody differentiates."""
_STARS = constant([[9, 2, 9], [1, 9, 1], [3, 9, 9]], batch, labels)


def _ctc(
    name: str,
    inputs: Mapping[str, Spec] | None = None,
    layout: Layout = LAYOUT,
    rows: tuple[Dim, ...] = (batch,),
    infeasible: Any = "inf",
    blank: int = 0,
    oracle: Any = None,
    flags: Mapping[str, Any] | None = None,
    **options: Any,
) -> Case:
    inputs = {"x": scores(batch, time, classes), "y": _TARGETS} if inputs is None else inputs

    def call(x: sf.Tensor, y: sf.Tensor, prior: sf.Tensor | None = None) -> sf.Tensor:
        log_prior = None if prior is None else sf.log(sf.cast(prior, x.dtype) / 100.0)
        return sf.ctc_loss(
            logits=x, targets=y, input_spatial_dim=time, targets_spatial_dim=labels,
            blank_index=blank, infeasible=infeasible, log_prior=log_prior, **options,
        )  # fmt: skip

    def brute_force(x: np.ndarray, y: np.ndarray, prior: np.ndarray | None = None) -> float:
        log_prior = None if prior is None else np.log(prior / 100.0)
        known = {key: value for key, value in options.items() if key not in _NO_VALUE}
        loss = oracles.ctc(x, y, blank=blank % x.shape[1], log_prior=log_prior, **known)
        return 0.0 if infeasible == "zero" and loss == np.inf else loss

    return Case(
        f"ctc-{name}",
        call,
        inputs,
        layout,
        covers=("ctc_loss",),
        batch=rows,
        oracle=brute_force if oracle is None else oracle,
        **(flags or {}),
    )


_NO_VALUE = ("reuse_logits", "implementation")
"""Options that change how the loss is computed, not what it is."""

_LOG_PROBS = {"x": uniform(batch, time, classes, low=-3.0, high=-0.1), "y": _TARGETS}
_REPEATED = {"x": scores(batch, time, classes), "y": _REPEATS}
_WITH_PRIOR = {**_REPEATED, "prior": _PRIOR}
_STARRED = {"x": scores(batch, time, classes), "y": _STARS}
_LAST = {
    "x": scores(batch, time, classes),
    "y": integers(batch, labels, of=symbols),
}
_TWO_ROWS = {
    "x": scores(batch, classes, time, group),
    "y": integers(group, labels, batch, low=1, of=classes),
}
_SHARED = {"x": scores(batch, time, classes), "y": integers(labels, low=1, of=classes)}
_STATIC_TIME, _STATIC_LABELS = Dim("static_time", 4), Dim("static_labels", 2)

PLAIN = [
    _ctc("plain"),
    _ctc("full", layout=FULL),
    _ctc("repeats", _REPEATED),
    _ctc("normalized", _LOG_PROBS, logits_normalized=True),
    _ctc("max-approx", max_approx=True),
    _ctc("max-approx-normalized", _LOG_PROBS, max_approx=True, logits_normalized=True),
    _ctc("no-label-loop", _REPEATED, label_loop=False),
    _ctc("no-label-loop-max-approx", _REPEATED, label_loop=False, max_approx=True),
    _ctc("blank-last", _LAST, blank=-1),
    _ctc("blank-in-the-middle", {**_LAST, "y": constant([[0, 1, 3], [4, 4, 4], [1, 0, 0]], batch,
                                                        labels, of=classes)}, blank=2),
    _ctc("two-batch-dims", _TWO_ROWS, TWO, (batch, group),
         oracle=lambda x, y: oracles.ctc(x.T, y, blank=0)),
    _ctc("shared-targets", _SHARED, FULL),
    _ctc("no-batch", {"x": scores(time, classes), "y": constant([1, 2], labels, of=classes)},
         FULL, ()),
    _ctc("feasible-or-raise", infeasible="raise"),
    _ctc("infeasible-inf", layout=INFEASIBLE,
         flags={"no_finite_difference": INFINITE, "no_empty_row": NO_FRAMES}),
    _ctc("infeasible-zero", layout=INFEASIBLE, infeasible="zero",
         flags={"no_empty_row": NO_FRAMES}),
    _ctc("infeasible-max-approx", layout=INFEASIBLE, infeasible="zero", max_approx=True,
         flags={"no_empty_row": NO_FRAMES}),
    _ctc("plain-targets", {"x": scores(batch, time, classes),
                           "y": integers(batch, labels, low=1, high=5, dtype="int64")}),
    _ctc("float16", {"x": normal(batch, time, classes, dtype="float16"), "y": _TARGETS},
         flags={"no_finite_difference": "float16 moves in steps",
                "tolerance": 1.0}),
    _ctc("composed", _REPEATED, implementation="composed"),
]  # fmt: skip
PLAIN.append(
    Case(
        "ctc-static-dims",
        lambda x, y: sf.ctc_loss(
            logits=x, targets=y, input_spatial_dim=_STATIC_TIME,
            targets_spatial_dim=_STATIC_LABELS, blank_index=0,
        ),
        {
            "x": scores(_STATIC_TIME, batch, classes),
            "y": integers(batch, _STATIC_LABELS, low=1, of=classes),
        },
        FULL,
        covers=("ctc_loss",),
        batch=(batch,),
        oracle=lambda x, y: oracles.ctc(x, y, blank=0),
    )
)  # fmt: skip


# -- weights --------------------------------------------------------------------------------------

_FREE_STARS = {"x": uniform(batch, time, classes, low=-3.0, high=-0.1), "y": _STARS}

WEIGHTED = [
    _ctc("prior", _WITH_PRIOR, prior_scale=0.5),
    _ctc("prior-max-approx", _WITH_PRIOR, max_approx=True),
    _ctc("prior-normalized", {**_LOG_PROBS, "prior": _PRIOR}, logits_normalized=True),
    _ctc("prior-composed", _WITH_PRIOR, prior_scale=0.5, implementation="composed"),
    _ctc("star", _STARRED, star_index=9),
    _ctc("star-negative", {**_STARRED, "y": constant([[-1, 4, 2], [1, -1, 1], [-1, -1, 3]], batch,
                                                     labels)}, star_index=-1),
    _ctc("star-blank-in-the-middle", {**_STARRED, "y": constant([[0, 9, 3], [4, 9, 4], [9, 0, 0]],
                                      batch, labels)}, blank=2, star_index=9),
    _ctc("star-normalized", _FREE_STARS, star_index=9, logits_normalized=True),
    _ctc("star-no-label-loop", _STARRED, star_index=9, label_loop=False),
    _ctc("star-max-approx", _STARRED, star_index=9, max_approx=True),
    _ctc("star-composed", _STARRED, star_index=9, implementation="composed"),
    _ctc("star-constant", _STARRED, star_index=9, star_score=-0.75),
    _ctc("star-constant-normalized", _FREE_STARS, star_index=9, star_score=-0.75,
         logits_normalized=True),
    _ctc("star-constant-max-approx", _STARRED, star_index=9, star_score=0.0, max_approx=True),
    _ctc("star-constant-composed", _STARRED, star_index=9, star_score=-0.75,
         implementation="composed"),
    _ctc("star-and-prior", {**_STARRED, "prior": _PRIOR}, star_index=9),
    _ctc("star-unused", _REPEATED, star_index=9),
]  # fmt: skip


# -- targets one after another ---------------------------------------------------------------------

_IN_A_ROW = Layout({batch: 4, group: 2, time: 5, flat: 9}, {time: ragged(batch, [5, 3, 4, 2])})
_COUNTS = constant([3, 0, 2, 2], batch)
_FLAT = constant([2, 2, 1, 1, 3, 4, 4, 0, 0], flat, of=classes)
_TWO_COUNTS = constant([[1, 2], [0, 2], [1, 1], [0, 0]], batch, group)
_ONE_ROW = "the targets of all sequences are in one row"


def _concatenated(
    name: str,
    x: Spec,
    counts: Spec,
    layout: Layout = _IN_A_ROW,
    y: Spec = _FLAT,
    order_matters: str = "",
    **options: Any,
) -> Case:
    """The last sequence has fewer frames than its labels need."""

    def brute_force(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
        known = {key: value for key, value in options.items() if key not in _NO_VALUE}
        ends = np.cumsum(counts).tolist()
        rows = zip(x.reshape(-1, *x.shape[-2:]), counts.reshape(-1).tolist(), ends, strict=True)
        losses = [
            oracles.ctc(row[~np.isnan(row[:, 0])], y[end - count : end], blank=0, **known)
            for row, count, end in rows
        ]
        return np.reshape(list(map(_zero_if_infinite, losses)), counts.shape)

    return Case(
        f"ctc-concatenated-{name}",
        lambda x, y, counts: sf.ctc_loss(
            logits=x, targets=y, input_spatial_dim=time, targets_spatial_dim=flat,
            target_lengths=counts, blank_index=0, infeasible="zero", **options,
        ),
        {"x": x, "y": y, "counts": counts},
        layout,
        covers=("ctc_loss",),
        oracle=brute_force,
        mixes_batch=_ONE_ROW,
        order_matters=order_matters,
    )  # fmt: skip


CONCATENATED = [
    _concatenated("ragged", scores(batch, time, classes), _COUNTS),
    _concatenated("max-approx", scores(batch, time, classes), _COUNTS, max_approx=True),
    _concatenated("composed", scores(batch, time, classes), _COUNTS, implementation="composed"),
    _concatenated("two-batch-dims", scores(batch, group, time, classes), _TWO_COUNTS,
                  order_matters="the dims of the lengths say the order of the sequences"),
    _concatenated("full", scores(batch, time, classes), _COUNTS,
                  Layout({batch: 4, time: 4, flat: 9})),
    _concatenated("stars", scores(batch, time, classes), _COUNTS,
                  y=constant([9, 2, 1, 9, 9, 4, 9, 0, 0], flat), star_index=9),
    _concatenated("int64", scores(batch, time, classes), constant([3, 0, 2, 2], batch,
                                                                    dtype="int64")),
]  # fmt: skip


# -- feasibility ----------------------------------------------------------------------------------


def _feasible(
    name: str,
    inputs: Mapping[str, Spec],
    layout: Layout,
    rows: tuple[Dim, ...] = (batch,),
    **options: Any,
) -> Case:
    def brute_force(frames: np.ndarray, y: np.ndarray) -> bool:
        return oracles.feasible(int(frames), y.tolist(), options.get("label_loop", True))

    return Case(
        f"ctc-feasible-{name}",
        lambda frames, y: sf.ctc_feasible(
            input_lengths=frames, targets=y, targets_spatial_dim=labels, **options
        ),
        inputs,
        layout,
        covers=("ctc_feasible",),
        batch=rows,
        oracle=brute_force,
        no_gradient="it is true or false",
    )


def _feasible_in_a_row(frames: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    ends = np.cumsum(counts).tolist()
    rows = zip(frames.tolist(), counts.tolist(), ends, strict=True)
    return np.array([oracles.feasible(n, y[end - m : end].tolist(), True) for n, m, end in rows])


_LENGTHS = constant([4, 0, 2], batch)

FEASIBLE = [
    _feasible("ragged", {"frames": _LENGTHS, "y": _REPEATS}, LAYOUT),
    _feasible("no-label-loop", {"frames": constant([3, 0, 1], batch), "y": _REPEATS}, LAYOUT,
              label_loop=False),
    _feasible("full", {"frames": _LENGTHS, "y": constant([[2, 2], [1, 1], [3, 1]], batch, labels)},
              FULL),
    _feasible("shared-targets", {"frames": _LENGTHS, "y": constant([2, 2], labels)}, FULL),
    _feasible("two-batch-dims", {"frames": constant([[2, 1], [0, 2], [0, 1]], batch, group),
                                 "y": constant(np.ones((2, 3, 2), int), group, batch, labels)},
              TWO, (batch, group)),
    Case(
        "ctc-feasible-concatenated",
        lambda frames, y, counts: sf.ctc_feasible(
            input_lengths=frames, targets=y, targets_spatial_dim=flat, target_lengths=counts
        ),
        {"frames": constant([3, 0, 2, 2], batch), "y": _FLAT, "counts": _COUNTS},
        _IN_A_ROW,
        covers=("ctc_feasible",),
        oracle=_feasible_in_a_row,
        mixes_batch=_ONE_ROW,
        no_gradient="it is true or false",
    ),
    Case(
        "ctc-infeasible-after-the-loss",
        lambda x, y: _without_hopeless(x, y),
        {"x": scores(batch, time, classes), "y": _TARGETS},
        INFEASIBLE,
        covers=("ctc_loss",),
        batch=(batch,),
        oracle=lambda x, y: _zero_if_infinite(oracles.ctc(x, y, blank=0)),
        no_empty_row=NO_FRAMES,
    ),
]  # fmt: skip


def _without_hopeless(x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
    loss = sf.ctc_loss(
        logits=x, targets=y, input_spatial_dim=time, targets_spatial_dim=labels, blank_index=0
    )
    hopeless = loss == math.inf
    return sf.where(hopeless, 0.0, loss)


def _zero_if_infinite(loss: float) -> float:
    return 0.0 if loss == math.inf else loss


CASES = [*PLAIN, *WEIGHTED, *CONCATENATED, *FEASIBLE]
