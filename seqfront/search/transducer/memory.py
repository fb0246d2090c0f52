"""Arrays for native ops, by the shortest way: what is computed takes hardly longer."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from seqfront import native

Memory: TypeAlias = tuple[int, int, tuple[int, ...], tuple[int, ...]]
"""Where an array is: address, dtype as the library counts them, extents, strides in elements."""

Step: TypeAlias = tuple[str, tuple[Memory | None, ...], tuple[float, ...], tuple[Memory, ...]]
"""An op on memory that stays where it is: name, inputs, attributes, outputs."""

_CODES = {np.dtype(np.float32): 0, np.dtype(np.float64): 1, np.dtype(np.int32): 4}


def lies(x: Any) -> Memory:
    """Where the elements of an array without gaps are: float32, float64 or int32."""
    shape = x.shape
    return x.__array_interface__["data"][0], _CODES[x.dtype], shape, _strides(shape)


@lru_cache(1024)
def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """In elements, without gaps."""
    stride, strides = 1, [0] * len(shape)
    for axis in range(len(shape) - 1, -1, -1):
        strides[axis] = stride
        stride *= shape[axis]
    return tuple(strides)


def program(*steps: Step) -> Callable[[], None]:
    """The steps, one after another, ready to be made again and again."""
    return native.library().Program(steps)
