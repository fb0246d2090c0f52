"""Move: reshape, transpose, join, cut, pad."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from seqfront.backend import Raw, Size
from seqfront_tensorflow import values

Op = tf.raw_ops


class Movement:
    """Group *move* of the seam."""

    def reshape(self, x: Raw, shape: Sequence[Size]) -> Raw:
        """Row-major."""
        return Op.Reshape(tensor=x, shape=values.sizes(shape))

    def transpose(self, x: Raw, permutation: Sequence[int]) -> Raw:
        """Axis i of the result is axis `permutation[i]` of `x`."""
        return Op.Transpose(x=x, perm=values.sizes(permutation))

    def expand_dims(self, x: Raw, axes: Sequence[int]) -> Raw:
        """Insert axes of size one."""
        for axis in axes:
            x = Op.ExpandDims(input=x, axis=axis)
        return values.tensor(x)

    def squeeze(self, x: Raw, axes: Sequence[int]) -> Raw:
        """Remove axes of size one."""
        return Op.Squeeze(input=x, axis=list(axes)) if axes else values.tensor(x)

    def broadcast_to(self, x: Raw, shape: Sequence[Size]) -> Raw:
        """As NumPy's."""
        return Op.BroadcastTo(input=x, shape=values.sizes(shape))

    def concat(self, xs: Sequence[Raw], axis: int) -> Raw:
        """Join along an existing axis."""
        return values.tensor(xs[0]) if len(xs) == 1 else Op.ConcatV2(values=list(xs), axis=axis)

    def stack(self, xs: Sequence[Raw], axis: int) -> Raw:
        """Join along a new axis."""
        return Op.Pack(values=list(xs), axis=axis)

    def split(self, x: Raw, sizes: Sequence[Size], axis: int) -> tuple[Raw, ...]:
        """Cut into pieces."""
        if len(sizes) < 2:
            return (values.tensor(x),) * len(sizes)
        if all(isinstance(size, int) and size == sizes[0] for size in sizes):
            return tuple(Op.Split(axis=axis, value=x, num_split=len(sizes)))
        pieces = Op.SplitV(
            value=x, size_splits=values.sizes(sizes), axis=axis, num_split=len(sizes)
        )
        return tuple(pieces)

    def pad(self, x: Raw, paddings: Sequence[tuple[Size, Size]], value: float) -> Raw:
        """Constant before and after, for every axis."""
        flat = [size for pair in paddings for size in pair]
        if all(isinstance(size, int) and size == 0 for size in flat):
            return values.tensor(x)
        y = Op.PadV2(
            input=x,
            paddings=tf.reshape(values.sizes(flat), (len(paddings), 2)),
            constant_values=values.number(value, x.dtype),
        )
        # One unknown padding makes TensorFlow forget all extents.
        y.set_shape([_padded(n, *pair) for n, pair in zip(x.shape, paddings, strict=True)])
        return y

    def slice(self, x: Raw, axis: int, start: Size, stop: Size, step: int = 1) -> Raw:
        """`x[start:stop:step]` along an axis."""
        skipped = (0,) * axis
        whole = (1 << axis) - 1  # a bit for every axis before, of which all is taken
        return Op.StridedSlice(
            input=x,
            begin=values.sizes((*skipped, start)),
            end=values.sizes((*skipped, stop)),
            strides=values.sizes((*(1,) * axis, step)),
            begin_mask=whole,
            end_mask=whole,
        )

    def flip(self, x: Raw, axis: int) -> Raw:
        """Reverse an axis."""
        return Op.ReverseV2(tensor=x, axis=values.sizes((axis,)))


def _padded(size: int | None, before: Size, after: Size) -> int | None:
    known = isinstance(before, int) and isinstance(after, int)
    return size + before + after if known and size is not None else None
