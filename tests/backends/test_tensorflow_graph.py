"""TensorFlow: `tf.function` with unknown sizes, loops, XLA, SavedModel, AutoGraph."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structure_cases  # noqa: F401  (adds its cases)
import tensorflow as tf
from primitive_cases import CASES, Case, floats

from seqfront import backends, errors
from seqfront.backend import Backend

b: Backend = backends.get("tensorflow")

_MODES = ("eager", "graph")


def _flat(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


def run(mode: str, fn: Callable[..., Any], *args: Any) -> Any:
    """`fn` of tensors: at once, or in a graph that knows no size."""
    args = tuple(map(tf.convert_to_tensor, args))
    if mode == "eager":
        return fn(*args)
    specs = [tf.TensorSpec([None] * x.shape.rank, x.dtype) for x in args]
    return tf.function(fn, input_signature=specs, autograph=False)(*args)


# -- every primitive, with unknown sizes ----------------------------------------------------------


def _specs(case: Case) -> list[Any]:
    """Sizes of a kernel and of channels belong to the model; all others are open."""
    conv = case.name.startswith("conv") and not case.name.startswith("convert")
    specs = []
    for i, x in enumerate(case.inputs):
        shape = [None] * x.ndim
        if conv:
            shape = list(x.shape) if i else [*shape[:-1], x.shape[-1]]
        specs.append(tf.TensorSpec(shape, x.dtype))
    return specs


_ids = [case.name for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=_ids)
def test_primitive_with_unknown_sizes(case: Case) -> None:
    expected = _flat(case.run(backends.get("numpy"), *case.inputs))
    graph = tf.function(
        lambda *xs: _flat(case.run(b, *xs)), input_signature=_specs(case), autograph=False
    )
    for y, z in zip(graph(*map(tf.constant, case.inputs)), expected, strict=True):
        assert y.dtype.name == z.dtype.name
        assert tuple(y.shape) == z.shape
        tolerance = 2e-3 if z.dtype == np.float16 else 2e-5
        np.testing.assert_allclose(y, z, tolerance, tolerance)


_smooth = [case for case in CASES if case.gradient]


@pytest.mark.parametrize("case", _smooth, ids=[case.name for case in _smooth])
def test_gradient_with_unknown_sizes(case: Case) -> None:
    def gradients(*xs: Any) -> Any:
        wrt = [x for x in xs if x.dtype.is_floating]
        score = lambda: sum(tf.reduce_sum(tf.sin(y)) for y in _flat(case.run(b, *xs)))  # noqa: E731
        return b.value_and_grad(lambda: (score(), None), wrt)[1]

    xs = list(map(tf.constant, case.inputs))
    graph = tf.function(gradients, input_signature=_specs(case), autograph=False)
    for y, z in zip(graph(*xs), gradients(*xs), strict=True):
        np.testing.assert_allclose(y, z, 1e-4, 1e-5)


# -- a model --------------------------------------------------------------------------------------


class Model(tf.Module):
    """conv, linear, layer_norm, lstm over x [batch, time, 5] with lengths [batch]."""

    def __init__(self) -> None:
        super().__init__()
        shapes = [(3, 5, 4), (4, 6), (6,), (6,), (6,), (6, 12), (3, 12), (12,)]
        self.weights = [b.parameter(floats(*s, seed=i) * 0.3) for i, s in enumerate(shapes)]
        self.traces = 0

    def score(self, x: Any, lengths: Any) -> Any:
        """Scalar."""
        self.traces += 1
        kernel, project, bias, scale, shift, into, back, gates = self.weights
        x = b.pad(x, ((0, 0), (1, 1), (0, 0)), 0.0)
        x = b.unary("relu", b.conv(x, kernel, (1,), (1,), 1))
        x = b.layer_norm(b.linear(x, project, bias), scale, shift, 1e-5)
        batch, time, _ = b.shape(x)
        mask = b.transpose(b.sequence_mask(lengths, time), (1, 0))
        zeros = b.full((batch, 3), 0.0, "float32", "cpu")
        y, _, _ = b.lstm(b.transpose(x, (1, 0, 2)), into, back, gates, zeros, zeros, mask)
        return b.reduce("sum", b.softmax(y, 2)[:, :, 0], (0, 1))

    def step(self, x: Any, lengths: Any) -> Any:
        """Score and gradients."""
        (value, _), grads = b.value_and_grad(lambda: (self.score(x, lengths), None), self.weights)
        return value, grads


_INPUT = [tf.TensorSpec([None, None, 5], tf.float32), tf.TensorSpec([None], tf.int32)]
_SIZES = ((2, 7, [7, 3]), (1, 1, [1]), (3, 4, [0, 4, 2]), (2, 0, [0, 0]))


def test_model_and_gradient_are_traced_once() -> None:
    model = Model()
    step = tf.function(model.step, input_signature=_INPUT)
    for batch, time, lengths in _SIZES:
        x = tf.constant(floats(batch, time, 5))
        before = model.traces
        value, grads = step(x, tf.constant(lengths))
        assert model.traces == 1 if before == 0 else model.traces == before
        expected, expected_grads = model.step(x, tf.constant(lengths))
        model.traces = before or 1
        np.testing.assert_allclose(value, expected, 1e-5, 1e-5)
        for y, z in zip(grads, expected_grads, strict=True):
            np.testing.assert_allclose(y, z, 1e-4, 1e-5)


def test_model_under_xla() -> None:
    model = Model()
    compiled = tf.function(model.step, autograph=False, jit_compile=True)
    x, lengths = tf.constant(floats(2, 6, 5)), tf.constant([6, 2])
    value, grads = compiled(x, lengths)
    expected, expected_grads = model.step(x, lengths)
    np.testing.assert_allclose(value, expected, 1e-4, 1e-4)
    for y, z in zip(grads, expected_grads, strict=True):
        np.testing.assert_allclose(y, z, 1e-3, 1e-4)


def test_saved_model_round_trip(tmp_path: Path) -> None:
    model = Model()
    model.serve = tf.function(model.score, input_signature=_INPUT)
    tf.saved_model.save(model, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    assert backends.of(loaded.weights[0]) is b
    for batch, time, lengths in _SIZES:
        x = tf.constant(floats(batch, time, 5))
        found = loaded.serve(x, tf.constant(lengths))
        np.testing.assert_allclose(found, model.score(x, tf.constant(lengths)), 1e-5, 1e-6)
    with tf.GradientTape() as tape:
        value = loaded.serve(tf.constant(floats(2, 7, 5)), tf.constant([7, 3]))
    expected = model.step(tf.constant(floats(2, 7, 5)), tf.constant([7, 3]))[1]
    for y, z in zip(tape.gradient(value, list(loaded.weights)), expected, strict=True):
        np.testing.assert_allclose(y, z, 1e-4, 1e-5)


# -- loops ----------------------------------------------------------------------------------------


def _running(x: Any, reverse: bool = False) -> Any:
    """Sums so far, and their squares, of x [time, batch, n]."""

    def step(state: Any, row: Any) -> Any:
        total = b.binary("add", state["sum"], row[0])
        return {"sum": total, "none": None}, [total, (b.binary("mul", total, total), None)]

    start = {"sum": b.full(b.shape(x)[1:], 0.0, "float32", "cpu"), "none": None}
    state, (sums, (squares, _)) = b.scan(step, start, (x, None), b.size(x, 0), reverse)
    return state["sum"], sums, squares


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("time", [0, 1, 5])
def test_scan(mode: str, reverse: bool, time: int) -> None:
    def score(x: Any) -> Any:
        def value() -> Any:
            found = _running(x, reverse)
            return sum(tf.reduce_sum(tf.sin(y)) for y in found), found

        (_, found), (grad,) = b.value_and_grad(value, [x])
        return *found, grad

    x = tf.constant(floats(time, 2, 3))
    last, sums, squares, grad = run(mode, score, x)
    expected = tf.cumsum(x, reverse=reverse)
    np.testing.assert_allclose(sums, expected, 1e-5, 1e-5)
    np.testing.assert_allclose(squares, expected * expected, 1e-5, 1e-5)
    np.testing.assert_allclose(last, tf.reduce_sum(x, 0), 1e-5, 1e-5)
    assert squares.shape == grad.shape == (time, 2, 3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.cumsum(x, reverse=reverse)
        total = tf.reduce_sum(tf.sin(y) + tf.sin(y * y)) + tf.reduce_sum(
            tf.sin(tf.reduce_sum(x, 0))
        )
    np.testing.assert_allclose(grad, tape.gradient(total, x), 1e-4, 1e-5)


def test_gradient_of_scan_under_xla() -> None:
    """Of unknown length: XLA has to be told how many steps the gradient can need."""

    def score(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(tf.sin(_running(x)[1]))
        return tape.gradient(total, x)

    x = tf.constant(floats(5, 2, 3))
    compiled = tf.function(
        score, input_signature=[tf.TensorSpec([None, 2, 3])], jit_compile=True, autograph=False
    )
    np.testing.assert_allclose(compiled(x), score(x), 1e-5, 1e-5)


@pytest.mark.parametrize("mode", _MODES)
def test_scan_whose_results_have_sizes_of_their_own(mode: str) -> None:
    def outer(x: Any, w: Any) -> Any:
        step = lambda state, row: (state, b.einsum("a,b->ab", row, w))  # noqa: E731
        return b.scan(step, b.convert(0), x, b.size(x, 0))[1]

    for time in (3, 0):
        found = run(mode, outer, floats(time, 2), floats(4))
        assert found.shape == (time, 2, 4)


@pytest.mark.parametrize("mode", _MODES)
def test_while_loop_whose_state_grows(mode: str) -> None:
    def double(x: Any) -> Any:
        state = b.while_loop(
            lambda s: b.binary("lt", b.convert(b.size(s[0], 0)), 20),
            lambda s: (b.concat([s[0], s[0]], 0), {"count": b.binary("add", s[1]["count"], 1)}),
            (b.slice(x, 0, 0, 3), {"count": b.convert(0)}),
        )
        return state[0], state[1]["count"]

    x, count = run(mode, double, floats(3))
    assert x.shape == (24,)
    assert int(count) == 3


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("value", [1.0, -1.0])
def test_cond(mode: str, value: float) -> None:
    def choose(x: Any) -> Any:
        found = b.cond(
            b.binary("gt", x, 0.0),
            lambda: {"y": [b.binary("mul", x, 2.0)], "z": None},
            lambda: {"y": [b.binary("mul", x, 3.0)], "z": None},
        )
        assert found["z"] is None
        return found["y"][0]

    assert float(run(mode, choose, value)) == (2.0 if value > 0 else -3.0)


def test_error_of_a_loop_body_is_raised_as_it_is() -> None:
    def body(state: Any) -> Any:
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        run("graph", lambda x: b.while_loop(lambda s: s < 3, body, x), 0)


# -- AutoGraph ------------------------------------------------------------------------------------


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    found: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = tf.get_logger()
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


def test_autograph_leaves_our_code_alone(warnings: list[str]) -> None:
    model = Model()

    @tf.function
    def users(x: Any, lengths: Any) -> Any:
        if tf.reduce_sum(x) > 1000.0:  # AutoGraph rewrites this
            x = -x
        return model.score(x, lengths)

    users(tf.constant(floats(2, 7, 5)), tf.constant([7, 3]))
    assert not [text for text in warnings if "AutoGraph" in text]
    from tensorflow.python.autograph.impl.conversion import is_allowlisted

    assert is_allowlisted(b.scan)
    assert is_allowlisted(backends.get)
    assert not is_allowlisted(users.python_function)


def test_our_errors_pass_through_autograph() -> None:
    @tf.function
    def users(x: Any) -> Any:
        if tf.reduce_sum(x) > 0.0:
            raise errors.native_missing("no such file")
        return x

    with pytest.raises(errors.NativeError) as caught:
        users(tf.constant(1.0))
    assert str(caught.value) == str(errors.native_missing("no such file"))


def test_errors_below_keep_their_type_and_message() -> None:
    @tf.function
    def users(x: Any) -> Any:
        return b.binary("mul", x, 0.5)

    with pytest.raises(TypeError, match=r"0\.5 is no int32: cast the tensor first\."):
        users(tf.constant(1))
