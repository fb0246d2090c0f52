"""The Conformer (Gulati et al. 2020, arXiv:2005.08100)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, cast, overload

from seqfront import errors
from seqfront.dim import Dim
from seqfront.nn.attention import CausalSelfAttention, SelfAttention
from seqfront.nn.attention_state import CausalState
from seqfront.nn.batch_norm import BatchNorm
from seqfront.nn.containers import ModuleList
from seqfront.nn.conv import Conv1d, ConvState
from seqfront.nn.dropout import Dropout
from seqfront.nn.feed_forward import FeedForward
from seqfront.nn.linear import Linear
from seqfront.nn.norm import LayerNorm
from seqfront.nn.position import Position, TransformerXLPosition
from seqfront.nn.stateful import Stateful, wrong_state
from seqfront.ops import activations, elementwise
from seqfront.tensor import Tensor


class ConformerConvolution(Stateful):
    """A gate, a convolution of each feature by itself, and a map of all (section 2.2).

    Frames beyond the end of a sequence are zero to the convolution, whatever they hold.

    Args:
        dim: Features of the input, and of the result; static.
        window: Frames that are seen at once.
        dropout: Probability of zero at the end, while training.
        norm: What comes after the convolution. "layer": each frame by itself, so that a sequence
            gives the same in any batch, in training as well. "batch": over the data of the batch,
            as in the paper.
        causal: Whether only earlier frames are seen, so that it may run part by part.
    """

    def __init__(
        self,
        dim: Dim,
        *,
        window: int = 31,
        dropout: float = 0.0,
        norm: Literal["layer", "batch"] = "layer",
        causal: bool = False,
    ) -> None:
        if norm not in ("layer", "batch"):
            raise errors.unknown_choice("ConformerConvolution", "norm", norm, ("layer", "batch"))
        inner = dim.clone("convolved")
        self.norm = LayerNorm(dim)
        self.value = Linear(dim, inner)
        self.gate = Linear(dim, inner)
        padding = "causal" if causal else "same"
        self.depthwise = Conv1d(inner, inner, window, padding=padding, groups=inner.size or 1)
        self.inner_norm = LayerNorm(inner) if norm == "layer" else BatchNorm(inner)
        self.output = Linear(inner, dim)
        self.dropout = Dropout(dropout)

    def initial_state(
        self, batch: Sequence[Dim] = (), *, like: Tensor, capacity: int | Dim | None = None
    ) -> ConvState:
        """That of the convolution; of a causal one."""
        return self.depthwise.initial_state(batch, like=like)

    @overload
    def __call__(self, x: Tensor, *, axis: Dim, state: None = None) -> Tensor: ...
    @overload
    def __call__(
        self, x: Tensor, *, axis: Dim | None, state: ConvState
    ) -> tuple[Tensor, ConvState]: ...
    def __call__(
        self, x: Tensor, *, axis: Dim | None, state: ConvState | None = None
    ) -> Tensor | tuple[Tensor, ConvState]:
        """[batch..., axis, dim] -> the same dims, and the state, if there is one; `axis` may be
        ragged."""
        x = self.norm(x)
        y = self.value(x) * elementwise.sigmoid(self.gate(x))
        if state is not None:
            y, state = self.depthwise(y, axis=axis, state=state)
        else:
            y = self.depthwise(y, axis=() if axis is None else axis)
        y = self.dropout(self.output(activations.silu(self.inner_norm(y))))
        return y if state is None else (y, state)


class ConformerState(NamedTuple):
    """What a causal layer has seen."""

    attention: CausalState
    convolution: ConvState


class ConformerLayer(Stateful):
    """Attention and convolution between two half steps of feed-forward (section 2.4).

    Args:
        dim: Features of the input, and of the result; static.
        heads: Heads of the attention.
        inner: Features inside the feed-forward layers; static.
        window: Frames that the convolution sees.
        dropout: Probability of zero while training.
        position: What tells places apart, as in `sf.nn.SelfAttention`.
        norm: Inside the convolution module: "layer", or "batch" as in the paper.
        causal: Whether only earlier frames are seen, so that it may run part by part.
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
        norm: Literal["layer", "batch"] = "layer",
        causal: bool = False,
    ) -> None:
        self.first_norm = LayerNorm(dim)
        self.first = FeedForward(dim, inner, activation="silu", dropout=dropout)
        self.attention_norm = LayerNorm(dim)
        attention = CausalSelfAttention if causal else SelfAttention
        self.attention = attention(dim, heads, dropout=dropout, position=position)
        self.convolution = ConformerConvolution(
            dim, window=window, dropout=dropout, norm=norm, causal=causal
        )
        self.second_norm = LayerNorm(dim)
        self.second = FeedForward(dim, inner, activation="silu", dropout=dropout)
        self.dropout = Dropout(dropout)
        self.norm = LayerNorm(dim)

    def initial_state(
        self, batch: Sequence[Dim] = (), *, like: Tensor, capacity: int | Dim | None = None
    ) -> ConformerState:
        """Those of attention and convolution; of a causal layer."""
        convolution = self.convolution.initial_state(batch, like=like)
        attend = cast("CausalSelfAttention", self.attention)  # a causal convolution goes with it
        attention = attend.initial_state(batch, like=like, capacity=capacity)
        return ConformerState(attention, convolution)

    @overload
    def __call__(self, x: Tensor, *, axis: Dim, state: None = None) -> Tensor: ...
    @overload
    def __call__(
        self, x: Tensor, *, axis: Dim | None, state: ConformerState
    ) -> tuple[Tensor, ConformerState]: ...
    def __call__(
        self, x: Tensor, *, axis: Dim | None, state: ConformerState | None = None
    ) -> Tensor | tuple[Tensor, ConformerState]:
        """[batch..., axis, dim] -> the same dims, and the state, if there is one; `axis` may be
        ragged."""
        if state is not None and not isinstance(state, ConformerState):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise wrong_state("ConformerLayer", state, "ConformerState(attention, convolution)")
        x = x + self.dropout(self.first(self.first_norm(x))) * 0.5
        attend: Any = self.attention
        normed = self.attention_norm(x)
        if state is None:
            found: Any = attend(normed, axis=axis)
            x = x + self.dropout(
                found[0] if isinstance(self.attention, CausalSelfAttention) else found
            )
            x = x + self.convolution(x, axis=cast("Dim", axis))
        else:
            found, seen = attend(normed, axis=axis, state=state.attention)
            x = x + self.dropout(found)
            convolved, last = self.convolution(x, axis=axis, state=state.convolution)
            x, state = x + convolved, ConformerState(seen, last)
        x = self.norm(x + self.dropout(self.second(self.second_norm(x))) * 0.5)
        return x if state is None else (x, state)


