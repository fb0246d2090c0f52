"""Normalisation over batches, groups, and without a mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import plain

import seqfront as sf
from cases.dims import PLAIN, RAGGED, TWO_BATCH_DIMS, batch, feature, group, time
from seqfront.testing import Case, normal

_X = normal(batch, time, feature)


class _WithStatistics(sf.nn.Module):
    """Batch normalisation that has seen other data."""

    def __init__(self) -> None:
        self.norm = sf.nn.BatchNorm(feature)
        stream = sf.randomness.next_stream()
        self.norm.running_mean.assign(stream.normal(size=4))
        self.norm.running_variance.assign(stream.uniform(0.5, 2, 4))

    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        return self.norm.eval()(x)


def _kept(m: sf.nn.BatchNorm, x: sf.Tensor) -> Any:
    m(x)
    m(x * 2.0)
    return m.running_mean + 0.0, m.running_variance + 0.0


def _running(m: Any, x: np.ndarray) -> Any:
    flat = x.reshape(-1, 4)
    flat = flat[~np.isnan(flat[:, 0])]
    mean, variance = np.zeros(4), np.ones(4)
    for seen in (flat, flat * 2):
        mean = 0.9 * mean + 0.1 * seen.mean(0)
        variance = 0.9 * variance + 0.1 * seen.var(0, ddof=1)
    return mean, variance


def _affine(m: Any, y: np.ndarray) -> np.ndarray:
    return y * m.scale.numpy() + m.bias.numpy()


def _batch_norm_eval(m: Any, x: np.ndarray) -> np.ndarray:
    n = m.norm
    mean, variance = (p.numpy().astype("d") for p in (n.running_mean, n.running_variance))
    y = (x - mean) / np.sqrt(variance + 1e-5)
    return _affine(n, y)


_MIXES = "mean and variance are those of the batch"

BATCH_NORM = [
    Case(
        f"nn-batch-norm{name}",
        lambda m, x: m(x),
        {"x": normal(*dims)},
        layout,
        covers=("nn.BatchNorm",),
        module=lambda: sf.nn.BatchNorm(feature),
        batch=(batch,),
        mixes_batch=_MIXES,
        oracle=lambda m, x: _affine(m, plain.batch_norm(x)),
        extent_matters=why,
        no_empty_row="the statistics are of the other rows then: tests/nn/test_norms.py",
        tolerance=4.0,  # rsqrt of a small variance
    )
    for name, dims, layout, why in [
        ("", (batch, time, feature), RAGGED, ""),
        ("-full", (batch, feature), PLAIN, ""),
        ("-two-batch-dims", (batch, time, group, feature), TWO_BATCH_DIMS, ""),
    ]
]

KEPT = [
    Case(
        "nn-batch-norm-eval",
        lambda m, x: m(x),
        {"x": _X},
        RAGGED,
        covers=("nn.BatchNorm",),
        module=_WithStatistics,
        batch=(batch,),
        oracle=_batch_norm_eval,
    ),
    Case(
        "nn-batch-norm-running-statistics",
        _kept,
        {"x": _X},
        RAGGED,
        covers=("nn.BatchNorm",),
        module=lambda: sf.nn.BatchNorm(feature),
        mixes_batch=_MIXES,
        oracle=_running,
        no_gradient="kept statistics are constants",
    ),
]

VECTORS = [
    Case(
        "nn-rms-norm",
        lambda m, x: m(x),
        {"x": _X},
        RAGGED,
        covers=("nn.RMSNorm",),
        module=lambda: sf.nn.RMSNorm(feature),
        batch=(batch,),
        oracle=lambda m, x: x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * m.scale.numpy(),
    ),
    Case(
        "nn-group-norm-over-time",
        lambda m, x: m(x, axis=time),
        {"x": _X},
        RAGGED,
        covers=("nn.GroupNorm",),
        module=lambda: sf.nn.GroupNorm(feature, 2),
        batch=(batch,),
        oracle=lambda m, x: _affine(m, plain.group_norm(x, 2)),
        tolerance=4.0,  # rsqrt of a small variance
    ),
    Case(
        "nn-group-norm-of-vectors",
        lambda m, x: m(x, axis=()),
        {"x": _X},
        RAGGED,
        covers=("nn.GroupNorm",),
        module=lambda: sf.nn.GroupNorm(feature, 1),
        batch=(batch,),
        oracle=lambda m, x: _affine(m, plain.layer_norm(x)),
    ),
]

CASES = [*BATCH_NORM, *KEPT, *VECTORS]
