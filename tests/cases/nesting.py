"""Operations on nested states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import seqfront as sf
from cases.dims import RAGGED, batch, feature, key_time, time
from seqfront.testing import Case, booleans, constant, normal

_twice = sf.Dim("twice", (feature.size or 0) * 2)


class Pair(NamedTuple):
    hidden: Any
    cell: Any


@dataclass(frozen=True)
class State:
    pair: Pair
    more: Any
    step: int = 3


def _state(x: sf.Tensor, y: sf.Tensor) -> State:
    return State(Pair(x, [y]), {"both": (x * y, None)})


def _leaves(state: State) -> tuple[Any, ...]:
    assert state.step == 3
    assert state.more["both"][1] is None
    return state.pair.hidden, state.pair.cell[0], state.more["both"][0]


_INPUTS = {"x": normal(batch, time, feature), "y": normal(batch, feature)}

CASES = [
    Case(
        "nested-map",
        lambda x, y: _leaves(sf.nested_map(lambda a, b: a - b, _state(x, y), _state(x * 2.0, y))),
        _INPUTS,
        RAGGED,
        covers=("nested_map",),
        batch=(batch,),
        oracle=lambda x, y: (-x, y * 0, -x * y),
    ),
    Case(
        "nested-where",
        lambda x, y, keep: _leaves(sf.nested_where(keep, _state(x, y), _state(x * 3.0, y + 1.0))),
        {**_INPUTS, "keep": booleans(batch)},
        RAGGED,
        covers=("nested_where",),
        batch=(batch,),
        oracle=lambda x, y, keep: (x, y, x * y) if keep else (x * 3, y + 1, x * 3 * (y + 1)),
    ),
    Case(
        "nested-gather",
        lambda x, y, at: _leaves(sf.nested_gather(_state(x, y), indices=at, axis=time)),
        {**_INPUTS, "at": constant([4, 1, 0], batch)},
        RAGGED,
        covers=("nested_gather",),
        batch=(batch,),
        oracle=lambda x, y, at: (x[at], y, x[at] * y),
        no_empty_row="a position of nothing is out of range",
    ),
    Case(
        "nested-gather-sequences",
        lambda x, y, at: tuple(
            sf.mean(part, axis=time) if time in part.dims else part
            for part in _leaves(sf.nested_gather(_state(x, y), indices=at, axis=batch))
        ),
        {**_INPUTS, "at": constant([2, 0, 2], batch)},
        RAGGED,
        covers=("nested_gather",),
        mixes_batch="rows are picked",
        oracle=lambda x, y, at: (
            np.nanmean(x, 1)[at],
            y[at],
            (np.nanmean(x, 1) * y)[at],
        ),
    ),
    Case(
        "nested-concat",
        lambda x, y: _leaves(
            sf.nested_concat((_state(x, y), feature), (_state(x * 2.0, y), feature), out_dim=_twice)
        ),
        _INPUTS,
        RAGGED,
        covers=("nested_concat",),
        batch=(batch,),
        oracle=lambda x, y: (
            np.concatenate([x, x * 2], -1),
            np.concatenate([y, y], -1),
            np.concatenate([x * y, x * 2 * y], -1),
        ),
    ),
    Case(
        "nested-concat-sequences",
        lambda x, y: tuple(
            sf.mean(part, axis=time) if time in part.dims else part
            for part in _leaves(
                sf.nested_concat((_state(x, y), batch), (_state(x * 2.0, y), batch), out_dim=batch)
            )
        ),
        _INPUTS,
        RAGGED,
        covers=("nested_concat",),
        mixes_batch="sequences of several batches go in one",
        oracle=lambda x, y: (
            np.nanmean(np.concatenate([x, x * 2]), 1),
            np.concatenate([y, y]),
            np.concatenate([np.nanmean(x, 1) * y, np.nanmean(x, 1) * 2 * y]),
        ),
    ),
    Case(
        "nested-where-of-other-lengths",
        lambda x, y, keep: sf.nested_where(keep, (x,), (y.rename(key_time, time),))[0],
        {"x": normal(batch, time), "y": normal(batch, key_time), "keep": booleans(batch)},
        RAGGED,
        covers=("nested_where",),
        batch=(batch,),
        oracle=lambda x, y, keep: x if keep else y,
    ),
    Case(
        "nested-mask",
        lambda x, y, keep: _leaves(sf.nested_mask(_state(x, y), mask=keep, value=-1)),
        {**_INPUTS, "keep": booleans(batch, time)},
        RAGGED,
        covers=("nested_mask",),
        batch=(batch,),
        oracle=lambda x, y, keep: (
            np.where(keep[:, None], x, -1),
            y,
            np.where(keep[:, None], x * y, -1),
        ),
    ),
]
"""All cases of this kind."""
