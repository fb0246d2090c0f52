"""The reader: a transducer over the columns of a line, with a CTC head that helps it learn.

This is the file to look at for how a model is written: there is no framework in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import seqfront as sf

BLANK = 10
"""Class of the blank, after the ten digits; it also starts the prediction network."""

CTC_WEIGHT = 0.3
"""Share of the auxiliary CTC loss (Watanabe et al. 2017): it shows the encoder early on where the
digits are, and saves the transducer the plateau of predicting blanks only."""

line, column, position = sf.Dim("line"), sf.Dim("column"), sf.Dim("position")
pixel, symbol = sf.Dim("pixel", 8), sf.Dim("symbol", 11)

# What a batch of plain arrays is made into: columns are the time of a line.


class Batch(NamedTuple):
    """A batch of lines, over named dims."""

    pixels: sf.Tensor
    labels: sf.Tensor


def batch_of(pixels: Any, columns: Any, labels: Any, counts: Any) -> Batch:
    """Name the axes of a framework's tensors (`seqfront.recipes.digits.data.Lines`)."""
    return Batch(
        sf.wrap(pixels, (line, column, pixel), {column: columns}),
        sf.wrap(labels, (line, position), {position: counts}, sparse_dim=symbol),
    )


class Encoder(sf.nn.Module):
    """Three convolutions, the second halving the columns, and an LSTM."""

    def __init__(self, out_dim: sf.Dim) -> None:
        low, high = sf.Dim("low", 64), sf.Dim("high", 128)
        mixed, hidden = sf.Dim("mixed", 128), sf.Dim("hidden", 128)
        self.conv1 = sf.nn.Conv1d(pixel, low, 5, padding="same")
        self.conv2 = sf.nn.Conv1d(low, high, 5, stride=2, padding="same")
        self.norm = sf.nn.LayerNorm(high)
        self.conv3 = sf.nn.Conv1d(high, mixed, 5, padding="same")
        self.dropout = sf.nn.Dropout(0.1)
        self.lstm = sf.nn.LSTM(mixed, hidden)
        self.output = sf.nn.Linear(hidden, out_dim)

    def __call__(self, x: sf.Tensor, *, axis: sf.Dim) -> tuple[sf.Tensor, sf.Dim]:
        """[line, axis, pixel] -> [line, axis / 2, out], and the dim of its frames."""
        x = sf.relu(self.conv1(x, axis=axis))
        x = self.norm(sf.relu(self.conv2(x, axis=axis)))
        frame = axis.ceil_div(2)
        x = self.dropout(sf.relu(self.conv3(x, axis=frame)))
        x, _ = self.lstm(x, axis=frame)
        return self.output(x), frame


class DigitReader(sf.nn.Module):
    """A transducer (Graves 2012): encoder, prediction network, joiner."""

    def __init__(self) -> None:
        joint = sf.Dim("joint", 128)
        embedding, memory = sf.Dim("embedding", 32), sf.Dim("memory", 64)
        self.encoder = Encoder(joint)
        self.prediction = sf.models.LSTMPrediction(symbol, embedding, memory, joint)
        self.joiner = sf.models.Joiner(joint, symbol)
        self.ctc_head = sf.nn.Linear(joint, symbol)

    def logits(self, batch: Batch) -> tuple[sf.Tensor, sf.Tensor, sf.Dim]:
        """Logits of the joiner [line, frame, 1 + position, symbol], those of the CTC head
        [line, frame, symbol], and the dim of the frames."""
        encoded, frame = self.encoder(batch.pixels, axis=column)
        started = sf.pad(batch.labels, axis=position, left=1, value=BLANK)
        predicted, _ = self.prediction(started, axis=1 + position)
        return self.joiner(encoded, predicted), self.ctc_head(encoded), frame

    def losses(self, *arrays: Any) -> dict[str, sf.Tensor]:
        """Mean losses for each label, from the plain arrays of `batch_of`."""
        batch = batch_of(*arrays)
        joint, ctc, frame = self.logits(batch)
        common: dict[str, Any] = {
            "targets": batch.labels,
            "input_spatial_dim": frame,
            "targets_spatial_dim": position,
            "blank_index": BLANK,
        }
        labels = sf.sum(sf.cast(batch.labels.lengths(position), "float32"), axis=line)
        rnnt = sf.sum(sf.rnnt_loss(logits=joint, **common), axis=line) / labels
        aux = sf.sum(sf.ctc_loss(logits=ctc, infeasible="zero", **common), axis=line) / labels
        return {"loss": rnnt + CTC_WEIGHT * aux, "rnnt": rnnt, "ctc": aux}

    def transcribe(self, pixels: sf.Tensor) -> sf.search.Transcript:
        """Read lines [line, column, pixel] greedily."""
        encoded, frame = self.encoder(pixels, axis=column)
        return sf.search.greedy_transducer(
            encoded,
            axis=frame,
            predict=self.prediction,
            join=self.joiner,
            classes=symbol,
            blank_index=BLANK,
        )
