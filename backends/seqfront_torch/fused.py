"""Composed operations that PyTorch has fused kernels for.

The kernels give NaN where every element is -inf, and NaN gradients; the definitions in
`seqfront.composed` do not. So on the CPU the (small) result is looked at, and the definition is
computed in the rare case; on a GPU, where looking would synchronise, and while tracing, where the
compiler fuses, the definition is what runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from seqfront.composed import ComposedOps
from seqfront_torch import few_rows, weights


def _may_look(x: torch.Tensor) -> bool:
    """Whether values are at hand without waiting for a device."""
    return not torch.compiler.is_compiling() and x.device.type == "cpu"


def _has_nan(x: torch.Tensor) -> bool:
    """Of values that are not infinite both ways, so that the sum tells."""
    return math.isnan(x.detach().sum())


def _has_least(x: torch.Tensor) -> bool:
    return bool((x == -math.inf).any())


class Fused(ComposedOps):
    """Overrides of elementwise functions, the softmax family, and layers."""

    def silu(self, x: torch.Tensor) -> torch.Tensor:
        """As composed."""
        return functional.silu(x)

    def gelu(self, x: torch.Tensor) -> torch.Tensor:
        """As composed."""
        return functional.gelu(x)

    def softplus(self, x: torch.Tensor) -> torch.Tensor:
        """As composed: beyond the threshold the tail is below the precision of float64."""
        return functional.softplus(x, threshold=40)

    def logaddexp(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """As composed."""
        if _may_look(a):
            y = torch.logaddexp(a, b)
            if not (y.requires_grad and _has_least(y)):
                return y
        return super().logaddexp(a, b)

    def logsumexp(
        self, x: torch.Tensor, axes: Sequence[int], keepdims: bool = False
    ) -> torch.Tensor:
        """As composed."""
        if axes and _may_look(x):
            y = torch.logsumexp(x, tuple(axes), keepdims)
            if not (y.requires_grad and _has_least(y)):
                return y
        return super().logsumexp(x, axes, keepdims)

    def softmax(self, x: torch.Tensor, axis: int) -> torch.Tensor:
        """As composed."""
        if _may_look(x) and x.shape[axis]:
            y = torch.softmax(x, axis)
            if not _has_nan(y.select(axis, 0)):  # NaN fills a row, or is not there
                return y
        return super().softmax(x, axis)

    def log_softmax(self, x: torch.Tensor, axis: int) -> torch.Tensor:
        """As composed."""
        if _may_look(x) and x.shape[axis]:
            y = torch.log_softmax(x, axis)
            if not _has_nan(y.select(axis, 0)):
                return y
        return super().log_softmax(x, axis)

    def linear(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
    ) -> torch.Tensor:
        """As composed."""
        y = weights.linear(x, weight, bias)
        if y is None:
            y = few_rows.linear(x, weight, bias)
        if y is not None:
            return y
        if bias is None:
            return torch.matmul(x, weight)
        if x.ndim == 2:
            return torch.addmm(bias, x, weight)
        return functional.linear(x, weight.t(), bias)

    def layer_norm(
        self,
        x: torch.Tensor,
        scale: torch.Tensor | None,
        bias: torch.Tensor | None,
        epsilon: float,
    ) -> torch.Tensor:
        """As composed."""
        return torch.layer_norm(x, x.shape[-1:], scale, bias, epsilon)

    def sparse_cross_entropy(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """As composed."""
        if _may_look(logits):
            classes = logits.shape[-1]
            flat = targets.reshape(-1).to(torch.int64)
            loss = functional.cross_entropy(
                logits.reshape(flat.shape[0], classes), flat, reduction="none"
            )
            if not _has_nan(loss):
                return loss.reshape(targets.shape)
        return super().sparse_cross_entropy(logits, targets)
