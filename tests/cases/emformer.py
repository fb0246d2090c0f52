"""The Emformer: whole utterances, and streams."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles.emformer import emformer

import seqfront as sf
from cases.dims import RAGGED, batch, feature, out, time
from cases.transformers import feed_forward
from seqfront import Dim
from seqfront.lengths import FULL
from seqfront.testing import Case, Layout, normal, ragged

LONG = Layout({batch: 2, time: 37}, {time: ragged(batch, [37, 34])})
"""Longer than one group of segments."""


def _model(**options: Any) -> sf.models.Emformer:
    return sf.models.Emformer(feature, **{"layers": 1, "heads": 2, "inner": out, **options})


def _oracle(m: Any, x: np.ndarray, context: int = 0) -> np.ndarray:
    return emformer(m, x, context, feed_forward)


_steps = Dim("steps", 9)


def _stream(m: Any, x: sf.Tensor) -> sf.Tensor:
    """All of x chunk by chunk; the last ones are short."""
    length, state, parts = m.segment.size, None, []
    for start in range(0, 9, length):
        end = min(start + m.chunk.size, 9)
        chunk = sf.slice(x, axis=_steps, start=start, end=end)
        y, state = m.stream(chunk, state, axis=_steps.slice(start, end))
        left = min(length, 9 - start)
        part = sf.slice(y.with_lengths(FULL), axis=m.segment, end=left)
        parts.append((part, m.segment.slice(0, left)))
    return sf.concat(*parts, out_dim=_steps)


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
        ("-memory", {"segment": 1, "left": 2, "right": 2, "memory": 2, "layers": 2}, 0, RAGGED),
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
        oracle=_oracle,
        tolerance=4.0,  # float32 through many layers
    )
    for name, options in [
        ("", {"segment": 4, "left": 5, "right": 1, "memory": 1}),
        ("-last-chunk-short", {"segment": 5, "left": 3, "right": 7, "activation": "gelu"}),
    ]
]

CASES = [*WHOLE, *STREAMS]
