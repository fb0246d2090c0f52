"""Long short-term memory as one loop, with a gradient written by hand.

TensorFlow has no usable fused kernel for the CPU: the gradient of `BlockLSTMV2` is wrong (2.21: it
mixes up the order of the gates), and slower than this. So the loop does only what depends on the
step before: the input is projected beforehand in one product. Forward, it keeps the gates and the
cell; backward, all activations and the factors of the chain rule come from these in a few big
operations, the loop does one product a step, and the gradient of the weight is one product again.

Eager calls run the same loops as `tf.function`s. Second derivatives work eagerly and with all tapes
inside one `tf.function`; from two tapes around a `tf.function` they raise TypeError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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
        inputs = (gates, *map(values.tensor, (hidden_weight, hidden, cell)))
        return _lstm(inputs, mask, _COMPILED if values.eager() else _TRACED)


class _Loops(NamedTuple):
    """The three loops, as they are for a graph, or each a `tf.function` for eager calls."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    second: Callable[..., Any]


def _lstm(inputs: Tensors, mask: tf.Tensor | None, loops: _Loops) -> Any:
    """inputs: gates [time, batch, 4 out], weight [out, 4 out], hidden and cell; mask [time, batch,
    1] or none. Gives y, last hidden, last cell."""

    @tf.custom_gradient
    def run(*inputs: tf.Tensor) -> Any:
        y, activations, cells, last_hidden, last_cell = loops.forward(*inputs, mask)

        @tf.custom_gradient
        def first(*args: tf.Tensor) -> Any:
            found = loops.backward(*args[1:4], y, activations, cells, mask, args[4:])
            return found, lambda *grads: loops.second(args, mask, grads)

        return (y, last_hidden, last_cell), lambda *grads: first(*inputs, *grads)

    return run(*inputs)


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


def _second(args: Tensors, mask: tf.Tensor | None, grads: Tensors) -> Any:
    """The gradient of the gradient: that of the plain loop, by TensorFlow."""
    zero = tf.UnconnectedGradients.ZERO
    inputs, upstream = list(args[:4]), list(args[4:])
    with tf.GradientTape() as outer:
        outer.watch([*inputs, *upstream])
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            outputs = list(_plain(*inputs, mask=mask))
        found: Any = inner.gradient(outputs, inputs, upstream, unconnected_gradients=zero)
    return outer.gradient(found, [*inputs, *upstream], list(grads), unconnected_gradients=zero)


# -- the loops ------------------------------------------------------------------------------------


def _forward(
    gates: tf.Tensor, weight: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, mask: tf.Tensor | None
) -> tuple[tf.Tensor, ...]:
    """y, the gates before their activations, the cells; last hidden and cell."""

    def step(state: Tensors, row: Tensors) -> tuple[Tensors, Tensors]:
        total = row[0] + tf.matmul(state[0], weight)
        new, new_cell = _cell(total, state[1])
        if mask is not None:
            new, new_cell = tf.where(row[1], new, state[0]), tf.where(row[1], new_cell, state[1])
        return (new, new_cell), (new, total, new_cell)

    columns = (gates,) if mask is None else (gates, mask)
    rows = [_rows(hidden), _rows(gates, 1), _rows(cell)]
    size = values.extents(gates)[0]
    last, ys = scanning.steps(step, (hidden, cell), columns, rows, size, False)
    return *ys, *last


def _rows(like: tf.Tensor, first: int = 0) -> scanning.Rows:
    return scanning.Rows(like.shape[first:], like.dtype, tf.shape(like)[first:])


def _backward(
    weight: tf.Tensor,
    hidden: tf.Tensor,
    cell: tf.Tensor,
    y: tf.Tensor,
    gates: tf.Tensor,
    cells: tf.Tensor,
    mask: tf.Tensor | None,
    upstream: Tensors,
) -> tuple[tf.Tensor, ...]:
    """Gradients of gates, weight, first hidden and cell.

    With h' = o tanh(c'), c' = f c + i g: the gradients of the gates are those of h' and c' times
    what does not depend on them, `factors`; c' gets that of h' times `through`.
    """
    grad_y, grad_hidden, grad_cell = upstream
    before = tf.concat([cell[tf.newaxis], cells], 0)[:-1]
    hiddens = tf.concat([hidden[tf.newaxis], y], 0)[:-1]
    i, f, g, o = tf.split(gates, 4, 2)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    squashed = tf.tanh(f * before + i * g)
    through = o * (1 - squashed * squashed)
    factors = tf.concat(
        [g * i * (1 - i), before * f * (1 - f), i * (1 - g * g), squashed * o * (1 - o)], 2
    )

    transposed = tf.transpose(weight)  # `transpose_b` in the loop takes five times as long

    def step(state: Tensors, row: Tensors) -> tuple[Tensors, Tensors]:
        into_hidden = state[0] + row[0]
        into_cell = state[1] + into_hidden * row[2]
        grads = row[1] * tf.concat([into_cell, into_cell, into_cell, into_hidden], 1)
        if mask is not None:
            grads = tf.where(row[4], grads, 0)
        to_hidden, to_cell = tf.matmul(grads, transposed), into_cell * row[3]
        if mask is not None:
            to_hidden = tf.where(row[4], to_hidden, into_hidden)
            to_cell = tf.where(row[4], to_cell, state[1])
        return (to_hidden, to_cell), (grads,)

    columns = [grad_y, factors, through, f] + ([] if mask is None else [mask])
    (to_hidden, to_cell), (to_gates,) = scanning.steps(
        step, (grad_hidden, grad_cell), columns, [_rows(gates, 1)], values.extents(y)[0], True
    )
    to_weight = tf.matmul(_flat(hiddens), _flat(to_gates), transpose_a=True)
    return to_gates, to_weight, to_hidden, to_cell


def _flat(x: tf.Tensor) -> tf.Tensor:
    """[time, batch, n] -> [time * batch, n]."""
    time, batch, width = values.extents(x)
    return tf.reshape(x, values.sizes((time * batch, width)))


def _compiled(fn: Callable[..., Any]) -> Callable[..., Any]:
    return tf.function(fn, autograph=False, reduce_retracing=True)


_TRACED = _Loops(_forward, _backward, _second)
_COMPILED = _Loops(*map(_compiled, _TRACED))
