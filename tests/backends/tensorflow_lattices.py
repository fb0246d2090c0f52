"""A small problem for each lattice loss, as TensorFlow tensors, with edge cases at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from seqfront_tensorflow import native

BLANK = 1
CLASSES = 4
TARGETS = np.array([[0, 2], [2, 2], [3, 0], [0, 0]], np.int32)
FRAME_LENGTHS = np.array([4, 3, 2, 0], np.int32)
LABEL_LENGTHS = np.array([2, 2, 0, 0], np.int32)
BATCH, FRAMES, LABELS = 4, 4, 2
RNNT = {"blank": BLANK, "normalized": False}
CTC = {"blank": BLANK, "normalized": False, "max_approx": False, "label_loop": True}
LOSSES = [("rnnt", RNNT), ("ctc", CTC)]


def make_logits(name: str, dtype: tf.DType, seed: int = 0) -> tf.Tensor:
    shape = (BATCH, FRAMES, LABELS + 1, CLASSES) if name == "rnnt" else (BATCH, FRAMES, CLASSES)
    return tf.constant(np.random.default_rng(seed).normal(size=shape), dtype)


def inputs_for(name: str, dtype: tf.DType = tf.float32) -> tuple[tf.Tensor, ...]:
    ints = (tf.constant(x) for x in (TARGETS, FRAME_LENGTHS, LABEL_LENGTHS))
    return (make_logits(name, dtype), *ints)


def signature(name: str, dtype: tf.DType = tf.float32) -> list[tf.TensorSpec]:
    rank = 4 if name == "rnnt" else 3
    return [
        tf.TensorSpec([None] * (rank - 1) + [CLASSES], dtype),
        tf.TensorSpec([None, None], tf.int32),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None], tf.int32),
    ]


def loss_and_grad(
    name: str, attrs: Mapping[str, Any], *inputs: tf.Tensor, threads: int = 0
) -> tuple[Any, Any]:
    with tf.GradientTape() as tape:
        tape.watch(inputs[0])
        (loss,) = native.call(name, inputs, attrs, threads)
        weights = tf.range(1, tf.shape(loss)[0] + 1)
        finite = tf.where(tf.math.is_finite(loss), loss, 0)
        total = tf.reduce_sum(finite * tf.cast(weights, loss.dtype))
    return loss, tape.gradient(total, inputs[0])
