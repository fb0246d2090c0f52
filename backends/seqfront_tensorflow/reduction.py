"""Reductions and cumulative functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from seqfront.backend import ArgReduceName, CumulativeName, Raw, ReduceName
from seqfront_tensorflow import values

Op = tf.raw_ops

_REDUCE: Mapping[ReduceName, Callable[[Raw, tf.Tensor, bool], Raw]] = {
    "sum": lambda x, axes, keep: Op.Sum(input=x, axis=axes, keep_dims=keep),
    "mean": lambda x, axes, keep: Op.Mean(input=x, axis=axes, keep_dims=keep),
    "max": lambda x, axes, keep: Op.Max(input=x, axis=axes, keep_dims=keep),
    "min": lambda x, axes, keep: Op.Min(input=x, axis=axes, keep_dims=keep),
    "prod": lambda x, axes, keep: Op.Prod(input=x, axis=axes, keep_dims=keep),
    "any": lambda x, axes, keep: Op.Any(input=x, axis=axes, keep_dims=keep),
    "all": lambda x, axes, keep: Op.All(input=x, axis=axes, keep_dims=keep),
}


class Reduction:
    """Group *reduce* of the seam."""

    def reduce(self, name: ReduceName, x: Raw, axes: Sequence[int], keepdims: bool = False) -> Raw:
        """Reduce some axes."""
        if name == "mean":
            return _mean(x, axes, keepdims)
        return _REDUCE[name](x, values.sizes(axes), keepdims)

    def arg_reduce(self, name: ArgReduceName, x: Raw, axis: int) -> Raw:
        """Index of the greatest or least; the first of equals."""
        x = Op.Cast(x=x, DstT=tf.int8) if x.dtype == tf.bool else x
        run = Op.ArgMax if name == "argmax" else Op.ArgMin
        return run(input=x, dimension=axis, output_type=tf.int64)

    def cumulative(self, name: CumulativeName, x: Raw, axis: int) -> Raw:
        """One of `CumulativeName`."""
        if x.dtype == tf.bool:
            return tf.cast(self.cumulative(name, tf.cast(x, tf.int32), axis), tf.bool)
        if name == "sum":
            return Op.Cumsum(x=x, axis=axis)
        y = _cumulative(_COMBINE[name], values.tensor(x), axis)
        if name != "logsumexp":
            return y
        nothing = tf.constant(-math.inf, x.dtype)  # so far, whatever comes in
        return tf.where(Op.Equal(x=y, y=nothing), nothing, y)


def _logaddexp(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    high = tf.stop_gradient(Op.Maximum(x=x, y=y))
    anchor = tf.where(tf.math.is_finite(high), high, tf.zeros_like(high))
    total = Op.Exp(x=x - anchor) + Op.Exp(x=y - anchor)
    empty = Op.Equal(x=total, y=tf.zeros((), x.dtype))
    log = Op.Log(x=tf.where(empty, tf.ones_like(total), total)) + anchor
    return tf.where(empty, tf.constant(-math.inf, x.dtype), log)


_COMBINE: Mapping[CumulativeName, Callable[..., tf.Tensor]] = {
    "prod": Op.Mul,
    "max": Op.Maximum,
    "min": Op.Minimum,
    "logsumexp": _logaddexp,
}


def _mean(x: Raw, axes: Sequence[int], keepdims: bool) -> Raw:
    """Zero over no element, where TensorFlow's own has NaN."""
    extents = [x.shape[axis] for axis in axes]
    if 0 in extents:
        return _REDUCE["sum"](x, values.sizes(axes), keepdims)
    mean = _REDUCE["mean"](x, values.sizes(axes), keepdims)
    if None not in extents:
        return mean
    count = tf.reduce_prod(tf.gather(tf.shape(x), values.sizes(axes)))
    return Op.SelectV2(condition=tf.equal(count, 0), t=tf.zeros((), x.dtype), e=mean)


def _cumulative(combine: Any, x: tf.Tensor, axis: int) -> tf.Tensor:
    """Every element with the one `reach` before it, for reach 1, 2, 4, ... (Hillis & Steele 1986).

    TensorFlow has no cumulative maximum; the gradient of its cumulative product divides by x, and
    that of its cumulative logsumexp takes the logarithm of gradients.
    """
    count = values.extents(x)[axis]
    positions = tf.reshape(tf.range(count), [-1] + [1] * (len(x.shape) - 1 - axis))

    def step(reach: Any, y: tf.Tensor) -> tf.Tensor:
        earlier = Op.Roll(input=y, shift=reach, axis=axis)
        return tf.where(positions >= reach, combine(x=y, y=earlier), y)

    if isinstance(count, int):
        for power in range((count - 1).bit_length() if count else 0):
            x = step(2**power, x)
        return x
    return tf.while_loop(
        lambda reach, y: reach < count,
        lambda reach, y: (reach * 2, step(reach, y)),
        (tf.constant(1), x),
        shape_invariants=(tf.TensorShape([]), x.shape),
    )[1]
