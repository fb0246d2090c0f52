"""Gradients where a function has a kink or a pole: as PyTorch gives them, on every backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends

torch = pytest.importorskip("torch")
F: Any = torch.nn.functional
time = sf.Dim("time")

POINTS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[list[float], ...]]] = {
    "sqrt": (sf.sqrt, torch.sqrt, ([0.0, 4.0],)),
    "rsqrt": (sf.rsqrt, torch.rsqrt, ([0.0, 4.0],)),
    "log": (sf.log, torch.log, ([0.0, -1.0],)),
    "abs": (sf.abs, torch.abs, ([0.0, -0.0],)),
    "relu": (sf.relu, torch.relu, ([0.0, -0.0],)),
    "asin": (sf.asin, torch.asin, ([1.0, -1.0],)),
    "acosh": (sf.acosh, torch.acosh, ([1.0],)),
    "reciprocal": (sf.reciprocal, torch.reciprocal, ([0.0, 2.0],)),
    "leaky_relu": (sf.leaky_relu, F.leaky_relu, ([0.0, -1.0],)),
    "elu": (lambda x: sf.elu(x, 0.5), lambda x: F.elu(x, 0.5), ([0.0, 300.0, -300.0],)),
    "selu": (sf.selu, F.selu, ([0.0, 300.0, -300.0],)),
    "hard_tanh": (sf.hard_tanh, F.hardtanh, ([-1.0, 1.0, 0.5],)),
    "relu6": (sf.relu6, F.relu6, ([0.0, 6.0, 3.0],)),
    "hard_sigmoid": (sf.hard_sigmoid, F.hardsigmoid, ([-3.0, 3.0, 0.0],)),
    "log_sigmoid": (sf.log_sigmoid, F.logsigmoid, ([-500.0, 0.0, 500.0],)),
    "softsign": (sf.softsign, F.softsign, ([0.0, -2.0],)),
    "clip": (
        lambda x: sf.clip(x, -1.0, 1.0), lambda x: torch.clamp(x, -1.0, 1.0),
        ([-1.0, 1.0, 2.0],),
    ),
    "clip of tensors": (
        sf.clip, torch.clamp, ([1.0, 0.0, 5.0], [1.0, 1.0, 4.0], [3.0, 3.0, 3.0]),
    ),
    "where": (
        lambda x: sf.where(x > 0, sf.log(x), sf.sqrt(x * 0 + 1)),
        lambda x: torch.where(x > 0, torch.log(x), torch.sqrt(x * 0 + 1)),
        ([2.0, -1.0],),
    ),
    "power of numbers": (
        lambda x: x**0 + x**1 + x**2 + x**3 + x**3.0, lambda x: x**0 + x**1 + x**2 + x**3 + x**3.0,
        ([0.0, -2.0],),
    ),
    "power": (sf.power, torch.pow, ([0.0, 0.0, 2.0], [0.0, 2.0, 0.0])),
    "atan2": (sf.atan2, torch.atan2, ([0.0, 0.0, 1.0, -0.0], [0.0, -1.0, 0.0, -0.0])),
    "remainder": (sf.remainder, torch.remainder, ([7.0, -7.0], [2.0, 2.0])),
}  # fmt: skip


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_gradients(name: str, backend: str) -> None:
    mine, theirs, points = POINTS[name]
    b = backends.get(backend)
    xs = [sf.wrap(b.parameter(np.array(x, "float32")), (time,)) for x in points]
    _, found = sf.value_and_grad(lambda: sf.sum(mine(*xs), axis=time), xs)
    raws = [torch.tensor(x, requires_grad=True) for x in points]
    theirs(*raws).sum().backward()
    for x, raw in zip(found, raws, strict=True):
        np.testing.assert_allclose(x.numpy(), raw.grad.numpy(), 1e-6)
