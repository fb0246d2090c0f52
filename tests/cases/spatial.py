"""Convolution and pooling over two and three dims, of which some are ragged."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import spatial

import seqfront as sf
from cases.dims import batch, feature, group, out
from seqfront import Dim
from seqfront.testing import Case, Layout, normal, ragged

_height, _width, _depth = Dim("height"), Dim("width"), Dim("depth", 3)

BOTH = Layout(
    {batch: 3, group: 2, _height: 4, _width: 5},
    {_height: ragged(batch, [4, 1, 3]), _width: ragged(batch, [3, 5, 2])},
)
"""Images, each of its own size."""

_SMALL = Layout({batch: 2, _height: 3, _width: 3}, {_height: ragged(batch, [3, 2])})
_X = normal(batch, _height, _width, feature)
_VOLUME = normal(batch, _height, _depth, _width, feature)
_AXES = (_height, _width)
_THREE = (_height, _depth, _width)


def _biased(m: Any, y: np.ndarray) -> np.ndarray:
    return y if m.bias is None else y + m.bias.numpy()


CONV = [
    Case(
        f"nn-conv{rank}d-{name}",
        lambda m, x, axes=axes: m(x, axis=axes),
        {"x": x},
        layout,
        covers=(f"nn.Conv{rank}d", "conv"),
        module=lambda rank=rank, window=window, options=options: getattr(sf.nn, f"Conv{rank}d")(
            feature, out, window, **options
        ),
        batch=(batch, group) if "batch" in name else (batch,),
        oracle=lambda m, x, sides=sides: _biased(
            m, spatial.conv(x, m.weight.numpy(), m.strides, sides, m.groups)
        ),
    )
    for rank, name, x, layout, axes, window, options, sides in [
        (2, "valid", _X, BOTH, _AXES, (2, 3), {}, [(0, 0), (0, 0)]),
        (2, "same-stride", _X, BOTH, _AXES, 3, {"stride": (1, 2), "padding": "same"},
         [(1, 1), (1, 1)]),
        (2, "causal-and-same", _X, BOTH, _AXES, (3, 2),
         {"padding": ("causal", "same"), "groups": 2, "bias": False}, [(2, 0), (0, 1)]),
        (2, "two-batch-dims", normal(group, batch, _height, _width, feature), BOTH, _AXES, 2,
         {"padding": ((0, 1), "causal")}, [(0, 1), (1, 0)]),
        (3, "same", _VOLUME, _SMALL, _THREE, (3, 1, 2),
         {"padding": "same", "stride": (2, 1, 1)}, [(1, 1), (0, 0), (0, 1)]),
    ]
]  # fmt: skip

DILATED = [
    Case(
        "nn-conv2d-dilated",
        lambda m, x: m(x, axis=_AXES),
        {"x": _X},
        BOTH,
        covers=("nn.Conv2d",),
        module=lambda: sf.nn.Conv2d(feature, out, 2, dilation=(2, 1), padding="causal"),
        batch=(batch,),
        oracle=lambda m, x: _biased(
            m,
            spatial.conv(x, np.insert(m.weight.numpy(), 1, 0, axis=0), (1, 1), [(2, 0), (1, 0)]),
        ),
    )
]

TRANSPOSED = [
    Case(
        f"nn-conv-transpose{rank}d",
        lambda m, x, axes=axes: m(x, axis=axes),
        {"x": x},
        layout,
        covers=(f"nn.ConvTranspose{rank}d", "conv_transpose"),
        module=lambda rank=rank, window=window, stride=stride: getattr(
            sf.nn, f"ConvTranspose{rank}d"
        )(feature, out, window, stride=stride),
        batch=(batch,),
        oracle=lambda m, x, left=left: _biased(
            m, spatial.conv_transpose(x, m.weight.numpy(), m.strides, left)
        ),
    )
    for rank, x, layout, axes, window, stride, left in [
        (2, _X, BOTH, _AXES, (4, 3), (2, 1), (1, 1)),
        (3, _VOLUME, _SMALL, _THREE, (2, 1, 3), (2, 1, 1), (0, 0, 1)),
    ]
]

POOL = [
    Case(
        f"nn-{name}-pool{rank}d-{how}",
        lambda m, x, axes=axes: m(x, axis=axes),
        {"x": x},
        layout,
        covers=(f"nn.{name.capitalize()}Pool{rank}d", f"{name}_pool"),
        module=lambda name=name, rank=rank, window=window, options=options: getattr(
            sf.nn, f"{name.capitalize()}Pool{rank}d"
        )(window, **options),
        batch=(batch,),
        oracle=lambda m, x, name=name, sides=sides: spatial.pool(
            x, name, m.windows, m.strides, sides
        ),
    )
    for name in ("max", "mean")
    for rank, how, x, layout, axes, window, options, sides in [
        (1, "causal", normal(batch, _height, feature), BOTH, _height, 3,
         {"stride": 2, "padding": "causal"}, [(2, 0)]),
        (2, "valid", _X, BOTH, _AXES, 2, {"stride": 1}, [(0, 0), (0, 0)]),
        (2, "same", _X, BOTH, _AXES, (2, 3), {"padding": ("causal", "same")}, [(1, 0), (1, 1)]),
        (3, "same", _VOLUME, _SMALL, _THREE, (2, 1, 2), {"padding": "same"},
         [(0, 1), (0, 0), (0, 1)]),
    ]
]  # fmt: skip


CASES = [*CONV, *DILATED, *TRANSPOSED, *POOL]
