"""Primitives within a graph: the same results as eager, and one graph for all sizes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import structure_cases  # noqa: F401  (adds its cases)
from primitive_cases import CASES, Case
from seam_harness import as_arrays, trace

from seqfront.backend import Backend

_EAGER = ("convert", "masked_select")  # of values at hand; of a size that only the data know
_TRACED = [case for case in CASES if not case.name.startswith(_EAGER)]
_CHUNK = 60
_CHUNKS = [_TRACED[i : i + _CHUNK] for i in range(0, len(_TRACED), _CHUNK)]


def _flat(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


@pytest.mark.parametrize("cases", _CHUNKS, ids=[f"from {chunk[0].name}" for chunk in _CHUNKS])
def test_traced_equals_eager(framework: Backend, cases: list[Case]) -> None:
    """Many cases in one graph, since making a graph is slow."""
    b = framework
    inputs = [[b.convert(x) for x in case.inputs] for case in cases]

    def run(*flat: Any) -> list[Any]:
        remaining = iter(flat)
        return [
            y
            for case in cases
            for y in _flat(case.run(b, *itertools.islice(remaining, len(case.inputs))))
        ]

    found = as_arrays(b, trace(b, run)(*itertools.chain(*inputs)))
    places = [(case, raws) for case, raws in zip(cases, inputs, strict=True)]
    expected = [(case.name, *y) for case, raws in places for y in as_arrays(b, case.run(b, *raws))]
    for (dtype, y), (name, expected_dtype, z) in zip(found, expected, strict=True):
        assert dtype == expected_dtype, name
        assert y.shape == z.shape, name
        tolerance = {"float16": 2e-3, "float32": 2e-5, "float64": 1e-11}.get(dtype, 0)
        np.testing.assert_allclose(y, z, tolerance, tolerance, err_msg=name)


def _all_kinds(b: Backend, x: Any, lengths: Any, weight: Any) -> Any:
    """A little of everything, over x [batch, time, 4], lengths [batch], weight [4, 4]."""
    batch, time, _ = b.shape(x)
    mask = b.sequence_mask(lengths, time)
    x = b.where(b.expand_dims(mask, (2,)), x, 0.0)
    x = b.layer_norm(b.linear(x, weight), None, None, 1e-5)
    padded = b.pad(x, ((0, 0), (1, 1), (0, 0)), 0.0)
    x = b.binary("add", x, b.conv(padded, b.reshape(weight, (1, 4, 4)), (1,), (1,), 1)[:, 1:-1])
    scores = b.einsum("btf,bsf->bts", x, x)
    scores = b.where(b.expand_dims(mask, (1,)), scores, float("-inf"))
    x = b.einsum("bts,bsf->btf", b.softmax(scores, 2), x)
    halves = b.split(x, (2, 2), 2)
    x = b.concat([halves[1], b.flip(halves[0], 1)], 2)
    order, places = b.sort(b.reduce("sum", x, (2,)), 1)
    x = b.gather(x, places, 1, 1)
    y = b.reshape(b.transpose(x, (1, 0, 2)), (time, batch * 4))
    y = b.reshape(b.cumulative("sum", y, 0), (time, batch, 4))
    (h, _), ys = b.scan(_step(b), (y[0], y[0]), (y, b.transpose(mask, (1, 0))), time)
    total = b.reduce("mean", b.binary("mul", ys, y), (0, 1, 2))
    return b.binary("add", total, b.reduce("sum", b.binary("mul", h, order[:, :1]), (0, 1)))


def _step(b: Backend) -> Callable[[Any, Any], tuple[Any, Any]]:
    def step(state: Any, xs: Any) -> tuple[Any, Any]:
        h, other = state
        x, m = xs
        new = b.where(b.expand_dims(m, (1,)), b.unary("tanh", b.binary("add", h, x)), h)
        return (new, other), new

    return step


def test_one_graph_serves_all_sizes(framework: Backend) -> None:
    b, rng = framework, np.random.default_rng(0)
    graphs: list[Any] = []
    traced = trace(b, lambda *xs: _all_kinds(b, *xs), graphs)
    weight = b.parameter(rng.standard_normal((4, 4)).astype("float32"))
    for batch, time in ((3, 5), (6, 7), (2, 9), (5, 2)):
        x = b.convert(rng.standard_normal((batch, time, 4)).astype("float32"))
        lengths = b.convert(rng.integers(1, time + 1, batch).astype("int32"))
        found = b.value_and_grad(lambda: (traced(x, lengths, weight), None), [weight])  # noqa: B023
        expected = b.value_and_grad(lambda: (_all_kinds(b, x, lengths, weight), None), [weight])  # noqa: B023
        for y, z in ((found[0][0], expected[0][0]), (found[1][0], expected[1][0])):
            np.testing.assert_allclose(b.to_numpy(y), b.to_numpy(z), 1e-4, 1e-4)
    if graphs:
        assert len(graphs) == 1


def test_lstm_graph_serves_all_lengths(framework: Backend) -> None:
    b, rng = framework, np.random.default_rng(0)
    graphs: list[Any] = []
    traced = trace(b, lambda *xs: b.lstm(*xs), graphs)
    weights = [rng.standard_normal(shape).astype("float32") for shape in ((2, 12), (3, 12), (12,))]
    parameters = [b.parameter(w) for w in weights]
    for time, lengths in ((7, [7, 2, 0, 1, 3]), (6, [6, 3, 0]), (5, [5, 1, 2, 3])):
        x = b.convert(rng.standard_normal((time, len(lengths), 2)).astype("float32"))
        mask = b.convert(np.arange(time)[:, None] < np.array(lengths)[None])
        state = [b.convert(np.zeros((len(lengths), 3), "float32")) for _ in range(2)]
        for run in (traced, b.lstm):
            y, h, c = run(x, *parameters, *state, mask)
            if run is traced:
                found = [b.to_numpy(z) for z in (y, h, c)]
        for z, expected in zip(found, (y, h, c), strict=True):
            np.testing.assert_allclose(z, b.to_numpy(expected), 1e-5, 1e-5)
    if graphs:
        assert len(graphs) == 1


def test_is_tracing(framework: Backend) -> None:
    def run(x: Any) -> Any:
        return b.binary("mul", x, 2.0 if b.is_tracing() else 1.0)

    b = framework
    x = b.convert([1.0, 2.0])
    assert not b.is_tracing()
    assert b.to_numpy(run(x)).tolist() == [1.0, 2.0]
    assert b.to_numpy(trace(b, run)(x)).tolist() == [2.0, 4.0]


def test_compile_value_and_grad(framework: Backend) -> None:
    b = framework
    weight = b.parameter(np.array([2.0, 3.0], "float32"))

    def step(x: Any) -> Any:
        product = lambda: b.binary("mul", b.binary("mul", x, weight), weight)  # noqa: E731
        (value, _), grads = b.value_and_grad(
            lambda: (b.reduce("sum", product(), (0,)), x), [weight]
        )
        return value, grads[0]

    value, grad = b.compile(step)(b.convert([1.0, 10.0]))
    assert float(b.to_numpy(value)) == pytest.approx(94.0)
    assert b.to_numpy(grad).tolist() == [4.0, 60.0]
