"""Inspect, convert and create tensors."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import tensorflow as tf

from seqfront.backend import RandomName, Raw, Size
from seqfront_tensorflow import values

Op = tf.raw_ops


class ReplayedRandom:
    """A stream of draws that can be repeated: `checkpoint` computes its function twice."""

    def __init__(self) -> None:
        self.seed: tf.Tensor | None = None
        self._count = itertools.count()

    @contextmanager
    def active(self) -> Iterator[None]:
        """While active, `random` draws from this stream, and from its beginning."""
        self._count = itertools.count()
        token = _replayed.set(self)
        try:
            yield
        finally:
            _replayed.reset(token)

    def draw(self, kind: RandomName, shape: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        """Next draw of the stream."""
        if self.seed is None:
            self.seed = tf.random.get_global_generator().make_seeds()[:, 0]
        seed = self.seed + tf.constant([0, next(self._count)], self.seed.dtype)
        run = tf.random.stateless_uniform if kind == "uniform" else tf.random.stateless_normal
        return run(shape, seed, dtype=dtype)


_replayed: ContextVar[ReplayedRandom | None] = ContextVar("replayed", default=None)


class Inspection:
    """Groups *inspect and convert* and *create* of the seam."""

    def shape(self, x: Raw) -> tuple[Size, ...]:
        """Extents: ints, or int32 scalars where the graph does not know."""
        return values.extents(x)

    def static_shape(self, x: Raw) -> tuple[int | None, ...]:
        """Extents: ints, or None where the graph does not know."""
        return tuple(x.shape.as_list())

    def size(self, x: Raw, axis: int) -> Size:
        """Extent of one axis."""
        known = x.shape[axis]
        return tf.shape(x)[axis] if known is None else known

    def dtype(self, x: Raw) -> str:
        """Dtype by name."""
        return x.dtype.name

    def device(self, x: Raw) -> str:
        """`"cpu"` or `"cuda:0"`; in a graph that leaves it open, the default."""
        return values.device_name(x.device or "")

    def convert(self, value: Any, dtype: str | None = None, device: str | None = None) -> Raw:
        """A tensor; Python floats become float32, ints int32."""
        if device is not None and not isinstance(value, tf.Tensor | tf.Variable):
            with values.on(device):
                return self.convert(value, dtype)
        hint = dtype if dtype in ("float64", "int64") else None  # or digits of numbers are lost
        x = tf.convert_to_tensor(value, dtype_hint=hint)
        x = x if dtype is None else self.cast(x, dtype)
        return x if device is None else self.to_device(x, device)

    def to_numpy(self, x: Raw) -> Any:
        """`numpy.ndarray`, also of a scalar; bfloat16 as float32."""
        x = tf.cast(x, tf.float32) if x.dtype == tf.bfloat16 else values.tensor(x)
        return np.asarray(x.numpy())

    def cast(self, x: Raw, dtype: str) -> Raw:
        """Convert values."""
        target = tf.as_dtype(dtype)
        return values.tensor(x) if x.dtype == target else Op.Cast(x=x, DstT=target)

    def to_device(self, x: Raw, device: str) -> Raw:
        """Copy, if it is not there."""
        if self.device(x) == device:
            return values.tensor(x)
        with values.on(device):
            return tf.identity(x)

    def full(self, shape: Sequence[Size], value: float, dtype: str, device: str) -> Raw:
        """Constant of a shape."""
        target = tf.as_dtype(dtype)
        with values.on(device):
            constant = tf.convert_to_tensor(values.number(value, target), target)
            return Op.Fill(dims=values.sizes(shape), value=constant)

    def full_like(self, x: Raw, value: float) -> Raw:
        """Constant with the shape, dtype and device of `x`."""
        if value == 0:
            return Op.ZerosLike(x=x)
        return self.full(self.shape(x), value, x.dtype.name, self.device(x))

    def arange(self, size: Size, dtype: str, device: str) -> Raw:
        """0, 1, ..., size - 1."""
        with values.on(device):
            limit = int(size) if values.eager() else values.size(size)
            return self.cast(Op.Range(start=0, limit=limit, delta=1), dtype)

    def random(self, kind: RandomName, shape: Sequence[Size], dtype: str, device: str) -> Raw:
        """From TensorFlow's global generator."""
        with values.on(device):
            extents, target = values.sizes(shape), tf.as_dtype(dtype)
            replayed = _replayed.get()
            if replayed is not None:
                return replayed.draw(kind, extents, target)
            generator = tf.random.get_global_generator()
            run = generator.uniform if kind == "uniform" else generator.normal
            return run(extents, dtype=target)

    def one_hot(self, indices: Raw, size: Size, dtype: str) -> Raw:
        """[*indices, size]; a row of zeros for an index out of range."""
        depth = int(size) if values.eager() else values.size(size)
        target = tf.as_dtype(dtype)
        if indices.dtype not in (tf.int32, tf.int64, tf.uint8, tf.int8):
            indices = Op.Cast(x=indices, DstT=tf.int32)
        on, off = (tf.cast(value, target) for value in (1, 0))
        return Op.OneHot(indices=indices, depth=depth, on_value=on, off_value=off)