class Conformer(Stateful):
    """Layers one after another; subsampling comes before, as a layer of its own.

    Args:
        dim: Features of the input, and of the result; static.
        layers: How many.
        heads: Heads of the attention.
        inner: Features inside the feed-forward layers; static.
        window: Frames that the convolutions see.
        dropout: Probability of zero while training.
        position: What tells places apart, as in `sf.nn.SelfAttention`.
        norm: Inside the convolution modules: "layer", or "batch" as in the paper.
        causal: Whether only earlier frames are seen, so that it may run part by part.

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
        norm: Literal["layer", "batch"] = "layer",
        causal: bool = False,
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
                    norm=norm,
                    causal=causal,
                )
                for _ in range(layers)
            ]
        )

    def initial_state(
        self, batch: Sequence[Dim] = (), *, like: Tensor, capacity: int | Dim | None = None
    ) -> tuple[ConformerState, ...]:
        """Those of the layers; of a causal encoder."""
        made = [layer.initial_state(batch, like=like, capacity=capacity) for layer in self.layers]
        return tuple(made)

    @overload
    def __call__(self, x: Tensor, *, axis: Dim, state: None = None) -> Tensor: ...
    @overload
    def __call__(
        self, x: Tensor, *, axis: Dim | None, state: tuple[ConformerState, ...]
    ) -> tuple[Tensor, tuple[ConformerState, ...]]: ...
    def __call__(
        self, x: Tensor, *, axis: Dim | None, state: tuple[ConformerState, ...] | None = None
    ) -> Tensor | tuple[Tensor, tuple[ConformerState, ...]]:
        """[batch..., axis, dim] -> the same dims, and the state, if there is one; `axis` may be
        ragged."""
        if state is None:
            for layer in self.layers:
                x = layer(x, axis=axis)
            return x
        after: list[ConformerState] = []
        for layer, before in zip(self.layers, state, strict=True):
            x, last = layer(x, axis=axis, state=before)
            after.append(last)
        return x, tuple(after)
