"""Training with TensorFlow: one `tf.function` with unknown sizes; AdamW on plain variables.

The update is written out (Kingma & Ba 2015; decay as in Loshchilov & Hutter 2019, the same formula
as torch.optim.AdamW), so that a run can move between the frameworks with its optimizer state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from seqfront import training
from seqfront_tensorflow.module import module

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


class Trainer(training.Trainer):
    """See `seqfront.training.Trainer`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.module = module(self.model)
        named = {n: p for n, p in self.model.named_parameters().items() if p.trainable}
        self._names = list(named)
        self._variables = [p.raw for p in named.values()]
        self._first = [tf.Variable(tf.zeros_like(v)) for v in self._variables]
        self._second = [tf.Variable(tf.zeros_like(v)) for v in self._variables]
        self._update: Any = None

    def step(self, *arrays: Any) -> dict[str, float]:
        """One step on one batch of NumPy arrays; the values of the losses before it."""
        tensors = [tf.convert_to_tensor(x) for x in arrays]
        if self._update is None:
            signature = [tf.TensorSpec([None] * x.shape.rank, x.dtype) for x in tensors]
            scalars = [tf.TensorSpec([], tf.float32), tf.TensorSpec([], tf.float32)]
            self._update = tf.function(
                self._graph, input_signature=[*scalars, *signature], autograph=False
            )
        rate = tf.constant(self.learning_rate(self.steps), tf.float32)
        values = self._update(rate, tf.constant(self.steps + 1, tf.float32), *tensors)
        self.steps += 1
        return {name: float(value) for name, value in values.items()}

    def _graph(self, rate: tf.Tensor, count: tf.Tensor, *inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            values = {name: value.raw for name, value in self.losses(*inputs).items()}
        grads = tape.gradient(
            values["loss"], self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        grads = [tf.convert_to_tensor(grad) for grad in grads]
        if math.isfinite(self.clip_norm):
            grads, _ = tf.clip_by_global_norm(grads, self.clip_norm)
        correction = tf.sqrt(1.0 - tf.pow(_BETA2, count))
        size = rate / (1.0 - tf.pow(_BETA1, count))
        for variable, grad, m, v in zip(
            self._variables, grads, self._first, self._second, strict=True
        ):
            m.assign(_BETA1 * m + (1.0 - _BETA1) * grad)
            v.assign(_BETA2 * v + (1.0 - _BETA2) * tf.square(grad))
            decay = self.weight_decay if variable.shape.rank >= 2 else 0.0
            kept = variable * (1.0 - rate * decay)
            variable.assign(kept - size * m / (tf.sqrt(v) / correction + _EPSILON))
        return values

    def state(self) -> dict[str, Any]:
        """State of the optimizer as NumPy arrays by name, and the number of steps."""
        state: dict[str, Any] = {"steps": np.array(self.steps)}
        for moment, slots in (("first", self._first), ("second", self._second)):
            for name, slot in zip(self._names, slots, strict=True):
                state[f"{moment}.{name}"] = slot.numpy()
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, of whichever backend."""
        self.steps = int(state["steps"])
        for moment, slots in (("first", self._first), ("second", self._second)):
            for name, slot in zip(self._names, slots, strict=True):
                slot.assign(state[f"{moment}.{name}"])
