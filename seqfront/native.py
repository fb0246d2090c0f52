"""The ops of the native library, as it declares them.

The library has one table of ops (names, inputs, outputs, sizes, attributes, what has a gradient);
`ops()` reads it, and every backend makes its bindings from that. NumPy and PyTorch run ops through
`call` or, on a GPU, `call_cuda`, which turn arrays into addresses; TensorFlow has them as graph
ops. Nothing here knows a framework: an array is a `Buffer`, which says where memory lies.

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from seqfront import errors

if TYPE_CHECKING:
    from seqfront.backend import Backend, Raw

_DTYPE_CODES = {"float32": 0, "float64": 1, "bfloat16": 2, "float16": 3, "int32": 4}
_AXIS = re.compile(r"(?:(\d+)\*)?([a-z_]\w*)(?:\+(\d+))?|(\d+)")


@dataclass(frozen=True)
class Axis:
    """One axis of a declared shape: `factor * name + offset`, or the number `offset`."""

    name: str
    factor: int
    offset: int


class _Source(NamedTuple):
    """How to find a size: `factor * name + offset`, where an axis of an input is `name + more`."""

    factor: int
    offset: int
    places: tuple[tuple[int, int, int], ...]

    def size(self, shapes: Sequence[Sequence[Any] | None]) -> Any:
        """The size; a name that only inputs have which are left out counts 0."""
        for index, position, more in self.places:
            shape = shapes[index]
            if shape is not None:
                if self.factor == 1 and more == self.offset:
                    return shape[position]
                return self.factor * (shape[position] - more) + self.offset
        return self.offset


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

    def typed(self, value: float) -> bool | int | float:
        """`value` as the type that a framework wants."""
        kinds: dict[str, type[bool] | type[int] | type[float]]
        kinds = {"bool": bool, "int": int, "float": float}
        return kinds[self.type](value)


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

    def completed(self, inputs: Sequence[Any]) -> list[Any]:
        """Inputs with None for those at the end that are optional and were not named."""
        return [*inputs, *[None] * (len(self.inputs) - len(inputs))]

    def element_dtype(self, dtypes: Sequence[str | None]) -> str:
        """What "T" is, from the dtypes of the inputs."""
        for spec, dtype in zip(self.inputs, dtypes, strict=True):
            if spec.type == "T" and dtype is not None:
                return dtype
        return "float32"

    @cached_property
    def gradient_of(self) -> tuple[int | None, ...]:
        """For each output the input that it is the gradient of."""
        names = {f"grad_{spec.name}": index for index, spec in enumerate(self.inputs)}
        return tuple(names.get(spec.name) for spec in self.outputs)

    def output_shapes(self, shapes: Sequence[Sequence[Any] | None]) -> list[tuple[Any, ...]]:
        """Shapes of the outputs, from those of the inputs; sizes may be symbols of a trace."""
        for spec, shape in zip(self.inputs, shapes, strict=True):
            if shape is not None and len(shape) != len(spec.axes):
                layout = ", ".join(spec.shape.split())
                raise errors.native_refused(
                    f"{self.name}: {spec.name} must be [{layout}], but has {len(shape)} axes."
                )
        found: list[tuple[Any, ...]] = []
        for spec, source, axes in zip(self.outputs, self.gradient_of, self._sources, strict=True):
            if source is not None and spec.optional and shapes[source] is None:
                found.append((0,))
            else:
                found.append(tuple(axis.size(shapes) for axis in axes))
        return found

    @cached_property
    def _sources(self) -> list[tuple[_Source, ...]]:
        """For each axis of each output, where its size comes from."""
        return [tuple(map(self._source, spec.axes)) for spec in self.outputs]

    def _source(self, axis: Axis) -> _Source:
        places = tuple(
            (index, position, other.offset)
            for index, spec in enumerate(self.inputs)
            for position, other in enumerate(spec.axes)
            if axis.name and other.name == axis.name and other.factor == 1
        )
        return _Source(axis.factor, axis.offset, places)

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
_cuda_kernels: frozenset[str] | None = None


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


def cuda_kernels() -> frozenset[str]:
    """Names of the ops that have a CUDA kernel. (Kept, for a trace cannot ask the library.)"""
    global _cuda_kernels
    if _cuda_kernels is None:
        _cuda_kernels = frozenset(name for name in ops() if library().has_cuda_kernel(name))
    return _cuda_kernels


def serves(backend: Backend, op: str, raw: Raw) -> bool:
    """Whether the library has a kernel for an op where a raw tensor lies."""
    kind = backend.device(raw).partition(":")[0]
    if kind not in backend.native_devices:
        return False
    try:
        return op in (ops() if kind == "cpu" else cuda_kernels())
    except errors.NativeError:
        return False


def call(
    op: NativeOp,
    inputs: Sequence[Buffer | None],
    arguments: Sequence[float],
    outputs: Sequence[Buffer],
    threads: int = 0,
) -> None:
    """Run an op and write its outputs; `arguments` are those of `NativeOp.arguments`."""
    arrays = _plain_all(inputs), arguments, _plain_all(outputs)
    try:
        library().call(op.name, *arrays, threads)
    except ValueError as error:
        raise errors.native_refused(str(error)) from None


def call_cuda(
    op: NativeOp,
    inputs: Sequence[Buffer | None],
    arguments: Sequence[float],
    outputs: Sequence[Buffer],
    allocate: Callable[[int], int],
    device: int,
    stream: int,
) -> None:
    """Put an op on a stream of a GPU, whose memory all buffers are in; it returns at once.

    Args:
        op: The op.
        inputs: Its inputs.
        arguments: Those of `NativeOp.arguments`.
        outputs: Its outputs.
        allocate: Gives the address of so many bytes on the device, for the kernels to work in. They
            may be freed when `call_cuda` returns, for what comes later on the stream.
        device: Number of the device.
        stream: Address of the `cudaStream_t`.
    """
    module = library()
    if not module.has_cuda_kernel(op.name):
        missing = module.cuda_missing()
        where = f"cuda:{device}"
        if missing:
            raise errors.native_device(op.name, where, missing)
        raise errors.native_no_kernel(op.name, where)
    arrays = _plain_all(inputs), arguments, _plain_all(outputs)
    try:
        workspace = allocate(module.cuda_workspace(op.name, *arrays))
        module.call_cuda(op.name, *arrays, workspace, device, stream)
    except (ValueError, RuntimeError) as error:
        raise errors.native_refused(str(error)) from None


def _plain_all(
    buffers: Sequence[Buffer | None],
) -> list[tuple[int, int, tuple[int, ...], tuple[int, ...]] | None]:
    return [None if x is None else _plain(x) for x in buffers]


def _plain(x: Buffer) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
    return x.address, _DTYPE_CODES[x.dtype], x.shape, x.strides
