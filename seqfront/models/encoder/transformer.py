"""The encoder of the Transformer."""

from __future__ import annotations

from collections.abc import Callable

from seqfront import align
from seqfront.dim import Dim
from seqfront.nn.attention import SelfAttention
from seqfront.nn.containers import ModuleList
from seqfront.nn.dropout import Dropout
from seqfront.nn.feed_forward import Activation, FeedForward
from seqfront.nn.module import Module
from seqfront.nn.norm import LayerNorm
from seqfront.nn.position import Position
from seqfront.ops.mask import clean
from seqfront.tensor import Tensor

MakePosition = Callable[[Dim, Dim], Position]


class TransformerEncoderLayer(Module):
    """Self-attention and feed-forward, each normalised before and added to what was there
    (Vaswani et al. 2017, arXiv:1706.03762; norm first: Xiong et al. 2020, arXiv:2002.04745).

    Args:
        dim: Features of the input, and of the result; static.
        heads: Heads of the attention.
        inner: Features inside the feed-forward layer; static.
        activation: Of the feed-forward layer.
        dropout: Probability of zero while training.
        position: What tells places apart, as in `sf.nn.SelfAttention`.
    """

    def __init__(
        self,
        dim: Dim,
        *,
        heads: int,
        inner: Dim,
        activation: Activation = "relu",
        dropout: float = 0.0,
        position: MakePosition | None = None,
    ) -> None:
        self.attention_norm = LayerNorm(dim)
        self.attention = SelfAttention(dim, heads, dropout=dropout, position=position)
        self.feed_forward_norm = LayerNorm(dim)
        self.feed_forward = FeedForward(dim, inner, activation=activation, dropout=dropout)
        self.dropout = Dropout(dropout)

    def __call__(self, x: Tensor, *, axis: Dim) -> Tensor:
        """[batch..., axis, dim] -> the same dims; `axis` may be ragged."""
        align.check("TransformerEncoderLayer", x, axis)
        x = clean(x)  # once, as it is used twice
        x = x + self.dropout(self.attention(self.attention_norm(x), axis=axis))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class TransformerEncoder(Module):
    """Layers one after another, and a last normalisation.

    Args:
        dim: Features of the input, and of the result; static.
        layers: How many.
        heads: Heads of the attention.
        inner: Features inside the feed-forward layers; static.
        activation: Of the feed-forward layers.
        dropout: Probability of zero while training.
        position: What tells places apart, as in `sf.nn.SelfAttention`. Without one, the order of
            the input means nothing, unless it has positions: `sf.nn.SinusoidalPosition`.

    Example:
        >>> import seqfront as sf
        >>> time, feature, inner = sf.Dim("time", 5), sf.Dim("feature", 8), sf.Dim("inner", 16)
        >>> encoder = sf.models.TransformerEncoder(
        ...     feature, layers=2, heads=2, inner=inner, position=sf.nn.RotaryPosition)
        >>> encoder(sf.ones((time, feature)), axis=time)
        float32[time:5, feature:8] numpy:cpu
    """

    def __init__(
        self,
        dim: Dim,
        *,
        layers: int,
        heads: int,
        inner: Dim,
        activation: Activation = "relu",
        dropout: float = 0.0,
        position: MakePosition | None = None,
    ) -> None:
        self.layers = ModuleList(
            [
                TransformerEncoderLayer(
                    dim,
                    heads=heads,
                    inner=inner,
                    activation=activation,
                    dropout=dropout,
                    position=position,
                )
                for _ in range(layers)
            ]
        )
        self.norm = LayerNorm(dim)

    def __call__(self, x: Tensor, *, axis: Dim) -> Tensor:
        """[batch..., axis, dim] -> the same dims; `axis` may be ragged."""
        for layer in self.layers:
            x = layer(x, axis=axis)
        return self.norm(x)
