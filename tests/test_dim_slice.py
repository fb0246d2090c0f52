"""A part of a dim is a dim, too: as long as Python's own slice, and the same one every time."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfront import Dim, DTypeError

bounds = st.none() | st.integers(-7, 7)


@given(st.integers(0, 6), bounds, bounds, st.integers(1, 4))
def test_sizes_are_those_of_python(
    size: int, start: int | None, end: int | None, step: int
) -> None:
    part = Dim("time", size).slice(start, end, step)
    assert part.size == len(range(size)[start:end:step])


def test_the_same_part_is_the_same_dim() -> None:
    time = Dim("time")
    assert time.slice(end=3) is time.slice(0, 3)
    assert time.slice(-2) is time.slice(-2)
    assert time.slice(-2) is not time.slice(end=2)
    assert copy.deepcopy(time.slice(-2)) is time.slice(-2)


def test_arithmetic_has_names_for_some() -> None:
    time = Dim("time")
    assert time.slice() is time
    assert time.slice(end=-2) is time - 2
    assert time.slice(2) is time.pad(-2, 0)
    assert time.slice(step=2) is time.ceil_div(2)


def test_names() -> None:
    time = Dim("time")
    parts = [time.slice(end=3), time.slice(-2), time.slice(-4, -1, 2), (time // 2).slice(1, 3)]
    assert list(map(repr, parts)) == ["time[:3]", "time[-2:]", "time[-4:-1:2]", "(time//2)[1:3]"]


def test_pickles_keep_identity() -> None:
    time = Dim("time")
    loaded, part = pickle.loads(pickle.dumps((time, time.slice(-2))))
    assert part is loaded.slice(-2)


@pytest.mark.parametrize("arguments", [(0.5,), (None, "3"), (0, 3, 0), (0, 3, -1), (True,)])
def test_bad_bounds(arguments: tuple[object, ...]) -> None:
    with pytest.raises(DTypeError, match="has no meaning"):
        Dim("time").slice(*arguments)  # type: ignore[arg-type]
