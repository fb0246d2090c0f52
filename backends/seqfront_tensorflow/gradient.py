"""Differentiation, variables."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from seqfront.backend import Raw
from seqfront_tensorflow import values
from seqfront_tensorflow.inspection import ReplayedRandom
from seqfront_tensorflow.structure import leaves, map_leaves, rebuild, tensors

try:
    # What `GradientTape.stop_recording` does, but for all tapes at once.
    from tensorflow.python.eager.record import (  # pyright: ignore[reportMissingImports]
        stop_recording,
    )
except ImportError:  # then only memory is wasted: `no_grad` stops gradients as well
    stop_recording = contextlib.nullcontext


class Gradient:
    """Groups *gradient* and *parameters* of the seam."""

    def stop_gradient(self, x: Raw) -> Raw:
        """The same value, a constant to differentiation."""
        return tf.stop_gradient(x)

    def custom_gradient(
        self,
        forward: Callable[..., Raw],
        backward: Callable[..., Sequence[Raw | None]],
        *xs: Raw,
    ) -> Raw:
        """`forward(*xs)` with a gradient of its own."""

        @tf.custom_gradient
        def run(*inputs: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
            result = forward(*inputs)

            def gradients(grad: tf.Tensor, variables: Sequence[Any] = ()) -> Any:
                found = list(backward(grad, result, *inputs))
                return (found, [None] * len(variables)) if variables else found

            return result, gradients

        return run(*map(values.tensor, xs))

    def value_and_grad(
        self, fn: Callable[[], tuple[Raw, Any]], wrt: Sequence[Raw]
    ) -> tuple[tuple[Raw, Any], list[Raw]]:
        """`fn()` and the gradients of its first result."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([x for x in wrt if x.dtype.is_floating])
            value, extra = fn()
        found = tape.gradient(value, list(wrt))
        # Indexed slices, the gradient of a gather, become tensors here.
        grads = [
            tf.zeros_like(x) if grad is None else tf.convert_to_tensor(grad)
            for x, grad in zip(wrt, found, strict=True)
        ]
        return (value, extra), grads

    def no_grad(self, fn: Callable[[], Any]) -> Any:
        """`fn()` without recording. A tape outside of a `tf.function` sees its whole graph, so the
        results are also cut off from their gradient."""
        with stop_recording():
            result = fn()
        return map_leaves(_constant, result)

    def checkpoint(self, fn: Callable[..., Any], *xs: Raw) -> Any:
        """`fn(*xs)`, computed again for the gradient, with the same random numbers. Variables and
        `xs` get gradients; other tensors that `fn` refers to do not."""
        stream = ReplayedRandom()
        dtypes: list[tf.DType] = []

        def run(*inputs: tf.Tensor) -> Any:
            with stream.active():
                result = fn(*inputs)
            dtypes[:] = [x.dtype for x in tensors(result)]
            return map_leaves(_as_float, result)

        found = tf.recompute_grad(run)(*map(values.tensor, xs))
        pairs = zip(leaves(found), dtypes, strict=True)
        return rebuild(found, [_as_before(x, dtype) for x, dtype in pairs])

    def parameter(self, value: Any, device: str | None = None, trainable: bool = True) -> Raw:
        """A `tf.Variable`; also while tracing, for its value is at hand."""
        with tf.init_scope(), values.on(device or values.default_device()):
            return tf.Variable(value, trainable=trainable)

    def assign(self, parameter: Raw, value: Raw) -> None:
        """Overwrite in place."""
        parameter.assign(value)


def _constant(leaf: Any) -> Any:
    return tf.stop_gradient(leaf) if isinstance(leaf, tf.Tensor | tf.Variable) else leaf


def _as_float(x: Raw) -> tf.Tensor:
    """Integers as floats: in a graph, `tf.recompute_grad` wants a gradient of every result. Those
    of 32 and 64 bits are only read otherwise, so that every number arrives."""
    x = values.tensor(x)
    if x.dtype.is_floating:
        return x
    if x.dtype.size < 4:
        return tf.cast(x, tf.float32)
    return tf.bitcast(x, tf.float64 if x.dtype.size == 8 else tf.float32)


def _as_before(x: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    if x.dtype == dtype:
        return x
    return tf.cast(x, dtype) if dtype.size < 4 else tf.bitcast(x, dtype)
