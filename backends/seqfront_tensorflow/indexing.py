"""Index: gather, scatter, sort, search."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from seqfront.backend import Raw, ScatterName
from seqfront_tensorflow.values import extents, sizes

Op = tf.raw_ops

_SCATTER = {
    "add": Op.TensorScatterAdd,
    "max": Op.TensorScatterMax,
    "min": Op.TensorScatterMin,
}


def _index(indices: Raw) -> Raw:
    """As a dtype that TensorFlow takes for indices."""
    return indices if indices.dtype in (tf.int32, tf.int64) else tf.cast(indices, tf.int32)


def _last_first(rank: int, axis: int) -> tuple[int, ...]:
    """Permutation that swaps an axis with the last one; its own inverse."""
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]
    return tuple(order)


class Indexing:
    """Group *index* of the seam."""

    def gather(self, x: Raw, indices: Raw, axis: int, batch_ndim: int = 0) -> Raw:
        """Take slices along `axis`; the first `batch_ndim` axes go together."""
        return Op.GatherV2(params=x, indices=_index(indices), axis=axis, batch_dims=batch_ndim)

    def scatter(self, name: ScatterName, x: Raw, indices: Raw, updates: Raw) -> Raw:
        """Combine rows into a new tensor."""
        indices = _index(indices)
        if name == "update":
            return _scatter_update(x, indices, updates)
        return _SCATTER[name](tensor=x, indices=tf.expand_dims(indices, 1), updates=updates)

    def sort(self, x: Raw, axis: int, descending: bool = False) -> tuple[Raw, Raw]:
        """Stable: values and int64 indices."""
        rank = len(x.shape)
        if axis != rank - 1:
            swap = sizes(_last_first(rank, axis))
            y, order = self.sort(Op.Transpose(x=x, perm=swap), rank - 1, descending)
            return Op.Transpose(x=y, perm=swap), Op.Transpose(x=order, perm=swap)
        if x.dtype == tf.bool:
            y, order = self.sort(tf.cast(x, tf.int8), axis, descending)
            return tf.cast(y, tf.bool), order
        order = tf.argsort(x, axis, "DESCENDING" if descending else "ASCENDING", stable=True)
        order = Op.Cast(x=order, DstT=tf.int64)
        return self.gather(x, order, axis, axis), order

    def top_k(self, x: Raw, k: int) -> tuple[Raw, Raw]:
        """Greatest `k` of the last axis; TensorFlow puts the lower index first among equals."""
        # Its int64 indices break its gradient (TensorFlow 2.21).
        y, order = Op.TopKV2(input=x, k=k, sorted=True)
        return y, Op.Cast(x=order, DstT=tf.int64)

    def search_sorted(
        self, sorted_values: Raw, values: Raw, side: Literal["left", "right"]
    ) -> Raw:  # fmt: skip
        """Insertion points in the last axis."""
        *lead, count = extents(values)
        rows = 1
        for size in lead:
            rows = rows * size
        run = Op.LowerBound if side == "left" else Op.UpperBound
        found = run(
            sorted_inputs=tf.reshape(sorted_values, sizes((rows, extents(sorted_values)[-1]))),
            values=tf.reshape(values, sizes((rows, count))),
            out_type=tf.int64,
        )
        return tf.reshape(found, sizes((*lead, count)))

    def masked_select(self, x: Raw, mask: Raw) -> Raw:
        """Rows where the mask is true."""
        rows = tf.squeeze(Op.Where(condition=mask), (1,))
        return Op.GatherV2(params=x, indices=rows, axis=0)


def _scatter_update(x: Raw, indices: Raw, updates: Raw) -> Raw:
    """The last one wins: find it first, then every row is written once.

    TensorFlow's own leaves the order open, and gives a gradient to the overwritten ones too.
    """
    count = tf.shape(indices)[0]
    rows = tf.shape(x)[0]
    winner = tf.math.unsorted_segment_max(tf.range(count), indices, rows)
    written = tf.reshape(winner >= 0, [-1] + [1] * (len(x.shape) - 1))
    # A row of zeros at the end, for rows that nothing is written to.
    spare = tf.pad(updates, [[0, 1]] + [[0, 0]] * (len(x.shape) - 1))
    winner = tf.where(winner >= 0, winner, count)
    return Op.SelectV2(condition=written, t=Op.GatherV2(params=spare, indices=winner, axis=0), e=x)
