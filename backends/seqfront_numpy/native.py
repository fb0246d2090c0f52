"""The native lattice ops on arrays. Only the forward halves: NumPy has no gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seqfront import native
from seqfront.native import ArraySpec, Buffer


def buffer(x: np.ndarray) -> Buffer:
    """Where the elements of an array lie."""
    strides = tuple(stride // x.itemsize for stride in x.strides)
    return Buffer(x.ctypes.data, x.shape, strides, _name(x.dtype))


_NAMES: dict[np.dtype, str] = {}
"""Of dtypes met so far: NumPy puts a name together anew each time."""


def _name(dtype: np.dtype) -> str:
    name = _NAMES.get(dtype)
    if name is None:
        name = _NAMES[dtype] = dtype.name
    return name


def _readable(x: np.ndarray | None, spec: ArraySpec) -> np.ndarray | None:
    if x is None or (spec.strided and x.strides[-1] == x.itemsize):
        return x
    return np.ascontiguousarray(x)


def call(
    name: str, inputs: Sequence[np.ndarray | None], attributes: Mapping[str, float]
) -> tuple[np.ndarray, ...]:
    """The results of an op of `seqfront.native.ops()`."""
    op = native.ops()[name]
    attributes = {key: value for key, value in attributes.items() if key != "reuse"}
    given = zip(op.completed(inputs), op.inputs, strict=True)
    arrays = [_readable(x, spec) for x, spec in given]
    element = op.element_dtype([None if x is None else _name(x.dtype) for x in arrays])
    shapes = op.output_shapes([None if x is None else x.shape for x in arrays])
    outputs = [
        np.empty(shape, spec.dtype(element)) for shape, spec in zip(shapes, op.outputs, strict=True)
    ]
    native.call(
        op,
        [None if x is None else buffer(x) for x in arrays],
        op.arguments(attributes),
        [buffer(x) for x in outputs],
    )
    return tuple(outputs[i] for i in op.results)
