"""Attention as two products around TensorFlow's own softmax.

That softmax has NaN where a query sees no key. Which queries do is known from what is added to the
energies, and that is small (it is shared by heads, or by queries): they are shown all keys, and
their result is made zero.
"""

from __future__ import annotations

import math

import tensorflow as tf

from seqfront.backend import Raw

Op = tf.raw_ops


class Attention:
    """Override of `attention`."""

    def attention(
        self,
        query: Raw,
        key: Raw,
        value: Raw,
        mask: Raw | None,
        bias: Raw | None,
        scale: float,
    ) -> Raw:
        """See `ComposedOps.attention`."""
        factor = tf.constant(scale, query.dtype)
        energy = Op.BatchMatMulV2(x=Op.Mul(x=query, y=factor), y=key, adj_y=True)
        if energy.dtype in (tf.float16, tf.bfloat16):
            energy = Op.Cast(x=energy, DstT=tf.float32)
        added, seen = _added(mask, bias, energy.dtype)
        if added is not None:
            energy = Op.AddV2(x=energy, y=added)
        weight = Op.Cast(x=Op.Softmax(logits=energy), DstT=query.dtype)
        found = Op.BatchMatMulV2(x=weight, y=value)
        return found if seen is None else Op.Mul(x=found, y=Op.Cast(x=seen, DstT=found.dtype))


def _added(mask: Raw | None, bias: Raw | None, dtype: tf.DType) -> tuple[Raw | None, Raw | None]:
    """What is added to the energies: the bias, and -inf where the mask is false; and which rows of
    it leave something to see. The others are zero."""
    if mask is None and bias is None:
        return None, None
    zero = tf.zeros((), dtype)
    bias = zero if bias is None else Op.Cast(x=bias, DstT=dtype)
    lowest = tf.constant(-math.inf, dtype)
    added = bias if mask is None else Op.SelectV2(condition=mask, t=bias, e=lowest)
    seen = tf.reduce_any(Op.Greater(x=added, y=lowest), -1, keepdims=True)
    return Op.SelectV2(condition=seen, t=added, e=zero), seen
