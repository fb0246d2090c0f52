"""Attention in plain NumPy, for one sequence, one pair of query and key at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def attention(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    *,
    scale: float | None = None,
    seen: Callable[[int, int], bool] = lambda i, j: True,
    bias: Callable[[int, int], float] = lambda i, j: 0.0,
) -> np.ndarray:
    """query [time, feature], key [keys, feature], value [keys, out] -> [time, out]."""
    scale = query.shape[1] ** -0.5 if scale is None else scale
    found = np.zeros((len(query), value.shape[1]))
    for i, q in enumerate(query):
        places = [j for j in range(len(key)) if seen(i, j) and bias(i, j) > -np.inf]
        energy = [scale * float(q @ key[j]) + bias(i, j) for j in places]
        if not places:
            continue
        weight = np.exp(np.array(energy) - max(energy))
        found[i] = weight @ value[places] / weight.sum()
    return found


def causal(i: int, j: int) -> bool:
    """A query sees itself and what was before."""
    return j <= i


def linear(layer: Any, x: np.ndarray) -> np.ndarray:
    bias = 0 if layer.bias is None else layer.bias.numpy()
    return x @ layer.weight.numpy() + bias


Heads = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]
"""Attention of one head: query, key, value, and which head it is."""


def multi_head(
    layer: Any, x: np.ndarray, source: np.ndarray, head: Heads | None = None, **options: Any
) -> np.ndarray:
    """x [time, in], source [keys, source] -> [time, in]."""
    width = layer.feature.size
    query, key, value = (
        linear(p, y) for p, y in ((layer.query, x), (layer.key, source), (layer.value, source))
    )
    found: list[np.ndarray] = []
    for h in range(layer.heads.size):
        part = slice(h * width, (h + 1) * width)
        q, k, v = query[:, part], key[:, part], value[:, part]
        found.append(attention(q, k, v, **options) if head is None else head(q, k, v, h))
    return linear(layer.output, np.concatenate(found, 1))


# -- positions -------------------------------------------------------------------------------------


def sinusoids(places: np.ndarray, width: int) -> np.ndarray:
    """[..., width]: all sines, then all cosines."""
    rates = np.array([10000.0 ** (-2 * i / width) for i in range(width // 2)])
    angle = np.asarray(places)[..., None] * rates
    return np.concatenate([np.sin(angle), np.cos(angle)], -1)


def rotated(x: np.ndarray) -> np.ndarray:
    """x [time, width]: complex numbers (x[i], x[i + width / 2]) turned."""
    half = x.shape[1] // 2
    rates = np.array([10000.0 ** (-i / half) for i in range(half)])
    turn = np.exp(1j * np.arange(len(x))[:, None] * rates)
    z = (x[:, :half] + 1j * x[:, half:]) * turn
    return np.concatenate([z.real, z.imag], 1)


def alibi_rate(head: int, heads: int) -> float:
    return 2.0 ** (-8.0 * (head + 1) / heads)


def transformer_xl(position: Any, q: np.ndarray, k: np.ndarray, h: int) -> np.ndarray:
    """What is added to scale * q . k of one head: [time, keys]."""
    width = q.shape[1]
    part = slice(h * width, (h + 1) * width)
    u, v = position.content_bias.numpy()[h], position.distance_bias.numpy()[h]
    table = np.zeros((len(q), len(k)))
    for i in range(len(q)):
        for j in range(len(k)):
            encoded = sinusoids(np.array(j - i), position.encoding.size)
            r = linear(position.projection, encoded)[part]
            table[i, j] = ((q[i] + v) @ r + u @ k[j]) * width**-0.5
    return table


def shaw(position: Any, q: np.ndarray, count: int) -> np.ndarray:
    """What is added to scale * q . k of one head: [time, keys]."""
    table = np.zeros((len(q), count))
    for i, j in np.ndindex(table.shape):
        nearest = min(max(j - i, -position.reach), position.reach)
        vector = position.weight.numpy()[nearest + position.reach]
        table[i, j] = q[i] @ vector * q.shape[1] ** -0.5
    return table
