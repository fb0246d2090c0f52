"""Prediction networks of transducers: deep and normalised, or without any recurrence."""

from __future__ import annotations

from typing import NamedTuple

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.models.decoder.normalized_lstm import NormalizedLSTM
from seqfront.nn.containers import ModuleList
from seqfront.nn.conv import Conv1d
from seqfront.nn.dropout import Dropout
from seqfront.nn.embedding import Embedding
from seqfront.nn.linear import Linear
from seqfront.nn.module import Module
from seqfront.nn.norm import LayerNorm
from seqfront.nn.recurrent import LSTM, LSTMState
from seqfront.ops import create, elementwise
from seqfront.ops.join import concat
from seqfront.ops.shape import expand_dim, squeeze
from seqfront.ops.slicing import slice
from seqfront.tensor import Tensor


class NormalizedPrediction(Module):
    """Embedding, normalised; LSTM layers, each followed by dropout; projection, normalised
    (Graves 2012, arXiv:1211.3711, in the form of torchaudio's transducers).

    Args:
        labels: What is predicted, the start symbol included (the blank serves as one).
        embedding_dim: Features of the embedding.
        hidden_dim: Features of the LSTM layers.
        out_dim: Features of the result.
        layers: How many LSTM layers.
        layer_norm: Whether they are normalised inside: `NormalizedLSTM` instead of `LSTM`.
        epsilon: Added to the variances inside.
        dropout: Probability of zero after each layer, while training.
    """

    def __init__(
        self,
        labels: Dim,
        embedding_dim: Dim,
        hidden_dim: Dim,
        out_dim: Dim,
        *,
        layers: int = 1,
        layer_norm: bool = True,
        epsilon: float = 1e-5,
        dropout: float = 0.0,
    ) -> None:
        if type(layers) is not int or layers < 1:
            needed = "an int of at least 1"
            raise errors.bad_argument("NormalizedPrediction", "layers", layers, needed, "layers=1.")
        self.embedding = Embedding(labels, embedding_dim)
        self.embedding_norm = LayerNorm(embedding_dim)
        self.layers = ModuleList()
        between = [hidden_dim.clone() for _ in range(layers)]
        for source, target in zip((embedding_dim, *between), between, strict=False):
            self.layers.append(
                NormalizedLSTM(source, target, epsilon=epsilon)
                if layer_norm
                else LSTM(source, target)
            )
        self.dropout = Dropout(dropout)
        self.projection = Linear(between[-1], out_dim)
        self.norm = LayerNorm(out_dim)

    def __call__(
        self, labels: Tensor, *, axis: Dim | None, state: tuple[LSTMState, ...] | None = None
    ) -> tuple[Tensor, tuple[LSTMState, ...]]:
        """Features after each label, and the state to go on from.

        Args:
            labels: Over [batch..., axis], a start symbol first; [batch...] for one step.
            axis: Positions of the labels, which may be ragged; None for one step.
            state: Of the labels before, one for each layer; default none.
        """
        if state is not None and (not isinstance(state, tuple) or len(state) != len(self.layers)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.bad_argument(
                "NormalizedPrediction",
                "state",
                state,
                f"{len(self.layers)} LSTMStates, one for each layer",
                "pass on what the prediction gave, or state=None to start.",
            )
        x = self.embedding_norm(self.embedding(labels))
        states: list[LSTMState] = []
        for i, layer in enumerate(self.layers):
            x, after = layer(x, axis=axis, state=None if state is None else state[i])
            x = self.dropout(x)
            states.append(after)
        return self.norm(self.projection(x)), tuple(states)


class RecentLabels(NamedTuple):
    """The state of a stateless prediction network: embeddings of the labels before the next."""

    embedded: Tensor
    """[batch..., recent, embedding]; zeros before the start."""


class StatelessPrediction(Module):
    """The last few labels and nothing else: embeddings, a window over them, and ReLU
    (Ghodsi et al. 2020, "RNN-transducer with stateless prediction network").

    Args:
        labels: What is predicted, the start symbol included (the blank serves as one).
        embedding_dim: Features of the embedding.
        out_dim: Features of the result.
        context: How many labels are seen, at least 1.

    Example:
        >>> import seqfront as sf
        >>> vocab, feature, joint = sf.Dim("vocab", 5), sf.Dim("feature", 4), sf.Dim("joint", 6)
        >>> predict = sf.models.StatelessPrediction(vocab, feature, joint, context=2)
        >>> so_far = sf.Dim("so_far", 3)
        >>> labels = sf.wrap([0, 4, 2], (so_far,), sparse_dim=vocab)
        >>> y, state = predict(labels, axis=so_far)
        >>> y
        float32[so_far:3, joint:6] numpy:cpu
    """

    def __init__(self, labels: Dim, embedding_dim: Dim, out_dim: Dim, *, context: int = 2) -> None:
        if type(context) is not int or context < 1:
            needed = "an int of at least 1"
            raise errors.bad_argument(
                "StatelessPrediction", "context", context, needed, "context=2 sees two labels."
            )
        self.embedding = Embedding(labels, embedding_dim)
        self.window = Conv1d(embedding_dim, out_dim, context, padding="valid")
        self.recent = Dim("recent", context - 1)
        self.step = Dim("step", 1)

    def __call__(
        self, labels: Tensor, *, axis: Dim | None, state: RecentLabels | None = None
    ) -> tuple[Tensor, RecentLabels]:
        """Features after each label, and the state to go on from; arguments as those of
        `LSTMPrediction`."""
        if axis is None:
            y, state = self(expand_dim(labels, self.step), axis=self.step, state=state)
            return squeeze(y, self.step), state
        x = self.embedding(labels)
        state = self._start(x, axis) if state is None else state
        align.check("StatelessPrediction", state.embedded, self.recent, name="state")
        if not self.recent.size:
            return elementwise.relu(self.window(x, axis=axis)), state
        seen = concat((state.embedded, self.recent), (x, axis))
        both, before = self.recent + axis, self.recent.size
        y = self.window(seen, axis=both).rename(both - before, axis)
        last = slice(seen, axis=both, start=-before)
        recent = last.rename(both.slice(-before), self.recent).with_lengths(FULL)
        return elementwise.relu(y), RecentLabels(recent)

    def _start(self, x: Tensor, axis: Dim) -> RecentLabels:
        batch = tuple(dim for dim in x.dims if dim not in (axis, self.embedding.out_dim))
        dims = (*batch, self.recent, self.embedding.out_dim)
        return RecentLabels(create.zeros(dims, dtype=x.dtype, like=x).with_lengths(FULL))
