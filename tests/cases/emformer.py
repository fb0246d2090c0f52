"""The Emformer: whole utterances, and streams."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles.emformer import emformer

import seqfront as sf
from cases.dims import RAGGED, batch, feature, group, out, time
from cases.transformers import feed_forward
from seqfront import Dim
from seqfront.testing import Case, Layout, normal, ragged

LONG = Layout({batch: 2, time: 37}, {time: ragged(batch, [37, 34])})
"""Longer than one group of segments."""

CHUNKS = 4


def _model(**options: Any) -> sf.models.Emformer:
    return sf.models.Emformer(feature, **{"layers": 2, "heads": 2, "inner": out, **options})


def _oracle(m: Any, x: np.ndarray, context: int = 0) -> np.ndarray:
    return emformer(m, x, context, feed_forward)


_steps = Dim("steps", 9)


def _stream(m: Any, x: sf.Tensor) -> Any:
    """All of x chunk by chunk; the last ones are short, or empty. `state` at the end, too."""
    length, state, found = m.segment.size, None, []
    for start in range(0, _steps.size, length):
        part = sf.slice(x, axis=_steps, start=start, end=min(start + m.chunk.size, _steps.size))
        axis = _steps.slice(start, min(start + m.chunk.size, _steps.size))
        y, state = m.stream(part, state, axis=axis)
        found.append(sf.mask_padding(y).with_lengths(None))
    return tuple(found)


def _streamed(m: Any, x: np.ndarray) -> tuple[np.ndarray, ...]:
    whole = emformer(m, x, 0, feed_forward)
    length = m.segment.size
    padded = np.pad(whole, [(0, (-len(whole)) % length), (0, 0)])
    return tuple(padded.reshape(-1, length, whole.shape[1]))


WHOLE = [
    Case(
        f"model-emformer{name}",
        lambda m, x, context=context: m(x, axis=time, context=context),
        {"x": normal(batch, time, feature)},
        layout,
        covers=("nn.Module",),
        module=lambda options=options: _model(**options),
        batch=(batch,),
        oracle=lambda m, x, context=context: _oracle(m, x, context),
        tolerance=4.0,  # float32 through many layers
    )
    for name, options, context, layout in [
        ("", {"segment": 2, "left": 1, "right": 1}, 0, RAGGED),
        ("-memory", {"segment": 1, "left": 2, "right": 2, "memory": 2}, 0, RAGGED),
        ("-context", {"segment": 3, "right": 2, "memory": 1, "activation": "silu",
                      "tanh_on_memory": True}, 2, RAGGED),
        ("-long", {"segment": 4, "left": 5, "right": 5, "memory": 3}, 0, LONG),
    ]
]  # fmt: skip

STREAMS = [
    Case(
        f"model-emformer-stream{name}",
        _stream,
        {"x": normal(batch, _steps, feature)},
        Layout({batch: 3}),
        covers=("nn.Module",),
        module=lambda options=options: _model(**options),
        batch=(batch,),
        oracle=_streamed,
        tolerance=4.0,  # float32 through many layers
    )
    for name, options in [
        ("", {"segment": 3, "left": 4, "right": 1, "memory": 1}),
        ("-last-chunk-short", {"segment": 2, "left": 3, "right": 3, "activation": "gelu"}),
    ]
]

CASES = [*WHOLE, *STREAMS]
