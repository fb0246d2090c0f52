"""Parts of a dim, windows over it, and data moved within it."""

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
    out,
    time,
    vocab,
    window,
)
from seqfront import Dim
from seqfront.testing import Case, booleans, constant, integers, normal, ragged
from seqfront.testing.inputs import Spec

_NONE = "integers have none"
_X = normal(batch, time, feature)
_LABELS = integers(batch, time, of=vocab)
_BATCH_OF_RAGGED = type(RAGGED)({batch: 3, time: 5}, {time: ragged(batch, [5, 2, 4])})


def _case(name: str, op: str, call: Any, oracle: Any, x: Spec = _X, **more: Any) -> Case:
    more = {"layout": RAGGED, "batch": (batch,), **more}
    return Case(f"{op}-{name}", call, {"x": x}, covers=(op,), oracle=oracle, **more)


def _slice(name: str, start: int | None, end: int | None, step: int = 1, **more: Any) -> Case:
    return _case(
        name,
        "slice",
        lambda x: sf.slice(x, axis=time, start=start, end=end, step=step),
        lambda x: x[start:end:step],
        **more,
    )


_frames = Dim("frames", 5)
SLICE = [
    _slice("from", 2, None),
    _slice("without-last", None, -2),
    _slice("between", 1, -1),
    _slice("first", None, 3),
    _slice("inner", 1, 4),
    _slice("beyond", 3, 99),
    _slice("nothing", 3, 2),
    _slice("last", -2, None),
    _slice("last-but-one", -3, -1),
    _slice("last-until", -3, 3),
    _slice("last-beyond", -99, None),
    _slice("every-other", None, None, 2),
    _slice("every-other-of-inner", 1, 4, 2),
    _slice("every-other-of-last", -4, None, 2),
    _slice("labels", -2, None, x=_LABELS, no_gradient=_NONE),
    *(
        _slice(f"full-{start}-{end}-{step}", start, end, step, layout=PLAIN)
        for start, end, step in ((1, None, 1), (None, -2, 2), (-2, None, 1), (2, -9, 1), (-4, 4, 2))
    ),
    _case(
        "static",
        "slice",
        lambda x: (
            sf.slice(x, axis=feature, end=2),
            sf.slice(x, axis=feature, start=-3, end=-1),
            sf.slice(x, axis=feature, start=1, step=2),
        ),
        lambda x: (x[:, :2], x[:, -3:-1], x[:, 1::2]),
    ),
    _case(
        "static-ragged",
        "slice",
        lambda x: (
            sf.sum(sf.slice(x, axis=_frames, start=-9), axis=_frames.slice(-9)),
            sf.sum(sf.slice(x, axis=_frames, end=-1), axis=_frames - 1),
            sf.sum(sf.slice(x, axis=_frames, start=-3, end=-1), axis=_frames.slice(-3, -1)),
        ),
        lambda x: tuple(
            np.array([row[~np.isnan(row)][start:end].sum() for row in x])
            for start, end in ((-9, None), (None, -1), (-3, -1))
        ),
        normal(batch, _frames),
        layout=type(RAGGED)({batch: 3}, {_frames: ragged(batch, [5, 2, 4])}),
        batch=(),
        mixes_batch="the oracle sees padding as holes",
    ),
    _case(
        "is-one-dim",
        "slice",
        lambda x: sf.slice(x, axis=time, end=3) + sf.slice(x * 2.0, axis=time, end=3),
        lambda x: 3 * x[:3],
    ),
    _case(
        "batch",
        "slice",
        lambda x: sf.mean(sf.slice(x, axis=batch, start=-2), axis=time),
        lambda x: np.nanmean(x[-2:], 1),
        layout=_BATCH_OF_RAGGED,
        batch=(),
        mixes_batch="rows are gone",
    ),
]


def _shifted(x: np.ndarray, by: int, fill: float) -> np.ndarray:
    inner = np.full_like(x, fill)
    count = max(len(x) - abs(by), 0)
    if by >= 0:
        inner[len(x) - count :] = x[:count]
    else:
        inner[:count] = x[len(x) - count :]
    return inner


def _shift(name: str, by: int, fill: float = 0, **more: Any) -> Case:
    return _case(
        name,
        "shift",
        lambda x: sf.shift(x, axis=time, by=by, fill=fill),
        lambda x: _shifted(x, by, fill),
        **more,
    )


SHIFT = [
    _shift("later", 1),
    _shift("later-filled", 2, -1.5),
    _shift("earlier", -1),
    _shift("earlier-filled", -2, 3.5),
    _shift("nowhere", 0),
    _shift("all-out", 7, 1.0),
    _shift("all-out-at-the-start", -7, 1.0),
    _shift("labels", -1, 6, x=_LABELS, no_gradient=_NONE),
    _shift("bools", 1, True, x=booleans(batch, time), no_gradient=_NONE),
    _shift("full", -2, 9.0, layout=PLAIN),
    _case(
        "batch",
        "shift",
        lambda x: sf.sum(sf.shift(x, axis=batch, by=1), axis=time),
        lambda x: _shifted(np.nansum(x, 1), 1, 0.0),
        layout=_BATCH_OF_RAGGED,
        batch=(),
        mixes_batch="rows move",
    ),
]

