"""Arguments of TensorFlow ops: Python numbers, lists of sizes and axes, devices.

An op converts a tuple of ints by itself, but slowly: 15 of the 20 microseconds that an eager
`tf.reshape` takes are spent on its shape. So shapes and axes become constant tensors that are kept.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seqfront import errors
from seqfront.backend import Raw, Size

NUMBERS = (int, float, np.number, np.bool_)  # bool is an int

_INT32_MAX = 2**31 - 1

eager = tf.executing_eagerly


def number(value: Any, dtype: tf.DType) -> Any:
    """A Python number as the operand of a tensor of `dtype`, which it never changes.

    Eager ops take Python numbers as they are. Raises TypeError for a fraction among integers.
    """
    if dtype.is_floating:
        value = float(value)
    elif dtype == tf.bool:
        value = bool(value)
    elif int(value) != value:
        raise TypeError(f"{value!r} is no {dtype.name}: cast the tensor first.")
    else:
        value = int(value)
    return value if eager() else tf.constant(value, dtype)


def sizes(values: Sequence[Size]) -> tf.Tensor:
    """Sizes, axes or indices as a vector."""
    values = tuple(values)
    if eager():
        return _kept(tuple(map(int, values)))
    if all(isinstance(value, int) for value in values):
        return _vector(values)
    return tf.stack([size(value) for value in values])


def size(value: Size) -> tf.Tensor:
    """One size as an int32 scalar of the graph."""
    value = tf.convert_to_tensor(value)
    return value if value.dtype == tf.int32 else tf.cast(value, tf.int32)


def _vector(values: tuple[int, ...]) -> tf.Tensor:
    wide = any(value > _INT32_MAX for value in values)
    return tf.constant(values, tf.int64 if wide else tf.int32, (len(values),))


@functools.lru_cache(maxsize=4096)
def _kept(values: tuple[int, ...]) -> tf.Tensor:
    """Only for eager mode: a tensor of a graph must not outlive it."""
    with tf.device("CPU:0"):
        return _vector(values)


def extents(x: Raw) -> tuple[Size, ...]:
    """Shape: ints where known, else scalars of the graph."""
    known = x.shape.as_list()
    if None not in known:
        return tuple(known)
    found = tf.shape(x)
    return tuple(found[i] if n is None else n for i, n in enumerate(known))


def tensor(x: Raw) -> tf.Tensor:
    """The value of a variable; a tensor as it is."""
    return x if isinstance(x, tf.Tensor) else tf.convert_to_tensor(x)


# -- devices --------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def device_name(placement: str) -> str:
    """`"cpu"` or `"cuda:1"` of TensorFlow's `"/job:localhost/.../device:GPU:1"`."""
    kind, _, index = placement.rpartition("device:")[2].lower().partition(":")
    if not kind:
        return default_device()
    return {"gpu": f"cuda:{index or 0}", "cpu": "cpu"}.get(kind, f"{kind}:{index or 0}")


@functools.cache
def default_device() -> str:
    """Where TensorFlow puts ops if not told: the first GPU, or the CPU."""
    return "cuda:0" if tf.config.list_logical_devices("GPU") else "cpu"


@functools.lru_cache(maxsize=256)
def _placement(device: str) -> str:
    kind, _, index = str(device).partition(":")
    placement = f"{'GPU' if kind == 'cuda' else kind.upper()}:{index or 0}"
    known = [d.name.rpartition("device:")[2] for d in tf.config.list_logical_devices()]
    if placement not in known:
        raise errors.unknown_device(
            "tensorflow", str(device), ", ".join(dict.fromkeys(map(device_name, known)))
        )
    return placement


def on_cpu() -> contextlib.AbstractContextManager[Any]:
    """Scope for what has no kernel for GPUs; nothing to do where there are none."""
    return contextlib.nullcontext() if default_device() == "cpu" else tf.device("CPU:0")


def on(device: str) -> contextlib.AbstractContextManager[Any]:
    """Scope for making tensors on a device; nothing to do for the default one."""
    if device == default_device():
        return contextlib.nullcontext()
    return tf.device(_placement(device))
