"""Dropout as a layer."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront.dim import Dim
from seqfront.nn.module import Module
from seqfront.ops import noise
from seqfront.tensor import Tensor


class Dropout(Module):
    """Zero at random while training, the identity otherwise (Srivastava et al. 2014).

    Args:
        rate: Probability of zero, in [0, 1].
        axis: Dims along which draws are independent; None: all.
    """

    def __init__(self, rate: float, *, axis: Sequence[Dim] | None = None) -> None:
        noise.check_rate("Dropout", rate)
        self.rate = rate
        self.axis = axis

    def __call__(self, x: Tensor) -> Tensor:
        """Any float tensor -> the same dims."""
        return noise.dropout(x, self.rate, axis=self.axis) if self.training else x