REVERSE = [
    _case("ragged", "reverse", lambda x: sf.reverse(x, axis=time), lambda x: x[::-1]),
    _case("full", "reverse", lambda x: sf.reverse(x, axis=feature), lambda x: x[:, ::-1]),
    _case(
        "labels",
        "reverse",
        lambda x: sf.reverse(x, axis=time),
        lambda x: x[::-1],
        _LABELS,
        no_gradient=_NONE,
    ),
    _case(
        "two-batch-dims",
        "reverse",
        lambda x: sf.reverse(x, axis=time),
        lambda x: x[::-1],
        normal(batch, time, group),
        layout=TWO_BATCH_DIMS,
        batch=(batch, group),
    ),
    _case(
        "batch",
        "reverse",
        lambda x: sf.mean(sf.reverse(x, axis=batch), axis=time),
        lambda x: np.nanmean(x, 1)[::-1],
        layout=_BATCH_OF_RAGGED,
        batch=(),
        mixes_batch="rows move",
    ),
]


def _windows(x: np.ndarray, size: int, stride: int, left: int, right: int, value: float) -> Any:
    sides = [(left, right)] + [(0, 0)] * (x.ndim - 1)
    x = np.pad(x, sides, constant_values=value)
    starts = range(0, len(x) - size + 1, stride)
    found = [x[start : start + size] for start in starts]
    return np.array(found) if found else np.zeros((0, size, *x.shape[1:]))


def _window(
    name: str, stride: int, padding: Any, sides: tuple[int, int], value: float = 0, **more: Any
) -> Case:
    return _case(
        name,
        "window",
        lambda x: sf.window(
            x, axis=time, window_dim=window, stride=stride, padding=padding, value=value
        ),
        lambda x: _windows(x, 3, stride, *sides, value),
        **more,
    )  # fmt: skip


WINDOW = [
    _window("valid", 1, "valid", (0, 0)),
    _window("valid-stride", 2, "valid", (0, 0)),
    _window("same", 1, "same", (1, 1)),
    _window("same-stride", 2, "same", (1, 1), 1.5),
    _window("causal", 3, "causal", (2, 0)),
    _window("sides", 1, (3, 1), (3, 1), -1.0),
    _window("labels", 1, "same", (1, 1), 6, x=_LABELS, no_gradient=_NONE),
    _window("full", 2, "causal", (2, 0), layout=PLAIN),
    _case(
        "mean",
        "window",
        lambda x: sf.mean(sf.window(x, axis=time, window_dim=window), axis=time - 2),
        lambda x: _windows(x, 3, 1, 0, 0, 0).sum(0) / max(len(x) - 2, 1),
    ),
]

_n = Dim("n")
_ten = Dim("ten", 10)
_DATA = {"torch": "the longest of the results is data"}


def _repeat(name: str, counts: Any, dim: Dim, **more: Any) -> Case:
    more = {"layout": RAGGED, "batch": (batch,), **more}
    x = more.pop("x", _X)
    return Case(
        f"repeat-{name}",
        lambda x, counts: sf.repeat(x, axis=time, counts=counts, out_dim=dim),
        {"x": x, "counts": counts},
        covers=("repeat",),
        oracle=lambda x, counts: np.repeat(x, counts[: len(x)], 0),
        not_compiled=_DATA if dim is _n else {},
        **more,
    )


_COUNTS = constant([[2, 0, 1, 3, 1], [0, 4, 0, 0, 0], [1, 1, 0, 2, 0]], batch, time)
REPEAT = [
    _repeat("counts", _COUNTS, _n),
    _repeat("static", _COUNTS, _ten),
    _repeat("common-counts", constant([2, 1, 0, 3, 1], time), _ten),
    _repeat("never", constant([[0] * 5] * 3, batch, time), _n),
    _repeat("labels", integers(batch, time, high=3, dtype="int64"), _n, x=_LABELS,
            no_gradient=_NONE),
    _repeat("full", constant([2, 1, 0, 3, 1], time), _n, layout=PLAIN),
    _case(
        "evenly",
        "repeat",
        lambda x: (sf.repeat(x, axis=time, counts=2), sf.repeat(x, axis=feature, counts=3)),
        lambda x: (np.repeat(x, 2, 0), np.repeat(x, 3, 1)),
    ),
    _case("zero-times", "repeat", lambda x: sf.repeat(x, axis=time, counts=0), lambda x: x[:0]),
    _case(
        "named",
        "repeat",
        lambda x: sf.repeat(x, axis=time, counts=2, out_dim=_n),
        lambda x: np.repeat(x, 2, 0),
    ),
    Case(
        "repeat-sequences",
        lambda x, counts: sf.mean(
            sf.repeat(x, axis=batch, counts=counts, out_dim=out), axis=time
        ),
        {"x": normal(batch, time), "counts": constant([3, 1, 2], batch)},
        _BATCH_OF_RAGGED,
        covers=("repeat",),
        mixes_batch="rows are repeated",
        oracle=lambda x, counts: np.repeat(np.nanmean(x, 1), counts),
    ),
]  # fmt: skip

CASES = [*SLICE, *SHIFT, *REVERSE, *WINDOW, *REPEAT]
"""All cases of this kind."""
