"""Contraction and convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oracles import plain

import seqfront as sf
from cases.dims import PLAIN, RAGGED, TWO_BATCH_DIMS, batch, feature, group, key_time, out, time
from cases.dims import window as window
from seqfront import Dim
from seqfront.testing import Case, Layout, integers, normal, ragged

DOT = [
    Case(
        f"dot-over-{name}",
        lambda x, y, reduce=reduce: sf.dot(x, y, reduce=reduce),
        {"x": normal(*x), "y": normal(*y)},
        RAGGED,
        covers=("dot",),
        batch=(batch,),
        oracle=lambda x, y, equation=equation: np.einsum(equation, x, y),
    )
    for name, x, y, reduce, equation in [
        ("feature", (batch, time, feature), (feature, out), feature, "tf,fo->to"),
        ("time", (batch, time, feature), (out, batch, time), time, "tf,ot->fo"),
        ("keys", (batch, time, feature), (batch, key_time, feature), feature, "tf,kf->tk"),
        ("two", (batch, time, feature), (feature, batch, time), (time, feature), "tf,ft->"),
        ("shared", (time, feature), (batch, time, feature), feature, "tf,tf->t"),
    ]
]
DOT += [
    Case(
        "dot-over-batch",
        lambda x, y: sf.dot(x, y, reduce=batch),
        {"x": normal(batch, time), "y": normal(batch, feature)},
        RAGGED,
        covers=("dot",),
        batch=(batch,),
        mixes_batch="the batch is summed over",
        oracle=lambda x, y: np.nansum(x[:, :, None] * y[:, None], 0),
    ),
    Case(
        "dot-two-batch-dims",
        lambda x, y: sf.dot(x, y, reduce=time),
        {"x": normal(group, time, batch, feature), "y": normal(time, batch, group)},
        TWO_BATCH_DIMS,
        covers=("dot",),
        batch=(group, batch),
        oracle=lambda x, y: y @ x,
    ),
    Case(
        "dot-of-two-dtypes",
        lambda x, y: sf.dot(x, y, reduce=time),
        {"x": normal(batch, time, feature), "y": integers(batch, time, high=5)},
        RAGGED,
        covers=("dot",),
        batch=(batch,),
        oracle=lambda x, y: y @ x,
    ),
]

LINEAR = [
    Case(
        f"linear-{name}",
        lambda x, w, *b: sf.linear(x, w, b[0] if b else None, in_dim=feature, out_dim=out),
        {"x": normal(*dims), "w": normal(feature, out), **extra},
        layout,
        covers=("linear",),
        batch=rows,
        oracle=oracle,
    )
    for name, dims, extra, layout, rows, oracle in [
        ("bias", (batch, time, feature), {"b": normal(out)}, RAGGED, (batch,),
         lambda x, w, b: x @ w + b),
        ("no-bias", (batch, time, feature), {}, RAGGED, (batch,), lambda x, w: x @ w),
        ("vector", (feature,), {"b": normal(out)}, PLAIN, (), lambda x, w, b: x @ w + b),
        ("two-batch-dims", (group, batch, time, feature), {"b": normal(out)}, TWO_BATCH_DIMS,
         (group, batch), lambda x, w, b: x @ w + b),
    ]
]  # fmt: skip

CONV_RAGGED = Layout({batch: 3, group: 2, time: 7}, {time: ragged(batch, [7, 2, 4])})
CONV_TWO = Layout(
    {batch: 3, group: 2, time: 5}, {time: ragged((batch, group), [[5, 2], [1, 4], [3, 3]])}
)


def _margins(padding: Any, span: int) -> tuple[int, int]:
    if padding == "same":
        return (span - 1) // 2, span - 1 - (span - 1) // 2
    return {"valid": (0, 0), "causal": (span - 1, 0)}.get(padding, padding)


def _conv(
    name: str,
    *,
    padding: Any = "valid",
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    size: int = 3,
    dims: tuple[Dim, ...] = (batch, time, feature),
    layout: Layout = CONV_RAGGED,
    rows: tuple[Dim, ...] = (batch,),
) -> Case:
    width = Dim("width", size)
    part = feature if groups == 1 else Dim("part", 4 // groups)

    def call(x: sf.Tensor, kernel: sf.Tensor) -> sf.Tensor:
        return sf.conv(
            x, kernel, spatial=[(time, width)], in_dim=feature, out_dim=out, strides=[stride],
            padding=padding, dilations=[dilation], groups=groups,
        )  # fmt: skip

    def oracle(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        left, right = _margins(padding, (size - 1) * dilation + 1)
        return plain.conv(x, kernel, left=left, right=right, stride=stride, dilation=dilation,
                          groups=groups)  # fmt: skip

    return Case(
        f"conv-{name}",
        call,
        {"x": normal(*dims), "kernel": normal(width, part, out)},
        layout,
        covers=("conv",),
        batch=rows,
        oracle=oracle,
    )


CONV = [
    _conv("valid"),
    _conv("same", padding="same"),
    _conv("same-even", padding="same", size=4),
    _conv("causal", padding="causal"),
    _conv("explicit", padding=(1, 3)),
    _conv("valid-stride", stride=2),
    _conv("same-stride", padding="same", stride=2),
    _conv("causal-stride", padding="causal", stride=3),
    _conv("valid-dilation", dilation=2),
    _conv("same-dilation", padding="same", dilation=2),
    _conv("groups", padding="same", groups=2),
    _conv("window-of-one", size=1),
    _conv("window-longer-than-data", size=9),
    _conv("no-batch", dims=(time, feature), layout=PLAIN, rows=()),
    _conv("two-batch-dims", padding="same", stride=2, dims=(batch, time, group, feature),
          layout=CONV_TWO, rows=(batch, group)),
    _conv("plain-batch", padding="same", layout=PLAIN),
]  # fmt: skip

_height, _h, _w = Dim("height", 5), Dim("h", 3), Dim("w", 2)
CONV.append(
    Case(
        "conv-2d",
        lambda x, kernel: sf.conv(
            x, kernel, spatial=[(time, _w), (_height, _h)], in_dim=feature, out_dim=out,
            strides=[1, 2],
        ),
        {"x": normal(batch, time, _height, feature), "kernel": normal(_w, _h, feature, out)},
        CONV_RAGGED,
        covers=("conv",),
        batch=(batch,),
        oracle=lambda x, kernel: plain.conv2d(x, kernel, (1, 2)),
    )
)  # fmt: skip

_bias: Callable[..., Any] = sf.relu
CHAINS = [
    Case(
        "conv-chain",
        lambda x, a, b: sf.conv(
            _bias(sf.conv(x, a, spatial=[(time, window)], in_dim=feature, out_dim=out,
                          padding="same", strides=[2])),
            b, spatial=[(time.ceil_div(2), window)], in_dim=out, out_dim=feature, padding="causal",
        ),
        {"x": normal(batch, time, feature), "a": normal(window, feature, out),
         "b": normal(window, out, feature)},
        CONV_RAGGED,
        covers=("conv",),
        batch=(batch,),
        oracle=lambda x, a, b: plain.conv(
            np.maximum(plain.conv(x, a, left=1, right=1, stride=2), 0), b, left=2),
    )
]  # fmt: skip

CASES = [*DOT, *LINEAR, *CONV, *CHAINS]
