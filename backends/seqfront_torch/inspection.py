"""Inspect, convert and create tensors; the random generator; parameters."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.compiler import is_compiling
from torch.fx.experimental.symbolic_shapes import has_static_value

from seqfront import errors
from seqfront.backend import RandomName, Size

DTYPES: Mapping[str, torch.dtype] = {
    "bool": torch.bool,
    "uint8": torch.uint8,
    "int8": torch.int8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}
NAMES: Mapping[torch.dtype, str] = {dtype: name for name, dtype in DTYPES.items()}


def torch_dtype(name: str) -> torch.dtype:
    """PyTorch's dtype of a name."""
    dtype = DTYPES.get(name)
    if dtype is None:
        raise errors.unsupported_dtype("torch", name, f"one of {', '.join(DTYPES)}.")
    return dtype


def least(dtype: torch.dtype) -> float:
    """-inf, or an integer dtype's least value."""
    return -math.inf if dtype.is_floating_point else torch.iinfo(dtype).min


def greatest(dtype: torch.dtype) -> float:
    """+inf, or an integer dtype's greatest value."""
    return math.inf if dtype.is_floating_point else torch.iinfo(dtype).max


def _unknown_device(device: object) -> errors.BackendError:
    known = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    return errors.unknown_device("torch", str(device), ", ".join(known))


@functools.cache
def _known(device: str) -> torch.device:
    """A device that is there."""
    try:
        torch.empty(0, device=device)
        return torch.device(device)
    except (RuntimeError, AssertionError, TypeError):  # an assertion says: built without CUDA
        raise _unknown_device(device) from None


def _place(device: str) -> torch.device | str:
    return device if torch.compiler.is_compiling() else _known(device)


