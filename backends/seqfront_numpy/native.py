"""The native lattice ops on arrays. Only the forward half: NumPy has no gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seqfront import native
from seqfront.native import Buffer


def buffer(x: np.ndarray) -> Buffer:
    """Where the elements of an array lie."""
    strides = tuple(stride // x.itemsize for stride in x.strides)
    return Buffer(x.ctypes.data, x.shape, strides, x.dtype.name)


def call(op: str, inputs: Sequence[np.ndarray], attributes: Mapping[str, int | bool]) -> np.ndarray:
    """The loss or distance of each sequence."""
    first, *rest = inputs
    if first.strides[-1] != first.itemsize:
        first = np.ascontiguousarray(first)
    arrays = [first, *map(np.ascontiguousarray, rest)]
    buffers = [buffer(x) for x in arrays]
    declaration = native.OPS[op]
    if not declaration.differentiable:
        distance = np.empty(first.shape[0], np.int32)
        native.edit_distance(buffers, buffer(distance))
        return distance
    dtype = native.lattice_dtype(first.dtype.name)
    loss = np.empty(first.shape[0], dtype)
    saved = np.empty(declaration.saved_shape(first.shape, rest[0].shape[1]), dtype)
    native.forward(op, buffers, attributes, buffer(loss), buffer(saved))
    return loss
