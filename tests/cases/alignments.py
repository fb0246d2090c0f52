"""Best alignments and posteriors, against brute force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from oracles import alignments

import seqfront as sf
from cases.dims import batch, group, time
from cases.lattices import FULL, INFEASIBLE, LAYOUT, TWO, classes, labels, symbols
from seqfront import Dim
from seqfront.testing import Case, Layout, Spec, constant, integers, normal, uniform

_TARGETS = integers(batch, labels, low=1, of=classes)
_REPEATS = constant([[2, 2, 3], [1, 1, 1], [3, 3, 2]], batch, labels, of=classes)
_NO_FRAMES = "rows without frames are what is tried"


def _logits(*dims: Dim) -> Spec:
    return normal(*dims, scale=1.5)


# -- CTC ------------------------------------------------------------------------------------------


def _ctc(
    call: Callable[..., Any],
    oracle: Callable[..., Any],
    name: str,
    inputs: Mapping[str, Spec],
    layout: Layout = LAYOUT,
    rows: tuple[Dim, ...] = (batch,),
    blank: int = 0,
    flags: Mapping[str, Any] | None = None,
    **options: Any,
) -> Case:
    def brute_force(x: np.ndarray, y: np.ndarray) -> Any:
        known = {key.replace("logits_", ""): value for key, value in options.items()}
        frames_last = rows == (batch, group)
        logits = x.T if frames_last else x
        return oracle(logits, y, blank=blank % logits.shape[1], **known)

    return Case(
        f"{call.__name__.replace('_', '-')}-{name}",
        lambda x, y: call(
            logits=x,
            targets=y,
            input_spatial_dim=time,
            targets_spatial_dim=labels,
            blank_index=blank,
            **options,
        ),
        inputs,
        layout,
        covers=(call.__name__,),
        batch=rows,
        oracle=brute_force,
        no_gradient="alignments have none",
        **(flags or {}),
    )


def _ctc_cases(call: Callable[..., Any], oracle: Callable[..., Any]) -> list[Case]:
    x = _logits(batch, time, classes)
    plain, repeated = {"x": x, "y": _TARGETS}, {"x": x, "y": _REPEATS}
    log_probs = {"x": uniform(batch, time, classes, low=-3.0, high=-0.1), "y": _TARGETS}
    two_rows = {
        "x": _logits(batch, classes, time, group),
        "y": integers(group, labels, batch, low=1, of=classes),
    }
    unbatched = {"x": _logits(time, classes), "y": constant([1, 2], labels, of=classes)}
    shared = {"x": x, "y": integers(labels, low=1, of=classes)}

    def case(name: str, *args: Any, **options: Any) -> Case:
        return _ctc(call, oracle, name, *args, **options)

    return [
        case("plain", plain),
        case("full", plain, FULL),
        case("repeats", repeated),
        case("normalized", log_probs, logits_normalized=True),
        case("no-label-loop", repeated, label_loop=False),
        case("blank-last", {"x": x, "y": integers(batch, labels, of=symbols)}, blank=-1),
        case("two-batch-dims", two_rows, TWO, (batch, group)),
        case("shared-targets", shared, FULL),
        case("no-batch", unbatched, FULL, ()),
        case("infeasible", plain, INFEASIBLE, flags={"no_empty_row": _NO_FRAMES}),
    ]


CTC = [
    *_ctc_cases(sf.ctc_alignment, alignments.ctc_alignment),
    *_ctc_cases(sf.ctc_posteriors, alignments.ctc_posteriors),
]

CASES = [*CTC]
