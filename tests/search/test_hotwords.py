"""Phrases: what a whole label sequence gets is what the definition says, however they overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import phrases as oracle

import seqfront as sf
from seqfront import backends

batch, beam = sf.Dim("batch"), sf.Dim("beam", 2)
classes = sf.Dim("classes", 3)

_LABELS = st.integers(0, 2)
_PHRASES = st.lists(
    st.tuples(
        st.lists(_LABELS, min_size=1, max_size=4).map(tuple),
        st.sampled_from([1.0, 1.0, 2.0, 0.5, -1.0]),
    ),
    max_size=5,
)


def _totals(hotwords: sf.search.Hotwords, labels: Any, backend: str = "numpy") -> list[Any]:
    """After each prefix: the sum so far, and the sum with the end, over the dims of `labels`."""
    raw = backends.get(backend).convert(np.asarray(labels, np.int32))
    steps = sf.Dim("steps", raw.shape[-1])
    dims = (batch,) if len(raw.shape) == 2 else ()
    sequence = sf.wrap(raw, (*dims, steps))
    total = sf.zeros(dims, dtype="float64", like=sf.gather(sequence, indices=0, axis=steps))
    state = hotwords.initial_state(dims, like=total)
    found = [(total.numpy(*dims), (total + hotwords.final(state)).numpy(*dims))]
    for step in range(raw.shape[-1]):
        label = sf.gather(sequence, indices=step, axis=steps)
        row = hotwords.score(state)
        total = total + sf.gather(row, indices=label, axis=classes)
        state = hotwords.advance(state, label)
        found.append((total.numpy(*dims), (total + hotwords.final(state)).numpy(*dims)))
    return found


@settings(max_examples=150, deadline=None)
@given(phrases=_PHRASES, labels=st.lists(_LABELS, min_size=1, max_size=9))
def test_against_the_definition(phrases: Any, labels: Any) -> None:
    """With the end after every prefix, what counts in advance, and the bounds of all scores."""
    hotwords = sf.search.Hotwords(phrases, classes=classes)
    low, high = hotwords.bounds
    for count, (so_far, ended) in enumerate(_totals(hotwords, labels)):
        prefix = labels[:count]
        np.testing.assert_allclose(ended, oracle.worth(prefix, phrases), atol=1e-12)
        np.testing.assert_allclose(so_far, oracle.in_advance(prefix, phrases), atol=1e-12)
        for label in range(3):
            row = oracle.in_advance([*prefix, label], phrases) - so_far
            assert low - 1e-9 <= row <= high + 1e-9


@pytest.mark.parametrize(
    ("phrases", "labels", "expected"),
    [
        ([[0, 1]], [0, 1, 2], 2),
        ([[0, 1], [1]], [0, 1], 2),  # one within another: counted once
        ([[0, 1], [0, 1]], [0, 1], 2),  # the same twice
        ([[0, 0]], [0, 0, 0], 3),  # overlapping itself
        ([[0, 1], [1, 2]], [0, 1, 2], 3),  # overlapping another
        ([[0, 1], [1, 2, 2]], [0, 1, 2, 0], 2),  # ... that comes to nothing: the 1 stays
        ([[0, 1], [1, 2, 2]], [2, 1, 2, 0], 0),
        ([[0, 1, 2], [1]], [0, 1, 0], 1),  # a longer one fails, the one within stays
        ([[0, 1, 2, 2]], [0, 1, 2], 0),  # unfinished
        ([([0, 1], 1.0), ([0, 1, 2], 3.0)], [0, 1, 2], 9),
        ([([0, 1], 1.0), ([0, 1, 2], 3.0)], [0, 1, 1], 2),
    ],
)
def test_once_and_only_if_complete(phrases: Any, labels: Any, expected: float) -> None:
    hotwords = sf.search.Hotwords(phrases, classes=classes)
    assert _totals(hotwords, labels)[-1][1] == expected


@pytest.mark.parametrize("backend", INSTALLED)
@pytest.mark.parametrize("implementation", ["native", "composed"])
def test_streams_have_their_own_phrases(backend: str, implementation: Any) -> None:
    """As each has alone; the same lists once more in another order."""
    lists = [[[0, 1], [1, 2, 2]], [], [([0, 0, 1], 0.5)], [[2]]]
    labels = np.random.default_rng(4).integers(0, 3, (4, 12))
    hotwords = sf.search.Hotwords(
        lists, classes=classes, streams=batch, implementation=implementation
    )
    order = [3, 0, 0, 1]
    which = sf.wrap(backends.get(backend).convert(np.array(order, np.int32)), (batch,))
    for made, own in ((hotwords, range(4)), (hotwords.for_streams(which), order)):
        found = _totals(made, labels, backend)
        for row, stream in enumerate(own):
            alone = _totals(sf.search.Hotwords(lists[stream], classes=classes), labels[row])
            for (so_far, ended), (wanted_so_far, wanted_ended) in zip(found, alone, strict=True):
                assert so_far[row] == wanted_so_far
                assert ended[row] == wanted_ended


def test_equal_lists_share_their_states() -> None:
    one = sf.search.Hotwords([[[0, 1]]], classes=classes, streams=batch)
    many = sf.search.Hotwords([[[0, 1]]] * 50, classes=classes, streams=batch)
    assert len(many.automaton.failure) == len(one.automaton.failure) == 3


def test_states_only_where_it_matters() -> None:
    """One for each beginning of a phrase, and one more where a kept label stays in sight."""
    plain = sf.search.Hotwords([[0, 1], [2, 2, 1]], classes=classes)
    assert len(plain.automaton.failure) == 1 + 2 + 3
    torn = sf.search.Hotwords([[0, 1], [1, 2, 2]], classes=classes)
    assert len(torn.automaton.failure) == 1 + 2 + 3 + 2


def test_beams_of_streams() -> None:
    """The lists go by stream, whatever the order of the dims."""
    hotwords = sf.search.Hotwords([[[0]], [[1]]], classes=classes, streams=batch)
    like = sf.wrap(np.zeros((2, 2), np.float32), (batch, beam))
    row = hotwords.score(hotwords.initial_state((beam, batch), like=like))
    expected = [[[1, 0, 0]] * 2, [[0, 1, 0]] * 2]
    np.testing.assert_array_equal(row.numpy(batch, beam, classes), expected)
