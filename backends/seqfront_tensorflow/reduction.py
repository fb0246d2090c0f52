"""Reductions and cumulative functions."""

from __future__ import annotations

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
        """Inclusive cumulative sum, product or maximum."""
        if x.dtype == tf.bool:
            return tf.cast(self.cumulative(name, tf.cast(x, tf.int32), axis), tf.bool)
        if name == "sum":
            return Op.Cumsum(x=x, axis=axis)
        return _cumulative(Op.Mul if name == "prod" else Op.Maximum, values.tensor(x), axis)


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

    TensorFlow has no cumulative maximum, and the gradient of its cumulative product divides by x.
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
