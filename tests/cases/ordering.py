"""Sorting, searching, the greatest few, and running sums."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import PLAIN, RAGGED, TWO_BATCH_DIMS, batch, feature, group, key_time, time, vocab
from seqfront import Dim
from seqfront.testing import Case, booleans, constant, distinct, integers, normal, ragged
from seqfront.testing.inputs import Spec

_NONE = "integers have none"
_ROWS = (batch,)
_INFINITIES = [
    [np.inf, -np.inf, 1.0, -np.inf, np.inf],
    [np.inf, -np.inf, 0.0, 0.0, 0.0],
    [-np.inf, -np.inf, np.inf, np.inf, 0.0],
]
_INFINITE = "differences of infinities are not numbers"


def _sort(name: str, x: Spec, no_gradient: str = "", axis: Dim = time, **options: Any) -> Case:
    def oracle(x: np.ndarray) -> Any:
        position = 0 if axis is time else 1
        sign = -1 if options.get("descending") else 1
        keys = x.astype(np.float64) * sign
        order = np.argsort(keys, position, kind="stable")
        return np.take_along_axis(x, order, position), order

    return Case(
        f"sort-{name}",
        lambda x: (sf.sort(x, axis=axis, **options), sf.argsort(x, axis=axis, **options)),
        {"x": x},
        RAGGED,
        covers=("sort", "argsort"),
        batch=_ROWS,
        oracle=oracle,
        no_gradient=no_gradient,
    )


SORT = [
    _sort("ragged", distinct(batch, time, feature)),
    _sort("descending", distinct(batch, time), descending=True),
    _sort("features", distinct(batch, time, feature), axis=feature),
    _sort("ties", integers(batch, time, high=2), _NONE),
    _sort("ties-descending", integers(batch, time, high=2), _NONE, descending=True),
    _sort("bools", booleans(batch, time), _NONE),
    _sort("bools-descending", booleans(batch, time), _NONE, descending=True),
    _sort("bytes", integers(batch, time, low=254, high=256, dtype="uint8"), _NONE),
    _sort("infinities", constant(_INFINITIES, batch, time), _INFINITE),
    _sort("infinities-descending", constant(_INFINITIES, batch, time), _INFINITE,
          descending=True),
    Case(
        "sort-gather-by-order",
        lambda x: sf.gather(x, indices=sf.argsort(x.lengths(time), axis=batch), axis=batch),
        {"x": normal(batch, time)},
        RAGGED,
        covers=("argsort",),
        mixes_batch="rows are put in order",
        oracle=lambda x: x[[1, 2, 0]],
    ),
]  # fmt: skip

_edge = Dim("edge", 5)


def _search(name: str, values: Spec, oracle: Any, side: Any) -> Case:
    return Case(
        f"search-sorted-{name}",
        lambda row, values: sf.search_sorted(sf.sort(row, axis=time), values, axis=time, side=side),
        {"row": integers(batch, time, high=4), "values": values},
        RAGGED,
        covers=("search_sorted",),
        batch=_ROWS,
        oracle=oracle,
        no_gradient=_NONE,
    )


SEARCH = [
    _search("left", integers(batch, key_time, feature, high=5),
            lambda row, v: np.searchsorted(np.sort(row), v, "left"), "left"),
    _search("right", normal(batch, key_time, scale=3.0),
            lambda row, v: np.searchsorted(np.sort(row), v, "right"), "right"),
    _search("greatest", constant([2**31 - 1] * 3, batch),
            lambda row, v: np.searchsorted(np.sort(row), v, "right"), "right"),
    Case(
        "search-sorted-table",
        lambda row, values: sf.search_sorted(row, values, axis=_edge),
        {"row": constant([-1.0, -0.5, 0.0, 0.5, 1.0], _edge), "values": normal(batch, time)},
        RAGGED,
        covers=("search_sorted",),
        batch=_ROWS,
        oracle=np.searchsorted,
        no_gradient="positions have none",
    ),
]  # fmt: skip

_two, _three, _eight = Dim("two", 2), Dim("three", 3), Dim("eight", 8)


def _top(x: np.ndarray, k: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The greatest k of all, and where they are."""
    order = np.argsort(-x.astype(np.float64).ravel(), kind="stable")[:k]
    return x.ravel()[order], np.unravel_index(order, x.shape)


def _several(x: np.ndarray, k: int) -> tuple[np.ndarray, ...]:
    values, places = _top(x, k)
    return values, *places


