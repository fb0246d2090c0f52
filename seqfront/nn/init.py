"""How parameters start.

An initialiser computes in NumPy, from a stream of its own (Philox), so that one seed gives the same
parameters on every backend. The last two dims are input and output; those before them are windows,
which count for both fan-in and fan-out.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqfront.dim import Dim


class Initializer(abc.ABC):
    """Starting values for dims, from a random stream."""

    @abc.abstractmethod
    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        """A NumPy array with one axis for each dim."""


@dataclass(frozen=True)
class Constant(Initializer):
    """One value everywhere."""

    value: float = 0.0

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        return np.full(_shape(dims), self.value)


@dataclass(frozen=True)
class Normal(Initializer):
    """Normal distribution around zero."""

    stddev: float = 1.0

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        return stream.standard_normal(_shape(dims)) * self.stddev


@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniform between -limit and limit."""

    limit: float = 0.05

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        return stream.uniform(-self.limit, self.limit, _shape(dims))


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """Uniform with variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010)."""

    gain: float = 1.0

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        fan_in, fan_out = _fans(dims)
        limit = self.gain * math.sqrt(6.0 / max(1, fan_in + fan_out))
        return stream.uniform(-limit, limit, _shape(dims))


@dataclass(frozen=True)
class HeUniform(Initializer):
    """Uniform with variance 2 / fan_in, for layers before a ReLU (He et al. 2015)."""

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        limit = math.sqrt(6.0 / max(1, _fans(dims)[0]))
        return stream.uniform(-limit, limit, _shape(dims))


@dataclass(frozen=True)
class LSTMBias(Initializer):
    """Zeros, but ones for the forget gate (Jozefowicz et al. 2015); gates i, f, g, o."""

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        value = np.zeros(_shape(dims))
        width = value.shape[0] // 4
        value[width : 2 * width] = 1.0
        return value


def _shape(dims: Sequence[Dim]) -> tuple[int, ...]:
    return tuple(int(dim.size or 0) for dim in dims)


def _fans(dims: Sequence[Dim]) -> tuple[int, int]:
    shape = _shape(dims)
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]
