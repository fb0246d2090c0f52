"""Pooling and transposed convolution: other numbers of positions, from data only."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import plain

import seqfront as sf
from cases.dims import PLAIN, TWO_BATCH_DIMS, batch, feature, group, out, time
from seqfront import Dim
from seqfront.testing import Case, Layout, normal, ragged

_X = normal(batch, time, feature)
_FRAMES = Layout({batch: 3, time: 7}, {time: ragged(batch, [7, 2, 4])})
_height, _width = Dim("height"), Dim("width", 3)
_image = Layout({batch: 2, _height: 4}, {_height: ragged(batch, [4, 2])})

_WINDOWS: list[tuple[str, dict[str, Any], dict[str, int]]] = [
    ("valid", {"window": 2}, {"window": 2, "stride": 2}),
    ("same", {"window": 3, "stride": 2, "padding": "same"},
     {"window": 3, "stride": 2, "left": 1, "right": 1}),
    ("causal", {"window": 3, "stride": 1, "padding": "causal"},
     {"window": 3, "stride": 1, "left": 2}),
    ("numbers", {"window": 4, "stride": 3, "padding": (1, 2)},
     {"window": 4, "stride": 3, "left": 1, "right": 2}),
]  # fmt: skip

POOL = [
    Case(
        f"{name}-pool-{how}",
        lambda x, op=op, options=options: op(x, axis=time, **options),
        {"x": _X},
        _FRAMES,
        covers=(f"{name}_pool",),
        batch=(batch,),
        oracle=lambda x, name=name, wanted=wanted: plain.pool(x, name, **wanted),
    )
    for name, op in (("max", sf.max_pool), ("mean", sf.mean_pool))
    for how, options, wanted in _WINDOWS
]

SHAPES = [
    Case(
        f"{name}-pool-{shape}",
        lambda x, op=op: op(x, axis=time, window=2, stride=1),
        {"x": normal(*dims)},
        layout,
        covers=(f"{name}_pool",),
        batch=rows,
        oracle=lambda x, name=name: plain.pool(x, name, 2, 1),
        extent_matters=why,
    )
    for name, op in (("max", sf.max_pool), ("mean", sf.mean_pool))
    for shape, dims, layout, rows, why in [
        ("two-batch-dims", (group, time, feature, batch), TWO_BATCH_DIMS, (batch, group), ""),
        ("vector", (time,), PLAIN, (), "nothing says which positions are padding"),
    ]
]


class _Upsample(sf.nn.Module):
    """Over two dims, one of them ragged."""

    def __init__(self) -> None:
        self.windows = Dim("rows", 3), Dim("columns", 2)
        self.weight = sf.nn.Parameter((*self.windows, feature, out), sf.nn.init.Normal())

    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        spatial = list(zip((_height, _width), self.windows, strict=True))
        return sf.conv_transpose(
            x, self.weight, spatial=spatial, in_dim=feature, out_dim=out, strides=(2, 2)
        )


def _upsampled(m: Any, x: np.ndarray) -> np.ndarray:
    kernel = m.weight.numpy()
    full = np.zeros((2 * len(x) + 3, 6, 6))
    for i, j in np.ndindex(*x.shape[:2]):
        for a, b in np.ndindex(3, 2):
            full[2 * i + a, 2 * j + b] += x[i, j] @ kernel[a, b]
    return full[: 2 * len(x)]


TRANSPOSED = [
    Case(
        f"nn-conv-transpose1d-{name}",
        lambda m, x: m(x, axis=time),
        {"x": _X},
        _FRAMES,
        covers=("nn.ConvTranspose1d", "conv_transpose"),
        module=lambda window=window, options=options: sf.nn.ConvTranspose1d(
            feature, out, window, **options
        ),
        batch=(batch,),
        oracle=lambda m, x, cut=cut: (
            plain.conv_transpose(x, m.weight.numpy(), m.strides[0], *cut)
            + (0 if m.bias is None else m.bias.numpy())
        ),
    )
    for name, window, options, cut in [
        ("same", 4, {"stride": 2}, (1, 0)),
        ("causal", 3, {"stride": 2, "padding": "causal", "bias": False}, (0, 0)),
        ("stride-one", 3, {}, (1, 0)),
    ]
]

LONGER = [
    Case(
        "nn-conv-transpose1d-valid",
        lambda m, x: m(x, axis=time),
        {"x": _X},
        _FRAMES,
        covers=("nn.ConvTranspose1d", "conv_transpose"),
        module=lambda: sf.nn.ConvTranspose1d(feature, out, 5, stride=2, padding="valid"),
        batch=(batch,),
        oracle=lambda m, x: plain.conv_transpose(x, m.weight.numpy(), 2, 0, 3) + m.bias.numpy(),
    ),
    Case(
        "conv-transpose-over-two-dims",
        lambda m, x: m(x),
        {"x": normal(batch, _height, _width, feature)},
        _image,
        covers=("conv_transpose",),
        module=_Upsample,
        batch=(batch,),
        oracle=_upsampled,
    ),
]

CASES = [*POOL, *SHAPES, *TRANSPOSED, *LONGER]
