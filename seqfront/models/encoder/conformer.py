"""The Conformer (Gulati et al. 2020, arXiv:2005.08100)."""

from __future__ import annotations

from collections.abc import Callable

from seqfront.dim import Dim
from seqfront.nn.attention import SelfAttention
from seqfront.nn.containers import ModuleList
from seqfront.nn.conv import Conv1d
from seqfront.nn.dropout import Dropout
from seqfront.nn.feed_forward import FeedForward
from seqfront.nn.linear import Linear
from seqfront.nn.module import Module
from seqfront.nn.norm import LayerNorm
from seqfront.nn.position import Position, TransformerXLPosition
from seqfront.ops import activations, elementwise
from seqfront.tensor import Tensor


class ConformerConvolution(Module):
    """A gate, a convolution of each feature by itself, and a map of all (section 2.2).

    Frames beyond the end of a sequence are zero to the convolution, whatever they hold. What is
    normalised is each frame by itself (LayerNorm instead of BatchNorm), so that a sequence gives
    the same in any batch, in training as well.

    Args:
        dim: Features of the input, and of the result; static.
        window: Frames that are seen at once.
        dropout: Probability of zero at the end, while training.
    """

    def __init__(self, dim: Dim, *, window: int = 31, dropout: float = 0.0) -> None:
        inner = dim.clone("convolved")
        self.norm = LayerNorm(dim)
        self.value = Linear(dim, inner)
        self.gate = Linear(dim, inner)
        self.depthwise = Conv1d(inner, inner, window, padding="same", groups=inner.size or 1)
        self.inner_norm = LayerNorm(inner)
        self.output = Linear(inner, dim)
        self.dropout = Dropout(dropout)

    def __call__(self, x: Tensor, *, axis: Dim) -> Tensor:
        """[batch..., axis, dim] -> the same dims; `axis` may be ragged."""
        x = self.norm(x)
        y = self.value(x) * elementwise.sigmoid(self.gate(x))
        y = self.inner_norm(self.depthwise(y, axis=axis))
        return self.dropout(self.output(activations.silu(y)))


class ConformerLayer(Module):
    """Attention and convolution between two half steps of feed-forward (section 2.4).

    Args:
        dim: Features of the input, and of the result; static.
        heads: Heads of the attention.
        inner: Features inside the feed-forward layers; static.
        window: Frames that the convolution sees.
        dropout: Probability of zero while training.
        position: What tells places apart, as in `sf.nn.SelfAttention`.
    """

    def __init__(
        self,
        dim: Dim,
        *,
        heads: int,
        inner: Dim,
        window: int = 31,
        dropout: float = 0.0,
        position: Callable[[Dim, Dim], Position] = TransformerXLPosition,
    ) -> None:
        self.first_norm = LayerNorm(dim)
        self.first = FeedForward(dim, inner, activation="silu", dropout=dropout)
        self.attention_norm = LayerNorm(dim)
        self.attention = SelfAttention(dim, heads, dropout=dropout, position=position)
        self.convolution = ConformerConvolution(dim, window=window, dropout=dropout)
        self.second_norm = LayerNorm(dim)
        self.second = FeedForward(dim, inner, activation="silu", dropout=dropout)
        self.dropout = Dropout(dropout)
        self.norm = LayerNorm(dim)

    def __call__(self, x: Tensor, *, axis: Dim) -> Tensor:
        """[batch..., axis, dim] -> the same dims; `axis` may be ragged."""
        x = x + self.dropout(self.first(self.first_norm(x))) * 0.5
        x = x + self.dropout(self.attention(self.attention_norm(x), axis=axis))
        x = x + self.convolution(x, axis=axis)
        x = x + self.dropout(self.second(self.second_norm(x))) * 0.5
        return self.norm(x)


class Conformer(Module):
    """Layers one after another; subsampling comes before, as a layer of its own.

    Args:
        dim: Features of the input, and of the result; static.
        layers: How many.
        heads: Heads of the attention.
        inner: Features inside the feed-forward layers; static.
        window: Frames that the convolutions see.
        dropout: Probability of zero while training.
        position: What tells places apart, as in `sf.nn.SelfAttention`.

    Example:
        >>> import seqfront as sf
        >>> time, mel = sf.Dim("time", 20), sf.Dim("mel", 4)
        >>> feature, inner = sf.Dim("feature", 8), sf.Dim("inner", 16)
        >>> subsample = sf.models.ConvSubsampling(mel, feature, factor=4)
        >>> encoder = sf.models.Conformer(feature, layers=2, heads=2, inner=inner, window=3)
        >>> encoder(subsample(sf.ones((time, mel)), axis=time), axis=time.ceil_div(4))
        float32[⌈time/4⌉:5, feature:8] numpy:cpu
    """

    def __init__(
        self,
        dim: Dim,
        *,
        layers: int,
        heads: int,
        inner: Dim,
        window: int = 31,
        dropout: float = 0.0,
        position: Callable[[Dim, Dim], Position] = TransformerXLPosition,
    ) -> None:
        self.layers = ModuleList(
            [
                ConformerLayer(
                    dim,
                    heads=heads,
                    inner=inner,
                    window=window,
                    dropout=dropout,
                    position=position,
                )
                for _ in range(layers)
            ]
        )

    def __call__(self, x: Tensor, *, axis: Dim) -> Tensor:
        """[batch..., axis, dim] -> the same dims; `axis` may be ragged."""
        for layer in self.layers:
            x = layer(x, axis=axis)
        return x
