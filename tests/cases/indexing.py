"""Reading by index, joining, and dims in another shape."""

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
    key_time,
    out,
    time,
    vocab,
)
from seqfront import Dim
from seqfront.testing import Case, booleans, constant, integers, normal, ragged

_NONE = "integers have none"
_X = normal(batch, time, feature)
_BEYOND = "positions are read that lie in the padding of shorter sequences"
_RANGE = "positions are drawn for the padded extent"

GATHER = [
    Case(
        "gather-table",
        lambda table, labels: sf.gather(table, indices=labels, axis=vocab),
        {"table": normal(vocab, feature), "labels": integers(batch, time, of=vocab)},
        RAGGED,
        covers=("gather",),
        batch=(batch,),
        oracle=lambda table, labels: table[labels],
    ),
    Case(
        "gather-own-positions",
        lambda x, at: sf.gather(x, indices=at, axis=time),
        {"x": _X, "at": integers(batch, key_time, high=1)},
        RAGGED,
        covers=("gather",),
        batch=(batch,),
        oracle=lambda x, at: x[at],
    ),
    Case(
        "gather-one-per-sequence",
        lambda x, at: sf.gather(x, indices=at, axis=time),
        {"x": _X, "at": constant([4, 1, 0], batch)},
        RAGGED,
        covers=("gather",),
        batch=(batch,),
        oracle=lambda x, at: x[at],
        no_empty_row="a position of nothing is out of range",
    ),
    Case(
        "gather-from-vocabulary",
        lambda x, labels: sf.gather(x, indices=labels, axis=vocab),
        {"x": normal(batch, time, vocab), "labels": integers(batch, time, of=vocab)},
        RAGGED,
        covers=("gather",),
        batch=(batch,),
        oracle=lambda x, labels: np.take_along_axis(x, labels[:, None], 1)[:, 0],
    ),
    Case(
        "gather-int",
        lambda x: (sf.gather(x, indices=0, axis=time), sf.gather(x, indices=-1, axis=feature)),
        {"x": _X},
        RAGGED,
        covers=("gather",),
        batch=(batch,),
        oracle=lambda x: (x[0], x[:, -1]),
    ),
    Case(
        "gather-int64-indices",
        lambda x, at: sf.gather(x, indices=at, axis=feature),
        {"x": _X, "at": integers(out, high=4, dtype="int64")},
        RAGGED,
        covers=("gather",),
        batch=(batch,),
        oracle=lambda x, at: x[:, at].T,
    ),
    Case(
        "gather-labels",
        lambda x, at: sf.gather(x, indices=at, axis=time),
        {"x": integers(batch, time, of=vocab), "at": constant([4, 1, 0], batch)},
        RAGGED,
        covers=("gather",),
        batch=(batch,),
        oracle=lambda x, at: x[at],
        no_gradient=_NONE,
        no_empty_row="a position of nothing is out of range",
    ),
    Case(
        "gather-last-frame",
        lambda x: sf.gather(x, indices=sf.maximum(x.lengths(time) - 1, 0), axis=time),
        {"x": _X},
        RAGGED,
        covers=("gather",),
        batch=(batch,),
        oracle=lambda x: x[-1],
    ),
]

GATHER += [
    Case(
        "gather-sequences",
        lambda x, at: sf.mean(sf.gather(x, indices=at, axis=batch), axis=time),
        {"x": _X, "at": integers(out, high=3)},
        RAGGED,
        covers=("gather",),
        mixes_batch="sequences are picked",
        oracle=lambda x, at: np.nanmean(x[at], 1),
    ),
    Case(
        "gather-one-sequence",
        lambda x: sf.mean(sf.gather(x, indices=1, axis=batch), axis=time),
        {"x": _X},
        RAGGED,
        covers=("gather",),
        mixes_batch="one sequence is picked",
        oracle=lambda x: np.nanmean(x[1], 0),
    ),
    Case(
        "gather-from-groups",
        lambda x, at: sf.mean(sf.gather(x, indices=at, axis=group), axis=time),
        {"x": normal(batch, group, time), "at": integers(batch, high=2)},
        TWO_BATCH_DIMS,
        covers=("gather",),
        mixes_batch="sequences are picked",
        oracle=lambda x, at: np.nanmean(x[np.arange(3), at], 1),
    ),
]

ONE_HOT = [
    Case(
        f"one-hot-{dtype}",
        lambda x, dtype=dtype: sf.one_hot(x, dtype=dtype),
        {"x": integers(batch, time, of=vocab, dtype=labels)},
        RAGGED,
        covers=("one_hot",),
        batch=(batch,),
        oracle=lambda x: np.eye(7)[x],
        no_gradient=_NONE,
    )
    for dtype, labels in [("float32", "int32"), ("int32", "int64"), ("bool", "uint8")]
]

