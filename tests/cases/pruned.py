"""Pruned transducer training, against brute force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from oracles import lattices
from oracles import pruned as oracle

import seqfront as sf
from cases.dims import batch, feature, group, time
from cases.lattices import FULL, INFEASIBLE, LAYOUT, TWO, classes, labels, symbols
from seqfront import Dim
from seqfront.testing import Case, Layout, Spec, constant, integers, normal, ragged

band = Dim("band", 2)
three = Dim("band_of_three", 3)
wide = Dim("wide_band", 7)
_AFTER, _BEFORE = labels + 1, 1 + labels
_INFINITE = "infinite losses do not move"
_NO_FRAMES = "rows without frames are what is tried"

STEEP = Layout(
    {batch: 4, time: 4, labels: 4},
    {time: ragged(batch, [4, 4, 2, 1]), labels: ragged(batch, [4, 0, 2, 1])},
)
"""As many labels as frames, no label, one frame."""
LONG = Layout(
    {batch: 3, time: 7, labels: 5},
    {time: ragged(batch, [7, 6, 5]), labels: ragged(batch, [5, 4, 2])},
)


def _source(*dims: Dim, scale: float = 1.5) -> Spec:
    return normal(*(dims or (batch, time, classes)), scale=scale)


def _prediction(*dims: Dim, scale: float = 1.5) -> Spec:
    return normal(*(dims or (batch, _AFTER, classes)), scale=scale)


_TARGETS = integers(batch, labels, low=1, of=classes)


# -- the simple loss -------------------------------------------------------------------------------


def _simple(
    name: str,
    inputs: Mapping[str, Spec] | None = None,
    layout: Layout = LAYOUT,
    rows: tuple[Dim, ...] = (batch,),
    infeasible: Any = "inf",
    blank: int = 0,
    flags: Mapping[str, Any] | None = None,
    band_dim: Any = None,
    topology: Any = "regular",
    **options: Any,
) -> Case:
    def call(x: sf.Tensor, z: sf.Tensor, y: sf.Tensor) -> Any:
        return sf.rnnt_loss_simple(
            source=x, prediction=z, targets=y, input_spatial_dim=time, targets_spatial_dim=labels,
            blank_index=blank, infeasible=infeasible, topology=topology, band_dim=band_dim,
            **options,
        )  # fmt: skip

    def brute_force(x: np.ndarray, z: np.ndarray, y: np.ndarray) -> Any:
        scores = oracle.arc_scores(
            x, z, lm_only=options.get("lm_only_scale", 0), am_only=options.get("am_only_scale", 0)
        )
        paths = oracle.path_scores(
            scores, y, blank=blank % x.shape[1], topology=topology,
            delay_penalty=options.get("delay_penalty", 0),
        )  # fmt: skip
        loss = oracle.loss(paths)
        loss = 0.0 if infeasible == "zero" and loss == np.inf else loss
        if band_dim is None:
            return loss
        return loss, oracle.bounds(paths, len(x), len(y), band_dim.size, topology)

    own = {"x": _source(), "z": _prediction(), "y": _TARGETS}
    return Case(
        f"rnnt-simple-{name}", call, own if inputs is None else inputs, layout,
        covers=("rnnt_loss_simple",), batch=rows, oracle=brute_force, **(flags or {}),
    )  # fmt: skip


SIMPLE = [
    _simple("plain"),
    _simple("full", layout=FULL),
    _simple("states-before", {"x": _source(), "z": _prediction(batch, _BEFORE, classes),
                              "y": _TARGETS}),
    _simple("peaked", {"x": _source(scale=60.0), "z": _prediction(scale=60.0), "y": _TARGETS},
            flags={"tolerance": 30.0}),  # logits of 200
    _simple("modified", topology="modified"),
    _simple("modified-steep", layout=STEEP, topology="modified"),
    _simple("lm-only", lm_only_scale=0.25),
    _simple("am-only", am_only_scale=0.3),
    _simple("smoothed", lm_only_scale=0.25, am_only_scale=0.15, delay_penalty=0.2),
    _simple("smoothed-modified", lm_only_scale=0.5, am_only_scale=0.5, topology="modified"),
    _simple("delay-penalty", delay_penalty=0.3),
    _simple("blank-last", {"x": _source(), "z": _prediction(),
                           "y": integers(batch, labels, of=symbols)}, blank=-1),
    _simple("two-batch-dims", {"x": _source(group, batch, time, classes),
                               "z": _prediction(batch, _AFTER, group, classes),
                               "y": integers(batch, group, labels, low=1, of=classes)},
            TWO, (batch, group)),
    _simple("shared-prediction", {"x": _source(), "z": _prediction(_AFTER, classes),
                                  "y": integers(labels, low=1, of=classes)}, FULL),
    _simple("no-batch", {"x": _source(time, classes), "z": _prediction(_AFTER, classes),
                         "y": constant([1, 2], labels, of=classes)}, FULL, ()),
    _simple("float16", {"x": normal(batch, time, classes, dtype="float16"),
                        "z": normal(batch, _AFTER, classes, dtype="float16"), "y": _TARGETS},
            flags={"no_finite_difference": "float16 moves in steps"}),
    _simple("feasible-or-raise", infeasible="raise"),
    _simple("infeasible-inf", layout=INFEASIBLE,
            flags={"no_finite_difference": _INFINITE, "no_empty_row": _NO_FRAMES}),
    _simple("infeasible-zero", layout=INFEASIBLE, infeasible="zero", topology="modified",
            flags={"no_empty_row": _NO_FRAMES}),
    _simple("band", layout=LONG, band_dim=three),
    _simple("band-narrow", layout=LONG, band_dim=band),
    _simple("band-wide", layout=LONG, band_dim=wide),
    _simple("band-steep", layout=STEEP, band_dim=three),
    _simple("band-modified", layout=LONG, band_dim=three, topology="modified"),
    _simple("band-modified-steep", layout=STEEP, band_dim=band, topology="modified"),
    _simple("band-smoothed", layout=LONG, band_dim=three, lm_only_scale=0.25, delay_penalty=0.1),
    _simple("band-two-batch-dims", {"x": _source(group, batch, time, classes),
                                    "z": _prediction(batch, _AFTER, group, classes),
                                    "y": integers(batch, group, labels, low=1, of=classes)},
            TWO, (batch, group), band_dim=three),
]  # fmt: skip


# -- prune -----------------------------------------------------------------------------------------


def _prune(
    name: str,
    x: Spec,
    starts: Spec,
    layout: Layout,
    rows: tuple[Dim, ...] = (batch,),
    band_dim: Dim = three,
) -> Case:
    def entries(x: np.ndarray, starts: np.ndarray) -> np.ndarray:
        width = band_dim.size or 0
        places = np.minimum(starts[:, None] + np.arange(width), len(x) - 1)
        return x[places]

    return Case(
        f"prune-{name}",
        lambda x, starts: sf.prune(x, starts=starts, axis=_AFTER, band_dim=band_dim),
        {"x": x, "starts": starts},
        layout,
        covers=("prune",),
        batch=rows,
        oracle=entries,
    )


_STARTS = constant([[0, 1, 1, 2, 2], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]], batch, time)

PRUNE = [
    _prune("ragged", normal(batch, _AFTER, feature), _STARTS, LAYOUT),
    _prune("wide", normal(batch, _AFTER, feature),
           constant([[0] * 5] * 3, batch, time), LAYOUT, band_dim=wide),
    _prune("two-batch-dims", normal(group, batch, _AFTER, feature),
           constant(np.zeros((3, 4, 2), int), batch, time, group), TWO, (batch, group)),
    _prune("shared-starts", normal(batch, _AFTER, feature), constant([0, 1, 1, 1], time),
           Layout(FULL.sizes, {labels: ragged(batch, [2, 0, 1])})),
    _prune("no-batch", normal(_AFTER, feature), constant([0, 0, 0, 0], time), FULL, ()),
]  # fmt: skip


# -- the pruned loss -------------------------------------------------------------------------------


def _pruned(
    name: str,
    starts: Spec,
    layout: Layout = LONG,
    band_dim: Dim = three,
    topology: Any = "regular",
    infeasible: Any = "inf",
    flags: Mapping[str, Any] | None = None,
    **options: Any,
) -> Case:
    def call(x: sf.Tensor, starts: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        return sf.rnnt_loss_pruned(
            logits=x, starts=starts, targets=y, band_dim=band_dim, input_spatial_dim=time,
            targets_spatial_dim=labels, blank_index=0, topology=topology, infeasible=infeasible,
            **options,
        )  # fmt: skip

    def brute_force(x: np.ndarray, starts: np.ndarray, y: np.ndarray) -> float:
        scores = x if options.get("logits_normalized") else lattices.log_softmax(x)
        paths = oracle.path_scores(
            scores, y, blank=0, topology=topology, starts=starts,
            delay_penalty=options.get("delay_penalty", 0),
        )  # fmt: skip
        loss = oracle.loss(paths)
        return 0.0 if infeasible == "zero" and loss == np.inf else loss

    logits = normal(batch, time, band_dim, classes, scale=1.5)
    return Case(
        f"rnnt-pruned-{name}", call, {"x": logits, "starts": starts, "y": _TARGETS}, layout,
        covers=("rnnt_loss_pruned",), batch=(batch,), oracle=brute_force, **(flags or {}),
    )  # fmt: skip


_CLIMBING = constant(
    [[0, 0, 1, 1, 2, 3, 3], [0, 1, 1, 2, 2, 2, 2], [0, 0, 0, 0, 0, 0, 0]], batch, time
)
_JUMPING = constant(
    [[0, 2, 2, 2, 3, 3, 3], [0, 0, 0, 2, 2, 2, 2], [0, 0, 0, 0, 0, 0, 0]], batch, time
)
_TOO_FAST = constant([[0, 3, 3, 3, 3, 3, 3], [0, 1, 1, 2, 2, 2, 2], [0] * 7], batch, time)
_ZEROS = constant([[0] * 7] * 3, batch, time)

PRUNED = [
    _pruned("climbing", _CLIMBING),
    _pruned("jumping", _JUMPING),
    _pruned("wide", _ZEROS, band_dim=wide),
    _pruned("modified", _CLIMBING, topology="modified"),
    _pruned("normalized", _CLIMBING, logits_normalized=True),
    _pruned("delay-penalty", _CLIMBING, delay_penalty=0.2),
    _pruned("no-path", _TOO_FAST, flags={"no_finite_difference": _INFINITE}),
    _pruned("no-path-zero", _TOO_FAST, infeasible="zero"),
]  # fmt: skip


# -- both passes -----------------------------------------------------------------------------------


def _two_passes(name: str, band_dim: Dim, topology: Any = "regular") -> Case:
    def call(f: sf.Tensor, g: sf.Tensor, y: sf.Tensor) -> tuple[sf.Tensor, sf.Tensor]:
        simple, starts = sf.rnnt_loss_simple(
            source=f, prediction=g, targets=y, input_spatial_dim=time, targets_spatial_dim=labels,
            blank_index=0, topology=topology, band_dim=band_dim,
        )  # fmt: skip
        near = sf.prune(g, starts=starts, axis=_BEFORE, band_dim=band_dim)
        pruned = sf.rnnt_loss_pruned(
            logits=sf.tanh(f + near), starts=starts, targets=y, band_dim=band_dim,
            input_spatial_dim=time, targets_spatial_dim=labels, blank_index=0, topology=topology,
        )  # fmt: skip
        return simple, pruned

    def brute_force(f: np.ndarray, g: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        full = oracle.path_scores(oracle.arc_scores(f, g), y, blank=0, topology=topology)
        starts = oracle.bounds(full, len(f), len(y), band_dim.size or 0, topology)
        places = np.minimum(starts[:, None] + np.arange(band_dim.size or 0), len(y))
        scores = lattices.log_softmax(np.tanh(f[:, None] + g[places]))
        kept = oracle.path_scores(scores, y, blank=0, topology=topology, starts=starts)
        return oracle.loss(full), oracle.loss(kept)

    return Case(
        f"rnnt-two-passes-{name}", call,
        {"f": normal(batch, time, classes), "g": normal(batch, _BEFORE, classes), "y": _TARGETS},
        LONG, covers=("rnnt_loss_simple", "prune", "rnnt_loss_pruned"), batch=(batch,),
        oracle=brute_force,
    )  # fmt: skip


BOTH = [
    _two_passes("regular", three),
    _two_passes("narrow", band),
    _two_passes("modified", three, "modified"),
    _two_passes("wide", wide),
]

CASES = [*SIMPLE, *PRUNE, *PRUNED, *BOTH]
