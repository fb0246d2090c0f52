"""CTC searches, against every string of symbols."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import ctc_search

import seqfront as sf
from cases.dims import batch, group, time
from seqfront import Dim
from seqfront.testing import Case, Layout, normal, ragged

classes = Dim("classes", 3)
part = Dim("part", 2)
_FLAGS = {"no_gradient": "a search chooses"}
_SHORT = Layout({batch: 3, time: 3}, {time: ragged(batch, [3, 1, 2])})
_TWO = Layout(
    {batch: 3, group: 2, time: 3}, {time: ragged((batch, group), [[3, 0], [2, 3], [1, 2]])}
)


def _transcript(found: Any) -> Any:
    return found.labels, found.start, found.end, found.log_probs, found.score


def _greedy(name: str, layout: Layout, rows: tuple[Dim, ...], blank: int, parts: bool) -> Case:
    search = sf.search.CtcGreedy(classes=classes, blank_index=blank)

    def call(x: sf.Tensor, *more: sf.Tensor) -> Any:
        state = None
        for before in more:
            _, state = search(before, axis=part, state=state, is_last=False)
        return _transcript(search(x, axis=time, state=state)[0])

    def by_hand(x: np.ndarray, *more: np.ndarray) -> Any:
        found = ctc_search.best_path(np.concatenate([*more, x]), blank=blank % 3)
        kept = [i for i, end in enumerate(found.end) if not more or end > 2 or _open(more[0], i)]
        columns = (found.labels, found.start, found.end, found.log_probs)
        return *[np.array([column[i] for i in kept]) for column in columns], np.array(found.score)

    def _open(before: np.ndarray, i: int) -> bool:
        """Whether label i had not ended for certain before the last part."""
        found = ctc_search.best_path(before, blank=blank % 3)
        return i == len(found.labels) - 1 and found.end[i] == len(before)

    inputs = {"x": normal(*rows, time, classes, scale=2.0)}
    if parts:
        inputs["before"] = normal(*rows, part, classes, scale=2.0)
    return Case(
        f"ctc-greedy-{name}", call, inputs, layout, batch=rows, oracle=by_hand,
        covers=("search.CtcGreedy",), **_FLAGS,
    )  # fmt: skip


def _beam(
    name: str,
    layout: Layout,
    rows: tuple[Dim, ...],
    blank: int,
    parts: bool = False,
    **options: Any,
) -> Case:
    width = 40 if parts else 16
    search = sf.search.CtcPrefixBeam(classes=classes, blank_index=blank, beam=width, **options)

    def call(x: sf.Tensor, *more: sf.Tensor) -> Any:
        state = None
        for before in more:
            _, state = search(before, axis=part, state=state, is_last=False)
        found, _ = search(x, axis=time, state=state)
        return *_transcript(found.best())[:4], found.score

    def by_hand(x: np.ndarray, *more: np.ndarray) -> Any:
        found = ctc_search.every_reading(
            np.concatenate([*more, x]), blank=blank % 3, merge=options.get("merge", "sum")
        )[:width]
        scores = np.full(width, -np.inf)
        scores[: len(found)] = [reading.score for reading in found]
        best = found[0]
        return *map(np.array, (best.labels, best.start, best.end, best.log_probs)), scores

    inputs = {"x": normal(*rows, time, classes, scale=2.0)}
    if parts:
        inputs["before"] = normal(*rows, part, classes, scale=2.0)
    return Case(
        f"ctc-prefix-{name}", call, inputs, layout, batch=rows, oracle=by_hand,
        covers=("search.CtcPrefixBeam",), **_FLAGS,
    )  # fmt: skip


CASES = [
    _greedy("plain", _SHORT, (batch,), 0, parts=False),
    _greedy("in-parts", _TWO, (batch, group), -1, parts=True),
    _beam("native", _SHORT, (batch,), 0),
    _beam("native-in-parts", _TWO, (batch, group), -1, parts=True, merge="max"),
    _beam("composed", _SHORT, (batch,), 1, implementation="composed"),
]