_merged = time * feature
_left, _right = Dim("left"), Dim("right", 2)
_one = Dim("one", 1)
SHAPE = [
    Case(
        "merge-dims",
        lambda x: (sf.merge_dims(x, (batch, time)), sf.merge_dims(x, (feature, time))),
        {"x": _X},
        PLAIN,
        covers=("merge_dims",),
        mixes_batch="the batch is merged with another dim",
        oracle=lambda x: (
            x.reshape(15, 4),
            x.transpose(0, 2, 1).reshape(3, 20),
        ),
    ),
    Case(
        "merge-dims-beside-ragged",
        lambda x: sf.merge_dims(x, (feature, out)),
        {"x": normal(batch, feature, time, out)},
        RAGGED,
        covers=("merge_dims",),
        batch=(batch,),
        oracle=lambda x: x.transpose(0, 2, 1).reshape(24, -1),
    ),
    Case(
        "merge-batch-dims-of-ragged",
        lambda x: sf.mean(sf.merge_dims(sf.mean(x, axis=time), (batch, group)), axis=feature),
        {"x": normal(batch, group, time, feature)},
        TWO_BATCH_DIMS,
        covers=("merge_dims",),
        mixes_batch="the batch is merged",
        oracle=lambda x: np.nanmean(x, (2, 3)).reshape(6),
    ),
    Case(
        "merge-ragged-batch-dims",
        lambda x: sf.mean(sf.merge_dims(x, (group, batch)), axis=time),
        {"x": normal(batch, group, time, feature)},
        TWO_BATCH_DIMS,
        covers=("merge_dims",),
        mixes_batch="the batch is merged",
        oracle=lambda x: np.nanmean(x.transpose(1, 0, 2, 3).reshape(6, 5, 4), 1),
    ),
    Case(
        "merge-batch-with-feature",
        lambda x: sf.mean(sf.merge_dims(x, (batch, feature)), axis=time),
        {"x": _X},
        RAGGED,
        covers=("merge_dims",),
        mixes_batch="the batch is merged",
        oracle=lambda x: np.nanmean(x.transpose(0, 2, 1).reshape(12, 5), 1),
    ),
    Case(
        "split-ragged-batch",
        lambda x: sf.mean(sf.split_dim(x, out, (_left, _right)), axis=time),
        {"x": normal(out, time)},
        type(PLAIN)({time: 5}, {time: ragged(out, [5, 2, 3, 1, 4, 2])}),
        covers=("split_dim",),
        mixes_batch="the batch is split",
        oracle=lambda x: np.nanmean(x, 1).reshape(3, 2),
    ),
    Case(
        "squeeze-batch",
        lambda x: sf.mean(sf.squeeze(x, _one), axis=time),
        {"x": normal(_one, time)},
        type(PLAIN)({time: 5}, {time: ragged(_one, [3])}),
        covers=("squeeze",),
        mixes_batch="the batch is gone",
        oracle=lambda x: np.nanmean(x),
    ),
    Case(
        "split-dim",
        lambda x: sf.split_dim(x, feature, (_left, _right)),
        {"x": _X},
        RAGGED,
        covers=("split_dim",),
        batch=(batch,),
        oracle=lambda x: x.reshape(-1, 2, 2),
    ),
    Case(
        "split-dynamic-dim",
        lambda x: sf.split_dim(x, time, (_right, _left)),
        {"x": normal(batch, time)},
        type(PLAIN)({batch: 3, time: 6}),
        covers=("split_dim",),
        batch=(batch,),
        oracle=lambda x: x.reshape(2, 3),
    ),
    Case(
        "expand-dim",
        lambda x, y: (sf.expand_dim(x, out), sf.expand_dim(y, batch, like=x)),
        {"x": _X, "y": normal(feature)},
        RAGGED,
        covers=("expand_dim",),
        batch=(batch,),
        oracle=lambda x, y: (np.broadcast_to(x, (6, *x.shape)), y),
    ),
    Case(
        "squeeze",
        lambda x: sf.squeeze(x, _one),
        {"x": normal(batch, _one, time)},
        RAGGED,
        covers=("squeeze",),
        batch=(batch,),
        oracle=lambda x: x[0],
    ),
    Case(
        "rename",
        lambda x: sf.mean(x.rename(time, key_time) * 2.0, axis=key_time),
        {"x": _X},
        RAGGED,
        batch=(batch,),
        oracle=lambda x: x.mean(0) * 2,
    ),
    Case(
        "rename-batch",
        lambda x: sf.mean(x.rename(batch, group), axis=time),
        {"x": _X},
        RAGGED,
        mixes_batch="the batch dim is renamed",
        oracle=lambda x: np.nanmean(x, 1),
    ),
]


def _join(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts, 0)


