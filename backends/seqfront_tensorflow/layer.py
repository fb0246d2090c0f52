"""A seqfront model as a Keras layer (Keras 3 on TensorFlow).

Keras knows plain tensors only, so a function says how they go in and come out:

    model = Recognizer(...)

    def recognize(x, frames):
        y = model(sf.wrap(x, (batch, time, mel), lengths={time: frames}))
        return y.raw_in((batch, time, labels))

    layer = seqfront_tensorflow.keras_layer(model, recognize)
    x, frames = keras.Input((None, 80)), keras.Input((), dtype="int32")
    trainer = keras.Model([x, frames], layer(x, frames))
    trainer.compile("adam", loss)
    trainer.fit([features, lengths], targets)

The layer's weights are `keras.Variable`s that share their storage with the model's `tf.Variable`s.
Under the policies "mixed_bfloat16" and "mixed_float16" the layer runs in `sf.autocast`, and gives
what that gives: float32 after a normalisation, half precision after a product. Keras casts the
inputs before, as it does for its own layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras

import seqfront as sf
from seqfront import errors
from seqfront_tensorflow.module import module


class KerasLayer(keras.layers.Layer):
    """The layer that `keras_layer` makes."""

    def __init__(self, model: sf.nn.Module, call: Callable[..., Any], **options: Any) -> None:
        if keras.backend.backend() != "tensorflow":
            raise errors.wrong_keras_backend(keras.backend.backend())
        super().__init__(**options)
        self.seqfront_module = model
        self._call = call
        module(model)
        self.variables_of_model = [
            keras.Variable(p.raw, trainable=p.trainable, dtype=p.dtype, autocast=False, name=path)
            for path, p in model.named_parameters().items()
        ]
        self.built = True

    def call(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """The function given, on plain tensors; dropout is active if `training`."""
        with _mode(self.seqfront_module, bool(training)), _precision(self.compute_dtype):
            return self._call(*args, **kwargs)

    def get_config(self) -> Any:
        """There is none: the model and the function are code."""
        raise errors.no_configuration(self.seqfront_module)


def _precision(dtype: str) -> AbstractContextManager[None]:
    """What a policy like "mixed_bfloat16" asks for."""
    return sf.autocast(dtype) if dtype in ("bfloat16", "float16") else nullcontext()


@contextmanager
def _mode(model: sf.nn.Module, training: bool) -> Iterator[None]:
    """Training or inference for the duration of a call."""
    modules = list(model.named_modules().values())
    before = [item.training for item in modules]
    model.train(training)
    try:
        yield
    finally:
        for item, mode in zip(modules, before, strict=True):
            item.training = mode
