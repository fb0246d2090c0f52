"""The transducer of the recipes, over any features and labels: to train, to read, to read streams.

The encoder is any module that gives frames and their dim; one that has `stream`, such as
`seqfront.recipes.streaming.StreamingEncoder`, also reads chunk by chunk.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import seqfront as sf

CTC_WEIGHT = 0.3
"""Share of the auxiliary CTC loss (Watanabe et al. 2017): it shows the encoder early on where the
digits are, and saves the transducer the plateau of predicting blanks only."""


class StreamState(NamedTuple):
    """What a stream knows of its past. It is never changed."""

    encoder: Any
    search: sf.search.GreedyState


class Transducer(sf.nn.Module):
    """A transducer (Graves 2012): encoder, prediction network, joiner; and a CTC head to train it.

    Args:
        encoder: From features over an axis to `joint` over frames: `encoder(x, axis=...)`.
        joint: Features of the joiner.
        symbol: Labels and, last, the blank, which also starts the prediction network.
    """

    def __init__(self, encoder: sf.nn.Module, joint: sf.Dim, symbol: sf.Dim) -> None:
        embedding, memory = sf.Dim("embedding", 32), sf.Dim("memory", 64)
        self.symbol = symbol
        self.blank = (symbol.size or 0) - 1
        self.encoder: Any = encoder
        self.prediction = sf.models.LSTMPrediction(symbol, embedding, memory, joint)
        self.joiner = sf.models.Joiner(joint, symbol)
        self.ctc_head = sf.nn.Linear(joint, symbol)

    def scores(
        self, x: sf.Tensor, labels: sf.Tensor, *, axis: sf.Dim, position: sf.Dim
    ) -> tuple[sf.Tensor, sf.Tensor, sf.Dim]:
        """Logits of the joiner [batch, frame, 1 + position, symbol], those of the CTC head
        [batch, frame, symbol], and the dim of the frames."""
        encoded, frame = self.encoder(x, axis=axis)
        started = sf.pad(labels, axis=position, left=1, value=self.blank)
        predicted, _ = self.prediction(started, axis=1 + position)
        return self.joiner(encoded, predicted), self.ctc_head(encoded), frame

    def mean_losses(
        self, x: sf.Tensor, labels: sf.Tensor, *, batch: sf.Dim, axis: sf.Dim, position: sf.Dim
    ) -> dict[str, sf.Tensor]:
        """Mean losses for each label: what is trained, and its parts."""
        joint, ctc, frame = self.scores(x, labels, axis=axis, position=position)
        common: dict[str, Any] = {
            "targets": labels,
            "input_spatial_dim": frame,
            "targets_spatial_dim": position,
            "blank_index": self.blank,
        }
        count = sf.sum(sf.cast(labels.lengths(position), joint.dtype), axis=batch)
        rnnt = sf.sum(sf.rnnt_loss(logits=joint, **common), axis=batch) / count
        aux = sf.sum(sf.ctc_loss(logits=ctc, infeasible="zero", **common), axis=batch) / count
        return {"loss": rnnt + CTC_WEIGHT * aux, "rnnt": rnnt, "ctc": aux}

    def read(self, x: sf.Tensor, *, axis: sf.Dim) -> sf.search.Transcript:
        """Whole sequences [batch, axis, features], greedily."""
        encoded, frame = self.encoder(x, axis=axis)
        return self._search(encoded, frame, None)[0]

    def read_chunk(
        self, x: sf.Tensor, state: StreamState | None = None, *, axis: sf.Dim
    ) -> tuple[sf.search.Transcript, StreamState]:
        """The next chunk of each stream, as `encoder.stream` takes it: what is new in the
        transcripts, and the state to go on from. `axis` is ragged."""
        encoded, after = self.encoder.stream(x, state and state.encoder, axis=axis)
        found, search = self._search(encoded, self.encoder.segment, state and state.search)
        return found, StreamState(after, search)

    def _search(
        self, encoded: sf.Tensor, axis: sf.Dim, state: sf.search.GreedyState | None
    ) -> tuple[sf.search.Transcript, sf.search.GreedyState]:
        search = sf.search.TransducerGreedy(self.prediction, self.joiner, blank_index=self.blank)
        return search(encoded, axis=axis, state=state)
