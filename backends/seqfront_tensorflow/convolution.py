"""Convolution and pooling, on kernels that TensorFlow has on the CPU together with their gradients.

Groups are split, each convolved, and joined; depthwise filters have a kernel of their own, if they
are not dilated.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import tensorflow as tf

from seqfront.backend import Raw, Size
from seqfront_tensorflow import values

Op = tf.raw_ops


class Convolution:
    """Convolution and pooling of the group *contract and transform*."""

    def conv(
        self, x: Raw, kernel: Raw, strides: Sequence[int], dilations: Sequence[int], groups: int
    ) -> Raw:
        """Cross-correlation without padding."""
        window = kernel.shape[: len(strides)]
        reach = tuple(d * (w - 1) + 1 for w, d in zip(window, dilations, strict=True))
        sizes = _positions(x, reach, strides)
        x = _at_least(x, reach)
        if groups == 1:
            y = _dense(x, kernel, strides, dilations)
        elif groups == x.shape[-1]:
            y = _depthwise(x, kernel, strides, dilations)
        else:
            parts = zip(tf.split(x, groups, -1), tf.split(kernel, groups, -1), strict=True)
            y = tf.concat([_dense(part, k, strides, dilations) for part, k in parts], -1)
        return _cut(y, sizes, values.extents(kernel)[-1])

    def conv_transpose(self, x: Raw, kernel: Raw, strides: Sequence[int]) -> Raw:
        """The gradient of `conv` with respect to its input."""
        rank = len(strides)
        batch, *spatial, _ = values.extents(x)
        window = kernel.shape[:rank]
        sizes = [_grown(n, s, w) for n, s, w in zip(spatial, strides, window, strict=True)]
        x = _at_least(x, (1,) * rank)
        rows, *places, _ = values.extents(x)
        grown = [_grown(n, s, w) for n, s, w in zip(places, strides, window, strict=True)]
        shape = (rows, *grown, values.extents(kernel)[-2])
        if rank == 1:
            shape = (rows, 1, *shape[1:])
            x, kernel, strides = _two_axes(x, kernel, strides)
        run = Op.Conv3DBackpropInputV2 if rank == 3 else Op.Conv2DBackpropInput
        y = run(
            input_sizes=values.sizes(shape),
            filter=kernel,
            out_backprop=x,
            strides=[1, *strides, 1],
            padding="VALID",
        )
        return _cut(Op.Squeeze(input=y, axis=[1]) if rank == 1 else y, (batch, *sizes), shape[-1])

    def pool(
        self, name: Literal["max", "mean"], x: Raw, window: Sequence[int], strides: Sequence[int]
    ) -> Raw:
        """Greatest or mean of every window."""
        sizes, channels = _positions(x, window, strides), values.extents(x)[-1]
        x = _at_least(x, window)
        if len(window) == 3:
            cut = tf.stack(_windows(x, window, strides, (1, 1, 1)), -1)
            run = tf.reduce_max if name == "max" else tf.reduce_mean
            return _cut(run(cut, axis=-1), sizes, channels)
        flat = len(window) == 1
        if flat:
            x, window, strides = tf.expand_dims(x, 1), (1, *window), (1, *strides)
        places = {"ksize": [1, *window, 1], "strides": [1, *strides, 1], "padding": "VALID"}
        y = Op.MaxPool(input=x, **places) if name == "max" else Op.AvgPool(value=x, **places)
        return _cut(Op.Squeeze(input=y, axis=[1]) if flat else y, sizes, channels)


# -- routes ---------------------------------------------------------------------------------------


def _two_axes(
    x: Raw, kernel: Raw, strides: Sequence[int]
) -> tuple[tf.Tensor, tf.Tensor, tuple[int, ...]]:
    """A 1-D convolution as a 2-D one over a single row."""
    return Op.ExpandDims(input=x, axis=1), Op.ExpandDims(input=kernel, axis=0), (1, *strides)


def _dense(x: Raw, kernel: Raw, strides: Sequence[int], dilations: Sequence[int]) -> Raw:
    """One group."""
    if any(d > 1 for d in dilations):
        # By interleaved smaller images. TensorFlow allows no stride here, so that comes afterwards.
        y = tf.nn.convolution(x, kernel, padding="VALID", dilations=list(dilations))
        return y if all(s == 1 for s in strides) else _every(y, strides)
    if len(strides) == 3:
        return Op.Conv3D(input=x, filter=kernel, strides=[1, *strides, 1], padding="VALID")
    flat = len(strides) == 1
    if flat:
        x, kernel, strides = _two_axes(x, kernel, strides)
    y = Op.Conv2D(input=x, filter=kernel, strides=[1, *strides, 1], padding="VALID")
    return Op.Squeeze(input=y, axis=[1]) if flat else y


def _every(x: Raw, strides: Sequence[int]) -> Raw:
    """Each so-many-th position along the spatial axes."""
    nothing = values.sizes((0,) * (len(strides) + 1))
    whole = 2 ** (len(strides) + 1) - 1
    return Op.StridedSlice(
        input=x,
        begin=nothing,
        end=nothing,
        strides=values.sizes((1, *strides)),
        begin_mask=whole,
        end_mask=whole,
    )


def _depthwise(x: Raw, kernel: Raw, strides: Sequence[int], dilations: Sequence[int]) -> Raw:
    """kernel [*window, 1, in * multiplier]: each channel of `x` makes `multiplier` channels, which
    lie together."""
    *window, _, channels = kernel.shape
    if len(window) == 3 or len(set(strides)) > 1 or any(d > 1 for d in dilations):
        x = tf.repeat(x, channels // x.shape[-1], axis=-1)
        weights = tf.unstack(tf.reshape(kernel, (-1, channels)))
        parts = zip(_windows(x, window, strides, dilations), weights, strict=True)
        return tf.add_n([part * weight for part, weight in parts])
    kernel = tf.reshape(kernel, [*window, x.shape[-1], channels // x.shape[-1]])
    flat = len(window) == 1
    if flat:
        x, kernel, _ = _two_axes(x, kernel, strides)
    step = strides[0]  # of a single row, any step takes that row
    y = Op.DepthwiseConv2dNative(
        input=x, filter=kernel, strides=[1, step, step, 1], padding="VALID"
    )
    return Op.Squeeze(input=y, axis=[1]) if flat else y


def _windows(
    x: Raw, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[tf.Tensor]:
    """For every tap of a window what it meets: [batch, *spatial', channels]."""
    spans: list[Size] = [
        (n - d * (w - 1) - 1) // s * s + 1
        for n, w, s, d in zip(values.extents(x)[1:-1], window, strides, dilations, strict=True)
    ]
    steps = values.sizes((1, *strides))
    found: list[tf.Tensor] = []
    for tap in itertools.product(*map(range, window)):
        start = [t * d for t, d in zip(tap, dilations, strict=True)]
        stop = [a + n for a, n in zip(start, spans, strict=True)]
        found.append(
            Op.StridedSlice(
                input=x,
                begin=values.sizes((0, *start)),
                end=values.sizes((0, *stop)),
                strides=steps,
                begin_mask=1,
                end_mask=1,
            )
        )
    return found


# -- extents --------------------------------------------------------------------------------------


def _positions(x: Raw, reach: Sequence[int], strides: Sequence[int]) -> list[Size]:
    """Extents of the batch, and of the windows that fit: none into less than one."""
    batch, *spatial, _ = values.extents(x)
    found: list[Size] = [batch]
    for n, r, s in zip(spatial, reach, strides, strict=True):
        count = (n - r) // s + 1
        found.append(max(count, 0) if isinstance(count, int) else tf.maximum(count, 0))
    return found


def _grown(size: Size, stride: int, window: int) -> Size:
    """Extent of a transposed convolution: nothing of nothing."""
    if isinstance(size, int):
        return (size - 1) * stride + window if size else 0
    return tf.where(size > 0, (size - 1) * stride + window, 0)


def _at_least(x: Raw, reach: Sequence[int]) -> tf.Tensor:
    """Pad so that there is one row, and one window fits: with less, TensorFlow's kernels fail or
    give another number of channels. `_cut` undoes it. Padding by nothing copies nothing.

    Not by `Pad`: graphs merge that with a convolution, and then it pads no batch.
    """
    missing: list[Size] = []
    for n, r in zip(values.extents(x)[:-1], (1, *reach), strict=True):
        missing.append(max(r - n, 0) if isinstance(n, int) else tf.maximum(r - n, 0))
    if all(isinstance(m, int) and m == 0 for m in missing):
        return values.tensor(x)
    flat = values.sizes((*(size for m in missing for size in (0, m)), 0, 0))
    paddings = tf.reshape(flat, (len(reach) + 2, 2))
    y = Op.PadV2(input=x, paddings=paddings, constant_values=tf.zeros((), x.dtype))
    y.set_shape([*[None] * (len(reach) + 1), x.shape[-1]])
    return y


def _cut(y: tf.Tensor, sizes: Sequence[Size], channels: Size) -> tf.Tensor:
    """Only the batch and the spatial positions that there should be."""
    shape = (*sizes, channels)
    known = [n if isinstance(n, int) else None for n in shape]
    if None in known or known != y.shape.as_list():
        begin = values.sizes((0,) * len(shape))
        y = Op.Slice(input=y, begin=begin, size=values.sizes(shape))
        y.set_shape(known)
    return y
