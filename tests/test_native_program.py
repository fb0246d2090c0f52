"""Calls of the native library that are made ready once."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from seqfront import native
from seqfront.search.transducer.memory import Step, lies, program


def _norm(x: Any, to: Any, epsilon: float = 1e-5) -> Step:
    scale, bias = _parameters(x.shape[1])
    return "layer_norm", (lies(x), lies(scale), lies(bias)), (epsilon,), (lies(to),)


@cache
def _parameters(count: int) -> Any:
    """Kept alive."""
    return np.arange(2 * count, dtype=np.float32).reshape(2, count)


def test_steps_are_taken_in_order_each_time() -> None:
    first, second, third = np.zeros((3, 2, 5), np.float32)
    run = program(_norm(first, second), _norm(second, third))
    for seed in (1, 2):
        first[...] = np.random.default_rng(seed).standard_normal(first.shape)
        run()
        wanted = [np.empty_like(first) for _ in range(2)]
        native.library().call(*_norm(first, wanted[0]))
        native.library().call(*_norm(wanted[0], wanted[1]))
        np.testing.assert_array_equal([second, third], wanted)


def test_a_step_that_fails_ends_it() -> None:
    x, y, z = np.ones((3, 1, 4), np.float32)
    run = program(_norm(x, y), _norm(x, z, epsilon=-1), _norm(x, z))
    with pytest.raises(ValueError, match="layer_norm: epsilon is -1, needed 0 or more"):
        run()
    np.testing.assert_array_equal(y, _parameters(4)[1:])
    np.testing.assert_array_equal(z, 1)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (("no such op", (), (), ()), "no op is called no such op"),
        (("layer_norm", (), (1e-5,), (None,)), "the op has another number of inputs"),
        (("layer_norm", (None,) * 3, (), (None,)), "the op has another number of attributes"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(step: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        program(step)
