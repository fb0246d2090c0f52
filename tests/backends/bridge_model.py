"""A small model with everything a bridge has to carry over, and its data."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf

batch, time = sf.Dim("batch"), sf.Dim("time")
mel, hidden, wide, labels = (
    sf.Dim("mel", 6),
    sf.Dim("hidden", 5),
    sf.Dim("wide", 8),
    sf.Dim("labels", 4),
)


class Model(sf.nn.Module):
    """Lists, kept state, dropout, subsampling, and one layer under two attributes."""

    def __init__(self) -> None:
        self.norm = sf.nn.LayerNorm(mel)
        self.shift = sf.nn.Parameter((mel,), 0.5, trainable=False)
        self.conv = sf.nn.Conv1d(mel, hidden, 3, stride=2, padding="same")
        self.layers = [sf.nn.Linear(hidden, wide), sf.nn.Dropout(0.5)]
        self.recurrent = {"lstm": sf.nn.LSTM(wide, hidden)}
        self.output = sf.nn.Linear(hidden, labels)
        self.tied = self.output

    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        """[batch, time, mel] -> [batch, time', labels]."""
        x = self.conv(self.norm(x + self.shift), axis=time)
        x = self.layers[1](sf.tanh(self.layers[0](x)))
        x, _ = self.recurrent["lstm"](x, axis=time.ceil_div(2))
        return sf.log_softmax(self.tied(x), axis=labels)


KEYS = [
    "norm.scale",
    "norm.bias",
    "shift",
    "conv.weight",
    "conv.bias",
    "layers.0.weight",
    "layers.0.bias",
    "recurrent.lstm.input_weight",
    "recurrent.lstm.hidden_weight",
    "recurrent.lstm.bias",
    "output.weight",
    "output.bias",
]


def model(backend: str, seed: int = 1) -> Model:
    """The same one on every backend."""
    sf.randomness.set_seed(seed)
    with sf.use_backend(backend):
        return Model()


def arrays(rows: int, frames: int) -> tuple[Any, Any]:
    """Data and lengths."""
    stream = np.random.default_rng(rows * 100 + frames)
    x = stream.standard_normal((rows, frames, 6)).astype("float32")
    lengths = np.maximum(frames - np.arange(rows), 1).astype("int32")
    return x, lengths


def inputs(backend: str, rows: int, frames: int) -> sf.Tensor:
    """Ragged data on a backend."""
    x, lengths = arrays(rows, frames)
    return sf.wrap(
        sf.backends.get(backend).convert(x),
        (batch, time, mel),
        lengths={time: sf.backends.get(backend).convert(lengths)},
    )


def outputs(y: sf.Tensor) -> Any:
    """Values as an array [batch, time', labels], zeros in the padding."""
    return sf.mask_padding(y).numpy(batch, time.ceil_div(2), labels)


def reference(rows: int, frames: int, seed: int = 1) -> Any:
    """What the model gives on the NumPy backend, dropout off."""
    return outputs(model("numpy", seed).eval()(inputs("numpy", rows, frames)))
