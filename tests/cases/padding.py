"""Padding with what a sequence has itself."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import PLAIN, RAGGED, TWO_BATCH_DIMS, batch, feature, group, time, vocab
from seqfront.testing import Case, Layout, Spec, integers, normal, ragged

_SHORT = Layout({batch: 4, time: 5}, {time: ragged(batch, [5, 0, 1, 2])})
"""Sequences that are shorter than what is added to them."""


def _padded(x: np.ndarray, left: int, right: int, mode: str, value: float) -> np.ndarray:
    """One position after the other, stepping back and forth."""
    count = len(x)
    found = [np.full(x.shape[1:], value)] * (left + right + count)
    for at in range(left + right + count if count else 0):
        position = at - left
        if mode == "replicate":
            position = min(max(position, 0), count - 1)
        while count == 1 or not 0 <= position < count:
            if count == 1:
                position = 0
                break
            if mode == "circular":
                position += count if position < 0 else -count
            else:
                position = -position if position < 0 else 2 * (count - 1) - position
        found[at] = x[position]
    return np.array(found) if found else np.zeros((0, *x.shape[1:]))


def _pad(
    name: str,
    mode: Any,
    left: int,
    right: int,
    x: Spec,
    layout: Layout = _SHORT,
    rows: Any = (batch,),
    value: float = 0,
    **flags: Any,
) -> Case:
    return Case(
        f"pad-{mode}-{name}",
        lambda x: sf.pad(x, axis=time, left=left, right=right, mode=mode, value=value),
        {"x": x},
        layout,
        covers=("pad",),
        batch=rows,
        oracle=lambda x: _padded(x, left, right, mode, value),
        **flags,
    )


_X = normal(batch, time, feature)
PAD = [
    *(_pad("beyond-short-rows", mode, 3, 4, _X, value=2.5) for mode in (
        "reflect", "replicate", "circular",
    )),
    _pad("labels", "reflect", 1, 0, integers(batch, time, of=vocab), value=3,
         no_gradient="integers have none"),
    _pad("full", "reflect", 2, 1, _X, PLAIN),
    _pad("two-batch-dims", "replicate", 0, 2, normal(group, time, batch), TWO_BATCH_DIMS,
         (batch, group)),
    Case(
        "pad-replicate-batch",
        lambda x: sf.sum(sf.pad(x, axis=batch, right=1, mode="replicate"), axis=time),
        {"x": _X},
        RAGGED,
        covers=("pad",),
        mixes_batch="rows are added",
        oracle=lambda x: np.nansum(np.concatenate([x, x[-1:]]), 1),
    ),
]  # fmt: skip

CASES = PAD
