"""Move and index: reshape, transpose, join, cut, pad, gather, scatter, sort."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from seqfront.backend import ScatterName


class Movement:
    """Group *move* of the seam."""

    def reshape(self, x: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """Row-major."""
        return x.reshape(tuple(shape))

    def transpose(self, x: np.ndarray, permutation: Sequence[int]) -> np.ndarray:
        """Axis i of the result is axis `permutation[i]` of `x`."""
        return x.transpose(tuple(permutation))

    def expand_dims(self, x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        """Insert axes of size one."""
        return np.expand_dims(x, tuple(axes))

    def squeeze(self, x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        """Remove axes of size one."""
        return np.squeeze(x, tuple(axes))

    def broadcast_to(self, x: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """A read-only view."""
        return np.broadcast_to(x, tuple(shape))

    def concat(self, xs: Sequence[np.ndarray], axis: int) -> np.ndarray:
        """Join along an existing axis."""
        return np.concatenate(list(xs), axis)

    def split(self, x: np.ndarray, sizes: Sequence[int], axis: int) -> tuple[np.ndarray, ...]:
        """Cut into pieces."""
        return tuple(np.split(x, list(itertools.accumulate(sizes))[:-1], axis)) if sizes else ()

    def pad(self, x: np.ndarray, paddings: Sequence[tuple[int, int]], value: float) -> np.ndarray:
        """Constant before and after, for every axis."""
        return np.pad(x, list(paddings), constant_values=value) if x.ndim else x

    def slice(self, x: np.ndarray, axis: int, start: int, stop: int, step: int = 1) -> np.ndarray:
        """`x[start:stop:step]` along an axis."""
        return x[(slice(None),) * axis + (slice(start, stop, step),)]

    def flip(self, x: np.ndarray, axis: int) -> np.ndarray:
        """Reverse an axis."""
        return np.flip(x, axis)


class Indexing:
    """Group *index* of the seam."""

    def gather(
        self, x: np.ndarray, indices: np.ndarray, axis: int, batch_ndim: int = 0
    ) -> np.ndarray:
        """Take slices along `axis`; the first `batch_ndim` axes go together."""
        if batch_ndim == 0:
            return np.asarray(np.take(x, indices, axis))
        taken = indices.ndim - batch_ndim
        grid = np.ogrid[tuple(slice(size) for size in x.shape[:batch_ndim])]
        rows = tuple(g.reshape(g.shape + (1,) * taken) for g in grid)
        y = np.moveaxis(x, axis, batch_ndim)[(*rows, indices)]
        source = list(range(batch_ndim, batch_ndim + taken))
        return np.moveaxis(y, source, [i + axis - batch_ndim for i in source])

    def scatter(
        self, name: ScatterName, x: np.ndarray, indices: np.ndarray, updates: np.ndarray
    ) -> np.ndarray:
        """Combine rows into a copy of `x`; NumPy's assignment lets the last one win."""
        y = x.copy()
        if name == "update":
            y[indices] = updates
        else:
            run = {"add": np.add, "max": np.maximum, "min": np.minimum}[name]
            run.at(y, indices, updates)
        return y

    def sort(
        self, x: np.ndarray, axis: int, descending: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Stable: values and int64 indices."""
        if descending:
            order = np.argsort(np.flip(x, axis), axis, kind="stable")
            order = x.shape[axis] - 1 - np.flip(order, axis)
        else:
            order = np.argsort(x, axis, kind="stable")
        return np.take_along_axis(x, order, axis), order.astype(np.int64, copy=False)

    def top_k(self, x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Greatest `k` of the last axis."""
        values, order = self.sort(x, x.ndim - 1, descending=True)
        return values[..., :k], order[..., :k]

    def search_sorted(
        self, sorted_values: np.ndarray, values: np.ndarray, side: Literal["left", "right"]
    ) -> np.ndarray:
        """Insertion points, row by row."""
        found = np.empty(values.shape, np.int64)
        for row in np.ndindex(values.shape[:-1]):
            found[row] = np.searchsorted(sorted_values[row], values[row], side)
        return found

    def masked_select(self, x: np.ndarray, mask: np.ndarray) -> Any:
        """Rows where the mask is true."""
        return x[mask]
