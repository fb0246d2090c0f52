"""The decoder of the Transformer: what comes next, from labels so far and maybe an encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seqfront import errors
from seqfront.dim import Dim
from seqfront.nn.attention import CausalSelfAttention, CrossAttention
from seqfront.nn.attention_state import AttentionState, CausalState
from seqfront.nn.containers import ModuleList
from seqfront.nn.dropout import Dropout
from seqfront.nn.embedding import Embedding
from seqfront.nn.feed_forward import Activation, FeedForward
from seqfront.nn.linear import Linear
from seqfront.nn.norm import LayerNorm
from seqfront.nn.position import Position, RotaryPosition
from seqfront.nn.stateful import Stateful
from seqfront.tensor import Tensor


class TransformerDecoderLayer(Stateful):
    """Causal self-attention, attention to a source if there is one, and feed-forward; each
    normalised before and added to what was there (Vaswani et al. 2017, arXiv:1706.03762).

    Args:
        dim: Features of the input, and of the result; static.
        heads: Heads of the attention.
        inner: Features inside the feed-forward layer; static.
        source_dim: Features of the source; None: there is none.
        activation: Of the feed-forward layer.
        dropout: Probability of zero while training.
        position: What tells places apart, as in `sf.nn.CausalSelfAttention`.
    """

    def __init__(
        self,
        dim: Dim,
        *,
        heads: int,
        inner: Dim,
        source_dim: Dim | None = None,
        activation: Activation = "relu",
        dropout: float = 0.0,
        position: Callable[[Dim, Dim], Position] | None = None,
    ) -> None:
        self.attention_norm = LayerNorm(dim)
        self.attention = CausalSelfAttention(dim, heads, dropout=dropout, position=position)
        self.source_norm = self.source_attention = None
        if source_dim is not None:
            self.source_norm = LayerNorm(dim)
            self.source_attention = CrossAttention(
                dim, heads, source_dim=source_dim, dropout=dropout
            )
        self.feed_forward_norm = LayerNorm(dim)
        self.feed_forward = FeedForward(dim, inner, activation=activation, dropout=dropout)
        self.dropout = Dropout(dropout)

    def initial_state(
        self, batch: Sequence[Dim] = (), *, like: Tensor, capacity: int | Dim | None = None
    ) -> CausalState:
        """As that of `sf.nn.CausalSelfAttention`."""
        return self.attention.initial_state(batch, like=like, capacity=capacity)

    def __call__(
        self,
        x: Tensor,
        *,
        axis: Dim | None,
        state: CausalState | None = None,
        source: AttentionState | None = None,
    ) -> tuple[Tensor, CausalState]:
        """[batch..., axis, dim] -> the same dims, and the state to go on from; without `axis` for
        one step. `source` is `source_attention.project(encoded, time)`."""
        if self.source_attention is not None and source is None:
            raise errors.missing_source(x)
        y, state = self.attention(self.attention_norm(x), axis=axis, state=state)
        x = x + self.dropout(y)
        if (
            self.source_attention is not None
            and self.source_norm is not None
            and source is not None
        ):
            x = x + self.dropout(self.source_attention(self.source_norm(x), source))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x))), state


class TransformerDecoder(Stateful):
    """Embedding, layers, normalisation, and logits of the next label. Without a source it is a
    language model.

    Args:
        labels: What is read and predicted; static.
        dim: Features of the layers; static.
        layers: How many.
        heads: Heads of the attention.
        inner: Features inside the feed-forward layers; static.
        source_dim: Features of the source; None: there is none.
        activation: Of the feed-forward layers.
        dropout: Probability of zero while training.
        position: What tells places apart, as in `sf.nn.CausalSelfAttention`.

    Example:
        >>> import seqfront as sf
        >>> vocab, feature, inner = sf.Dim("vocab", 7), sf.Dim("feature", 8), sf.Dim("inner", 16)
        >>> decoder = sf.models.TransformerDecoder(vocab, feature, layers=2, heads=2, inner=inner)
        >>> so_far = sf.Dim("so_far", 3)
        >>> labels = sf.wrap([1, 4, 2], (so_far,), sparse_dim=vocab)
        >>> logits, state = decoder(labels, axis=so_far)
        >>> logits
        float32[so_far:3, vocab:7] numpy:cpu
        >>> decoder(sf.wrap(5, sparse_dim=vocab), axis=None, state=state)[0]
        float32[vocab:7] numpy:cpu
    """

    def __init__(
        self,
        labels: Dim,
        dim: Dim,
        *,
        layers: int,
        heads: int,
        inner: Dim,
        source_dim: Dim | None = None,
        activation: Activation = "relu",
        dropout: float = 0.0,
        position: Callable[[Dim, Dim], Position] = RotaryPosition,
    ) -> None:
        self.embedding = Embedding(labels, dim)
        self.layers = ModuleList(
            [
                TransformerDecoderLayer(
                    dim,
                    heads=heads,
                    inner=inner,
                    source_dim=source_dim,
                    activation=activation,
                    dropout=dropout,
                    position=position,
                )
                for _ in range(layers)
            ]
        )
        self.dropout = Dropout(dropout)
        self.norm = LayerNorm(dim)
        self.output = Linear(dim, labels)

    def project(self, source: Tensor, axis: Dim) -> tuple[AttentionState, ...]:
        """Keys and values of the source for every layer: computed once, used for every step."""
        if any(layer.source_attention is None for layer in self.layers):
            raise errors.unexpected_source(source)
        return tuple([layer.source_attention.project(source, axis) for layer in self.layers])

    def initial_state(
        self, batch: Sequence[Dim] = (), *, like: Tensor, capacity: int | Dim | None = None
    ) -> tuple[CausalState, ...]:
        """Those of the layers, as of `sf.nn.CausalSelfAttention`; `like` are labels."""
        made = [layer.initial_state(batch, like=like, capacity=capacity) for layer in self.layers]
        return tuple(made)

    def __call__(
        self,
        labels: Tensor,
        *,
        axis: Dim | None,
        state: tuple[CausalState, ...] | None = None,
        source: tuple[AttentionState, ...] | None = None,
    ) -> tuple[Tensor, tuple[CausalState, ...]]:
        """Logits of what follows each label, and the state to go on from.

        Args:
            labels: Over [batch..., axis], a start symbol first; [batch...] for one step.
            axis: Positions of the labels, which may be ragged; None for one step.
            state: Of the labels before; default none.
            source: `project(encoded, time)`, for a decoder with a source.
        """
        x = self.dropout(self.embedding(labels))
        states: list[CausalState] = []
        for i, layer in enumerate(self.layers):
            before = None if state is None else state[i]
            seen = None if source is None else source[i]
            x, after = layer(x, axis=axis, state=before, source=seen)
            states.append(after)
        return self.output(self.norm(x)), tuple(states)
