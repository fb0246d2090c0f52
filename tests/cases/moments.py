"""Variance, standard deviation, and the most extreme over several dims."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import PLAIN, RAGGED, TWO_BATCH_DIMS, batch, feature, group, time
from seqfront.testing import Case, Layout, Spec, constant, distinct, integers, normal

_X = normal(batch, time, feature)


def _spread(
    where: str,
    axis: Any,
    numpy_axis: Any,
    x: Spec = _X,
    layout: Layout = RAGGED,
    rows: Any = (batch,),
    **flags: Any,
) -> Case:
    def oracle(x: np.ndarray) -> tuple[np.ndarray, ...]:
        x = x * 1.0
        count = np.sum(~np.isnan(x), numpy_axis)
        total = np.nansum((x - np.nanmean(x, numpy_axis, keepdims=True)) ** 2, numpy_axis)
        unbiased = total / np.maximum(count - 1, 1)
        return total / count, np.sqrt(total / count), unbiased, np.sqrt(unbiased)

    def call(x: sf.Tensor) -> tuple[sf.Tensor, ...]:
        return (
            sf.variance(x, axis=axis),
            sf.standard_deviation(x, axis=axis),
            sf.variance(x, axis=axis, correction=1),
            sf.standard_deviation(x, axis=axis, correction=1),
        )

    return Case(f"variance-over-{where}", call, {"x": x}, layout, batch=rows, oracle=oracle,
                covers=("variance", "standard_deviation"), **flags)  # fmt: skip


SPREAD = [
    _spread("time", time, 0),
    _spread("feature", feature, 1),
    _spread("both", (feature, time), (0, 1)),
    _spread("batch", batch, 0, mixes_batch="the batch is reduced"),
    _spread("everything", (time, batch, feature), (0, 1, 2), mixes_batch="the batch is reduced"),
    _spread("full", time, 0, layout=PLAIN),
    _spread("two-batch-dims", time, 0, normal(group, time, batch), TWO_BATCH_DIMS, (group, batch)),
    _spread("integers", time, 0, integers(batch, time, high=9), no_gradient="integers have none"),
    _spread("constant-rows", time, 0, constant(np.full((3, 5), 7.0), batch, time),
            no_finite_difference="the root has no derivative at zero"),
    Case(
        "variance-unmasked",
        lambda x: (
            sf.variance(x, axis=time, mask=False),
            sf.variance(x, axis=time, mask=False, correction=2),
        ),
        {"x": _X},
        PLAIN,
        covers=("variance",),
        batch=(batch,),
        oracle=lambda x: (x.var(0), x.var(0, ddof=2)),
    ),
]  # fmt: skip


def _positions(name: str, x: Spec, axis: tuple[Any, ...], oracle_axes: str, **more: Any) -> Case:
    def oracle(x: np.ndarray) -> tuple[Any, ...]:
        x = x if oracle_axes == "tf" else x.T
        return tuple(
            int(i)
            for find in (np.argmax, np.argmin)
            for i in np.unravel_index(find(x), x.shape)
        )  # fmt: skip

    return Case(
        f"argmax-over-{name}",
        lambda x: (*sf.argmax(x, axis=axis), *sf.argmin(x, axis=axis)),
        {"x": x},
        more.pop("layout", RAGGED),
        covers=("argmax", "argmin"),
        batch=(batch,),
        oracle=oracle,
        no_gradient="positions have none",
        **more,
    )


_EXTREME = constant(
    [[[-np.inf] * 5] * 4, [[np.inf] * 5] * 4, [[-np.inf, 0.0, np.inf, 2.0, 1.0]] * 4],
    batch, feature, time,
)  # fmt: skip

POSITIONS = [
    _positions("two", distinct(batch, time, feature), (time, feature), "tf"),
    _positions("two-turned", distinct(batch, time, feature), (feature, time), "ft"),
    _positions("ties", integers(batch, time, feature, high=3), (feature, time), "ft"),
    _positions("padding-between", _EXTREME, (feature, time), "tf"),
    Case(
        "argmax-over-ragged-beams",
        # the first beam has no data, and all data is the least there is
        lambda x: sf.argmax(x, axis=(group, time)),
        {"x": constant(np.full((3, 2, 5), -np.inf), batch, group, time)},
        Layout({batch: 3, group: 2, time: 5}, {time: TWO_BATCH_DIMS.lengths[time]._replace(
            values=np.array([[0, 2], [1, 4], [0, 3]])
        )}),
        covers=("argmax",),
        batch=(batch,),
        mixes_batch="the oracle knows the lengths",
        oracle=lambda x: (np.array([1, 0, 1]), np.array([0, 0, 0])),
        no_gradient="positions have none",
        no_empty_row="no row is left",
    ),
]  # fmt: skip

CASES = [*SPREAD, *POSITIONS]
