"""Positions chosen by a mask, and data packed without padding."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import PLAIN, RAGGED, TWO_BATCH_DIMS, batch, feature, group, key_time, time, vocab
from seqfront import Dim
from seqfront.testing import Case, booleans, constant, integers, normal, ragged

_NONE = "integers have none"
_X = normal(batch, time, feature)
_MASK = booleans(batch, time)
_chosen = Dim("chosen")
_row = Dim("row")
_MIXED = "all sequences are in one row"
_DATA = {"torch": "how many positions are data is data"}


def _select(x: sf.Tensor, mask: sf.Tensor) -> sf.Tensor:
    return sf.masked_select(x, mask=mask, axis=time, out_dim=_chosen)


def _selected(name: str, call: Any, inputs: Any, oracle: Any, **more: Any) -> Case:
    more = {"layout": RAGGED, "batch": (batch,), "covers": ("masked_select",), **more}
    return Case(name, call, inputs, oracle=oracle, **more)


SELECT = [
    _selected("masked-select", _select, {"x": _X, "mask": _MASK}, lambda x, mask: x[mask]),
    _selected(
        "masked-select-labels",
        _select,
        {"x": integers(batch, time, of=vocab), "mask": _MASK},
        lambda x, mask: x[mask],
        no_gradient=_NONE,
    ),
    _selected(
        "masked-select-common",
        _select,
        {"x": _X, "mask": constant([True, False, True, True, False], time, dtype="bool")},
        lambda x, mask: x[mask[: len(x)]],
    ),
    _selected(
        "masked-select-full",
        _select,
        {"x": _X, "mask": _MASK},
        lambda x, mask: x[mask],
        layout=PLAIN,
    ),
    _selected(
        "masked-select-two-batch-dims",
        _select,
        {"x": normal(group, time, batch), "mask": booleans(batch, group, time)},
        lambda x, mask: x[mask],
        layout=TWO_BATCH_DIMS,
        batch=(batch, group),
    ),
    _selected(
        "masked-select-mean",
        lambda x, mask: sf.mean(_select(x, mask), axis=_chosen),
        {"x": _X, "mask": _MASK},
        lambda x, mask: x[mask].sum(0) / max(mask.sum(), 1),
    ),
]


def _put(x: sf.Tensor, backup: sf.Tensor, mask: sf.Tensor) -> sf.Tensor:
    return sf.masked_scatter(x, backup, mask=mask, axis=time, in_dim=key_time)


def _replaced(x: np.ndarray, backup: np.ndarray, mask: np.ndarray) -> np.ndarray:
    result = backup.copy()
    places = np.flatnonzero(mask)[: len(x)]
    result[places] = x[: len(places)]
    return result


SCATTER = [
    Case(
        "masked-scatter",
        _put,
        {"x": normal(batch, key_time, feature), "backup": _X, "mask": _MASK},
        RAGGED,
        covers=("masked_scatter",),
        batch=(batch,),
        oracle=_replaced,
    ),
    Case(
        "masked-scatter-full",
        _put,
        {"x": normal(batch, key_time), "backup": normal(batch, time), "mask": _MASK},
        type(PLAIN)({batch: 3, time: 5, key_time: 2}),
        covers=("masked_scatter",),
        batch=(batch,),
        oracle=_replaced,
    ),
    Case(
        "masked-scatter-of-masked-select",
        lambda x, mask: sf.masked_scatter(
            _select(x, mask), sf.zeros(x.dims, like=x), mask=mask, axis=time, in_dim=_chosen
        ),
        {"x": _X, "mask": _MASK},
        RAGGED,
        covers=("masked_scatter", "masked_select"),
        batch=(batch,),
        oracle=lambda x, mask: np.where(mask[:, None], x, 0.0),
    ),
]


def _data(x: np.ndarray) -> np.ndarray:
    """Without rows that are padding."""
    return x[~np.isnan(x).reshape(len(x), -1).any(1)]


PACK = [
    Case(
        "pack-padded",
        lambda x: sf.pack_padded(x, dims=(batch, time), out_dim=_row),
        {"x": _X},
        RAGGED,
        covers=("pack_padded",),
        mixes_batch=_MIXED,
        oracle=lambda x: _data(x.reshape(15, 4)),
        not_compiled=_DATA,
    ),
    Case(
        "pack-padded-time-first",
        lambda x: sf.mean(sf.pack_padded(x, dims=(time, batch), out_dim=_row), axis=_row),
        {"x": _X},
        RAGGED,
        covers=("pack_padded",),
        mixes_batch=_MIXED,
        oracle=lambda x: np.nanmean(x, (0, 1)),
        not_compiled=_DATA,
    ),
    Case(
        "pack-padded-full",
        lambda x: sf.pack_padded(x, dims=(time, batch), out_dim=_row),
        {"x": _X},
        PLAIN,
        covers=("pack_padded",),
        mixes_batch=_MIXED,
        oracle=lambda x: x.transpose(1, 0, 2).reshape(15, 4),
        not_compiled=_DATA,
    ),
    Case(
        "pack-unpack",
        lambda x: sf.unpack_padded(
            sf.pack_padded(x, dims=(batch, time), out_dim=_row) * 2.0,
            in_dim=_row,
            dims=(batch, time),
            like=x,
        ),
        {"x": _X},
        RAGGED,
        covers=("pack_padded", "unpack_padded"),
        batch=(batch,),
        oracle=lambda x: x * 2,
        not_compiled=_DATA,
    ),
    Case(
        "unpack-padded",
        lambda x, like: sf.unpack_padded(x, in_dim=_row, dims=(batch, time), like=like),
        {"x": normal(_row, feature), "like": integers(batch, time, high=2)},
        type(RAGGED)({batch: 3, time: 5, _row: 11}, {time: ragged(batch, [5, 2, 4])}),
        covers=("unpack_padded",),
        mixes_batch="rows are counted from the start",
        oracle=lambda x, like: np.stack(
            [np.pad(x[a:b], [(0, 5 - b + a), (0, 0)]) for a, b in ((0, 5), (5, 7), (7, 11))]
        ),
    ),
]

CASES = [*SELECT, *SCATTER, *PACK]
"""All cases of this kind."""
