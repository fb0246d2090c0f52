"""Greedy CTC search: against collapsing the best path by hand, in parts and on every backend."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.ctc_search import best_path
from search.ctc_problem import batch, in_parts, logits_of, sequences, time, wrapped

import seqfront as sf

classes = sf.Dim("classes", 3)
LENGTHS = [9, 4, 0, 1]


def _check(found: list, x: np.ndarray, lengths: list[int], blank: int, **options: bool) -> None:
    for row, length in enumerate(lengths):
        expected = best_path(x[row, :length], blank=blank, **options)
        assert found[row].labels == expected.labels
        assert (found[row].start, found[row].end) == (expected.start, expected.end)
        np.testing.assert_allclose(found[row].log_probs, expected.log_probs, atol=1e-9)
        np.testing.assert_allclose(found[row].score, expected.score, atol=1e-9)


@pytest.mark.parametrize("name", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize("blank", [0, 2, -1])
def test_best_path(name: str, blank: int) -> None:
    x = logits_of(blank + 1, LENGTHS, 3)
    search = sf.search.CtcGreedy(classes=classes, blank_index=blank)
    found, _ = search(wrapped(x, LENGTHS, classes, name), axis=time)
    _check(sequences(found, (batch,)), x, LENGTHS, blank % 3)


def test_log_probs_are_taken_as_they_are() -> None:
    x = -np.abs(logits_of(5, LENGTHS, 3))
    search = sf.search.CtcGreedy(classes=classes, blank_index=0, logits_normalized=True)
    found, _ = search(wrapped(x, LENGTHS, classes, "numpy"), axis=time)
    _check(sequences(found, (batch,)), x, LENGTHS, 0, normalized=True)


@pytest.mark.parametrize("sizes", [[1] * 9, [3, 0, 6], [0, 5, 4], [8, 1]])
def test_parts_give_what_the_whole_gives(sizes: list[int]) -> None:
    for seed in range(8):
        x = logits_of(seed, LENGTHS, 3, scale=0.8)
        search = sf.search.CtcGreedy(classes=classes, blank_index=1)
        results, _ = in_parts(search, x, LENGTHS, sizes)
        pieces = [sequences(result, (batch,)) for result in results]
        joined = [
            pieces[-1][row]._replace(
                **{name: sum((getattr(piece[row], name) for piece in pieces), ())
                   for name in ("labels", "start", "end", "log_probs")}
            )
            for row in range(len(LENGTHS))
        ]  # fmt: skip
        _check(joined, x, LENGTHS, 1)


def test_a_run_is_given_out_when_it_is_over() -> None:
    x = np.full((1, 4, 3), -9.0)
    x[0, [0, 1, 2, 3], [1, 2, 2, 0]] = 9.0
    search = sf.search.CtcGreedy(classes=classes, blank_index=0)
    results, _ = in_parts(search, x, [4], [2, 1, 1])
    said = [sequences(result, (batch,))[0] for result in results]
    assert [s.labels for s in said] == [(1,), (), (2,)]
    assert (said[2].start, said[2].end) == ((1,), (3,))


def test_streams_end_one_by_one() -> None:
    x = np.zeros((2, 1, 3))
    x[:, 0, 2] = 9.0
    search = sf.search.CtcGreedy(classes=classes, blank_index=0)
    encoded = wrapped(x, [1, 1], classes, "numpy")
    first, state = search(encoded, axis=time, is_last=sf.wrap([True, False], (batch,)))
    again, _ = search(encoded, axis=time, state=state)
    assert [s.labels for s in sequences(first, (batch,))] == [(2,), ()]
    assert [(s.labels, s.start) for s in sequences(again, (batch,))] == [((2,), (1,)), ((2,), (0,))]


def test_what_is_no_number_is_impossible() -> None:
    x = np.zeros((1, 2, 3))
    x[0, 1] = np.nan
    search = sf.search.CtcGreedy(classes=classes, blank_index=0)
    found, _ = search(wrapped(x, [2], classes, "numpy"), axis=time)
    assert np.isneginf(found.score.numpy())
