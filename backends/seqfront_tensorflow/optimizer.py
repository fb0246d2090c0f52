"""Optimizers of TensorFlow: the formulas of `seqfront.training.optimizers` on plain variables.

They are those of `torch.optim`, so that a run can move between the frameworks with its state; the
optimizers of Keras add epsilon before the correction of the second moment. What depends on the
step alone is computed by Python in double precision: 1 - beta2 ** step has few digits in float32.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from seqfront.training import optimizers
from seqfront.training.optimizers import SGD, Adam, AdamW, Rule


class Optimizer(optimizers.Optimizer):
    """See `seqfront.training.Optimizer`."""

    def __init__(self, parameters: Mapping[str, Any], rule: Rule) -> None:
        super().__init__(parameters, rule)
        self._variables = [parameter.raw for parameter in self.parameters.values()]
        self._slots = {
            slot: [tf.Variable(tf.zeros_like(v), trainable=False) for v in self._variables]
            for slot in rule.slots
        }
        self._compiled = tf.function(self.improve, autograph=False, reduce_retracing=True)

    def factors(self, rate: float) -> tf.Tensor:
        """What the next update depends on besides gradients: float64 numbers."""
        step, rule = self.steps + 1, self.rule
        first = second = 1.0
        if isinstance(rule, Adam):
            first, second = 1.0 - rule.beta1**step, math.sqrt(1.0 - rule.beta2**step)
        return tf.constant([rate, rate / first, second], tf.float64)

    def improve(self, gradients: Sequence[tf.Tensor], factors: tf.Tensor) -> None:
        """One update, eagerly or in a graph."""
        for i, (variable, gradient) in enumerate(zip(self._variables, gradients, strict=True)):
            rate, size, correction = tf.unstack(tf.cast(factors, variable.dtype))
            decay = self.rule.weight_decay if variable.shape.rank >= 2 else 0.0
            slots = {name: slots[i] for name, slots in self._slots.items()}
            if decay and not isinstance(self.rule, AdamW):
                gradient = gradient + decay * variable
            if isinstance(self.rule, SGD):
                change = rate * _descent(self.rule, gradient, slots)
            else:
                change = size * _moments(self.rule, gradient, slots, correction)
            kept = variable * (1.0 - rate * decay) if isinstance(self.rule, AdamW) else variable
            variable.assign(kept - change)

    def _update(self, gradients: Sequence[tf.Tensor], rate: float) -> None:
        self._compiled(list(gradients), self.factors(rate))

    def _slot(self, slot: str, name: str) -> Any:
        return self._slots[slot][list(self.parameters).index(name)].numpy().copy()

    def _restore(self, slots: Mapping[str, Mapping[str, Any]]) -> None:
        for slot, arrays in slots.items():
            for name, variable in zip(self.parameters, self._slots[slot], strict=True):
                variable.assign(tf.cast(arrays[name], variable.dtype))


def _descent(rule: SGD, gradient: tf.Tensor, slots: Mapping[str, tf.Variable]) -> tf.Tensor:
    if not rule.momentum:
        return gradient
    velocity = slots["velocity"].assign(rule.momentum * slots["velocity"] + gradient)
    return gradient + rule.momentum * velocity if rule.nesterov else tf.identity(velocity)


def _moments(
    rule: Adam, gradient: tf.Tensor, slots: Mapping[str, tf.Variable], correction: tf.Tensor
) -> tf.Tensor:
    first, second = slots["first"], slots["second"]
    first.assign(rule.beta1 * first + (1.0 - rule.beta1) * gradient)
    second.assign(rule.beta2 * second + (1.0 - rule.beta2) * tf.square(gradient))
    return first / (tf.sqrt(second) / correction + rule.epsilon)
