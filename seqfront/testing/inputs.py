"""What goes into a case: plain arrays with dims and lengths, drawn from one seeded generator.

A `Spec` says how to draw one input, a `Layout` how large the dims are and how long the sequences;
together they make `Argument`s, which belong to no framework yet.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (NumPy declares the results of its array methods only in part.)

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from seqfront.dim import Dim, evaluate, roots


class Ragged(NamedTuple):
    """Lengths of a dim: integers over other dims."""

    dims: tuple[Dim, ...]
    values: np.ndarray


def ragged(over: Dim | Sequence[Dim], values: Any) -> Ragged:
    """Lengths over the batch, as in `ragged(batch, [5, 3, 4])`."""
    dims = (over,) if isinstance(over, Dim) else tuple(over)
    return Ragged(dims, np.asarray(values, np.int32))


@dataclass(frozen=True)
class Layout:
    """Sizes of dynamic dims, and lengths of ragged ones; derived dims follow."""

    sizes: Mapping[Dim, int] = field(default_factory=dict[Dim, int])
    lengths: Mapping[Dim, Ragged] = field(default_factory=dict[Dim, Ragged])

    def size(self, dim: Dim) -> int:
        """Extent of a dim."""
        if dim.size is not None:
            return dim.size
        if dim in self.sizes:
            return self.sizes[dim]
        if dim.expr is None:
            raise KeyError(f"the layout has no size for {dim!r}")
        return int(evaluate(dim.expr, tuple(map(self.size, dim.expr.dims)), max))

    def ragged(self, dim: Dim) -> Ragged | None:
        """Lengths of a dim; None if it is full."""
        if dim in self.lengths or dim.expr is None or len(dim.expr.dims) > 1:
            return self.lengths.get(dim)
        inner = self.ragged(next(iter(dim.expr.dims)))
        if inner is None:
            return None
        values = evaluate(dim.expr, (inner.values,), np.maximum)
        return Ragged(inner.dims, np.asarray(values, np.int32))

    def is_padded(self, dim: Dim) -> bool:
        """Whether the extent of a dim is padding's to choose: dynamic, from a ragged dim."""
        return dim.size is None and any(root in self.lengths for root in roots(dim))


@dataclass(frozen=True)
class Argument:
    """One input of a case."""

    values: np.ndarray
    dims: tuple[Dim, ...]
    lengths: Mapping[Dim, Ragged]
    sparse_dim: Dim | None = None
    fixed_dtype: bool = False

    @property
    def is_float(self) -> bool:
        """Whether it can be differentiated by."""
        return self.values.dtype.kind == "f"

    def data(self) -> np.ndarray:
        """bool with the shape of the values: true where there is data."""
        return data_mask(self.values.shape, self.dims, self.lengths)

    def with_values(self, values: np.ndarray) -> Argument:
        """The same with other values."""
        return replace(self, values=values)

    def as_dtype(self, dtype: str) -> Argument:
        """With floats in a precision, unless the case fixed it."""
        if not self.is_float or self.fixed_dtype:
            return self
        return self.with_values(self.values.astype(dtype))


def data_mask(
    shape: Sequence[int], dims: Sequence[Dim], lengths: Mapping[Dim, Ragged]
) -> np.ndarray:
    """bool of a shape: which positions lie within all lengths that depend on these dims."""
    mask = np.ones(tuple(shape), bool)
    for axis, dim in enumerate(dims):
        entry = lengths.get(dim)
        if entry is None or any(d not in dims for d in entry.dims):
            continue
        position = np.arange(shape[axis]).reshape(
            [-1 if i == axis else 1 for i in range(mask.ndim)]
        )
        over_dims = entry.dims
        order = sorted(range(len(over_dims)), key=[dims.index(d) for d in over_dims].__getitem__)
        over = [shape[i] if d in entry.dims else 1 for i, d in enumerate(dims)]
        mask &= position < entry.values.transpose(order).reshape(over)
    return mask


# -- how to draw an input --------------------------------------------------------------------------


@dataclass(frozen=True)
class Spec:
    """How one input is drawn."""

    dims: tuple[Dim, ...]
    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    sparse_dim: Dim | None = None
    dtype: str | None = None

    def make(self, layout: Layout, rng: np.random.Generator) -> Argument:
        """The input for a layout. Floats are float32 numbers in every precision."""
        values = self.draw(rng, tuple(map(layout.size, self.dims)))
        if values.dtype.kind == "f":
            values = values.astype(np.float32)
        if self.dtype is not None:
            values = values.astype(self.dtype)
        entries = {dim: layout.ragged(dim) for dim in self.dims}
        lengths = {
            dim: entry
            for dim, entry in entries.items()
            if entry is not None and all(d in self.dims for d in entry.dims)
        }
        return Argument(values, self.dims, lengths, self.sparse_dim, self.dtype is not None)


def normal(*dims: Dim, scale: float = 1.0, dtype: str | None = None) -> Spec:
    """Normally distributed floats."""
    return Spec(dims, lambda rng, shape: rng.standard_normal(shape) * scale, dtype=dtype)


def uniform(*dims: Dim, low: float, high: float, dtype: str | None = None) -> Spec:
    """Floats between bounds."""
    return Spec(dims, lambda rng, shape: rng.uniform(low, high, shape), dtype=dtype)


def distinct(*dims: Dim, step: float = 0.25, dtype: str | None = None) -> Spec:
    """Floats no two of which are closer than `step`, around zero but never zero: for functions with
    kinks."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        count = int(np.prod(shape))
        return (rng.permutation(count).reshape(shape) - count // 2 + 0.5) * step

    return Spec(dims, draw, dtype=dtype)


def integers(
    *dims: Dim, low: int = 0, high: int | None = None, of: Dim | None = None, dtype: str = "int32"
) -> Spec:
    """Integers in [low, high); with `of`, labels of that dim."""
    stop = high if high is not None else of.size if of is not None else None
    if stop is None:
        raise ValueError("integers: give high, or a dim of known size they are labels of")
    return Spec(dims, lambda rng, shape: rng.integers(low, stop, shape), of, dtype)


def booleans(*dims: Dim) -> Spec:
    """True or false."""
    return Spec(dims, lambda rng, shape: rng.integers(0, 2, shape).astype(bool), dtype="bool")


def constant(values: Any, *dims: Dim, of: Dim | None = None, dtype: str | None = None) -> Spec:
    """Given values; where the layout is larger than they are, they are repeated."""
    array = np.asarray(values)

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        extra = [(0, n - m) for n, m in zip(shape, array.shape, strict=True)]
        return np.pad(array, extra, mode="wrap") if array.shape != shape else array

    return Spec(dims, draw, of, dtype if dtype is not None or array.dtype.kind == "f" else "int32")
