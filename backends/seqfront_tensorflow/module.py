"""A seqfront model as a `tf.Module`.

    net = seqfront_tensorflow.module(model)
    net.trainable_variables            # for GradientTape and optimizers
    tf.train.Checkpoint(model=net)     # by attribute path
    y = net(x)                         # seqfront tensors in and out

The `tf.Module` mirrors the tree of the model: every variable is an attribute where the model has
its parameter, so TensorFlow names and tracks it by the same path. The model goes on computing with
these variables; they never change their identity.

For serving, write a function of plain tensors and save it with the module:

    class Recognizer(tf.Module):
        def __init__(self):
            self.net = seqfront_tensorflow.module(model.eval())

        @tf.function(input_signature=[tf.TensorSpec([None, None, 80]), tf.TensorSpec([None], tf.int32)])
        def __call__(self, x, frames):
            y = self.net(sf.wrap(x, (batch, time, mel), lengths={time: frames}))
            return y.raw_in((batch, time, labels))

    tf.saved_model.save(Recognizer(), path)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

import tensorflow as tf

import seqfront as sf
from seqfront import backends, errors
from seqfront.nn.module import children


def module(model: sf.nn.Module) -> Mirror:
    """The `tf.Module` of a model.

    Args:
        model: Any seqfront module. Parameters that are `tf.Variable`s are adopted as they are,
            those of other backends are converted. Weights shared by several attributes stay
            shared, under the first path.

    Returns:
        A `tf.Module` that takes and returns what the model does. Called again for the same model,
        the same one, with the parameters the model got since.
    """
    if not isinstance(model, sf.nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_module("seqfront_tensorflow.module", model)
    return _Walk().mirror(model)
