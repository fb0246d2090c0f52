"""Primitives that take axes and shapes, on any of them (hypothesis): as on NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seam_harness import as_arrays

from seqfront.backend import Backend

_few = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_shapes = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple)


def filled(shape: tuple[int, ...]) -> np.ndarray:
    """Small integers as floats, so that there are ties."""
    return (np.arange(np.prod(shape, dtype=int)) * 7 % 5 - 2).reshape(shape).astype("float32")


def agree(b: Backend, reference: Backend, run: Any, *xs: np.ndarray) -> None:
    found = as_arrays(b, run(b, *map(b.convert, xs)))
    expected = as_arrays(reference, run(reference, *xs))
    for (dtype, y), (expected_dtype, z) in zip(found, expected, strict=True):
        assert (dtype, y.shape) == (expected_dtype, z.shape)
        np.testing.assert_allclose(y, z, 1e-6, 1e-6)


@_few
@given(shape=_shapes, data=st.data())
def test_reduce(framework: Backend, reference: Backend, shape: Any, data: Any) -> None:
    axes = tuple(i for i in range(len(shape)) if data.draw(st.booleans()))
    keep = data.draw(st.booleans())
    for name in ("sum", "mean", "max", "min", "prod"):
        agree(framework, reference, lambda b, x: b.reduce(name, x, axes, keep), filled(shape))  # noqa: B023


@_few
@given(shape=_shapes, data=st.data())
def test_gather(framework: Backend, reference: Backend, shape: Any, data: Any) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    batch = data.draw(st.integers(0, axis))
    taken = tuple(data.draw(st.lists(st.integers(0, 3), max_size=2)))
    if shape[axis] == 0:
        taken = (0,)
    indices = np.arange(np.prod((*shape[:batch], *taken), dtype=int)) % max(shape[axis], 1)
    agree(
        framework,
        reference,
        lambda b, x, i: b.gather(x, i, axis, batch),
        filled(shape),
        indices.reshape((*shape[:batch], *taken)).astype("int32"),
    )


@_few
@given(shape=_shapes, data=st.data())
def test_move(framework: Backend, reference: Backend, shape: Any, data: Any) -> None:
    rank = len(shape)
    order = data.draw(st.permutations(range(rank)))
    paddings = [data.draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in shape]
    axis = data.draw(st.integers(0, rank - 1))
    start = data.draw(st.integers(0, shape[axis]))
    stop = data.draw(st.integers(start, shape[axis]))
    step = data.draw(st.integers(1, 3))
    sizes = (start, stop - start, shape[axis] - stop)
    for run in (
        lambda b, x: b.transpose(x, order),
        lambda b, x: b.reshape(b.transpose(x, order), (int(np.prod(shape)),)),
        lambda b, x: b.pad(x, paddings, 3.0),
        lambda b, x: b.slice(x, axis, start, stop, step),
        lambda b, x: b.split(x, sizes, axis),
        lambda b, x: b.concat(b.split(x, sizes, axis)[::-1], axis),
        lambda b, x: b.flip(x, axis),
        lambda b, x: b.sort(x, axis),
        lambda b, x: b.sort(x, axis, descending=True),
        lambda b, x: b.cumulative("sum", x, axis),
        lambda b, x: b.expand_dims(x, (axis, axis + 1)),
    ):
        agree(framework, reference, run, filled(shape))


@_few
@given(shape=_shapes, data=st.data())
def test_broadcast(framework: Backend, reference: Backend, shape: Any, data: Any) -> None:
    other = tuple(data.draw(st.sampled_from([n, 1])) for n in shape)[data.draw(st.integers(0, 1)) :]
    for run in (
        lambda b, x, y: b.binary("add", x, y),
        lambda b, x, y: b.binary("max", y, x),
        lambda b, x, y: b.where(b.binary("lt", y, 0.0), x, y),
        lambda b, x, y: b.broadcast_to(y, shape),
    ):
        agree(framework, reference, run, filled(shape), filled(other))
