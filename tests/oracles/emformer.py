"""The Emformer in plain NumPy, for one sequence: one segment after another, as the paper says."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles import plain
from oracles.attention import attention, linear


def emformer(m: Any, x: np.ndarray, context: int = 0, feed_forward: Any = None) -> np.ndarray:
    """x [time, feature] -> [time - context, feature]; `feed_forward(layer, x)` computes that."""
    length, left, right = m.whole.length, m.whole.left, m.whole.right
    frames = max(len(x) - context, 0)
    if not frames:
        return x[:0]
    ends = [min(i + length, frames) for i in range(0, frames, length)]
    own = [x[i:end] for i, end in zip(range(0, frames, length), ends, strict=True)]
    ahead = [x[end : min(end + right, len(x))] for end in ends]
    memories = [segment.mean(0) for segment in own]
    for layer in m.layers:
        own, ahead, memories = _layer(m, layer, own, ahead, memories, left, feed_forward)
    return np.concatenate(own)


def _norm(layer: Any, x: np.ndarray) -> np.ndarray:
    return plain.layer_norm(x) * layer.scale.numpy() + layer.bias.numpy()


def _layer(
    m: Any, layer: Any, own: Any, ahead: Any, memories: Any, left: int, feed_forward: Any
) -> Any:
    seen_memories, attend = m.whole.memory, layer.attention
    normed = [_norm(layer.attention_norm, segment) for segment in own]
    later = [_norm(layer.attention_norm, segment) for segment in ahead]
    frames = np.concatenate(normed)
    new_own, new_ahead, new_memories, start = [], [], [], 0
    for i, segment in enumerate(normed):
        past = frames[max(start - left, 0) : start]
        known = np.concatenate([past, segment, later[i]])
        old = memories[max(i - seen_memories, 0) : i]
        source = np.concatenate([*(memory[None] for memory in old), known])
        summary = _attention(attend, segment.mean(0)[None], known)[0]
        summary = np.tanh(summary) if attend.tanh_on_memory else np.clip(summary, -10, 10)
        new_memories.append(summary)
        for into, rows, before in ((new_own, segment, own[i]), (new_ahead, later[i], ahead[i])):
            y = before + _attention(attend, rows, source)
            y = y + feed_forward(layer.feed_forward, _norm(layer.feed_forward_norm, y))
            into.append(_norm(layer.norm, y))
        start += len(segment)
    return new_own, new_ahead, new_memories


def _attention(layer: Any, x: np.ndarray, source: np.ndarray) -> np.ndarray:
    """x [queries, feature], source [keys, feature] -> [queries, feature]."""
    query, pair = linear(layer.query, x), linear(layer.key_value, source)
    key, value = pair[:, : x.shape[1]], pair[:, x.shape[1] :]
    width = layer.feature.size
    parts = [slice(h * width, (h + 1) * width) for h in range(layer.heads.size)]
    found = [attention(query[:, p], key[:, p], value[:, p]) for p in parts]
    return linear(layer.output, np.concatenate(found, 1))
