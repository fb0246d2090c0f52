"""Long short-term memory as one loop, with a gradient written by hand.

TensorFlow has no usable fused kernel for the CPU: the gradient of `BlockLSTMV2` is wrong (2.21: it
mixes up the order of the gates), and slower than this. So the loop does only what depends on the
step before: the input is projected beforehand in one product. Forward, it keeps the gates and the
cell; backward, all activations and the factors of the chain rule come from these in a few big
operations, the loop does one product a step, and the gradient of the weight is one product again.

Eager calls run the same loop as a `tf.function`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from seqfront.backend import Raw
from seqfront_tensorflow import scanning, values
from seqfront_tensorflow.contraction import matmul_last

Op = tf.raw_ops
Tensors = Sequence[tf.Tensor]


class Recurrence:
    """Override of `lstm`."""

    def lstm(
        self,
        x: Raw,
        input_weight: Raw,
        hidden_weight: Raw,
        bias: Raw,
        hidden: Raw,
        cell: Raw,
        mask: Raw | None,
    ) -> tuple[Raw, Raw, Raw]:
        """See `ComposedOps.lstm`."""
        if mask is not None:
            mask = tf.expand_dims(mask, 2)
            x = Op.SelectV2(condition=mask, t=x, e=tf.zeros((), x.dtype))
        gates = matmul_last(x, input_weight, bias)
        run = _compiled if values.eager() else _lstm
        y, hidden, cell = run(gates, *map(values.tensor, (hidden_weight, hidden, cell)), mask)
        return y, hidden, cell


def _lstm(
    gates: tf.Tensor, weight: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, mask: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """gates [time, batch, 4 out], weight [out, 4 out], mask [time, batch, 1] or none."""

    @tf.custom_gradient
    def run(*inputs: tf.Tensor) -> Any:
        y, activations, cells, last_hidden, last_cell = _forward(*inputs, mask)

        def first(*upstream: tf.Tensor) -> Any:
            return _first(inputs, (y, activations, cells), mask, upstream)

        return (y, last_hidden, last_cell), first

    return run(gates, weight, hidden, cell)


_compiled = tf.function(_lstm, autograph=False, reduce_retracing=True)


def _first(inputs: Tensors, kept: Tensors, mask: tf.Tensor | None, upstream: Tensors) -> Any:
    """First derivatives, themselves with a gradient: that of the loop written plainly."""

    @tf.custom_gradient
    def run(*args: tf.Tensor) -> Any:
        def second(*grads: tf.Tensor) -> Any:
            with tf.GradientTape() as outer:
                outer.watch(args)
                with tf.GradientTape() as inner:
                    inner.watch(args[:4])
                    outputs = _plain(*args[:4], mask)
                found = inner.gradient(
                    outputs, args[:4], args[4:], unconnected_gradients=tf.UnconnectedGradients.ZERO
                )
            return outer.gradient(
                found, args, grads, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )

        return _backward(*args[1:4], *kept, mask, args[4:]), second

    return run(*inputs, *upstream)


def _cell(gates: tf.Tensor, cell: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    i, f, g, o = tf.split(gates, 4, 1)
    cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(cell), cell


def _plain(
    gates: tf.Tensor, weight: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, mask: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The definition, left to TensorFlow to differentiate."""

    def step(state: Any, xs: Any) -> Any:
        new, new_cell = _cell(xs[0] + tf.matmul(state[0], weight), state[1])
        if mask is not None:
            new, new_cell = tf.where(xs[1], new, state[0]), tf.where(xs[1], new_cell, state[1])
        return (new, new_cell), new

    xs = (gates,) if mask is None else (gates, mask)
    last, y = scanning.scan(step, (hidden, cell), xs, values.extents(gates)[0], False)
    return y, *last


# -- the loops ------------------------------------------------------------------------------------


class _Columns:
    """Tensors [time, ...] of which each step of a loop reads or writes one row."""

    def __init__(self, count: tf.Tensor, read: Tensors, written: Tensors) -> None:
        self.read = [_list_of(x) for x in read]
        self.rows = [(_row_shape(x), x.dtype) for x in read]
        self.shapes = [(_row_shape(x, 0), x.dtype) for x in written]
        self.written = [
            Op.TensorListReserve(element_shape=shape, num_elements=count, element_dtype=dtype)
            for shape, dtype in self.shapes
        ]


def _row_shape(x: tf.Tensor, first: int = 1) -> tf.Tensor:
    return tf.constant([-1 if n is None else n for n in x.shape[first:]], tf.int32)


def _list_of(x: tf.Tensor) -> tf.Tensor:
    return Op.TensorListFromTensor(tensor=x, element_shape=_row_shape(x))
