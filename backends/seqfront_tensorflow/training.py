"""Training with TensorFlow: a batch is one `tf.function` with unknown sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from seqfront import backends, training
from seqfront.training import clipping
from seqfront_tensorflow.module import module
from seqfront_tensorflow.optimizer import Optimizer


class Trainer(training.Trainer):
    """See `seqfront.training.Trainer`."""

    _backend = "tensorflow"

    def _adopt(self) -> None:
        self.module = module(self.model)
        self._functions: dict[bool, Any] = {}
        self._waiting: list[tf.Variable] = []

    def _optimizer(self, parameters: Mapping[str, Any], rule: training.Rule) -> Optimizer:
        self._variables = [p.raw for p in parameters.values()]
        if self.accumulate > 1:
            self._waiting = [tf.Variable(tf.zeros_like(v), False) for v in self._variables]
        self._rule = Optimizer(parameters, rule)
        return self._rule

    def _run(self, arrays: Sequence[Any], last: bool, rate: float) -> training.Losses:
        tensors = [tf.convert_to_tensor(x) for x in arrays]
        if last not in self._functions:
            signature = [tf.TensorSpec([None] * x.shape.rank, x.dtype) for x in tensors]
            self._functions[last] = tf.function(
                self._update if last else self._collect,
                input_signature=[tf.TensorSpec([3], tf.float64), *signature],
                autograph=False,
            )
        values = self._functions[last](self._rule.factors(rate), *tensors)
        if last:
            self._rule.steps += 1
        return training.Losses(values)

    def _differentiated(self, inputs: Sequence[tf.Tensor]) -> tuple[dict[str, Any], list[Any]]:
        with tf.GradientTape() as tape:
            values = {name: value.raw for name, value in self.losses(*inputs).items()}
            loss = values["loss"]
            target = loss if self.accumulate == 1 else loss / self.accumulate
        grads = tape.gradient(
            target, self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return values, [tf.convert_to_tensor(grad) for grad in grads]

    def _collect(self, factors: tf.Tensor, *inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        values, grads = self._differentiated(inputs)
        for waiting, grad in zip(self._waiting, grads, strict=True):
            waiting.assign_add(grad)
        return values

    def _update(self, factors: tf.Tensor, *inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        values, grads = self._differentiated(inputs)
        if self._waiting:
            grads = [waiting + grad for waiting, grad in zip(self._waiting, grads, strict=True)]
        grads, _ = clipping.clipped(backends.get("tensorflow"), grads, self.clip_norm)
        self._rule.improve(grads, factors)
        for waiting in self._waiting:
            waiting.assign(tf.zeros_like(waiting))
        return values

    def _gradients(self) -> dict[str, Any]:
        pairs = zip(self.optimizer.parameters, self._waiting, strict=True)
        return {name: waiting.numpy() for name, waiting in pairs}

    def _set_gradients(self, arrays: Mapping[str, Any]) -> None:
        for name, waiting in zip(self.optimizer.parameters, self._waiting, strict=True):
            known = name in arrays
            waiting.assign(tf.cast(arrays[name], waiting.dtype) if known else 0 * waiting)

    def _random_state(self) -> dict[str, Any]:
        return {"0": backends.get("tensorflow").random_state()}

    def _set_random_state(self, arrays: Mapping[str, Any]) -> None:
        backends.get("tensorflow").set_random_state(arrays["0"])
