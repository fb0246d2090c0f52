"""Dims: identity, arithmetic in canonical form, and what their sizes come to."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfront import Dim
from seqfront.dim import evaluate, roots

time, batch = Dim("time"), Dim("batch")


def test_identity_is_equality() -> None:
    assert Dim("time") != Dim("time")
    assert time == time
    assert len({time, time, Dim("time")}) == 2
    assert bool(Dim("empty", 0))


def test_made_dims() -> None:
    mel = Dim("mel", 80)
    assert (mel.name, mel.size, mel.is_static, mel.expr) == ("mel", 80, True, None)
    assert (time.size, time.is_static) == (None, False)
    assert repr(mel) == "mel:80"
    assert repr(time) == "time"


def test_origin_is_the_line_that_made_it() -> None:
    made = Dim("here")
    assert made.origin.startswith("test_dim.py:")
    assert (made + 1).origin == made.origin


def test_clone_is_another_axis() -> None:
    mel = Dim("mel", 80)
    key = mel.clone("key")
    assert key is not mel
    assert (key.name, key.size) == ("key", 80)
    assert mel.clone().name == "mel"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (lambda: time // 2, lambda: time // 2),
        (lambda: (time + 1) + 1, lambda: time + 2),
        (lambda: (time + 3) - 3, lambda: time),
        (lambda: time + 0, lambda: time),
        (lambda: time * 1, lambda: time),
        (lambda: time // 1, lambda: time),
        (lambda: time.ceil_div(1), lambda: time),
        (lambda: (time // 2) // 3, lambda: time // 6),
        (lambda: time.ceil_div(2).ceil_div(2), lambda: time.ceil_div(4)),
        (lambda: (time * 2) * 3, lambda: time * 6),
        (lambda: (time * 4) // 2, lambda: time * 2),
        (lambda: (time * 6).ceil_div(3), lambda: time * 2),
        (lambda: 1 + (1 + time), lambda: 2 + time),
        (lambda: 1 + (time + 1), lambda: (1 + time) + 1),
        (lambda: (time - 1) - 2, lambda: time - 3),
        (lambda: 2 * time, lambda: time * 2),
        (lambda: (batch * time) * batch, lambda: batch * (time * batch)),
        (lambda: (batch + time) + batch, lambda: batch + (time + batch)),
        (lambda: time.pad(1, 2), lambda: 1 + time + 2),
    ],
)
def test_the_same_expression_is_the_same_dim(a: object, b: object) -> None:
    assert a() is b()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (lambda: (time - 3) + 3, lambda: time),
        (lambda: time + 1, lambda: 1 + time),
        (lambda: time // 2, lambda: time.ceil_div(2)),
        (lambda: (time // 2) * 2, lambda: time),
        (lambda: batch * time, lambda: time * batch),
        (lambda: batch + time, lambda: time + batch),
        (lambda: (time - 2).pad(3, 0), lambda: time.pad(3, -2)),
        (lambda: (time.ceil_div(2)) // 2, lambda: time // 4),
    ],
)
def test_different_expressions_are_different_dims(a: object, b: object) -> None:
    assert a() is not b()  # type: ignore[operator]


def test_names_of_derived_dims() -> None:
    made = [
        time + 1, 1 + time, time - 2, time.pad(1, -2), time * 3, time // 2, time.ceil_div(4),
        batch * time, batch + time, (time + 1) * 2, (time + 1) // 2,
    ]  # fmt: skip
    assert [dim.name for dim in made] == [
        "time+1", "1+time", "time-2", "1+time-2", "time*3", "time//2", "⌈time/4⌉",
        "batch*time", "batch+time", "(time+1)*2", "(time+1)//2",
    ]  # fmt: skip


def test_static_sizes_follow() -> None:
    mel = Dim("mel", 7)
    assert [d.size for d in (mel + 1, mel - 9, mel * 2, mel // 2, mel.ceil_div(2))] == [
        8, 0, 14, 3, 4,
    ]  # fmt: skip
    assert (mel * Dim("a", 3)).size == 21
    assert (mel + Dim("a", 3)).size == 10
    assert (mel * time).size is None


def test_roots() -> None:
    assert roots((time + 1) // 2) == (time,)
    assert roots((batch * time) + (time + 1)) == (batch, time)


def test_derived_dims_live_as_long_as_their_operands() -> None:
    base = Dim("short-lived")
    derived = weakref.ref(base // 2)
    gc.collect()
    assert derived() is base // 2
    gone = weakref.ref(base)
    del base
    gc.collect()
    assert gone() is None
    assert derived() is None


def test_copies_are_the_same_dim() -> None:
    assert copy.copy(time) is time
    assert copy.deepcopy([time, time // 2])[1] is time // 2


def test_pickles_keep_identity_among_each_other() -> None:
    a, b, half, again = pickle.loads(pickle.dumps((time, time, time // 2, time.ceil_div(2))))
    assert a is b
    assert a is not time
    assert half is a // 2
    assert again is a.ceil_div(2)
    assert (a.name, a.size) == ("time", None)


# -- hypothesis ------------------------------------------------------------------------------------

Step = tuple[str, int]
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("left"), st.integers(-4, 4)),
        st.tuples(st.just("right"), st.integers(-4, 4)),
        st.tuples(st.just("scale"), st.integers(1, 4)),
        st.tuples(st.just("floor"), st.integers(1, 4)),
        st.tuples(st.just("ceil"), st.integers(1, 4)),
    ),
    max_size=6,
)


def _apply(dim: Dim, step: Step) -> Dim:
    name, n = step
    if name == "left":
        return dim.pad(n, 0)
    if name == "right":
        return dim.pad(0, n)
    if name == "scale":
        return dim * n
    return dim // n if name == "floor" else dim.ceil_div(n)


def _stage(size: int, step: Step) -> int:
    name, n = step
    if name in ("left", "right"):
        return max(size + n, 0)
    if name == "scale":
        return size * n
    return size // n if name == "floor" else -(-size // n)


def _length(dim: Dim, root: Dim, size: int) -> int:
    if dim is root:
        return size
    assert dim.expr is not None
    sizes = tuple(_length(inner, root, size) for inner in dim.expr.dims)
    return int(evaluate(dim.expr, sizes, max))


@given(_STEPS, st.integers(0, 30))
def test_canonical_form_has_the_lengths_of_the_steps(steps: list[Step], size: int) -> None:
    """However an expression is simplified, lengths are those of its steps, each clipped at 0."""
    dim, static, staged = time, Dim("static", size), size
    for step in steps:
        dim, static, staged = _apply(dim, step), _apply(static, step), _stage(staged, step)
    assert _length(dim, time, size) == staged
    assert static.size == staged


@given(_STEPS)
def test_the_same_steps_give_the_same_dim(steps: list[Step]) -> None:
    first = second = time
    for step in steps:
        first = _apply(first, step)
    for step in steps:
        second = _apply(second, step)
    assert first is second


@given(_STEPS, st.lists(st.integers(0, 30), min_size=1, max_size=4))
def test_lengths_of_arrays_are_those_of_numbers(steps: list[Step], sizes: list[int]) -> None:
    dim = time
    for step in steps:
        dim = _apply(dim, step)

    def lengths(of: Dim) -> np.ndarray:
        if of is time:
            return np.array(sizes)
        assert of.expr is not None
        inner = tuple(lengths(d) for d in of.expr.dims)
        return np.asarray(evaluate(of.expr, inner, np.maximum))

    assert lengths(dim).tolist() == [_length(dim, time, size) for size in sizes]
