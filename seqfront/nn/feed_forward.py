"""Feed-forward layers: what a Transformer does at each position by itself."""

from __future__ import annotations

from typing import Literal, TypeAlias

from seqfront import errors
from seqfront.dim import Dim
from seqfront.nn.dropout import Dropout
from seqfront.nn.linear import Linear
from seqfront.nn.module import Module
from seqfront.ops import activations, elementwise
from seqfront.tensor import Tensor

Activation: TypeAlias = Literal["relu", "gelu", "silu", "tanh", "sigmoid"]

ACTIVATIONS = {
    "relu": elementwise.relu,
    "gelu": activations.gelu,
    "silu": activations.silu,
    "tanh": elementwise.tanh,
    "sigmoid": elementwise.sigmoid,
}


class FeedForward(Module):
    """Out to more features, a nonlinearity, and back (Vaswani et al. 2017, arXiv:1706.03762, 3.3).

    Args:
        dim: Features of the input, and of the result; static.
        inner: Features in between; static.
        activation: "relu", "gelu", "silu", "tanh" or "sigmoid".
        dropout: Probability of zero after the activation, while training.

    Example:
        >>> import seqfront as sf
        >>> feature, inner = sf.Dim("feature", 8), sf.Dim("inner", 32)
        >>> sf.nn.FeedForward(feature, inner)(sf.ones((feature,)))
        float32[feature:8] numpy:cpu
    """

    def __init__(
        self,
        dim: Dim,
        inner: Dim,
        *,
        activation: Activation = "relu",
        dropout: float = 0.0,
    ) -> None:
        _check("FeedForward", activation)
        self.first = Linear(dim, inner)
        self.activation: Activation = activation
        self.dropout = Dropout(dropout)
        self.second = Linear(inner, dim)

    def __call__(self, x: Tensor) -> Tensor:
        """[..., dim] -> the same dims."""
        return self.second(self.dropout(ACTIVATIONS[self.activation](self.first(x))))


class GatedFeedForward(Module):
    """(activation(x W) * x V) U: features in between are let through, or not, by others
    (Shazeer 2020, arXiv:2002.05202).

    With "silu" it is known as SwiGLU, with "gelu" as GEGLU, "relu" ReGLU, and "sigmoid" GLU
    (Dauphin et al. 2017, arXiv:1612.08083).

    Args:
        dim: Features of the input, and of the result; static.
        inner: Features in between; static. (Two thirds of those of `FeedForward` make as many
            parameters.)
        activation: "relu", "gelu", "silu", "tanh" or "sigmoid".
        bias: Whether the maps have one; not in the paper.
        dropout: Probability of zero in between, while training.

    Example:
        >>> import seqfront as sf
        >>> feature, inner = sf.Dim("feature", 8), sf.Dim("inner", 21)
        >>> sf.nn.GatedFeedForward(feature, inner)(sf.ones((feature,)))
        float32[feature:8] numpy:cpu
    """

    def __init__(
        self,
        dim: Dim,
        inner: Dim,
        *,
        activation: Activation = "silu",
        bias: bool = False,
        dropout: float = 0.0,
    ) -> None:
        _check("GatedFeedForward", activation)
        self.gate = Linear(dim, inner, bias=bias)
        self.value = Linear(dim, inner, bias=bias)
        self.activation: Activation = activation
        self.dropout = Dropout(dropout)
        self.output = Linear(inner, dim, bias=bias)

    def __call__(self, x: Tensor) -> Tensor:
        """[..., dim] -> the same dims."""
        gate = ACTIVATIONS[self.activation](self.gate(x))
        return self.output(self.dropout(gate * self.value(x)))


def _check(layer: str, activation: object) -> None:
    if activation not in ACTIVATIONS:
        raise errors.unknown_choice(layer, "activation", activation, tuple(ACTIVATIONS))
