"""Losses over alignments, and edit distance, against brute force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from oracles import lattices

import seqfront as sf
from cases.dims import batch, group, time
from seqfront import Dim
from seqfront.testing import Case, Layout, Spec, constant, integers, normal, ragged, uniform

labels = Dim("labels")
classes = Dim("classes", 5)
symbols = Dim("symbols", 4)
"""The classes without the blank."""

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
NO_FRAMES = "rows without frames are what is tried"
INFINITE = "infinite losses do not move"


def scores(*dims: Dim) -> Spec:
    return normal(*dims, scale=1.5)


_TARGETS = integers(batch, labels, low=1, of=classes)
_REPEATS = constant([[2, 2, 3], [1, 1, 1], [3, 3, 2]], batch, labels, of=classes)


# -- RNN-T ----------------------------------------------------------------------------------------

_AFTER, _BEFORE = labels + 1, 1 + labels


def _rnnt(
    name: str,
    inputs: Mapping[str, Spec] | None = None,
    layout: Layout = LAYOUT,
    rows: tuple[Dim, ...] = (batch,),
    infeasible: Any = "inf",
    blank: int = 0,
    flags: Mapping[str, Any] | None = None,
    **options: Any,
) -> Case:
    def call(x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        return sf.rnnt_loss(
            logits=x, targets=y, input_spatial_dim=time, targets_spatial_dim=labels,
            blank_index=blank, infeasible=infeasible, **options,
        )  # fmt: skip

    def brute_force(x: np.ndarray, y: np.ndarray) -> float:
        normalized = options.get("logits_normalized", False)
        loss = lattices.rnnt(x, y, blank=blank % x.shape[2], normalized=normalized)
        return 0.0 if infeasible == "zero" and loss == np.inf else loss

    return Case(
        f"rnnt-{name}",
        call,
        {"x": scores(batch, time, _AFTER, classes), "y": _TARGETS} if inputs is None else inputs,
        layout,
        covers=("rnnt_loss",),
        batch=rows,
        oracle=brute_force,
        **(flags or {}),
    )


RNNT = [
    _rnnt("plain"),
    _rnnt("states-before", {"x": scores(batch, time, _BEFORE, classes), "y": _TARGETS}),
    _rnnt("full", layout=FULL),
    _rnnt("normalized", {"x": uniform(batch, time, _AFTER, classes, low=-3.0, high=-0.1),
                         "y": _TARGETS}, logits_normalized=True),
    _rnnt("repeats", {"x": scores(batch, time, _AFTER, classes), "y": _REPEATS}),
    _rnnt("blank-last", {"x": scores(batch, time, _AFTER, classes),
                         "y": integers(batch, labels, of=symbols)}, blank=-1),
    _rnnt("two-batch-dims", {"x": scores(group, batch, time, _AFTER, classes),
                             "y": integers(batch, group, labels, low=1, of=classes)},
          TWO, (batch, group)),
    _rnnt("shared-targets", {"x": scores(batch, time, _AFTER, classes),
                             "y": integers(labels, low=1, of=classes)}, FULL),
    _rnnt("no-batch", {"x": scores(time, _AFTER, classes),
                       "y": constant([1, 2], labels, of=classes)}, FULL, ()),
    _rnnt("feasible-or-raise", infeasible="raise"),
    _rnnt("infeasible-inf", layout=INFEASIBLE,
          flags={"no_finite_difference": INFINITE, "no_empty_row": NO_FRAMES}),
    _rnnt("infeasible-zero", layout=INFEASIBLE, infeasible="zero",
          flags={"no_empty_row": NO_FRAMES}),
]  # fmt: skip
RNNT.append(
    Case(
        "rnnt-of-joint-network",
        lambda f, g, y: sf.rnnt_loss(
            logits=sf.tanh(sf.add(f, g, allow_broadcast=True)), targets=y,
            input_spatial_dim=time, targets_spatial_dim=labels, blank_index=0,
        ),
        {"f": normal(batch, time, classes), "g": normal(batch, _BEFORE, classes), "y": _TARGETS},
        LAYOUT,
        covers=("rnnt_loss",),
        batch=(batch,),
        oracle=lambda f, g, y: lattices.rnnt(np.tanh(f[:, None] + g), y, blank=0),
    )
)  # fmt: skip


# -- edit distance --------------------------------------------------------------------------------

other = Dim("other")
_PAIRS = Layout(
    {batch: 3, group: 2, labels: 4, other: 3},
    {labels: ragged(batch, [4, 0, 3]), other: ragged(batch, [2, 3, 0])},
)
_PAIRS_FULL = Layout({batch: 3, group: 2, labels: 4, other: 3})
_PAIRS_TWO = Layout(
    {batch: 3, group: 2, labels: 4, other: 3},
    {labels: ragged((batch, group), [[4, 2], [0, 3], [1, 1]]), other: ragged(batch, [2, 3, 0])},
)


def _edit(name: str, a: Spec, b: Spec, layout: Layout, rows: tuple[Dim, ...], **kw: Any) -> Case:
    return Case(
        f"edit-distance-{name}",
        lambda a, b: sf.edit_distance(a, labels, b, other, **kw),
        {"a": a, "b": b},
        layout,
        covers=("edit_distance",),
        batch=rows,
        oracle=lambda a, b: lattices.edit_distance(list(a), list(b)),
        no_gradient="integers have none",
    )


def _tokens(*dims: Dim) -> Spec:
    return integers(*dims, high=3)


EDIT = [
    _edit("ragged", _tokens(batch, labels), _tokens(batch, other), _PAIRS, (batch,)),
    _edit("full", _tokens(batch, labels), _tokens(other, batch), _PAIRS_FULL, (batch,)),
    _edit("labels", integers(batch, labels, of=symbols), integers(batch, other, of=symbols),
          _PAIRS, (batch,)),
    _edit("float", _tokens(batch, labels), _tokens(batch, other), _PAIRS, (batch,),
          dtype="float32"),
    _edit("one-reference", _tokens(batch, labels), _tokens(other), _PAIRS_FULL, (batch,)),
    _edit("no-batch", _tokens(labels), _tokens(other), _PAIRS_FULL, ()),
    _edit("two-batch-dims", _tokens(group, labels, batch), _tokens(batch, other), _PAIRS_TWO,
          (batch, group)),
]  # fmt: skip

CASES = [*RNNT, *EDIT]
