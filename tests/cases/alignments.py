"""Best alignments and posteriors, against brute force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from oracles import alignments
from oracles.transducers import Transducer

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

# -- transducers ----------------------------------------------------------------------------------

_GRID = _logits(batch, time, labels + 1, classes)
_NARROW = integers(batch, labels, low=1, of=symbols)
_WINDOWS = {
    "first": constant([[0, 1, 1], [0, 0, 0], [2, 0, 0]], batch, labels),
    "last": constant([[2, 4, 4], [1, 1, 1], [3, 2, 2]], batch, labels),
}


def _rnnt(
    call: Callable[..., Any],
    oracle: Callable[..., Any],
    name: str,
    inputs: Mapping[str, Spec] | None = None,
    layout: Layout = LAYOUT,
    rows: tuple[Dim, ...] = (batch,),
    blank: int = 0,
    flags: Mapping[str, Any] | None = None,
    **options: Any,
) -> Case:
    def run(x: sf.Tensor, y: sf.Tensor, *windows: sf.Tensor) -> Any:
        return call(
            logits=x,
            targets=y,
            input_spatial_dim=time,
            targets_spatial_dim=labels,
            blank_index=blank,
            windows=windows or None,
            **options,
        )

    def brute_force(x: np.ndarray, y: np.ndarray, *windows: np.ndarray) -> Any:
        known = {key.replace("logits_", ""): value for key, value in options.items()}
        allowed = np.stack(windows, 1) if windows else None
        return oracle(Transducer(blank % x.shape[2], windows=allowed, **known), x, y)

    return Case(
        f"{call.__name__.replace('_', '-')}-{name}",
        run,
        {"x": _GRID, "y": _NARROW} if inputs is None else inputs,
        layout,
        covers=(call.__name__,),
        batch=rows,
        oracle=brute_force,
        no_gradient="alignments have none",
        **(flags or {}),
    )


def _rnnt_cases(call: Callable[..., Any], oracle: Callable[..., Any]) -> list[Case]:
    log_probs = uniform(batch, time, labels + 1, classes, low=-3.0, high=-0.1)
    two_rows = {
        "x": _logits(group, batch, time, labels + 1, classes),
        "y": integers(batch, group, labels, low=1, of=classes),
    }
    unbatched = {
        "x": _logits(time, labels + 1, classes),
        "y": constant([1, 2], labels, of=classes),
    }

    def case(name: str, *args: Any, **options: Any) -> Case:
        return _rnnt(call, oracle, name, *args, **options)

    return [
        case("plain"),
        case("full", layout=FULL),
        case("states-before", {"x": _logits(batch, time, 1 + labels, classes), "y": _NARROW}),
        case("normalized", {"x": log_probs, "y": _NARROW}, logits_normalized=True),
        case("blank-last", {"x": _GRID, "y": integers(batch, labels, of=symbols)}, blank=-1),
        case("two-batch-dims", two_rows, TWO, (batch, group)),
        case("no-batch", unbatched, FULL, ()),
        case("modified", topology="modified"),
        case("constrained", topology="constrained"),
        case("delay-penalty", delay_penalty=0.25),
        case("windows", {"x": _GRID, "y": _NARROW, **_WINDOWS}),
        case("big-blanks", big_blanks={4: 2}, sigma=0.0625),
        case("hat", hat=True),
        case("infeasible", layout=INFEASIBLE, flags={"no_empty_row": _NO_FRAMES}),
    ]


RNNT = [
    *_rnnt_cases(sf.rnnt_alignment, alignments.rnnt_alignment),
    *_rnnt_cases(sf.rnnt_posteriors, alignments.rnnt_posteriors),
]

lasting = Dim("lasting", 3)


def _tdt(call: Callable[..., Any], name: str, durations: tuple[int, ...], **options: Any) -> Case:
    def run(x: sf.Tensor, z: sf.Tensor, y: sf.Tensor) -> Any:
        return call(
            logits=x,
            duration_logits=z,
            durations=durations,
            targets=y,
            input_spatial_dim=time,
            targets_spatial_dim=labels,
            blank_index=0,
            **options,
        )

    def brute_force(x: np.ndarray, z: np.ndarray, y: np.ndarray) -> Any:
        known = {key.replace("logits_", ""): value for key, value in options.items()}
        paths = alignments.tdt_paths(x, z, y, durations, blank=0, **known)
        if call is sf.tdt_alignment:
            return alignments.best_path(paths, len(y))
        return alignments.path_posteriors(paths, len(x), len(y))

    return Case(
        f"{call.__name__.replace('_', '-')}-{name}",
        run,
        {"x": _GRID, "z": _logits(batch, time, labels + 1, lasting), "y": _NARROW},
        LAYOUT,
        covers=(call.__name__,),
        batch=(batch,),
        oracle=brute_force,
        no_gradient="alignments have none",
    )


TDT = [
    _tdt(call, *arguments, **options)
    for call in (sf.tdt_alignment, sf.tdt_posteriors)
    for arguments, options in (
        (("plain", (0, 1, 2)), {}),
        (("long", (1, 2, 4)), {"sigma": 0.125}),
    )
]

CASES = [*CTC, *RNNT, *TDT]
