"""Layers under `tf.function` against Keras and TensorFlow written by hand, loss and gradients.

    python tests/benchmarks/bench_tensorflow.py [--threads 1] [--rounds 15]

The Transformer has two layers, normalised first, four heads; by hand it is `keras.layers.Dense` and
`keras.layers.LayerNormalization` with `tf.matmul`, a mask of the padding and `tf.nn.softmax` in
between. LSTM and GRU are those of Keras, with a mask. All are traced once, for known shapes.
"""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from turns import compare, header, line

import seqfront as sf
import seqfront_tensorflow

HEADS = 4
SHAPES = [(4, 20, 32), (16, 100, 256)]
"""Batch, frames, features."""

Program = Callable[[Any, Any], Any]


class Layer(keras.layers.Layer):
    """One layer by hand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = (keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(2))
        self.query, self.key, self.value, self.output_map = (
            keras.layers.Dense(width) for _ in range(4)
        )
        self.first, self.second = keras.layers.Dense(4 * width), keras.layers.Dense(width)

    def call(self, x: Any, data: Any) -> Any:
        """x [batch, time, width], data bool [batch, time]."""
        rows, frames, width = x.shape
        y = self.norm1(x)
        q, k, v = (
            tf.transpose(tf.reshape(p(y), (rows, frames, HEADS, width // HEADS)), (0, 2, 1, 3))
            for p in (self.query, self.key, self.value)
        )
        energy = tf.matmul(q * (width // HEADS) ** -0.5, k, transpose_b=True)
        weight = tf.nn.softmax(tf.where(data[:, None, None], energy, -1e9))
        found = tf.transpose(tf.matmul(weight, v), (0, 2, 1, 3))
        x = x + self.output_map(tf.reshape(found, (rows, frames, width)))
        return x + self.second(tf.nn.relu(self.first(self.norm2(x))))


class Encoder(keras.layers.Layer):
    """Two layers and a normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.supports_masking = True
        self.stack = [Layer(width), Layer(width)]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5)

    def call(self, x: Any, mask: Any = None) -> Any:
        """x [batch, time, width], mask bool [batch, time]."""
        for layer in self.stack:
            x = layer(x, mask)
        return self.norm(x)


def peer(kind: str, width: int) -> keras.layers.Layer:
    """A layer of Keras, or by hand."""
    if kind == "Transformer":
        return Encoder(width)
    layer = keras.layers.LSTM if kind == "LSTM" else keras.layers.GRU
    return layer(width, return_sequences=True)


def model(kind: str, feature: sf.Dim) -> sf.nn.Module:
    """The same of ours."""
    width = feature.size or 0
    with sf.use_backend("tensorflow"):
        if kind == "Transformer":
            inner = sf.Dim("inner", 4 * width)
            return sf.models.TransformerEncoder(feature, layers=2, heads=HEADS, inner=inner)
        return (sf.nn.LSTM if kind == "LSTM" else sf.nn.GRU)(feature, sf.Dim("out", width))


def our_step(kind: str, width: int, *, backward: bool) -> Program:
    """(x, lengths) -> value, or value and gradients of all weights."""
    batch, time, feature = sf.Dim("batch"), sf.Dim("time"), sf.Dim("feature", width)
    net = model(kind, feature)
    weights = seqfront_tensorflow.module(net).trainable_variables

    def value(x: Any, lengths: Any) -> Any:
        y = net(sf.wrap(x, (batch, time, feature), lengths={time: lengths}), axis=time)
        y = y if isinstance(y, sf.Tensor) else y[0]
        return sf.sum(y, axis=y.dims).raw

    return _traced(value, weights, backward)


def their_step(kind: str, width: int, *, backward: bool) -> Program:
    """The same of the peer."""
    layer = peer(kind, width)
    layer(tf.zeros((2, 3, width)), mask=tf.ones((2, 3), tf.bool))

    def value(x: Any, lengths: Any) -> Any:
        data = tf.sequence_mask(lengths, x.shape[1])
        return tf.reduce_sum(tf.where(data[:, :, None], layer(x, mask=data), 0.0))

    return _traced(value, [v.value for v in layer.trainable_variables], backward)


def _traced(value: Program, weights: Any, backward: bool) -> Program:
    def step(x: Any, lengths: Any) -> Any:
        if not backward:
            return value(x, lengths)
        with tf.GradientTape() as tape:
            loss = value(x, lengths)
        return loss, tape.gradient(loss, weights)

    return tf.function(step, autograph=False)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--kinds", nargs="+", default=["Transformer", "LSTM", "GRU"])
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print(header("TF"))
    for kind in options.kinds:
        for shape in SHAPES:
            rows, frames, width = shape
            x = tf.constant(np.random.default_rng(0).standard_normal(shape), tf.float32)
            lengths = tf.constant(np.linspace(frames // 2, frames, rows), tf.int32)
            for backward in (False, True):
                steps = [make(kind, width, backward=backward) for make in (our_step, their_step)]
                calls = [functools.partial(step, x, lengths) for step in steps]
                name = f"{kind} {shape} forward{' and backward' * backward}"
                print(line(name, compare(*calls, options.rounds, options.threads)), flush=True)


if __name__ == "__main__":
    main()
