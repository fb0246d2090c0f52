"""The transducer family against enumeration of all paths, natively and composed.

Weights are float32 numbers, as the native ops take them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from oracles import transducers as oracles

import seqfront as sf
from cases.dims import batch, group, time
from seqfront import Dim
from seqfront.testing import Case, Layout, Spec, constant, integers, normal, ragged, uniform

labels = Dim("labels")
classes = Dim("classes", 6)
symbols = Dim("symbols", 4)
"""Labels, without the blanks behind them."""
cells = Dim("cells")

LAYOUT = Layout(
    {batch: 4, time: 5, labels: 3},
    {time: ragged(batch, [5, 3, 4, 1]), labels: ragged(batch, [3, 0, 2, 1])},
)
TWO = Layout(
    {batch: 2, group: 2, time: 4, labels: 2},
    {
        time: ragged((batch, group), [[4, 3], [2, 4]]),
        labels: ragged((batch, group), [[2, 1], [0, 2]]),
    },
)
INFEASIBLE = Layout(
    {batch: 4, time: 4, labels: 3},
    {time: ragged(batch, [4, 1, 0, 0]), labels: ragged(batch, [3, 2, 0, 1])},
)
_INFINITE = "infinite losses do not move"
_NO_FRAMES = "rows without frames are what is tried"
_SCALED = "FastEmit gives another gradient than that of the loss"

_LOGITS = normal(batch, time, labels + 1, classes, scale=1.5)
_TARGETS = integers(batch, labels, of=symbols)
_FIRST = constant([[0, 1, 1], [0, 0, 0], [2, 0, 0], [0, 0, 0]], batch, labels)
_LAST = constant([[2, 4, 4], [1, 1, 1], [3, 2, 2], [0, 0, 0]], batch, labels)
_LOG_PROBS = uniform(batch, time, labels + 1, classes, low=-3.0, high=-0.1)


def _rnnt(
    name: str,
    options: Mapping[str, Any],
    inputs: Mapping[str, Spec] | None = None,
    layout: Layout = LAYOUT,
    rows: tuple[Dim, ...] = (batch,),
    both: bool = True,
    **flags: Any,
) -> list[Case]:
    """`rnnt_loss` in both implementations."""
    options = {"blank_index": -1, **options}

    def call(implementation: Any) -> Callable[..., sf.Tensor]:
        def run(x: sf.Tensor, y: sf.Tensor, *windows: sf.Tensor) -> sf.Tensor:
            return sf.rnnt_loss(
                logits=x, targets=y, input_spatial_dim=time, targets_spatial_dim=labels,
                windows=windows if windows else None, implementation=implementation, **options,
            )  # type: ignore[arg-type]  # fmt: skip

        return run

    def brute_force(x: np.ndarray, y: np.ndarray, *windows: np.ndarray) -> float:
        return _expected(options, x, y, np.stack(windows, 1) if windows else None)

    return [
        Case(
            f"rnnt-{name}-{implementation}",
            call(implementation),
            {"x": _LOGITS, "y": _TARGETS} if inputs is None else inputs,
            layout,
            covers=("rnnt_loss",),
            batch=rows,
            oracle=brute_force,
            **flags,
        )
        for implementation in (("native", "composed") if both else ("native",))
    ]


def _expected(
    options: Mapping[str, Any], x: np.ndarray, y: np.ndarray, windows: np.ndarray | None
) -> float:
    """What the oracle says to the arguments of `rnnt_loss`."""
    count = x.shape[-1]
    big = {c % count: frames for c, frames in options.get("big_blanks", {}).items()}
    names = ("topology", "delay_penalty", "sigma", "hat", "star", "star_weight")
    loss = oracles.Transducer(
        blank=options["blank_index"] % count,
        normalized=options.get("logits_normalized", False),
        windows=windows,
        big_blanks=big,
        **{name: options[name] for name in names if name in options},
    ).loss(x, y)
    if options.get("infeasible") == "zero" and loss == np.inf:
        return 0.0
    return loss * (1.0 + options["fastemit"] if options.get("fastemit_scales_loss") else 1.0)


_FAST = {"fastemit": 0.25}
_WINDOWS = {"x": _LOGITS, "y": _TARGETS, "first": _FIRST, "last": _LAST}

VARIANTS = [
    *_rnnt("variant-plain", {}),
    *_rnnt("modified", {"topology": "modified"}, no_finite_difference=_INFINITE),
    *_rnnt("constrained", {"topology": "constrained"}, no_finite_difference=_INFINITE),
    *_rnnt("fastemit", _FAST, no_finite_difference=_SCALED),
    *_rnnt("fastemit-scaled", {**_FAST, "fastemit_scales_loss": True},
           no_finite_difference=_SCALED),
    *_rnnt("fastemit-constrained", {**_FAST, "topology": "constrained"},
           no_finite_difference=_SCALED),
    *_rnnt("clamp", {"clamp": 0.0625}, both=False,
           no_finite_difference="a clamped gradient is another one"),
    *_rnnt("delay-penalty", {"delay_penalty": 0.25}),
    *_rnnt("windows", {}, _WINDOWS, no_finite_difference=_INFINITE),
    *_rnnt("windows-modified", {"topology": "modified"}, _WINDOWS,
           no_finite_difference=_INFINITE),
    *_rnnt("windows-shared", {}, {
        "x": _LOGITS, "y": _TARGETS, "first": constant([0, 0, 1], labels),
        "last": constant([1, 3, 9], labels)}, Layout({batch: 4, time: 5, labels: 3})),
    *_rnnt("big-blanks", {"big_blanks": {4: 2, -5: 3}, "sigma": 0.0625},
           {"x": _LOGITS, "y": integers(batch, labels, low=2, high=4)}),
    *_rnnt("big-blanks-normalized", {"big_blanks": {4: 4}, "logits_normalized": True},
           {"x": _LOG_PROBS, "y": _TARGETS}),
    *_rnnt("sigma", {"sigma": 0.125}),
    *_rnnt("hat", {"hat": True}),
    *_rnnt("hat-blank-first", {"hat": True, "blank_index": 0},
           {"x": _LOGITS, "y": integers(batch, labels, low=1, of=classes)}),
    *_rnnt("force-final", {"star": "force_final", "star_weight": -0.5}),
    *_rnnt("allow-ignore", {"star": "allow_ignore", "star_weight": -0.5}),
    *_rnnt("star-modified", {"star": "force_final", "topology": "modified"},
           no_finite_difference=_INFINITE),
    *_rnnt("several", {
        "topology": "modified", "sigma": 0.125, "delay_penalty": 0.125, "star": "allow_ignore",
        "star_weight": -1.0, "big_blanks": {4: 2}}, no_finite_difference=_INFINITE),
    *_rnnt("reuse", {"reuse_logits": True}, both=False),
    *_rnnt("two-batch-dims-variant", {"topology": "constrained", "hat": True},
           {"x": normal(group, batch, time, labels + 1, classes, scale=1.5),
            "y": integers(batch, group, labels, of=symbols)}, TWO, (batch, group),
           no_finite_difference=_INFINITE),
    *_rnnt("variant-infeasible-inf", {}, layout=INFEASIBLE, no_finite_difference=_INFINITE,
           no_empty_row=_NO_FRAMES),
    *_rnnt("variant-infeasible-zero", {"infeasible": "zero", "topology": "modified"},
           layout=INFEASIBLE, no_empty_row=_NO_FRAMES),
]  # fmt: skip


# -- token and duration ----------------------------------------------------------------------------


def _tdt(
    name: str,
    durations: tuple[int, ...] = (0, 1, 3),
    both: bool = True,
    x: Spec = _LOGITS,
    z: Spec | None = None,
    layout: Layout = LAYOUT,
    flags: Mapping[str, Any] | None = None,
    **options: Any,
) -> list[Case]:
    lengths = Dim("lengths", len(durations))
    draws = 0 < options.get("omega", 0.0) < 1  # to sequences in physical order

    def call(implementation: Any) -> Callable[..., sf.Tensor]:
        def run(x: sf.Tensor, z: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
            return sf.tdt_loss(
                logits=x, duration_logits=z, durations=durations, targets=y,
                input_spatial_dim=time, targets_spatial_dim=labels, blank_index=5,
                implementation=implementation, **options,
            )  # fmt: skip

        return run

    def brute_force(x: np.ndarray, z: np.ndarray, y: np.ndarray) -> float:
        if options.get("omega") == 1.0:
            return oracles.Transducer(blank=5).loss(x, y)
        normalized, sigma = options.get("logits_normalized", False), options.get("sigma", 0.0)
        loss = oracles.tdt(x, z, y, durations, blank=5, normalized=normalized, sigma=sigma)
        if options.get("infeasible") == "zero" and loss == np.inf:
            return 0.0
        return loss * (1.0 + options["fastemit"] if options.get("fastemit_scales_loss") else 1.0)

    return [
        Case(
            f"tdt-{name}-{implementation}",
            call(implementation),
            {"x": x, "z": normal(*x.dims[:-1], lengths) if z is None else z, "y": _TARGETS},
            layout,
            covers=("tdt_loss",),
            batch=() if draws else (batch,),
            oracle=None if draws else brute_force,
            **(flags or {}),
        )
        for implementation in (("native", "composed") if both else ("native",))
    ]


_DRAWS = {
    "draws": True,
    "not_compiled": {"torch": "draws are replayed from a context variable, see creating.py"},
}

TDT = [
    *_tdt("plain"),
    *_tdt("no-zero", (1, 2), flags={"no_finite_difference": _INFINITE}),
    *_tdt("gaps", (0, 2, 4), flags={"no_finite_difference": _INFINITE}),
    *_tdt("one-duration", (1,), flags={"no_finite_difference": _INFINITE}),
    *_tdt("sigma", sigma=0.125),
    *_tdt("normalized", x=_LOG_PROBS, logits_normalized=True),
    *_tdt("fastemit", fastemit=0.25, fastemit_scales_loss=True,
          flags={"no_finite_difference": _SCALED}),
    *_tdt("clamp", clamp=0.0625, both=False,
          flags={"no_finite_difference": "a clamped gradient is another one"}),
    *_tdt("reuse", reuse_logits=True, both=False),
    *_tdt("omega", omega=0.5, flags=_DRAWS),
    *_tdt("always-omega", omega=1.0),
    *_tdt("infeasible-zero", infeasible="zero", layout=INFEASIBLE,
          flags={"no_empty_row": _NO_FRAMES}),
]  # fmt: skip


# -- without padding -------------------------------------------------------------------------------

_PACKED = Layout({batch: 3, labels: 3, cells: 5 * 4 + 3 * 1 + 2 * 3},
                 {labels: ragged(batch, [3, 0, 2])})  # fmt: skip
_FRAMES = constant([5, 3, 2], batch)


def _packed(name: str, both: Mapping[str, Any] | None = None, **flags: Any) -> Case:
    options: dict[str, Any] = {"blank_index": 5, **(both or {})}

    def run(x: sf.Tensor, y: sf.Tensor, frames: sf.Tensor, *windows: sf.Tensor) -> sf.Tensor:
        return sf.rnnt_loss_packed(
            logits=x, targets=y, cells_dim=cells, frame_lengths=frames, targets_spatial_dim=labels,
            windows=windows if windows else None, **options,
        )  # type: ignore[arg-type]  # fmt: skip

    def brute_force(x: Any, y: Any, frames: Any, *windows: Any) -> list[float]:
        counts = [3, 0, 2]
        rows = oracles.packed(x, frames.tolist(), counts)
        return [
            _expected(options, row, y[b, :n], np.stack([w[b, :n] for w in windows], 1)
                      if windows else None)
            for b, (row, n) in enumerate(zip(rows, counts, strict=True))
        ]  # fmt: skip

    windows = {"first": constant([[0, 1, 1], [0, 0, 0], [0, 0, 0]], batch, labels),
               "last": constant([[2, 4, 4], [1, 1, 1], [1, 1, 2]], batch, labels)}  # fmt: skip
    return Case(
        f"rnnt-packed-{name}",
        run,
        {
            "x": normal(cells, classes, scale=1.5), "y": integers(batch, labels, of=symbols),
            "frames": _FRAMES, **(windows if "windows" in name else {}),
        },
        _PACKED,
        covers=("rnnt_loss_packed",),
        mixes_batch="the sequences share an axis",
        oracle=brute_force,
        **flags,
    )  # fmt: skip


PACKED = [
    _packed("plain"),
    _packed("modified", {"topology": "modified"}),
    _packed("constrained", {"topology": "constrained"}),
    _packed("fastemit", _FAST, no_finite_difference=_SCALED),
    _packed("windows"),
    _packed("big-blanks", {"big_blanks": {4: 2}, "sigma": 0.125}),
    _packed("hat", {"hat": True}),
    _packed("star", {"star": "force_final", "star_weight": -0.5}),
    _packed("delay-penalty-reuse", {"delay_penalty": 0.25, "reuse_logits": True}),
    Case(
        "pack-cells",
        lambda x: sf.pack_cells(
            x, batch_dim=batch, input_spatial_dim=time, targets_spatial_dim=labels, cells_dim=cells
        ),
        {"x": _LOGITS},
        LAYOUT,
        covers=("pack_cells",),
        mixes_batch="the sequences share an axis",
        oracle=lambda x: x[~np.isnan(x).any(-1)],
        not_compiled={"torch": "a number of cells that is data cannot be a guard-free extent"},
    ),
    Case(
        "rnnt-of-packed-cells",
        lambda x, y: sf.rnnt_loss_packed(
            logits=sf.pack_cells(
                x, batch_dim=batch, input_spatial_dim=time, targets_spatial_dim=labels,
                cells_dim=cells),
            targets=y, cells_dim=cells, frame_lengths=x.lengths(time), targets_spatial_dim=labels,
            blank_index=-1,
        ),
        {"x": _LOGITS, "y": _TARGETS},
        LAYOUT,
        covers=("pack_cells", "rnnt_loss_packed"),
        batch=(batch,),
        oracle=lambda x, y: oracles.Transducer(blank=5).loss(x, y),
        not_compiled={"torch": "a number of cells that is data cannot be a guard-free extent"},
    ),
]  # fmt: skip

WINDOWS = [
    Case(
        "alignment-windows",
        lambda frames: sf.alignment_windows(frames, left=1, right=2),
        {"frames": integers(batch, labels, high=5)},
        LAYOUT,
        covers=("alignment_windows",),
        batch=(batch,),
        oracle=lambda frames: (frames - 1, frames + 2),
        no_gradient="integers have none",
    ),
]

CASES = [*VARIANTS, *TDT, *PACKED, *WINDOWS]
