"""Convolution and pooling over any number of dims, one position at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

Sides = Sequence[tuple[int, int]]


def _count(size: int, span: int, side: tuple[int, int], stride: int) -> int:
    return max(0, -(-(size + sum(side) - span + 1) // stride))


def _windows(
    shape: Sequence[int], window: Sequence[int], strides: Sequence[int], sides: Sides
) -> tuple[tuple[int, ...], Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]]:
    """Sizes of the result; for each place of it and of the window, the place of the input."""
    sizes = tuple(map(_count, shape, window, sides, strides))

    def places() -> Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
        for at in np.ndindex(*sizes):
            for inner in np.ndindex(*window):
                parts = zip(at, strides, inner, sides, strict=True)
                source = tuple(a * s + i - left for a, s, i, (left, _) in parts)
                if all(0 <= p < n for p, n in zip(source, shape, strict=True)):
                    yield at, inner, source

    return sizes, places()


def conv(
    x: np.ndarray, kernel: np.ndarray, strides: Sequence[int], sides: Sides, groups: int = 1
) -> np.ndarray:
    """x [*shape, in], kernel [*window, in / groups, out], zeros on the sides."""
    window = kernel.shape[:-2]
    sizes, places = _windows(x.shape[:-1], window, strides, sides)
    y = np.zeros((*sizes, kernel.shape[-1]))
    for at, inner, source in places:
        parts = np.split(x[source], groups)
        kernels = np.split(kernel[inner], groups, -1)
        y[at] += np.concatenate([a @ b for a, b in zip(parts, kernels, strict=True)])
    return y


def pool(
    x: np.ndarray, reduce: str, window: Sequence[int], strides: Sequence[int], sides: Sides
) -> np.ndarray:
    """x [*shape, features]; places outside of the data are left out."""
    sizes, places = _windows(x.shape[:-1], window, strides, sides)
    seen: dict[tuple[int, ...], list[np.ndarray]] = {}
    for at, _, source in places:
        seen.setdefault(at, []).append(x[source])
    y = np.zeros((*sizes, x.shape[-1]))
    for at, values in seen.items():
        y[at] = getattr(np.array(values), reduce)(0)
    return y


def conv_transpose(
    x: np.ndarray, kernel: np.ndarray, strides: Sequence[int], left: Sequence[int]
) -> np.ndarray:
    """x [*shape, in], kernel [*window, in, out]: windows added, then `stride` places for each."""
    window = kernel.shape[:-2]
    size = [n * s + w for n, s, w in zip(x.shape[:-1], strides, window, strict=True)]
    full = np.zeros((*size, kernel.shape[-1]))
    for at in np.ndindex(*x.shape[:-1]):
        for inner in np.ndindex(*window):
            place = tuple(a * s + i for a, s, i in zip(at, strides, inner, strict=True))
            full[place] += x[at] @ kernel[inner]
    cuts = zip(left, x.shape[:-1], strides, strict=True)
    return full[tuple(slice(cut, cut + n * s) for cut, n, s in cuts)]
