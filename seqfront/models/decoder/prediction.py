"""Prediction networks of transducers: what comes next, from the labels so far."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront.dim import Dim
from seqfront.nn.embedding import Embedding
from seqfront.nn.linear import Linear
from seqfront.nn.recurrent import LSTM, LSTMState
from seqfront.nn.stateful import Stateful
from seqfront.tensor import Tensor


class LSTMPrediction(Stateful):
    """Embedding, LSTM and projection (Graves 2012, arXiv:1211.3711).

    Args:
        labels: What is predicted, the start symbol included (the blank serves as one).
        embedding_dim: Features of the embedding.
        hidden_dim: Features of the LSTM.
        out_dim: Features of the result.
    """

    def __init__(self, labels: Dim, embedding_dim: Dim, hidden_dim: Dim, out_dim: Dim) -> None:
        self.embedding = Embedding(labels, embedding_dim)
        self.lstm = LSTM(embedding_dim, hidden_dim)
        self.projection = Linear(hidden_dim, out_dim)

    def initial_state(
        self, batch: Sequence[Dim] = (), *, like: Tensor, capacity: int | Dim | None = None
    ) -> LSTMState:
        """That of the LSTM; `like` are labels."""
        return self.lstm.initial_state(batch, like=like)

    def __call__(
        self, labels: Tensor, *, axis: Dim | None, state: LSTMState | None = None
    ) -> tuple[Tensor, LSTMState]:
        """Features after each label, and the state to go on from.

        Args:
            labels: Over [batch..., axis], a start symbol first; [batch...] for one step.
            axis: Positions of the labels; None for one step.
            state: Of the labels before; default none.
        """
        hidden, state = self.lstm(self.embedding(labels), axis=axis, state=state)
        return self.projection(hidden), state
