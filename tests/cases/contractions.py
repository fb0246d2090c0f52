"""Contraction of any number of tensors over named dims."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import RAGGED, TWO_BATCH_DIMS, batch, feature, group, key_time, out, time
from seqfront import Dim
from seqfront.testing import Case, Layout, Spec, booleans, integers, normal


def _einsum(
    name: str,
    specs: list[Spec],
    result: tuple[Dim, ...],
    equation: str,
    layout: Layout = RAGGED,
    rows: tuple[Dim, ...] = (batch,),
    **flags: Any,
) -> Case:
    return Case(
        f"einsum-{name}",
        lambda *xs: sf.einsum(*xs, out=result),
        dict(zip("xyzu", specs, strict=False)),
        layout,
        covers=("einsum",),
        batch=rows,
        oracle=lambda *xs: np.einsum(equation, *(np.nan_to_num(x * 1) for x in xs)),
        **flags,
    )


_FRAMES, _KEYS = normal(batch, time, feature), normal(batch, key_time, feature)
_WEIGHT = normal(feature, out)
_MIXED = "the batch is summed over"

EINSUM = [
    _einsum("to-a-scalar", [_FRAMES], (), "btf->", rows=(), mixes_batch=_MIXED),
    _einsum("of-three", [_FRAMES, _WEIGHT, normal(out, batch)], (batch, time), "tf,fo,o->t"),
    _einsum("bilinear", [_FRAMES, normal(feature, out), normal(batch, key_time, out)],
            (time, batch, key_time), "tf,fo,ko->tk", tolerance=3.0),  # two sums that cancel
    _einsum("over-both-times", [_FRAMES, _WEIGHT, _KEYS], (batch, out), "tf,fo,kf->o"),
    _einsum("of-four", [normal(batch, time), _FRAMES, _WEIGHT, normal(batch, key_time)],
            (batch, out, key_time), "t,tf,fo,k->ok"),
    _einsum("over-batch", [_FRAMES, normal(batch)], (feature,), "btf,b->f",
            rows=(), mixes_batch=_MIXED),
    _einsum("batch-gone-time-kept", [_FRAMES, normal(batch)], (time, feature), "btf,b->tf",
            rows=(), mixes_batch=_MIXED),
    _einsum("two-batch-dims", [normal(group, batch, time), normal(time, feature)],
            (batch, group, feature), "t,tf->f", TWO_BATCH_DIMS, (batch, group)),
    _einsum("of-dtypes", [integers(batch, time, high=5), _FRAMES, booleans(batch, feature)],
            (batch,), "t,tf,f->"),
]  # fmt: skip

_SEEN = Case(
    "einsum-lengths-of-another",
    # the sum over time has to leave out padding, though no factor has both time and batch
    lambda x, y, z: (
        sf.einsum(sf.sum(x, axis=feature), sf.expand_dim(y, time, like=x), out=(batch,))
        + sf.einsum(z.with_lengths(x.lengths_table), y, out=(batch,))
    ),
    {"x": _FRAMES, "y": normal(batch), "z": normal(time)},
    RAGGED,
    covers=("einsum",),
    batch=(batch,),
    oracle=lambda x, y, z: x.sum() * y + z[: len(x)].sum() * y,
)

CASES = [*EINSUM, _SEEN]