CONCAT = [
    Case(
        "concat-ragged",
        lambda x, y: sf.concat((x, time), (y, key_time)),
        {"x": _X, "y": normal(batch, key_time, feature)},
        RAGGED,
        covers=("concat",),
        batch=(batch,),
        oracle=_join,
    ),
    Case(
        "concat-three",
        lambda x, y: sf.concat((x, time), (y, key_time), (x * 2.0, time)),
        {"x": _X, "y": normal(key_time, feature, batch)},
        RAGGED,
        covers=("concat",),
        batch=(batch,),
        oracle=lambda x, y: _join(x, y.reshape(-1, 4), x * 2),
    ),
    Case(
        "concat-full-and-ragged",
        lambda x, y: sf.concat((y, out), (x, time)),
        {"x": _X, "y": normal(batch, out, feature)},
        RAGGED,
        covers=("concat",),
        batch=(batch,),
        oracle=lambda x, y: _join(y, x),
    ),
    Case(
        "concat-ragged-and-full",
        lambda x, y: sf.concat((x, time), (y, out)),
        {"x": _X, "y": normal(batch, out, feature)},
        RAGGED,
        covers=("concat",),
        batch=(batch,),
        oracle=_join,
    ),
    Case(
        "concat-features",
        lambda x, y: sf.concat((x, feature), (y, out)),
        {"x": _X, "y": normal(batch, time, out)},
        RAGGED,
        covers=("concat",),
        batch=(batch,),
        oracle=lambda x, y: np.concatenate([x, y], 1),
    ),
    Case(
        "concat-one",
        lambda x: sf.concat((x, time)),
        {"x": _X},
        RAGGED,
        covers=("concat",),
        batch=(batch,),
        oracle=lambda x: x,
    ),
    Case(
        "concat-dtypes",
        lambda x, y: sf.concat((x, feature), (y, out)),
        {"x": _X, "y": integers(batch, time, out, high=5)},
        RAGGED,
        covers=("concat",),
        batch=(batch,),
        oracle=lambda x, y: np.concatenate([x, y], 1),
    ),
]

CONCAT += [
    Case(
        "concat-batches",
        lambda x, y: sf.mean(sf.concat((x, batch), (y, group)), axis=time),
        {"x": _X, "y": normal(group, time, feature)},
        type(RAGGED)({batch: 3, group: 2, time: 5}, {time: ragged(batch, [5, 2, 4])}),
        covers=("concat",),
        mixes_batch="the batch is joined",
        oracle=lambda x, y: np.concatenate([np.nanmean(x, 1), y.mean(1)]),
        extent_matters="the second batch is full",
    ),
]

_two = Dim("two", 2)
STACK = [
    Case(
        "stack",
        lambda x, y: sf.stack([x, y], _two),
        {"x": _X, "y": normal(feature, batch, time)},
        RAGGED,
        covers=("stack",),
        batch=(batch,),
        oracle=lambda x, y: np.stack([x, y.T]),
    ),
    Case(
        "stack-dtypes",
        lambda x, y: sf.stack([x, y], _left),
        {"x": booleans(batch, time), "y": integers(batch, time, high=5)},
        RAGGED,
        covers=("stack",),
        batch=(batch,),
        oracle=lambda x, y: np.stack([x, y]),
        no_gradient=_NONE,
    ),
]


def _pad(name: str, oracle: Any, x: Any = _X, no_gradient: str = "", **options: Any) -> Case:
    return Case(
        f"pad-{name}",
        lambda x: sf.pad(x, axis=time, **options),
        {"x": x},
        RAGGED,
        covers=("pad",),
        batch=(batch,),
        oracle=oracle,
        no_gradient=no_gradient,
    )


BATCH_PADDING = Case(
    "pad-batch",
    lambda x: sf.sum(sf.pad(x, axis=batch, right=1, value=7.0), axis=time),
    {"x": _X},
    RAGGED,
    covers=("pad",),
    mixes_batch="rows are added",
    oracle=lambda x: np.concatenate([np.nansum(x, 1), np.zeros((1, 4))]),
)

PAD = [
    BATCH_PADDING,
    _pad("left", lambda x: np.pad(x, [(1, 0), (0, 0)]), left=1),
    _pad("right", lambda x: np.pad(x, [(0, 2), (0, 0)]), right=2),
    _pad("both", lambda x: np.pad(x, [(2, 1), (0, 0)], constant_values=-1.5), left=2, right=1,
         value=-1.5),
    _pad("nothing", lambda x: x),
    _pad("labels", lambda x: np.pad(x, (1, 1), constant_values=3), integers(batch, time, of=vocab),
         _NONE, left=1, right=1, value=3),
    Case(
        "pad-full",
        lambda x: sf.pad(x, axis=feature, left=1, right=2, value=4.0),
        {"x": _X},
        RAGGED,
        covers=("pad",),
        batch=(batch,),
        oracle=lambda x: np.pad(x, [(0, 0), (1, 2)], constant_values=4.0),
    ),
]  # fmt: skip

CASES = [*GATHER, *ONE_HOT, *SHAPE, *CONCAT, *STACK, *PAD]
