"""Plain NumPy of single sequences: what convolution and recurrence should give."""

from __future__ import annotations

import numpy as np


def softmax(x: np.ndarray, axis: int = 0) -> np.ndarray:
    weight = np.exp(x - 1.0 * x.max(axis, keepdims=True))
    return weight / weight.sum(axis, keepdims=True)


def logsumexp(x: np.ndarray, axis: int | tuple[int, ...] = 0) -> np.ndarray:
    x = x * 1.0
    high = np.nanmax(x)
    return np.log(np.nansum(np.exp(x - high), axis)) + high


def conv(
    x: np.ndarray,
    kernel: np.ndarray,
    *,
    left: int = 0,
    right: int = 0,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> np.ndarray:
    """x [time, in], kernel [window, in / groups, out] -> [time', out], one product at a time."""
    x = np.pad(x, [(left, right), (0, 0)])
    span = (kernel.shape[0] - 1) * dilation + 1
    count = max(0, -(-(len(x) - span + 1) // stride))
    width_in, width_out = x.shape[1] // groups, kernel.shape[2] // groups
    y = np.zeros((count, kernel.shape[2]))
    for t in range(count):
        for o in range(kernel.shape[2]):
            first = (o // width_out) * width_in
            for w in range(kernel.shape[0]):
                for i in range(width_in):
                    y[t, o] += x[t * stride + w * dilation, first + i] * kernel[w, i, o]
    return y


def conv2d(x: np.ndarray, kernel: np.ndarray, strides: tuple[int, int]) -> np.ndarray:
    """x [height, width, in], kernel [h, w, in, out], "valid"."""
    rows, columns = (
        (n - k) // s + 1 for n, k, s in zip(x.shape[:2], kernel.shape[:2], strides, strict=True)
    )
    y = np.zeros((max(rows, 0), max(columns, 0), kernel.shape[3]))
    for i, j in np.ndindex(*y.shape[:2]):
        a, b = i * strides[0], j * strides[1]
        part = x[a : a + kernel.shape[0], b : b + kernel.shape[1]]
        y[i, j] = np.einsum("hwi,hwio->o", part, kernel)
    return y


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def lstm(
    x: np.ndarray,
    input_weight: np.ndarray,
    hidden_weight: np.ndarray,
    bias: np.ndarray,
    hidden: np.ndarray,
    cell: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x [time, in] -> y [time, out], last hidden and cell [out]; gates i, f, g, o."""
    ys: list[np.ndarray] = []
    for frame in x:
        i, f, g, o = np.split(frame @ input_weight + hidden @ hidden_weight + bias, 4)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
        hidden = _sigmoid(o) * np.tanh(cell)
        ys.append(hidden)
    return np.array(ys).reshape(len(x), len(hidden)), hidden, cell


def layer_norm(x: np.ndarray, epsilon: float = 1e-5) -> np.ndarray:
    """Over the last axis."""
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)


def gru(
    x: np.ndarray,
    input_weight: np.ndarray,
    hidden_weight: np.ndarray,
    bias: np.ndarray,
    candidate_bias: np.ndarray,
    hidden: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """x [time, in] -> y [time, out], last hidden [out]; gates r, z, n."""
    width, ys = len(hidden), []
    for frame in x:
        a, b = frame @ input_weight + bias, hidden @ hidden_weight
        r, z = _sigmoid(a[:width] + b[:width]), _sigmoid((a + b)[width : 2 * width])
        n = np.tanh(a[2 * width :] + r * (b[2 * width :] + candidate_bias))
        hidden = (1 - z) * n + z * hidden
        ys.append(hidden)
    return np.array(ys).reshape(len(x), width), hidden


def batch_norm(x: np.ndarray, epsilon: float = 1e-5) -> np.ndarray:
    """Over all axes but the last; NaN is no data."""
    axes = tuple(range(x.ndim - 1))
    centred = x - np.nanmean(x, axes)
    return centred / np.sqrt(np.nanmean(centred**2, axes) + epsilon)


def group_norm(x: np.ndarray, groups: int, epsilon: float = 1e-5) -> np.ndarray:
    """x [..., features]: each group of features over all axes."""
    parts = np.split(x, groups, -1)
    y = [(p - p.mean()) / np.sqrt(p.var() + epsilon) if p.size else p for p in parts]
    return np.concatenate(y, -1)


def pool(
    x: np.ndarray, reduce: str, window: int, stride: int, left: int = 0, right: int = 0
) -> np.ndarray:
    """x [time, features]; positions outside of the data are left out."""
    count = max(0, -(-(len(x) + left + right - window + 1) // stride))
    y = np.zeros((count, *x.shape[1:]))
    for t in range(count):
        start = t * stride - left
        y[t] = getattr(x[max(start, 0) : max(start + window, 0)], reduce)(0)
    return y


def conv_transpose(
    x: np.ndarray, kernel: np.ndarray, stride: int, left: int, extra: int
) -> np.ndarray:
    """x [time, in], kernel [window, in, out]: windows added, `left` cut before, then
    `time * stride + extra` positions."""
    full = np.zeros((len(x) * stride + kernel.shape[0], kernel.shape[2]))
    for t, frame in enumerate(x):
        for w in range(kernel.shape[0]):
            full[t * stride + w] += frame @ kernel[w]
    return full[left : left + len(x) * stride + extra]
