"""Linear: an affine map of one dim."""

from __future__ import annotations

from seqfront.dim import Dim
from seqfront.nn.init import GlorotUniform, Initializer
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.ops import contract
from seqfront.tensor import Tensor


class Linear(Module):
    """y = x W + b over one dim, whatever the others are.

    Args:
        in_dim: The dim that is mapped; static.
        out_dim: The dim it becomes; static. For a map onto itself, use `in_dim.clone()`.
        bias: Whether to add b.
        weight_init: How W [in_dim, out_dim] starts.
    """

    def __init__(
        self,
        in_dim: Dim,
        out_dim: Dim,
        *,
        bias: bool = True,
        weight_init: Initializer | None = None,
    ) -> None:
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.weight = Parameter((in_dim, out_dim), weight_init or GlorotUniform())
        self.bias = Parameter((out_dim,), 0.0) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        """[..., in_dim] -> [..., out_dim]."""
        return contract.linear(x, self.weight, self.bias, in_dim=self.in_dim, out_dim=self.out_dim)
