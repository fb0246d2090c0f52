"""Dims taken apart: parts between bounds of their own, parts that were joined, single positions."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import PLAIN, RAGGED, batch, feature, group, time, vocab, window
from seqfront import Dim
from seqfront.testing import Case, Spec, constant, integers, normal

_X = normal(batch, time, feature)
_NONE = "integers have none"
_part, _rest = Dim("part"), Dim("rest")
_one, _two, _three = Dim("one", 1), Dim("two", 2), Dim("three", 3)
_STARTS = constant([1, -3, 3], batch)


def _case(name: str, op: str, call: Any, oracle: Any, *inputs: Spec, **more: Any) -> Case:
    more = {"layout": RAGGED, "batch": (batch,), **more}
    return Case(f"{op}-{name}", call, dict(zip("xyz", inputs, strict=False)), covers=(op,),
                oracle=oracle, **more)  # fmt: skip


BOUNDS = [
    _case(
        "windows-at-tensor",
        "slice",
        lambda x, y: sf.slice(x, axis=time, start=y, out_dim=window),
        lambda x, y: x[slice(y, None)][:3],
        _X,
        _STARTS,
    ),
    _case(
        "between-tensors",
        "slice",
        lambda x, y, z: sf.slice(x, axis=time, start=y, end=z, step=2, out_dim=_part),
        lambda x, y, z: x[y:z:2],
        _X,
        _STARTS,
        constant([-1, 9, 4], batch),
    ),
    _case(
        "until-tensor",
        "slice",
        lambda x, y: sf.slice(x, axis=time, end=y, out_dim=_part),
        lambda x, y: x[:y],
        integers(batch, time, of=vocab),
        _STARTS,
        no_gradient=_NONE,
    ),
    _case(
        "several-of-each",
        "slice",
        lambda x, y: sf.sum(sf.slice(x, axis=time, start=y, end=-1, out_dim=window), axis=window),
        lambda x, y: np.stack([x[slice(at, -1)][:3].sum(0) for at in y]),
        _X,
        constant([[0, -2], [1, 0], [2, 9]], batch, group),
    ),
    _case(
        "full-at-tensor",
        "slice",
        lambda x, y: sf.slice(x, axis=time, start=y, out_dim=window),
        lambda x, y: x[y : y + 3],
        _X,
        constant([2, 0, 4], batch),
        layout=PLAIN,
    ),
]

SPLIT = [
    _case(
        "static",
        "split",
        lambda x: sf.split(x, axis=feature, parts=(_one, _three)),
        lambda x: (x[:, :1], x[:, 1:]),
        _X,
    ),
    _case(
        "full",
        "split",
        lambda x: sf.split(x, axis=time, parts=(_one, _rest, _two)),
        lambda x: (x[:1], x[1:-2], x[-2:]),
        _X,
        layout=PLAIN,
    ),
    _case(
        "ragged",
        "split",
        lambda x: sf.split(x, axis=time, parts=(_one, _rest, _two)),
        lambda x: (x[:1], x[1:-2], x[-2:]),
        _X,
    ),
    _case(
        "joins-again",
        "split",
        lambda x: sf.concat(
            *zip(sf.split(x, axis=time, parts=(_one, _rest)), (_one, _rest), strict=True),
            out_dim=_part,
        ),
        lambda x: x,
        _X,
    ),
    _case(
        "batch",
        "split",
        lambda x: tuple(
            sf.mean(part, axis=time) for part in sf.split(x, axis=batch, parts=(_two, _rest))
        ),
        lambda x: (np.nanmean(x[:2], 1), np.nanmean(x[2:], 1)),
        _X,
        mixes_batch="rows are parted",
        batch=(),
    ),
]

UNSTACK = [
    _case(
        "features",
        "unstack",
        lambda x: sf.unstack(x, axis=feature),
        lambda x: tuple(x.T),
        _X,
    )
]

CASES = [*BOUNDS, *SPLIT, *UNSTACK]
