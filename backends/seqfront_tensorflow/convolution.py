"""Convolution and pooling: TensorFlow's kernels where they and their gradients exist on the CPU.

They do for one group without dilation, and for depthwise filters. Everything else goes through
`_windows`: the windows laid out in memory, then one contraction.
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
        plain = all(d == 1 for d in dilations)
        if groups == 1 and plain:
            y = _plain(x, kernel, strides)
        elif groups == x.shape[-1] and plain and _has_depthwise(strides):
            y = _depthwise(x, kernel, strides)
        else:
            y = _grouped(x, kernel, strides, dilations, groups)
        return _cut(y, sizes)

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
        return _cut(Op.Squeeze(input=y, axis=[1]) if rank == 1 else y, (batch, *sizes))

    def pool(
        self, name: Literal["max", "mean"], x: Raw, window: Sequence[int], strides: Sequence[int]
    ) -> Raw:
        """Greatest or mean of every window."""
        sizes = _positions(x, window, strides)
        x = _at_least(x, window)
        if len(window) == 3:
            cut = _windows(x, window, strides, (1, 1, 1))
            run = tf.reduce_max if name == "max" else tf.reduce_mean
            return _cut(run(cut, axis=-2), sizes)
        flat = len(window) == 1
        if flat:
            x, window, strides = tf.expand_dims(x, 1), (1, *window), (1, *strides)
        places = {"ksize": [1, *window, 1], "strides": [1, *strides, 1], "padding": "VALID"}
        y = Op.MaxPool(input=x, **places) if name == "max" else Op.AvgPool(value=x, **places)
        return _cut(Op.Squeeze(input=y, axis=[1]) if flat else y, sizes)


# -- routes ---------------------------------------------------------------------------------------


def _two_axes(
    x: Raw, kernel: Raw, strides: Sequence[int]
) -> tuple[tf.Tensor, tf.Tensor, tuple[int, ...]]:
    """A 1-D convolution as a 2-D one over a single row."""
    return Op.ExpandDims(input=x, axis=1), Op.ExpandDims(input=kernel, axis=0), (1, *strides)


def _plain(x: Raw, kernel: Raw, strides: Sequence[int]) -> Raw:
    if len(strides) == 3:
        return Op.Conv3D(input=x, filter=kernel, strides=[1, *strides, 1], padding="VALID")
    flat = len(strides) == 1
    if flat:
        x, kernel, strides = _two_axes(x, kernel, strides)
    y = Op.Conv2D(input=x, filter=kernel, strides=[1, *strides, 1], padding="VALID")
    return Op.Squeeze(input=y, axis=[1]) if flat else y


def _has_depthwise(strides: Sequence[int]) -> bool:
    return len(strides) == 1 or (len(strides) == 2 and strides[0] == strides[1])


def _depthwise(x: Raw, kernel: Raw, strides: Sequence[int]) -> Raw:
    """kernel [*window, 1, channels * multiplier]; output channels lie group by group."""
    channels = x.shape[-1]
    multiplier = kernel.shape[-1] // channels
    kernel = tf.reshape(kernel, [*kernel.shape[:-2], channels, multiplier])
    flat = len(strides) == 1
    if flat:
        x, kernel, _ = _two_axes(x, kernel, strides)
    step = strides[0]  # the kernel wants both the same; over a single row both give that row
    y = Op.DepthwiseConv2dNative(
        input=x, filter=kernel, strides=[1, step, step, 1], padding="VALID"
    )
    return Op.Squeeze(input=y, axis=[1]) if flat else y


def _grouped(
    x: Raw, kernel: Raw, strides: Sequence[int], dilations: Sequence[int], groups: int
) -> Raw:
    *window, per_group, channels = kernel.shape
    cut = _windows(x, window, strides, dilations)
    *lead, taps, _ = values.extents(cut)
    rows = 1
    for size in lead:
        rows = rows * size
    cut = tf.reshape(cut, values.sizes((rows, taps, groups, per_group)))
    kernel = tf.reshape(kernel, (taps, per_group, groups, channels // groups))
    y = Op.Einsum(inputs=[cut, kernel], equation="nkgi,kigo->ngo")
    return tf.reshape(y, values.sizes((*lead, channels)))


def _windows(
    x: Raw, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tf.Tensor:
    """[batch, *spatial, channels] -> [batch, *spatial', taps, channels]."""
    rank = len(window)
    reach = tuple(d * (w - 1) + 1 for w, d in zip(window, dilations, strict=True))
    spans = [
        (n - 1) * s + 1 for n, s in zip(_positions(x, reach, strides)[1:], strides, strict=True)
    ]
    steps = values.sizes((1, *strides))
    taps = []
    for tap in itertools.product(*map(range, window)):
        start = [t * d for t, d in zip(tap, dilations, strict=True)]
        stop = [a + n for a, n in zip(start, spans, strict=True)]
        taps.append(
            Op.StridedSlice(
                input=x,
                begin=values.sizes((0, *start)),
                end=values.sizes((0, *stop)),
                strides=steps,
                begin_mask=1,
                end_mask=1,
            )
        )
    return Op.Pack(values=taps, axis=rank + 1)


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
    return Op.PadV2(input=x, paddings=paddings, constant_values=tf.zeros((), x.dtype))


def _cut(y: tf.Tensor, sizes: Sequence[Size]) -> tf.Tensor:
    """Only the batch and the spatial positions that there should be."""
    known = y.shape[:-1]
    if all(isinstance(n, int) and n == k for n, k in zip(sizes, known, strict=True)):
        return y
    return Op.Slice(
        input=y,
        begin=values.sizes((0,) * len(y.shape)),
        size=values.sizes((*sizes, -1)),
    )
