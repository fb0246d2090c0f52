"""Attention on PyTorch's kernels, beyond what every override is held to."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import seqfront_torch  # noqa: F401  (registers the backend)
from seqfront import backends
from seqfront.composed import ComposedOps
from seqfront_torch import attention

MASK = torch.tensor([[[[True, False, True]]], [[[False] * 3]]])
"""Nothing to see in the second row of the batch."""


def _inputs() -> list[torch.Tensor]:
    rng = np.random.default_rng(0)
    shapes = ((2, 2, 4, 8), (2, 2, 3, 8), (2, 2, 3, 8))
    return [torch.tensor(rng.standard_normal(s), requires_grad=True) for s in shapes]


def test_second_derivatives() -> None:
    """The kernel has none; then the definition is differentiated twice."""
    backend = backends.get("torch")

    def attend(*inputs: torch.Tensor) -> torch.Tensor:
        return backend.attention(*inputs, MASK, None, 0.3)

    assert torch.autograd.gradgradcheck(attend, _inputs())


def test_what_a_gpu_runs() -> None:
    """The same on the CPU: rows without keys give zeros, and gradients of zero."""
    inputs = _inputs()
    bias = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)
    found = attention._on_gpu(*inputs, MASK, bias, 0.3)
    wanted = ComposedOps.attention(backends.get("torch"), *inputs, MASK, bias, 0.3)
    _same(found, wanted)
    along = torch.arange(found.numel(), dtype=torch.float64).cos().reshape(found.shape)
    for a, b in zip(*(torch.autograd.grad(y, inputs, along) for y in (found, wanted)), strict=True):
        _same(a, b)


def _same(a: Any, b: Any) -> None:
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)