def _best(x: sf.Tensor, axis: Any, k_dim: Dim) -> Any:
    values, indices, _ = sf.top_k(x, axis=axis, k_dim=k_dim)
    return values, indices


def _top_k(
    name: str,
    x: Spec,
    axis: Any,
    k_dim: Dim,
    oracle: Any,
    reason: str = "",
    layout: Any = RAGGED,
    rows: Any = _ROWS,
) -> Case:
    return Case(
        f"top-k-{name}",
        lambda x: _best(x, axis, k_dim),
        {"x": x},
        layout,
        covers=("top_k",),
        batch=rows,
        oracle=oracle,
        no_gradient=reason,
    )  # fmt: skip


def _single(k: int) -> Any:
    def oracle(x: np.ndarray) -> Any:
        values, (indices,) = _top(x, k)
        return values, indices

    return oracle


TOP_K = [
    _top_k("static", distinct(batch, vocab), vocab, _three, _single(3)),
    _top_k("beyond-static", distinct(batch, vocab), vocab, _eight, _single(8)),
    _top_k("ragged", distinct(batch, time), time, _three, _single(3)),
    _top_k("beyond-ragged", distinct(batch, time), time, _eight, _single(8)),
    _top_k("dynamic", distinct(batch, time), time, _eight, _single(8), layout=PLAIN),
    _top_k("ties", integers(batch, time, high=2), time, _three, _single(3), _NONE),
    _top_k("least", constant([[-(2**31)] * 5] * 3, batch, time), time, _three, _single(3), _NONE),
    _top_k("beam-and-labels", distinct(batch, time, vocab), (time, vocab), _three,
           lambda x: _several(x, 3)),
    _top_k("padding-between", constant([[[-np.inf] * 5] * 4] * 3, batch, feature, time),
           (feature, time), _eight, lambda x: _several(x, 8), _INFINITE),
    _top_k("two-ragged", distinct(batch, key_time, time), (key_time, time), _eight,
           lambda x: _several(x, 8)),
    _top_k("beside-ragged", distinct(batch, time, vocab), vocab, _two,
           lambda x: (np.sort(x, 1)[:, :-3:-1], np.argsort(x, 1)[:, :-3:-1])),
    _top_k("two-batch-dims", distinct(batch, group, time), time, _three, _single(3),
           layout=TWO_BATCH_DIMS, rows=(batch, group)),
    Case(
        "top-k-is-ragged",
        lambda x: sf.softmax(sf.top_k(x, axis=time, k_dim=_three)[0], axis=_three),
        {"x": distinct(batch, time)},
        RAGGED,
        covers=("top_k",),
        batch=_ROWS,
        oracle=lambda x: np.exp(v := np.sort(x)[::-1][:3]) / np.exp(v).sum(),
    ),
]  # fmt: skip


def _cumulative(name: str, x: Spec, oracle: Any, no_gradient: str = "", axis: Dim = time) -> Case:
    op = name.partition("-")[0]
    return Case(
        name,
        lambda x: getattr(sf, op)(x, axis=axis),
        {"x": x},
        RAGGED,
        covers=(op,),
        batch=_ROWS,
        oracle=lambda x: oracle(x, axis=0 if axis is time else 1),
        no_gradient=no_gradient,
    )


CUMULATIVE = [
    _cumulative("cumsum-ragged", normal(batch, time, feature), np.cumsum),
    _cumulative("cumsum-features", normal(batch, time, feature), np.cumsum, axis=feature),
    _cumulative("cumsum-bools", booleans(batch, time), lambda x, axis: np.cumsum(x, axis), _NONE),
    _cumulative("cumprod-ragged", normal(batch, time, feature), np.cumprod),
    _cumulative("cummax-ragged", distinct(batch, time, feature), np.maximum.accumulate),
    _cumulative("cummax-ints", integers(batch, time, low=-9, high=9), np.maximum.accumulate, _NONE),
    Case(
        "cumulative-over-batch",
        lambda x: (sf.cumsum(x, axis=batch), sf.cumprod(x, axis=batch), sf.cummax(x, axis=batch)),
        {"x": distinct(batch, time)},
        type(RAGGED)({batch: 3, time: 5}, {time: ragged(batch, [2, 5, 4])}),
        covers=("cumsum", "cumprod", "cummax"),
        mixes_batch="rows are added up",
        oracle=lambda x: (
            np.nancumsum(x, 0),
            np.nancumprod(x, 0),
            np.fmax.accumulate(x, 0),
        ),
    ),
]

CASES = [*SORT, *SEARCH, *TOP_K, *CUMULATIVE]
"""All cases of this kind."""
