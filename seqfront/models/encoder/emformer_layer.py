"""One layer of the Emformer: attention of segments, and a feed-forward layer."""

from __future__ import annotations

import math

from seqfront.backend import Raw, product
from seqfront.dim import Dim
from seqfront.models.encoder.emformer_state import EmformerLayerState
from seqfront.models.encoder.segment_attention import SegmentAttention, View
from seqfront.nn.dropout import Dropout
from seqfront.nn.feed_forward import Activation, FeedForward
from seqfront.nn.module import Module
from seqfront.nn.norm import LayerNorm
from seqfront.tensor import Tensor

_ROWS = 1024
"""Rows of a part: enough for the products to be as fast as they get."""


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
    ) -> tuple[Tensor, Tensor | None, Raw | None]:
        """Frames [batch..., block, turn, place, dim] and memories [batch..., block, turn, dim] ->
        the same for the next layer, and for a stream the raw keys and values of all that was
        seen."""
        found, new, seen = self.attention(self.attention_norm(x), memory, state, view)
        x = x + self.dropout(found)
        del found  # as large as x
        return self._fed(x), new, seen

    def _fed(self, x: Tensor) -> Tensor:
        """What comes after the attention, a long utterance in parts: inside of the feed-forward
        layer it is several times as large. (With a gradient, all that has to be kept anyway.)"""
        backend, at = x.backend, len(x.dims) - 4
        if self.training or backend.is_tracing():
            return self._fed_part(x)
        shape = backend.shape(x.raw)
        blocks, rows = shape[at], product((*shape[:at], *shape[at + 1 : -1]))
        most = max(1, _ROWS // max(1, rows))
        if blocks <= most:
            return self._fed_part(x)
        parts = [
            Tensor(backend.slice(x.raw, at, i, i + most), x.dims, x.lengths_table, backend=backend)
            for i in range(0, blocks, most)
        ]
        fed = [self._fed_part(part).raw for part in parts]
        return Tensor(backend.concat(fed, at), x.dims, x.lengths_table, backend=backend)

    def _fed_part(self, x: Tensor) -> Tensor:
        return self.norm(x + self.dropout(self.feed_forward(self.feed_forward_norm(x))))


def gains(strategy: str | None, layers: int) -> list[float | None]:
    """Gain of each layer: "depthwise" 1 / sqrt(number of the layer), "constant" 1 / sqrt(2)."""
    if strategy == "depthwise":
        return [1.0 / math.sqrt(i + 1) for i in range(layers)]
    return [None if strategy is None else math.sqrt(0.5)] * layers
