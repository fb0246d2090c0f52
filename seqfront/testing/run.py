"""Running a case once: on a backend, eager or compiled, with gradients.

The gradients are those of one number: the sum of all floating-point results, over their data only,
each multiplied by a weight. The weight of a position follows from its coordinates alone, so that it
stays the same when axes change places, padding grows, or a sequence is computed by itself.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (NumPy declares the results of its array methods only in part.)

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np

from seqfront import backends, randomness
from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.nn.module import Module
from seqfront.ops.create import wrap
from seqfront.tensor import Tensor
from seqfront.testing.case import Case
from seqfront.testing.inputs import Argument, Ragged, data_mask

Compile = Callable[[Callable[..., Any], Sequence[tuple[str, tuple[int | None, ...]]]], Any]
"""Turns a function of raw tensors into a compiled one; also gets dtypes and shapes of its
arguments, with None for what a trace should not know."""


@dataclass(frozen=True)
class Output:
    """One tensor of a result, as plain arrays."""

    values: np.ndarray
    dims: tuple[Dim, ...]
    dtype: str
    lengths: Mapping[Dim, Ragged]
    sparse_dim: Dim | None
    untrusted: bool

    @property
    def is_float(self) -> bool:
        """Whether it has a gradient."""
        return self.values.dtype.kind == "f"

    def data(self) -> np.ndarray:
        """bool with the shape of the values: true where there is data."""
        return data_mask(self.values.shape, self.dims, self.lengths)


class Execution(NamedTuple):
    """What a case gave: results, and gradients of inputs and parameters by name."""

    outputs: tuple[Output, ...]
    gradients: Mapping[str, np.ndarray]


@dataclass
class Setting:
    """How to run: in which precision, compiled by what, with what weights and random numbers."""

    precision: str = "float32"
    compile: Compile | None = None
    gradients: bool = True
    coordinates: Mapping[Dim, np.ndarray] = field(default_factory=dict[Dim, np.ndarray])
    """Where the rows of a dim lie in the whole batch, if not at 0, 1, ..."""
    parameters: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    """Values for parameters, instead of those they start with."""
    draws: Sequence[Any] | None = None
    device: str = "cpu"
    """Where inputs and parameters are."""


def run(
    case: Case, backend: str, arguments: Mapping[str, Argument], setting: Setting | None = None
) -> Execution:
    """Run a case on a backend with the arguments given."""
    how = Setting() if setting is None else setting
    arguments = {name: x.as_dtype(how.precision) for name, x in arguments.items()}
    target = backends.get(backend)
    replaying = contextlib.nullcontext() if how.draws is None else randomness.replay(how.draws)
    with backends.use_backend(backend), replaying:
        model = make_module(case, target, how)
        raws = flatten(target, arguments, how.device)
        function: Callable[..., Any] = caller(case, model, arguments)
        if how.compile is not None:
            function = how.compile(function, specs(target, raws, arguments))
        if not how.gradients or case.no_gradient or not target.has_gradients:
            return Execution(as_outputs(target, function(*raws)), {})
        return _differentiated(case, target, function, raws, arguments, model, how)


def make_module(case: Case, backend: Backend, how: Setting) -> Module | None:
    """The layer of a case: the same parameters on every backend, in the precision wanted."""
    if case.module is None:
        return None
    randomness.set_seed(case.seed)
    model = case.module()
    for name, parameter in model.named_parameters().items():
        value = how.parameters.get(name, backend.to_numpy(parameter.raw))
        if parameter.trainable and value.dtype.kind == "f":
            value = np.asarray(value, how.precision)
        elif how.device == "cpu":
            continue
        raw = backend.convert(value)
        variable = backend.parameter(raw, how.device, trainable=parameter.trainable)
        parameter.owned_by({"value": variable}, "value")
    return model


# -- tensors as flat lists of raw ones -------------------------------------------------------------


def flatten(backend: Backend, arguments: Mapping[str, Argument], device: str = "cpu") -> list[Raw]:
    """Values and lengths of all arguments, one after another."""
    raws: list[Raw] = []
    for x in arguments.values():
        raws.append(backend.convert(x.values))
        raws += [backend.convert(entry.values) for entry in x.lengths.values()]
    return [backend.to_device(raw, device) for raw in raws] if device != "cpu" else raws


def unflatten(arguments: Mapping[str, Argument], raws: Sequence[Raw]) -> list[Tensor]:
    """Tensors from the flat list; made by `wrap`, also while tracing."""
    rest = iter(raws)
    tensors: list[Tensor] = []
    for x in arguments.values():
        raw = next(rest)
        lengths = {dim: wrap(next(rest), entry.dims) for dim, entry in x.lengths.items()}
        tensors.append(wrap(raw, x.dims, lengths, sparse_dim=x.sparse_dim))
    return tensors


def specs(
    backend: Backend, raws: Sequence[Raw], arguments: Mapping[str, Argument]
) -> list[tuple[str, tuple[int | None, ...]]]:
    """Dtypes and shapes of the flat list; sizes only of static dims."""
    dims: list[tuple[Dim, ...]] = []
    for x in arguments.values():
        dims += [x.dims, *(entry.dims for entry in x.lengths.values())]
    return [
        (backend.dtype(raw), tuple(dim.size for dim in axes))
        for raw, axes in zip(raws, dims, strict=True)
    ]


def leaves(result: Any) -> tuple[Tensor, ...]:
    """The tensors of a result."""
    if isinstance(result, Tensor):
        return (result,)
    found: tuple[Tensor, ...] = ()
    for item in cast("Sequence[Any]", result):
        found += leaves(item)
    return found


def caller(
    case: Case, model: Module | None, arguments: Mapping[str, Argument]
) -> Callable[..., tuple[Tensor, ...]]:
    """A case as a function of raw tensors."""

    def call(*raws: Raw) -> tuple[Tensor, ...]:
        tensors = unflatten(arguments, raws)
        result = case.call(*tensors) if model is None else case.call(model, *tensors)
        return leaves(result)

    return call


def as_outputs(backend: Backend, tensors: Sequence[Tensor]) -> tuple[Output, ...]:
    """Results as arrays."""
    return tuple(_as_output(backend, x) for x in tensors)


def _as_output(backend: Backend, x: Tensor) -> Output:
    lengths: dict[Dim, Ragged] = {}
    for dim in x.dims:
        entry = x.lengths_table.of(dim, backend)
        if entry is not None:
            lengths[dim] = Ragged(entry.dims, backend.to_numpy(entry.raw))
    values = np.asarray(backend.to_numpy(x.raw))
    return Output(values, x.dims, x.dtype, lengths, x.sparse_dim, x.untrusted)


# -- gradients -------------------------------------------------------------------------------------


def weights(output: Output, coordinates: Mapping[Dim, np.ndarray]) -> np.ndarray:
    """What each position counts in the number that is differentiated; 0 in the padding."""
    phase = np.zeros(output.values.shape)
    for axis, dim in enumerate(output.dims):
        position = coordinates.get(dim, np.arange(output.values.shape[axis])).astype(np.float64)
        rate = 0.7 + (zlib.crc32(dim.name.encode()) % 997) / 997
        shape = [-1 if i == axis else 1 for i in range(phase.ndim)]
        phase = phase + ((position + 1) * rate).reshape(shape)
    return np.where(output.data(), np.sin(phase + 0.5), 0.0)


def _differentiated(
    case: Case,
    backend: Backend,
    function: Callable[..., tuple[Tensor, ...]],
    raws: list[Raw],
    arguments: Mapping[str, Argument],
    model: Module | None,
    how: Setting,
) -> Execution:
    names, wrt, at = [], [], 0
    for name, x in arguments.items():
        if x.is_float:
            names.append(name)
            wrt.append(raws[at])
        at += 1 + len(x.lengths)
    for name, parameter in ({} if model is None else model.named_parameters()).items():
        if parameter.trainable:
            names.append(name)
            wrt.append(parameter.raw)
    if not wrt:
        raise AssertionError(f"{case.name}: nothing to differentiate by: say so in no_gradient")

    def total() -> tuple[Raw, tuple[Tensor, ...]]:
        tensors = function(*raws)
        return weighted_sum(backend, tensors, how.coordinates), tensors

    (_, tensors), grads = backend.value_and_grad(total, wrt)
    found = dict(zip(names, map(backend.to_numpy, grads), strict=True))
    return Execution(as_outputs(backend, tensors), found)


def weighted_sum(
    backend: Backend, tensors: Sequence[Tensor], coordinates: Mapping[Dim, np.ndarray]
) -> Raw:
    """The number that is differentiated."""
    result: Raw = None
    for x in tensors:
        detached = Tensor(backend.stop_gradient(x.raw), x.dims, x.lengths_table, backend=backend)
        output = _as_output(backend, detached)
        if not output.is_float:
            continue
        weight = backend.convert(weights(output, coordinates), x.dtype, x.device)
        data = backend.convert(output.data(), None, x.device)
        raw = backend.where(data, x.raw, 0.0)
        axes = tuple(range(len(x.dims)))
        part = backend.reduce("sum", backend.binary("mul", raw, weight), axes)
        part = backend.cast(part, "float64")
        result = part if result is None else backend.binary("add", result, part)
    if result is None:
        raise AssertionError("no result is floating point: say so in no_gradient")
    return result
