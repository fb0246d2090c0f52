"""torchaudio's models as `tf.Module`s; see `seqfront.compat.torchaudio`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

import seqfront as sf
from seqfront.compat import torchaudio_models
from seqfront_tensorflow.module import Mirror, module


class Framework(tf.Module):
    """A `tf.Module` around the mirror of a model."""

    network: Mirror

    def own(self, model: sf.nn.Module) -> None:
        """Make the parameters of a model TensorFlow's."""
        self.network = module(model.to_backend("tensorflow"))

    @property
    def model(self) -> Any:
        """The model over named dims."""
        return self.network.seqfront_module

    def __call__(self, *args: Any, **options: Any) -> Any:
        """What `forward` gives."""
        return self.forward(*args, **options)  # pyright: ignore

    def train(self, mode: bool = True) -> Any:
        """Switch to training, or out of it."""
        self.model.train(mode)
        return self

    def eval(self) -> Any:
        """Switch to inference: no dropout."""
        return self.train(False)


class Emformer(torchaudio_models.Emformer, Framework):
    """`seqfront.compat.torchaudio.Emformer` on TensorFlow."""


class RNNT(torchaudio_models.RNNT, Framework):
    """`seqfront.compat.torchaudio.RNNT` on TensorFlow."""
