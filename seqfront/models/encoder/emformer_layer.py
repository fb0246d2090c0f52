"""One layer of the Emformer: attention of segments, and a feed-forward layer."""

from __future__ import annotations

import math
from typing import NamedTuple

from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.models.encoder.emformer_state import EmformerLayerState
from seqfront.models.encoder.segments import Segments
from seqfront.nn.attention import dot_attention
from seqfront.nn.dropout import Dropout
from seqfront.nn.feed_forward import Activation, FeedForward
from seqfront.nn.init import GlorotUniform, Initializer, Uniform
from seqfront.nn.linear import Linear
from seqfront.nn.module import Module
from seqfront.nn.norm import LayerNorm
from seqfront.ops import elementwise
from seqfront.ops.contract import dot
from seqfront.ops.index import gather
from seqfront.ops.join import concat
from seqfront.ops.shape import expand_dim, merge_dims, split_dim
from seqfront.ops.slicing import slice
from seqfront.tensor import Tensor


class View(NamedTuple):
    """How the layers look at the segments of one call."""

    segments: Segments
    bias: Tensor
    """0 where a key is seen, over [batch..., block, turn, query, key]."""
    share: Tensor | None
    """Weights of places in the mean of their segment; None: there are no memories."""


class SegmentAttention(Module):
    """Each segment looks at itself, ahead, back, and at memories (equations 4 to 9).

    Args:
        dim: Features of the input, and of the result; static.
        heads: How many; the features divide into them.
        gain: Of the initial projections to queries, keys and values (Glorot); None: uniform in
            +-1 / sqrt(features), as PyTorch starts them.
        dropout: Probability that a weight is dropped while training.
        tanh_on_memory: New memories go through tanh; else they are kept within -10 and 10.
    """

    def __init__(
        self, dim: Dim, heads: int, *, gain: float | None, dropout: float, tanh_on_memory: bool
    ) -> None:
        features = dim.size or 0
        self.heads = Dim("heads", heads)
        self.feature = Dim("head_feature", features // heads)
        self.pair = Dim("key_value", 2)
        joined = self.heads * self.feature
        start: Initializer = Uniform(features**-0.5) if gain is None else GlorotUniform(gain)
        self.query = Linear(dim, joined, weight_init=start)
        self.key_value = Linear(dim, self.pair * joined, weight_init=start)
        self.output = Linear(joined, dim)
        self.dropout = dropout
        self.tanh_on_memory = tanh_on_memory

    def __call__(
        self, x: Tensor, memory: Tensor | None, state: EmformerLayerState | None, view: View
    ) -> tuple[Tensor, Tensor | None, Raw]:
        """Run over segments.

        Args:
            x: Normalised frames [batch..., block, turn, place, dim].
            memory: Memories of these segments [batch..., block, turn, dim], if there are any.
            state: What came before.
            view: Who sees what.

        Returns:
            What the frames found, the memories for the next layer, and the raw keys and values of
            the frames [batch..., blocks, group, place, 2 * dim].
        """
        segments = view.segments
        queries, share = x, view.share
        if share is not None:
            summary = expand_dim(dot(x, share, reduce=segments.place), _ONE)
            queries = concat((x, segments.place), (summary, _ONE), out_dim=segments.query)
        own = self.key_value(x)
        source = self._source(own, memory, state, segments)
        query = split_dim(self.query(queries), self.query.out_dim, (self.heads, self.feature))
        found = dot_attention(
            query,
            gather(source, indices=0, axis=self.pair),
            gather(source, indices=1, axis=self.pair),
            feature=self.feature,
            axis=segments.key,
            bias=view.bias,
            dropout=self.dropout if self.training else 0.0,
        )
        found = self.output(merge_dims(found, (self.heads, self.feature), self.output.in_dim))
        if share is None:
            return found, None, own.raw
        new = gather(found, indices=segments.length + segments.right, axis=segments.query)
        return slice(found, axis=segments.query, end=-1), self._bounded(new), own.raw

    def _bounded(self, memory: Tensor) -> Tensor:
        if self.tanh_on_memory:
            return elementwise.tanh(memory)
        return elementwise.minimum(elementwise.maximum(memory, -10.0), 10.0)

    def _source(
        self,
        own: Tensor,
        memory: Tensor | None,
        state: EmformerLayerState | None,
        segments: Segments,
    ) -> Tensor:
        """Keys and values of all that a group sees [batch..., block, key, pair, heads, feature]."""
        backend, at = own.backend, len(own.dims) - 4
        shape = backend.shape(own.raw)
        parts: list[Raw] = []
        if memory is not None:
            new, old = self.key_value(memory).raw, None
            if state is not None:
                old = self.key_value(state.memory).raw
            parts.append(segments.before(backend, new, old, at, segments.memory))
            parts.append(backend.slice(new, at + 1, 0, segments.group - 1))
        frames = backend.slice(own.raw, at + 2, 0, segments.length)
        frames = backend.reshape(frames, (*shape[: at + 1], segments.span, shape[-1]))
        if segments.left:
            past = None
            if state is not None:
                past = backend.concat((state.keys.raw, state.values.raw), at + 1)
            parts.append(segments.before(backend, frames, past, at, segments.left))
        parts.append(frames)
        if segments.right:
            ahead = backend.slice(
                own.raw, at + 2, segments.length, segments.length + segments.right
            )
            count = segments.group * segments.right
            parts.append(backend.reshape(ahead, (*shape[: at + 1], count, shape[-1])))
        raw = backend.concat(parts, at + 1) if len(parts) > 1 else parts[0]
        joined = self.key_value.out_dim
        source = Tensor(raw, (*own.dims[: at + 1], segments.key, joined), backend=backend)
        return split_dim(source, joined, (self.pair, self.heads, self.feature))


class EmformerLayer(Module):
    """Attention and feed-forward, each normalised before and added to what was there, and a last
    normalisation (Shi et al. 2021, arXiv:2010.10759).

    Args:
        dim: Features of the input, and of the result; static.
        heads: Heads of the attention.
        inner: Features inside the feed-forward layer; static.
        activation: Of the feed-forward layer.
        dropout: Probability of zero while training.
        gain: As in `SegmentAttention`; so is `tanh_on_memory`.
    """

    def __init__(
        self,
        dim: Dim,
        *,
        heads: int,
        inner: Dim,
        activation: Activation,
        dropout: float,
        gain: float | None,
        tanh_on_memory: bool,
    ) -> None:
        self.attention_norm = LayerNorm(dim)
        self.attention = SegmentAttention(
            dim, heads, gain=gain, dropout=dropout, tanh_on_memory=tanh_on_memory
        )
        self.feed_forward_norm = LayerNorm(dim)
        self.feed_forward = FeedForward(dim, inner, activation=activation, dropout=dropout)
        self.norm = LayerNorm(dim)
        self.dropout = Dropout(dropout)

    def __call__(
        self, x: Tensor, memory: Tensor | None, state: EmformerLayerState | None, view: View
    ) -> tuple[Tensor, Tensor | None, Raw]:
        """Frames [batch..., block, turn, place, dim] and memories [batch..., block, turn, dim] ->
        the same for the next layer, and the raw keys and values of the frames."""
        found, new, own = self.attention(self.attention_norm(x), memory, state, view)
        x = x + self.dropout(found)
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return self.norm(x), new, own


_ONE = Dim("one", 1)


def gains(strategy: str | None, layers: int) -> list[float | None]:
    """Gain of each layer: "depthwise" 1 / sqrt(number of the layer), "constant" 1 / sqrt(2)."""
    if strategy == "depthwise":
        return [1.0 / math.sqrt(i + 1) for i in range(layers)]
    return [None if strategy is None else math.sqrt(0.5)] * layers
