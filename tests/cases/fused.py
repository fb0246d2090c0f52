"""Losses that hold the last layer, against enumeration of alignments over the full logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from oracles import lattices

import seqfront as sf
from cases.dims import batch, group, time
from seqfront import Dim
from seqfront.testing import Case, Layout, Spec, constant, integers, normal, ragged

labels = Dim("labels")
joint, classes, symbols = Dim("joint", 4), Dim("classes", 5), Dim("symbols", 4)

LAYOUT = Layout(
    {batch: 3, group: 2, time: 5, labels: 3},
    {time: ragged(batch, [5, 3, 4]), labels: ragged(batch, [3, 0, 2])},
)
TWO = Layout(
    {batch: 3, group: 2, time: 4, labels: 2},
    {
        time: ragged((batch, group), [[4, 3], [2, 4], [3, 1]]),
        labels: ragged((batch, group), [[2, 1], [0, 2], [1, 1]]),
    },
)
FULL = Layout({batch: 3, time: 4, labels: 2})
INFEASIBLE = Layout(
    {batch: 4, time: 4, labels: 3},
    {time: ragged(batch, [4, 1, 0, 0]), labels: ragged(batch, [3, 2, 0, 1])},
)
_NO_FRAMES = "rows without frames are what is tried"
_INFINITE = "infinite losses do not move"
_SCALED = "the gradient is made another one than that of the loss"
_HALF = "half precision moves in steps"

_SOURCE = normal(batch, time, joint, scale=1.5)
_TARGETS = integers(batch, labels, low=1, of=classes)
_WEIGHT, _BIAS = normal(joint, classes, scale=1.5), normal(classes)
_RNNT = {
    "f": _SOURCE,
    "g": normal(batch, labels + 1, joint),
    "y": _TARGETS,
    "w": _WEIGHT,
    "b": _BIAS,
}


def _activated(x: np.ndarray, activation: str | None) -> np.ndarray:
    return {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0.0), None: lambda x: x}[activation](x)


def _rnnt(
    name: str,
    inputs: Mapping[str, Spec] = _RNNT,
    layout: Layout = LAYOUT,
    rows: tuple[Dim, ...] = (batch,),
    flags: Mapping[str, Any] | None = None,
    **options: Any,
) -> Case:
    options = {"blank_index": 0, **options}

    def call(
        f: sf.Tensor, g: sf.Tensor, y: sf.Tensor, w: sf.Tensor, b: sf.Tensor | None = None
    ) -> sf.Tensor:
        return sf.fused_rnnt_loss(
            source=f, prediction=g, targets=y, weight=w, bias=b, joint_dim=joint, classes=classes,
            input_spatial_dim=time, targets_spatial_dim=labels, **options,
        )  # fmt: skip

    def brute_force(
        f: np.ndarray, g: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray | float = 0.0
    ) -> float:
        f, g, w = (x.astype(np.float64) for x in (f, g, w))
        hidden = _activated(f[:, None] + g, options.get("activation", "tanh"))
        loss = lattices.rnnt(hidden @ w + b, y, blank=options["blank_index"] % classes.size)
        if options.get("infeasible") == "zero" and loss == np.inf:
            return 0.0
        scales = options.get("fastemit_scales_loss", False)
        return loss * (1.0 + options["fastemit"]) if scales else loss

    return Case(
        f"fused-rnnt-{name}",
        call,
        inputs,
        layout,
        covers=("fused_rnnt_loss",),
        batch=rows,
        oracle=brute_force,
        **(flags or {}),
    )


def _without(inputs: Mapping[str, Spec], name: str) -> dict[str, Spec]:
    return {key: spec for key, spec in inputs.items() if key != name}


RNNT = [
    _rnnt("plain"),
    _rnnt("full", layout=FULL),
    _rnnt("no-bias", _without(_RNNT, "b")),
    _rnnt("relu", activation="relu"),
    _rnnt("no-activation", activation=None),
    _rnnt("states-before", {**_RNNT, "g": normal(batch, 1 + labels, joint)}),
    _rnnt("blank-last", {**_RNNT, "y": integers(batch, labels, of=symbols)}, blank_index=-1),
    _rnnt("two-batch-dims", {
        **_RNNT, "f": normal(group, time, joint, batch),
        "g": normal(batch, group, labels + 1, joint),
        "y": integers(batch, group, labels, low=1, of=classes)}, TWO, (batch, group)),
    _rnnt("shared-targets", {
        **_RNNT, "g": normal(labels + 1, joint), "y": integers(labels, low=1, of=classes)}, FULL),
    _rnnt("no-batch", {
        **_RNNT, "f": normal(time, joint), "g": normal(labels + 1, joint),
        "y": constant([1, 2], labels, of=classes)}, FULL, ()),
    _rnnt("feasible-or-raise", infeasible="raise"),
    _rnnt("infeasible-inf", layout=INFEASIBLE,
          flags={"no_finite_difference": _INFINITE, "no_empty_row": _NO_FRAMES}),
    _rnnt("infeasible-zero", layout=INFEASIBLE, infeasible="zero",
          flags={"no_empty_row": _NO_FRAMES}),
    _rnnt("skip-below-nothing", skip_below=1e-30),
    _rnnt("fastemit", fastemit=0.25, fastemit_scales_loss=True,
          flags={"no_finite_difference": _SCALED}),
    _rnnt("clamp", clamp=0.0625, flags={"no_finite_difference": _SCALED}),
    _rnnt("float16-features", {
        **_RNNT, "f": normal(batch, time, joint, dtype="float16"),
        "g": normal(batch, labels + 1, joint, dtype="float16")},
        flags={"no_finite_difference": _HALF}),
]  # fmt: skip


# -- a joiner -------------------------------------------------------------------------------------


def _joiner(activation: Any) -> Case:
    def both(joiner: Any, f: sf.Tensor, g: sf.Tensor, y: sf.Tensor) -> Any:
        options = {
            "input_spatial_dim": time, "targets_spatial_dim": labels, "blank_index": 0,
        }  # fmt: skip
        fused = joiner.loss(f, g, y, **options)
        return fused - sf.rnnt_loss(logits=joiner(f, g), targets=y, **options)

    return Case(
        f"fused-joiner-{activation}",
        both,
        {key: _RNNT[key] for key in ("f", "g", "y")},
        LAYOUT,
        covers=("fused_rnnt_loss",),
        module=lambda: sf.models.Joiner(joint, classes, activation=activation),
        batch=(batch,),
        oracle=lambda joiner, f, g, y: 0.0,
    )


JOINERS = [_joiner("tanh"), _joiner("relu"), _joiner(None)]


# -- CTC ------------------------------------------------------------------------------------------

_CTC = {"x": _SOURCE, "y": _TARGETS, "w": _WEIGHT, "b": _BIAS}
_REPEATS = {**_CTC, "y": constant([[2, 2, 3], [1, 1, 1], [3, 3, 2]], batch, labels, of=classes)}


def _ctc(
    name: str,
    inputs: Mapping[str, Spec] = _CTC,
    layout: Layout = LAYOUT,
    rows: tuple[Dim, ...] = (batch,),
    flags: Mapping[str, Any] | None = None,
    features_first: bool = False,
    **options: Any,
) -> Case:
    options = {"blank_index": 0, **options}

    def call(x: sf.Tensor, y: sf.Tensor, w: sf.Tensor, b: sf.Tensor | None = None) -> sf.Tensor:
        return sf.fused_ctc_loss(
            hidden=x, targets=y, weight=w, bias=b, feature_dim=joint, classes=classes,
            input_spatial_dim=time, targets_spatial_dim=labels, **options,
        )  # fmt: skip

    def brute_force(
        x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray | float = 0.0
    ) -> float:
        known = {key: options[key] for key in ("max_approx", "label_loop") if key in options}
        x = x.T if features_first else x
        loss = lattices.ctc(
            x @ w.astype(np.float64) + b, y, blank=options["blank_index"] % classes.size, **known
        )
        return 0.0 if options.get("infeasible") == "zero" and loss == np.inf else loss

    return Case(
        f"fused-ctc-{name}",
        call,
        inputs,
        layout,
        covers=("fused_ctc_loss",),
        batch=rows,
        oracle=brute_force,
        **(flags or {}),
    )


CTC = [
    _ctc("plain"),
    _ctc("full", layout=FULL),
    _ctc("no-bias", _without(_CTC, "b")),
    _ctc("repeats", _REPEATS),
    _ctc("max-approx", max_approx=True),
    _ctc("no-label-loop", _REPEATS, label_loop=False),
    _ctc("blank-last", {**_CTC, "y": integers(batch, labels, of=symbols)}, blank_index=-1),
    _ctc("two-batch-dims", {
        **_CTC, "x": normal(batch, joint, time, group),
        "y": integers(group, labels, batch, low=1, of=classes)}, TWO, (batch, group),
        features_first=True),
    _ctc("shared-targets", {**_CTC, "y": integers(labels, low=1, of=classes)}, FULL),
    _ctc("no-batch", {
        **_CTC, "x": normal(time, joint), "y": constant([1, 2], labels, of=classes)}, FULL, ()),
    _ctc("infeasible-inf", layout=INFEASIBLE,
         flags={"no_finite_difference": _INFINITE, "no_empty_row": _NO_FRAMES}),
    _ctc("infeasible-zero", layout=INFEASIBLE, infeasible="zero",
         flags={"no_empty_row": _NO_FRAMES}),
    _ctc("float16-features", {**_CTC, "x": normal(batch, time, joint, dtype="float16")},
         flags={"no_finite_difference": _HALF}),
]  # fmt: skip

CASES = [*RNNT, *JOINERS, *CTC]
