"""The ops of the native library, as it declares them.

The library has one table of ops (names, inputs, outputs, sizes, attributes, what has a gradient);
`ops()` reads it, and every backend makes its bindings from that. NumPy and PyTorch run ops through
`call`, which turns arrays into addresses; TensorFlow has them as graph ops. Nothing here knows a
framework: an array is a `Buffer`, which says where memory lies.

    (loss,) = backend.native_call("ctc", (logits, targets, frame_lengths, label_lengths),
                                  {"blank": 0})

A loss is two ops. `ctc` gives the loss of each sequence and the few numbers of each row that the
lattice needs (`saved`, which stays inside the backends); `ctc_backward` takes all that and the
upstream gradient, and gives the gradient of the logits. So a loss without gradient does no gradient
work.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from seqfront import errors

_DTYPE_CODES = {"float32": 0, "float64": 1, "bfloat16": 2, "float16": 3, "int32": 4}
_AXIS = re.compile(r"(?:(\d+)\*)?([a-z_]\w*)(?:\+(\d+))?|(\d+)")


@dataclass(frozen=True)
class Axis:
    """One axis of a declared shape: `factor * name + offset`, or the number `offset`."""

    name: str
    factor: int
    offset: int


@dataclass(frozen=True)
class ArraySpec:
    """An input or output of an op."""

    name: str
    type: str
    """"T" is any floating dtype, the same for all; "L" the lattice dtype of it; else a dtype."""
    shape: str
    flags: int

    @property
    def differentiable(self) -> bool:
        """Input: the op has a gradient for it. Output: it carries a gradient."""
        return bool(self.flags & 1)

    @property
    def optional(self) -> bool:
        """May be None."""
        return bool(self.flags & 2)

    @property
    def strided(self) -> bool:
        """May have any strides, as long as the last axis is contiguous."""
        return bool(self.flags & 4)

    @property
    def saved(self) -> bool:
        """An output for the backward half only."""
        return bool(self.flags & 8)

    @property
    def reusable(self) -> bool:
        """Its gradient may be written over it."""
        return bool(self.flags & 16)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The declared shape."""
        axes: list[Axis] = []
        for text in self.shape.split():
            match = _AXIS.fullmatch(text)
            if match is None:
                raise ValueError(f"not an axis: {text!r}")
            factor, name, offset, number = match.groups()
            axes.append(Axis(name or "", int(factor or 1), int(number or offset or 0)))
        return tuple(axes)

    def dtype(self, element: str) -> str:
        """Name of its dtype where "T" is `element`."""
        if self.type == "T":
            return element
        return lattice_dtype(element) if self.type == "L" else self.type


@dataclass(frozen=True)
class Attribute:
    """A number that is known when the graph is built."""

    name: str
    type: str
    default: float


@dataclass(frozen=True)
class NativeOp:
    """Declaration of one op, or of its backward half."""

    name: str
    inputs: tuple[ArraySpec, ...]
    outputs: tuple[ArraySpec, ...]
    attributes: tuple[Attribute, ...]
    differentiable: bool

    @property
    def results(self) -> tuple[int, ...]:
        """Which outputs are for the caller. (Not cached: `torch.compile` traces this, and before
        Python 3.12 there is a lock in `cached_property` that it stops at.)"""
        return tuple(i for i, output in enumerate(self.outputs) if not output.saved)

    def element_dtype(self, dtypes: Sequence[str | None]) -> str:
        """What "T" is, from the dtypes of the inputs."""
        for spec, dtype in zip(self.inputs, dtypes, strict=True):
            if spec.type == "T" and dtype is not None:
                return dtype
        return "float32"

    def output_shapes(self, shapes: Sequence[Sequence[Any] | None]) -> list[tuple[Any, ...]]:
        """Shapes of the outputs, from those of the inputs; sizes may be symbols of a trace."""
        sizes: dict[str, Any] = {}
        given: dict[str, bool] = {}
        for spec, shape in zip(self.inputs, shapes, strict=True):
            given[f"grad_{spec.name}"] = shape is not None
            for axis, size in zip(spec.axes, shape or (), strict=shape is not None):
                if axis.name and axis.factor == 1:
                    sizes.setdefault(axis.name, size - axis.offset)
        return [
            (0,)
            if spec.optional and not given.get(spec.name, True)
            else tuple(
                axis.factor * sizes.get(axis.name, 0) + axis.offset if axis.name else axis.offset
                for axis in spec.axes
            )
            for spec in self.outputs
        ]

    def arguments(self, attributes: Mapping[str, float]) -> list[float]:
        """Values of all attributes in order; what is not given has its default."""
        names = [attribute.name for attribute in self.attributes]
        unknown = [name for name in attributes if name not in names]
        if unknown:
            raise TypeError(f"{self.name} has no attribute {', '.join(unknown)}")
        return [attributes.get(each.name, each.default) for each in self.attributes]


class Buffer(NamedTuple):
    """Memory of an array: address, extents, strides in elements, dtype by name."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str


def lattice_dtype(dtype: str) -> str:
    """Dtype that a lattice over logits of `dtype` computes and reports in."""
    return "float64" if dtype == "float64" else "float32"


_module: ModuleType | None = None
_ops: dict[str, NativeOp] | None = None


def library() -> ModuleType:
    """The compiled module; `NativeError` if this installation has none."""
    global _module
    if _module is None:
        try:
            _module = import_module("seqfront._native")
        except ImportError as error:
            raise errors.native_missing(str(error)) from None
    return _module


def library_directory() -> str:
    """Folder of the compiled files: with an editable install it is not the package's own."""
    return os.path.dirname(str(library().__file__))


def ops() -> Mapping[str, NativeOp]:
    """All ops by name, backward halves too; `NativeError` if there is no library."""
    global _ops
    if _ops is None:
        _ops = {}
        for name, inputs, outputs, attributes, differentiable in library().ops():
            _ops[name] = NativeOp(
                name,
                tuple(ArraySpec(*spec) for spec in inputs),
                tuple(ArraySpec(*spec) for spec in outputs),
                tuple(Attribute(*spec) for spec in attributes),
                differentiable,
            )
    return _ops


def call(
    op: NativeOp,
    inputs: Sequence[Buffer | None],
    arguments: Sequence[float],
    outputs: Sequence[Buffer],
    threads: int = 0,
) -> None:
    """Run an op and write its outputs; `arguments` are those of `NativeOp.arguments`."""
    try:
        library().call(
            op.name,
            [None if x is None else _plain(x) for x in inputs],
            arguments,
            [_plain(x) for x in outputs],
            threads,
        )
    except ValueError as error:
        raise errors.native_refused(op.name, str(error)) from None


def _plain(x: Buffer) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
    return x.address, _DTYPE_CODES[x.dtype], x.shape, x.strides
