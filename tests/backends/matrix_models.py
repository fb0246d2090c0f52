"""The models that every mode of both frameworks has to run: tiny, but with all that is in large
ones. Each takes the same plain tensors, and gives its output and a loss."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

import seqfront as sf
from seqfront import backends

batch, time, labels = sf.Dim("batch"), sf.Dim("time"), sf.Dim("labels")
mel, feature, inner = sf.Dim("mel", 4), sf.Dim("feature", 8), sf.Dim("inner", 12)
vocab = sf.Dim("vocab", 5)
HALF = time.ceil_div(2)
SHAPES = [(3, 9, 6), (2, 14, 3), (5, 11, 4)]
"""Batch, frames, labels; no size of the first is that of a static dim, or PyTorch ties the two."""
_SIZES: dict[str, Any] = {"heads": 2, "inner": inner, "layers": 1}


class Matrix(sf.nn.Module, abc.ABC):
    """Frames and labels in, output and loss out."""

    dims: tuple[sf.Dim, ...]
    """Of the output."""

    @abc.abstractmethod
    def output(self, x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        """[batch, time, mel] and labels [batch, labels] -> over `dims`."""

    def loss(self, output: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        """A scalar."""
        return sf.mean(output * output, axis=output.dims)

    def __call__(self, x: Any, n: Any, y: Any, m: Any) -> tuple[Any, Any]:
        frames = sf.wrap(x, (batch, time, mel), lengths={time: n})
        target = sf.wrap(y, (batch, labels), lengths={labels: m}, sparse_dim=vocab)
        output = self.output(frames, target)
        return sf.mask_padding(output).raw_in(self.dims), self.loss(output, target).raw


class Encoder(Matrix):
    """The encoder of the Transformer, rotary positions."""

    dims = (batch, time, feature)

    def __init__(self) -> None:
        self.input = sf.nn.Linear(mel, feature)
        self.encoder = sf.models.TransformerEncoder(
            feature, position=sf.nn.RotaryPosition, **_SIZES
        )
        self.output_weight = sf.nn.Parameter((feature,), 0.3)

    def output(self, x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        return sf.tanh(self.encoder(self.input(x), axis=time) * self.output_weight)


class Decoder(Matrix):
    """The decoder of the Transformer, with a source."""

    dims = (batch, labels, vocab)

    def __init__(self) -> None:
        self.decoder = sf.models.TransformerDecoder(
            vocab, feature, source_dim=mel, activation="gelu", **_SIZES
        )

    def output(self, x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        return self.decoder(y, axis=labels, source=self.decoder.project(x, time))[0]

    def loss(self, output: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        each = sf.cross_entropy(estimated=output, target=y, axis=vocab, estimated_type="logits")
        return sf.mean(each, axis=(batch, labels))


class Conformer(Matrix):
    """The Conformer, relative positions."""

    dims = (batch, time, feature)

    def __init__(self) -> None:
        self.input = sf.nn.Linear(mel, feature)
        self.encoder = sf.models.Conformer(feature, window=3, **_SIZES)
        self.output_weight = sf.nn.Parameter((feature,), 0.3)

    def output(self, x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        return sf.tanh(self.encoder(self.input(x), axis=time) * self.output_weight)


class Classifier(Matrix):
    """Recurrent layers, one label for a sequence."""

    dims = (batch, vocab)

    def __init__(self) -> None:
        self.first = sf.nn.GRU(mel, feature)
        self.second = sf.nn.LSTM(feature, inner)
        self.classes = sf.nn.Linear(inner, vocab)

    def output(self, x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        x, _ = self.second(self.first(x, axis=time)[0], axis=time)
        return self.classes(sf.mean(x, axis=time))

    def loss(self, output: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        first = sf.gather(y, indices=0, axis=labels)
        each = sf.cross_entropy(estimated=output, target=first, axis=vocab, estimated_type="logits")
        return sf.mean(each, axis=batch)


class CTC(Matrix):
    """Subsampling and the CTC loss, native or composed."""

    dims = (batch, HALF, vocab)
    implementation = "native"

    def __init__(self) -> None:
        self.subsample = sf.models.ConvSubsampling(mel, feature, factor=2)
        self.head = sf.nn.Linear(feature, vocab)

    def output(self, x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        return self.head(self.subsample(x, axis=time))

    def loss(self, output: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        each = sf.ctc_loss(
            logits=output, targets=y, input_spatial_dim=HALF, targets_spatial_dim=labels,
            blank_index=0, infeasible="zero", implementation=self.implementation,
        )  # fmt: skip
        return sf.mean(each, axis=batch)


class ComposedCTC(CTC):
    """Without native ops, for XLA."""

    implementation = "composed"


MODELS: dict[str, type[Matrix]] = {
    "encoder": Encoder,
    "decoder": Decoder,
    "conformer": Conformer,
    "classifier": Classifier,
    "ctc": CTC,
}


def model(name: str, backend: str, seed: int = 1) -> Matrix:
    """The same one on every backend."""
    sf.set_seed(seed)
    with sf.use_backend(backend):
        return {**MODELS, "ctc-composed": ComposedCTC}[name]()


def arrays(shape: tuple[int, int, int]) -> list[Any]:
    """Frames and their lengths, labels and their lengths; NaN in the padding."""
    rows, frames, count = shape
    rng = np.random.default_rng(rows)
    x = rng.standard_normal((rows, frames, 4)).astype(np.float32)
    n = rng.integers(frames // 2, frames + 1, rows).astype(np.int32)
    x[np.arange(frames) >= n[:, None]] = np.nan
    y = rng.integers(1, 5, (rows, count)).astype(np.int32)
    return [x, n, y, rng.integers(1, min(count, 3) + 1, rows).astype(np.int32)]


def arguments(backend: str, shape: tuple[int, int, int]) -> list[Any]:
    """The same as tensors of a backend."""
    return [backends.get(backend).convert(array) for array in arrays(shape)]


def wanted(name: str, shape: tuple[int, int, int], seed: int = 1) -> tuple[Any, Any]:
    """Output and loss on the NumPy backend."""
    return model(name, "numpy", seed)(*arguments("numpy", shape))
