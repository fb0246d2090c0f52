"""The reader: a transducer over the columns of a line, with a CTC head that helps it learn.

This is the file to look at for how a model is written: there is no framework in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import seqfront as sf
from seqfront.recipes.streaming import StreamingEncoder
from seqfront.recipes.transducer import Transducer

ENCODERS = ("lstm", "emformer")
"""Encoders to choose from. That of convolutions and an LSTM sees whole lines only, the Emformer
also reads them as streams: 8 columns at a time, and 4 ahead."""

BLANK = 10
"""Class of the blank, after the ten digits; it also starts the prediction network."""

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


class LSTMEncoder(sf.nn.Module):
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


def encoder_of(name: str, out_dim: sf.Dim) -> sf.nn.Module:
    """One of `ENCODERS`."""
    if name == "lstm":
        return LSTMEncoder(out_dim)
    return StreamingEncoder(pixel, out_dim, stride=2, segment=4, right=2, left=8, width=64)


class DigitReader(Transducer):
    """A transducer over lines; the encoder is one of `ENCODERS`."""

    def __init__(self, encoder: str = "lstm") -> None:
        joint = sf.Dim("joint", 128)
        super().__init__(encoder_of(encoder, joint), joint, symbol)

    def logits(self, batch: Batch) -> tuple[sf.Tensor, sf.Tensor, sf.Dim]:
        """Logits of the joiner [line, frame, 1 + position, symbol], those of the CTC head
        [line, frame, symbol], and the dim of the frames."""
        return self.scores(batch.pixels, batch.labels, axis=column, position=position)

    def losses(self, *arrays: Any) -> dict[str, sf.Tensor]:
        """Mean losses for each label, from the plain arrays of `batch_of`."""
        batch = batch_of(*arrays)
        return self.mean_losses(
            batch.pixels, batch.labels, batch=line, axis=column, position=position
        )

    def transcribe(self, pixels: sf.Tensor) -> sf.search.Transcript:
        """Read lines [line, column, pixel] greedily."""
        return self.read(pixels, axis=column)
