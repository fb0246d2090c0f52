"""Learning rates by step."""

from __future__ import annotations

import math

import pytest

import seqfront as sf
from seqfront import training


def test_cosine_goes_from_peak_to_floor_and_stays() -> None:
    rate = training.cosine(2.0, 10, floor=0.5)
    assert rate(0) == 2.0
    assert rate(5) == pytest.approx(1.25)
    assert rate(10) == rate(100) == pytest.approx(0.5)
    assert all(rate(i) > rate(i + 1) for i in range(10))


def test_warmup_cosine_is_both_in_turn() -> None:
    rate = training.warmup_cosine(1.0, 4, 12)
    assert [rate(i) for i in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rate(8) == pytest.approx(0.5)
    assert rate(12) == pytest.approx(0.0)
    assert training.warmup_cosine(1.0, 0, 4)(0) == 1.0


def test_inverse_square_root_is_that_of_the_transformer() -> None:
    width, steps = 512, 4000
    rate = training.inverse_square_root((width * steps) ** -0.5, steps)
    for step in (1, 100, 4000, 50_000):
        wanted = width**-0.5 * min(step**-0.5, step * steps**-1.5)
        assert rate(step - 1) == pytest.approx(wanted)


def test_piecewise_starts_each_piece_at_its_step() -> None:
    rate = training.piecewise([(0, 1.0), (3, 0.1), (5, 0.01)])
    assert [rate(i) for i in (0, 2, 3, 4, 5, 99)] == [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]


def test_schedules_refuse_what_is_none() -> None:
    with pytest.raises(sf.DimError) as caught:
        training.piecewise([(1, 0.1)])
    assert str(caught.value) == (
        "piecewise: pieces cannot be [(1, 0.1)].\n"
        "  needed  pairs (first step, rate), ascending, from step 0\n"
        "  fix: piecewise([(0, 1e-3), (10_000, 1e-4)])."
    )
    with pytest.raises(sf.DimError) as caught:
        training.cosine(1.0, 0)
    assert str(caught.value) == (
        "cosine: total cannot be 0.\n  needed  an int of at least 1\n  fix: total counts updates."
    )
    with pytest.raises(sf.DimError) as caught:
        training.warmup(training.constant(1.0), -1)
    assert str(caught.value) == (
        "warmup: steps cannot be -1.\n  needed  an int of at least 0\n  fix: 0 is no warm-up."
    )
    assert math.isclose(training.constant(0.3)(10), 0.3)
