"""TensorFlow: gradients, randomness, variables, checks and devices, eager and in graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from primitive_cases import floats
from test_tensorflow_graph import b, run, tf

from seqfront import backends, errors
from seqfront.composed import ComposedOps

_MODES = ("eager", "graph")


def test_every_kind_of_tensor_has_this_backend() -> None:
    kinds: list[Any] = [tf.constant(1.0), tf.Variable(1.0), tf.Variable(1.0, trainable=False)]

    @tf.function
    def collect(x: Any) -> Any:
        kinds.extend([x, tf.shape(x), kinds[1].assign(2.0)])
        return x

    collect(tf.constant([1.0]))
    assert all(type(kind) in b.raw_types for kind in kinds)
    assert all(backends.of(kind) is b for kind in kinds)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_short_floats(dtype: str) -> None:
    x, w, s = (b.cast(b.convert(floats(*n)), dtype) for n in ((2, 3, 4), (4, 4), (4,)))
    kernel = b.reshape(w, (1, 4, 4))
    found = [
        b.linear(x, w), b.layer_norm(x, s, s, 1e-3), b.softmax(x, 2),
        b.conv(x, kernel, (1,), (1,), 1), b.random("normal", (3,), dtype, "cpu"),
        b.cumulative("max", x, 1), b.reduce("mean", x, (0, 1)), b.binary("mul", 2.0, x),
        b.sort(x, 1)[0], b.rfft(x, 4)[0], b.scatter("add", s, b.convert([0, 0]), s[:2]),
        b.pool("max", x, (2,), (1,)), b.pool("mean", x, (2,), (1,)),
    ]  # fmt: skip
    assert {b.dtype(y) for y in found} == {dtype}
    assert b.to_numpy(found[0]).dtype == ("float16" if dtype == "float16" else "float32")
    ones = b.full((5000,), 1.0, dtype, "cpu")
    assert float(b.to_numpy(b.reduce("mean", ones, (0,)))) == 1.0
    assert float(b.to_numpy(b.reduce("sum", ones, (0,)))) == pytest.approx(5000, rel=4e-3)


# -- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", _MODES)
def test_where_gives_the_other_operand_no_gradient(mode: str) -> None:
    def grads(c: Any, x: Any, y: Any) -> Any:
        value = lambda: (tf.reduce_sum(b.where(c, x, y)), None)  # noqa: E731
        return b.value_and_grad(value, [x, y])[1]

    x, y = [1.0, np.nan, np.inf], [np.inf, 2.0, np.nan]
    to_x, to_y = run(mode, grads, [True, False, True], x, y)
    assert list(to_x) == [1.0, 0.0, 1.0]
    assert list(to_y) == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("mode", _MODES)
def test_value_and_grad_of_what_is_not_connected(mode: str) -> None:
    def grads(x: Any, y: Any, n: Any) -> Any:
        table = b.gather(y, b.convert([1, 1]), 0)  # its gradient is sparse
        return b.value_and_grad(lambda: (tf.reduce_sum(b.gather(y, n, 0)), table), [x, y, n])[1]

    to_x, to_y, to_n = run(mode, grads, [1.0, 2.0], [[1.0], [2.0], [3.0]], [1, 1])
    assert to_x.numpy().tolist() == [0.0, 0.0]
    assert to_y.numpy().tolist() == [[0.0], [2.0], [0.0]]
    assert to_n.numpy().tolist() == [0, 0]


@pytest.mark.parametrize("mode", _MODES)
def test_custom_gradient_that_uses_a_variable_and_gives_none(mode: str) -> None:
    weight = b.parameter(np.float32(3.0))

    def grads(x: Any, y: Any) -> Any:
        def forward(x: Any, y: Any) -> Any:
            return x * y * weight

        def value() -> Any:
            return b.custom_gradient(forward, lambda g, r, x, y: (g * r, None), x, y), None

        return b.value_and_grad(value, [x, y])[1]

    to_x, to_y = run(mode, grads, 2.0, 5.0)
    assert (float(to_x), float(to_y)) == (30.0, 0.0)


@pytest.mark.parametrize("outer", ["inside", "outside"])
def test_no_grad_in_a_function(outer: str) -> None:
    def value(x: Any) -> Any:
        kept = b.no_grad(lambda: {"y": x * x, "n": None, "k": 3})
        assert kept["k"] == 3
        return x * kept["y"]

    x = tf.constant(3.0)
    if outer == "outside":
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.function(value, autograph=False)(x)
        grad = tape.gradient(y, x)
    else:
        inner = lambda x: b.value_and_grad(lambda: (value(x), None), [x])[1][0]  # noqa: E731
        grad = tf.function(inner, autograph=False)(x)
    assert float(grad) == 9.0


@pytest.mark.parametrize("mode", [*_MODES, "tape outside"])
def test_checkpoint_repeats_its_random_numbers(mode: str) -> None:
    weight = b.parameter(np.ones(1000, "float32"))

    def dropped(x: Any) -> Any:
        draws = b.random("uniform", b.shape(x), "float32", "cpu")
        more = b.random("normal", b.shape(x), "float32", "cpu")
        return {"y": b.where(b.binary("lt", draws, 0.5), x * weight, 0.0) * more}

    def value(x: Any) -> Any:
        return b.checkpoint(dropped, x)["y"]

    def grads(x: Any) -> Any:
        (_, y), (to_x, to_w) = b.value_and_grad(
            lambda: ((y := value(x)) is not None and tf.reduce_sum(y), y), [x, weight]
        )
        return y, to_x, to_w

    x = tf.constant(floats(1000) + 3.0)
    if mode == "tape outside":
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.function(value, autograph=False)(x)
        to_x, to_w = tape.gradient(y, [x, weight])
    else:
        y, to_x, to_w = run(mode, grads, x)
    np.testing.assert_allclose(to_x, y / x, 1e-5, 1e-6)
    np.testing.assert_allclose(to_w, y, 1e-5, 1e-6)
    assert 400 < np.count_nonzero(y) < 600


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("masked", [False, True])
def test_second_derivative_of_lstm(mode: str, masked: bool) -> None:
    shapes = [(4, 2, 3), (3, 20), (5, 20), (20,), (2, 5), (2, 5)]
    args = [tf.constant(floats(*s, seed=i), tf.float64) * 0.3 for i, s in enumerate(shapes)]
    mask = tf.constant([[True, True], [True, False], [False, True], [True, False]])

    def second(lstm: Any) -> Any:
        def first() -> Any:
            def score() -> Any:
                y, h, c = lstm(*args, mask if masked else None)
                return tf.reduce_sum(tf.sin(3 * y)) + tf.reduce_sum(h * tf.cos(c)), None

            return sum(tf.reduce_sum(tf.sin(g)) for g in b.value_and_grad(score, args)[1]), None

        return b.value_and_grad(first, args)[1]

    found = run(mode, lambda: second(b.lstm))
    expected = second(lambda *args: ComposedOps.lstm(b, *args))
    for y, z in zip(found, expected, strict=True):
        np.testing.assert_allclose(y, z, 1e-8, 1e-9)


# -- randomness, variables, checks, devices -------------------------------------------------------


@pytest.mark.parametrize("mode", _MODES)
def test_random_state_can_be_restored(mode: str) -> None:
    draw = lambda: b.random("uniform", (1000,), "float32", "cpu")  # noqa: E731
    b.set_seed(3)
    state = b.random_state()
    first, second = run(mode, draw), run(mode, draw)
    b.set_random_state(state)
    assert np.array_equal(first, run(mode, draw))
    assert np.array_equal(second, run(mode, draw))
    assert not np.array_equal(first, second)
    assert 0.0 <= np.min(first) < 0.01
    assert 0.99 < np.max(first) < 1.0
    b.set_seed(3)
    assert np.array_equal(first, run(mode, draw))


def test_parameter_made_while_tracing_is_a_variable() -> None:
    made: list[Any] = []

    @tf.function(autograph=False)
    def use(x: Any) -> Any:
        if not made:
            made.append(b.parameter(np.array([2.0, 3.0], "float32"), trainable=False))
        b.assign(made[0], made[0] + x)
        return b.binary("mul", made[0], 2.0)

    assert use(tf.constant(1.0)).numpy().tolist() == [6.0, 8.0]
    assert use(tf.constant(1.0)).numpy().tolist() == [8.0, 10.0]
    assert isinstance(made[0], tf.Variable)
    assert not made[0].trainable


@pytest.mark.parametrize("mode", _MODES)
def test_check(mode: str) -> None:
    def checked(x: Any) -> Any:
        ok = b.check(b.reduce("all", b.binary("gt", x, 0.0), (0,)), "x must be positive.")
        return b.where(ok, x, 0.0)

    assert list(run(mode, checked, [1.0, 2.0])) == [1.0, 2.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x must be positive\."):
        run(mode, checked, [1.0, -2.0])


def test_devices() -> None:
    x = b.convert([1.0], device="cpu")
    assert b.device(x) == "cpu"
    assert b.device(b.parameter(np.zeros(2), "cpu")) == "cpu"
    assert b.to_device(x, "cpu") is x
    with pytest.raises(errors.BackendError, match="abacus:3"):
        b.full((2,), 0.0, "float32", "abacus:3")


@pytest.mark.parametrize("mode", _MODES)
def test_shapes(mode: str) -> None:
    seen: list[Any] = []

    def look(x: Any) -> Any:
        seen.append((b.static_shape(x), b.shape(x), b.size(x, 1)))
        return b.full(b.shape(x), 1, "int64", b.device(x))

    y = run(mode, look, floats(2, 3))
    assert y.shape == (2, 3)
    static, shape, size = seen[0]
    if mode == "eager":
        assert (static, shape, size) == ((2, 3), (2, 3), 3)
    else:
        assert static == (None, None)
        assert all(n.dtype == tf.int32 and n.shape == () for n in (*shape, size))


def test_cumulative_product_has_a_gradient_at_zero() -> None:
    x = tf.constant([2.0, 0.0, 3.0, 0.0, 5.0])
    (_, _), (grad,) = b.value_and_grad(
        lambda: (tf.reduce_sum(b.cumulative("prod", x, 0)), None), [x]
    )
    assert grad.numpy().tolist() == [1.0, 8.0, 0.0, 0.0, 0.0]


def test_known_extents_stay_known() -> None:
    @tf.function(
        input_signature=[tf.TensorSpec([None, None, 5]), tf.TensorSpec([None], tf.int32)],
        autograph=False,
    )
    def look(x: Any, n: Any) -> Any:
        batch, time, _ = b.shape(x)
        w, deep = (lambda *s: tf.zeros(s)), b.transpose(x, (1, 0, 2))
        state = w(1, 2) + tf.zeros([batch, 2])
        found = {
            "pad": (b.pad(x, ((0, 0), (time, 1), (0, 2)), 0.0), (None, None, 7)),
            "slice": (b.slice(x, 1, time - 1, time), (None, None, 5)),
            "split": (b.split(x, (1, time - 1), 1)[1], (None, None, 5)),
            "reshape": (b.reshape(x, (batch * time, 5)), (None, 5)),
            "broadcast_to": (b.broadcast_to(w(1, 5), (batch, time, 5)), (None, None, 5)),
            "full": (b.full((batch, 3, time), 0.0, "float32", "cpu"), (None, 3, None)),
            "conv": (b.conv(x, w(3, 5, 7), (2,), (1,), 1), (None, None, 7)),
            "dilated": (b.conv(x, w(3, 5, 7), (2,), (2,), 1), (None, None, 7)),
            "depthwise": (b.conv(x, w(3, 1, 10), (1,), (1,), 5), (None, None, 10)),
            "conv_transpose": (b.conv_transpose(x, w(3, 4, 5), (2,)), (None, None, 4)),
            "pool": (b.pool("max", x, (2,), (2,)), (None, None, 5)),
            "cumulative": (b.cumulative("max", x, 1), (None, None, 5)),
            "sort": (b.sort(x, 1)[1], (None, None, 5)),
            "linear": (b.linear(x, w(5, 6)), (None, None, 6)),
            "scatter": (b.scatter("update", x, n, x), (None, None, 5)),
            "scan": (b.scan(lambda s, r: (s, r), batch, deep, time)[1], (None, None, 5)),
            "lstm": (b.lstm(deep, w(5, 8), w(2, 8), w(8), state, state, None)[0], (None, None, 2)),
            "rfft": (b.rfft(x, 8)[1], (None, None, 5)),
        }
        assert {k: b.static_shape(y) for k, (y, _) in found.items()} == {
            k: shape for k, (_, shape) in found.items()
        }
        return x

    look.get_concrete_function()