class Inspection:
    """Groups *inspect and convert*, *create* and *parameters* of the seam, and the seed."""

    def shape(self, x: torch.Tensor) -> tuple[Size, ...]:
        """Extents: ints, or `torch.SymInt`s while tracing."""
        return x.shape

    def static_shape(self, x: torch.Tensor) -> tuple[int | None, ...]:
        """Extents that the trace takes for constants, and None for the others."""
        if is_compiling():
            return tuple([size if has_static_value(size) else None for size in x.shape])
        return x.shape

    def meet(self, a: torch.Tensor, b: torch.Tensor) -> bool:
        """Whether both are of one float dtype, and the extents of `b` are the last ones of `a`."""
        if is_compiling():
            extents, others = self.static_shape(a), self.static_shape(b)
        else:
            extents, others = a.shape, b.shape
        if len(others) == 1 <= len(extents):
            fits = extents[-1] == others[0]
        else:
            fits = extents == others or extents[len(extents) - len(others) :] == others
        dtype = a.dtype
        return fits and dtype == b.dtype and dtype.is_floating_point

    def dtype(self, x: torch.Tensor) -> str:
        """Dtype by name."""
        return NAMES[x.dtype]

    def device(self, x: torch.Tensor) -> str:
        """As PyTorch writes it: "cpu", "cuda:0"."""
        return str(x.device)

    def convert(
        self, value: Any, dtype: str | None = None, device: str | None = None
    ) -> torch.Tensor:
        """Tensor of a value. A NumPy array shares its memory with it, where PyTorch can."""
        target = None if dtype is None else torch_dtype(dtype)
        if isinstance(value, torch.Tensor):
            return value.to(device=device, dtype=target)
        if isinstance(value, (np.ndarray, np.generic)):
            return _from_numpy(np.asarray(value)).to(device=device, dtype=target)
        if target is None:
            target = _default_dtype(value)
        if device not in (None, "cpu") and (made := _filled(value, target, device)) is not None:
            return made
        if target is None:
            x = torch.tensor(value, device=device)
            kinds = {torch.int64: torch.int32, torch.float64: torch.float32}
            return x.to(kinds.get(x.dtype, x.dtype))
        return torch.tensor(value, dtype=target, device=device)

    def to_numpy(self, x: torch.Tensor) -> np.ndarray:
        """Detached, on the host; bfloat16 as float32."""
        x = x.detach().cpu()
        return (x.float() if x.dtype == torch.bfloat16 else x).numpy()

    def version(self, x: torch.Tensor) -> tuple[int, int] | None:
        """Changes with what autograd sees: all but what is written into `x.data`."""
        return None if x.is_inference() else (x.data_ptr(), x._version)

    def cast(self, x: torch.Tensor, dtype: str) -> torch.Tensor:
        """Convert values."""
        return x.to(torch_dtype(dtype))

    def to_device(self, x: torch.Tensor, device: str) -> torch.Tensor:
        """Copy to a device, if it is not there."""
        return x.to(_place(device))

    def full(self, shape: Sequence[Size], value: float, dtype: str, device: str) -> torch.Tensor:
        """Constant of a shape."""
        return torch.full(tuple(shape), value, dtype=torch_dtype(dtype), device=_place(device))

    def arange(self, size: Size, dtype: str, device: str) -> torch.Tensor:
        """0, 1, ..., size - 1."""
        if dtype == "bool":
            return torch.arange(size, device=_place(device)).to(torch.bool)
        return torch.arange(size, dtype=torch_dtype(dtype), device=_place(device))

    def random(
        self, kind: RandomName, shape: Sequence[Size], dtype: str, device: str
    ) -> torch.Tensor:
        """Uniform in [0, 1), or the standard normal."""
        draw = torch.rand if kind == "uniform" else torch.randn
        return draw(tuple(shape), dtype=torch_dtype(dtype), device=_place(device))

    def set_seed(self, seed: int) -> None:
        """Seed the generators of every device."""
        torch.manual_seed(seed)

    def random_state(self) -> Any:
        """States of the generators of the CPU and of every CUDA device in use."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
        return torch.get_rng_state(), cuda

    def set_random_state(self, state: Any) -> None:
        """Continue from a state."""
        cpu, cuda = state
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)

    def parameter(
        self, value: Any, device: str | None = None, trainable: bool = True
    ) -> torch.nn.Parameter:
        """A `torch.nn.Parameter` with memory of its own."""
        data = self.convert(value, None, device).detach().clone()
        return torch.nn.Parameter(data, requires_grad=trainable and data.is_floating_point())

    def assign(self, parameter: torch.Tensor, value: Any) -> None:
        """Overwrite in place, outside of what autograd records."""
        with torch.no_grad():
            parameter.copy_(self.convert(value))


def _default_dtype(value: Any) -> torch.dtype | None:
    """Dtype of a Python number; None for anything else."""
    if isinstance(value, bool):
        return torch.bool
    if isinstance(value, int):
        return torch.int32
    return torch.float32 if isinstance(value, float) else None


_FILLED = 16
"""So many numbers are written one by one: faster than to wait for a device."""


def _filled(value: Any, dtype: torch.dtype | None, device: str | None) -> torch.Tensor | None:
    """A number, or a few in rows, written by the device itself: a copy from the host would wait
    for all work under way, and no CUDA graph could hold it. None for anything else."""
    if isinstance(value, (bool, int, float)):
        return torch.full((), value, dtype=dtype or _default_dtype(value), device=device)
    if not isinstance(value, (list, tuple)):
        return None
    array = np.asarray(value)
    if array.dtype.kind not in "bif" or not 0 < array.size <= _FILLED:
        return None
    numbers = array.ravel().tolist()
    dtype = dtype or _default_dtype(numbers[0])
    made = [torch.full((), x, dtype=dtype, device=device) for x in numbers]
    return torch.stack(made).reshape(array.shape)


def _from_numpy(value: np.ndarray) -> torch.Tensor:
    """Sharing memory, unless the array is read-only or runs backwards."""
    if torch.compiler.is_compiling():  # arrays are tensors to Dynamo, and have none of what follows
        return torch.from_numpy(value)
    if value.dtype.kind == "V" and value.dtype.name == "bfloat16":  # (names take long to make)
        return _from_numpy(value.view(np.uint16)).view(torch.bfloat16)
    if not value.flags.writeable or any(stride < 0 for stride in value.strides):
        value = value.copy()
    return torch.from_numpy(value)
