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
from typing import Any, Literal

import numpy as np

from seqfront import errors
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
class Identity(Initializer):
    """`gain` where the places of the last two dims are the same, in the middle of a window, else 0:
    what a linear layer or a convolution gives is what it is given."""

    gain: float = 1.0

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        shape = _matrix("Identity", dims)
        value = np.zeros(shape)
        middle = tuple([(size - 1) // 2 for size in shape[:-2]])
        value[middle] = np.eye(shape[-2], shape[-1]) * self.gain
        return value


@dataclass(frozen=True)
class Normal(Initializer):
    """Normal distribution around zero."""

    stddev: float = 1.0

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        return stream.standard_normal(_shape(dims)) * self.stddev


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """Normal distribution around zero, without what lies beyond `limit` times `stddev`. (That makes
    the deviation of what is left smaller: 0.88 of it for two.)"""

    stddev: float = 1.0
    limit: float = 2.0

    def __post_init__(self) -> None:
        if not self.limit >= 0.1:
            fix = "nearly nothing lies within so few deviations: take Uniform."
            raise errors.bad_argument("TruncatedNormal", "limit", self.limit, "0.1 or more", fix)

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        return _truncated(_shape(dims), self.limit, stream) * self.stddev


@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniform between -limit and limit."""

    limit: float = 0.05

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        return stream.uniform(-self.limit, self.limit, _shape(dims))


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Variance scale / n, so that what goes through many layers neither grows nor vanishes: a base
    for those with names.

    `mode` says what n is: inputs ("in"), outputs ("out") or their mean ("mean") of the last two
    dims; `shape` the distribution: "uniform", "normal", or "truncated" (normal without what lies
    beyond two deviations, and as wide as it is to be nevertheless).
    """

    scale: float = 1.0
    mode: Literal["in", "out", "mean"] = "in"
    shape: Literal["uniform", "normal", "truncated"] = "truncated"

    def __post_init__(self) -> None:
        for name, value, known in (("mode", self.mode, _MODES), ("shape", self.shape, _SHAPES)):
            if value not in known:
                raise errors.unknown_choice(type(self).__name__, name, value, known)

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        fan_in, fan_out = _fans(dims)
        count = {"in": fan_in, "out": fan_out, "mean": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1, count)
        if self.shape == "uniform":
            limit = math.sqrt(3.0 * variance)
            return stream.uniform(-limit, limit, _shape(dims))
        if self.shape == "normal":
            return stream.standard_normal(_shape(dims)) * math.sqrt(variance)
        return _truncated(_shape(dims), 2.0, stream) * math.sqrt(variance) / _LEFT_OF_TWO


_MODES = ("in", "out", "mean")
_SHAPES = ("uniform", "normal", "truncated")
_LEFT_OF_TWO = 0.8796256610342398
"""Standard deviation of a normal distribution cut at two deviations."""


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """Uniform with variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010)."""

    gain: float = 1.0

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        return VarianceScaling(self.gain**2, "mean", "uniform")(dims, stream)


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """Normal with variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010)."""

    gain: float = 1.0

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        return VarianceScaling(self.gain**2, "mean", "normal")(dims, stream)


@dataclass(frozen=True)
class HeUniform(Initializer):
    """Uniform with variance 2 / fan_in, for layers before a ReLU (He et al. 2015)."""

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        return VarianceScaling(2.0, "in", "uniform")(dims, stream)


@dataclass(frozen=True)
class HeNormal(Initializer):
    """Normal with variance 2 / fan_in, for layers before a ReLU (He et al. 2015)."""

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        return VarianceScaling(2.0, "in", "normal")(dims, stream)


@dataclass(frozen=True)
class LecunUniform(Initializer):
    """Uniform with variance 1 / fan_in (LeCun et al. 1998)."""

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        return VarianceScaling(1.0, "in", "uniform")(dims, stream)


@dataclass(frozen=True)
class LecunNormal(Initializer):
    """Normal with variance 1 / fan_in (LeCun et al. 1998), as self-normalising networks need it."""

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        return VarianceScaling(1.0, "in", "normal")(dims, stream)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """`gain` times a random matrix with orthonormal rows or columns, whichever are fewer
    (Saxe et al. 2014, arXiv:1312.6120): the last dim against all others."""

    gain: float = 1.0

    def __call__(self, dims: Sequence[Dim], stream: np.random.Generator) -> Any:
        shape = _matrix("Orthogonal", dims)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        basis = _orthonormal(max(rows, columns), min(rows, columns), stream)
        return self.gain * (basis if rows >= columns else basis.T).reshape(shape)


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


def _matrix(name: str, dims: Sequence[Dim]) -> tuple[int, ...]:
    """Sizes of at least two dims."""
    if len(dims) < 2:
        fix = "its last two dims are inputs and outputs."
        raise errors.bad_argument(name, "a parameter", tuple(dims), "two dims or more", fix)
    return _shape(dims)


def _orthonormal(rows: int, columns: int, stream: np.random.Generator) -> Any:
    """Columns of length 1, at right angles, all directions as likely as any other."""
    found: Any = np.linalg.qr(stream.standard_normal((rows, columns)))
    return found[0] * np.where(found[1].diagonal() < 0, -1.0, 1.0)


def _truncated(shape: tuple[int, ...], limit: float, stream: np.random.Generator) -> Any:
    """Normal, drawn again where it lies beyond the limit."""
    value = stream.standard_normal(shape)
    while (beyond := np.abs(value) > limit).any():
        value = np.where(beyond, stream.standard_normal(shape), value)
    return value


def _fans(dims: Sequence[Dim]) -> tuple[int, int]:
    shape = _shape(dims)
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]
