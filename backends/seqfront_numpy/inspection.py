"""Inspect, convert and create arrays."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqfront import errors
from seqfront.backend import RandomName


@functools.cache
def numpy_dtype(name: str) -> np.dtype[Any]:
    """NumPy's dtype of a name; bfloat16 comes from `ml_dtypes`, if that is installed."""
    if name != "bfloat16":
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError:
        raise errors.unsupported_dtype(
            "numpy", name, "pip install ml-dtypes, which teaches NumPy this dtype."
        ) from None
    return np.dtype(ml_dtypes.bfloat16)


def like(value: Any, other: np.ndarray) -> np.ndarray:
    """`value` as it is, or a Python number with the dtype of `other`."""
    return value if isinstance(value, np.ndarray) else np.asarray(value, other.dtype)


def is_low_precision(x: np.ndarray) -> bool:
    """Whether `x` is float16 or bfloat16, which NumPy computes slowly or not at all."""
    return x.dtype.name in ("float16", "bfloat16")


class Inspection:
    """Groups *inspect and convert* and *create* of the seam."""

    _generator: np.random.Generator

    def shape(self, x: np.ndarray) -> tuple[int, ...]:
        """Extents."""
        return x.shape

    def static_shape(self, x: np.ndarray) -> tuple[int | None, ...]:
        """Extents: all are known."""
        return x.shape

    def dtype(self, x: np.ndarray) -> str:
        """Dtype by name."""
        return x.dtype.name

    def device(self, x: np.ndarray) -> str:
        """Always "cpu"."""
        return "cpu"

    def convert(self, value: Any, dtype: str | None = None, device: str | None = None) -> Any:
        """Array of a value; Python floats become float32, ints int32."""
        self._require_cpu(device)
        target = None if dtype is None else numpy_dtype(dtype)
        x = np.asarray(value)
        if target is None and not hasattr(value, "dtype"):
            target = {"f": np.dtype(np.float32), "i": np.dtype(np.int32)}.get(x.dtype.kind)
        return x if target is None else x.astype(target, copy=False)

    def to_numpy(self, x: np.ndarray) -> np.ndarray:
        """The array itself; bfloat16 as float32."""
        return x.astype(np.float32) if x.dtype.name == "bfloat16" else x

    def cast(self, x: np.ndarray, dtype: str) -> np.ndarray:
        """Convert values."""
        with np.errstate(all="ignore"):
            return x.astype(numpy_dtype(dtype), copy=False)

    def to_device(self, x: np.ndarray, device: str) -> np.ndarray:
        """The same array: there is one device."""
        self._require_cpu(device)
        return x

    def full(self, shape: Sequence[int], value: float, dtype: str, device: str) -> np.ndarray:
        """Constant of a shape."""
        self._require_cpu(device)
        return np.full(tuple(shape), value, numpy_dtype(dtype))

    def arange(self, size: int, dtype: str, device: str) -> np.ndarray:
        """0, 1, ..., size - 1."""
        self._require_cpu(device)
        return np.arange(size).astype(numpy_dtype(dtype))

    def random(self, kind: RandomName, shape: Sequence[int], dtype: str, device: str) -> np.ndarray:
        """Uniform in [0, 1), or the standard normal."""
        self._require_cpu(device)
        draw = self._generator.random if kind == "uniform" else self._generator.standard_normal
        wide = np.float64 if dtype == "float64" else np.float32
        x = np.asarray(draw(tuple(shape), dtype=wide))
        if kind == "uniform" and is_low_precision(np.empty(0, numpy_dtype(dtype))):
            x = np.floor(x * 256) / 256  # rounding may not reach 1
        return x.astype(numpy_dtype(dtype), copy=False)

    def set_seed(self, seed: int) -> None:
        """Seed this backend's generator."""
        self._generator = np.random.default_rng(seed)

    def random_state(self) -> Any:
        """State of the generator: a dict."""
        return self._generator.bit_generator.state

    def set_random_state(self, state: Any) -> None:
        """Continue from a state."""
        self._generator.bit_generator.state = state

    @staticmethod
    def _require_cpu(device: str | None) -> None:
        if device not in (None, "cpu"):
            raise errors.unknown_device("numpy", str(device), "cpu")
