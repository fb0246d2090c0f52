"""Rules that values at smooth points do not show: ties, poison, control flow, state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from seqfront.backend import Backend

INF, NAN = math.inf, math.nan


def gradient(b: Backend, fn: Any, *xs: Any, dtype: str = "float32") -> list[list[Any]]:
    """Gradients of the sum of `fn` as nested lists."""
    raws = [b.parameter(np.array(x, dtype)) for x in xs]

    def total() -> tuple[Any, None]:
        y = fn(*raws)
        return b.reduce("sum", y, tuple(range(len(b.static_shape(y))))), None

    _, grads = b.value_and_grad(total, raws)
    return [b.to_numpy(g).tolist() for g in grads]


# -- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["max", "min"])
def test_ties_share_the_gradient(framework: Backend, name: Any) -> None:
    x = [[1.0, 1.0, -1.0, -1.0], [2.0, 0.0, 0.0, 2.0]]
    (grad,) = gradient(framework, lambda x: framework.reduce(name, x, (1,)), x)
    expected = {
        "max": [[0.5, 0.5, 0, 0], [0.5, 0, 0, 0.5]],
        "min": [[0, 0, 0.5, 0.5], [0, 0.5, 0.5, 0]],
    }
    assert grad == expected[name]
    (grad,) = gradient(
        framework, lambda x: framework.reduce(name, x, (0, 1)), [[1.0, 1.0], [1.0, 1.0]]
    )
    assert grad == [[0.25, 0.25], [0.25, 0.25]]


@pytest.mark.parametrize("name", ["max", "min"])
def test_two_equal_values_get_half_the_gradient_each(framework: Backend, name: Any) -> None:
    b = framework
    assert gradient(b, lambda x, y: b.binary(name, x, y), [1.0], [1.0]) == [[0.5], [0.5]]
    assert gradient(b, lambda x: b.binary(name, x, 1.0), [1.0]) == [[0.5]]
    assert gradient(b, lambda x: b.binary(name, 1.0, x), [1.0]) == [[0.5]]


def test_running_logsumexp_of_nothing_possible_has_no_gradient(framework: Backend) -> None:
    b = framework
    (grad,) = gradient(b, lambda x: b.cumulative("logsumexp", x, 0)[2:], [-INF, -INF, 0.0, -INF])
    assert grad == [0.0, 0.0, 2.0, 0.0]
    (grad,) = gradient(b, lambda x: b.cumulative("logsumexp", x, 0), [-INF, -INF, 0.0, -INF])
    assert grad == [0.0, 0.0, 2.0, 0.0]


def test_where_gives_nothing_to_what_is_not_chosen(framework: Backend) -> None:
    b = framework
    chosen = b.convert(np.array([True, False]))
    a_grad, b_grad = gradient(
        b,
        lambda x, y: b.where(chosen, b.unary("log", x), b.unary("sqrt", y)),
        [1.0, 0.0],
        [0.0, 1.0],
    )
    assert a_grad[0] == 1.0
    assert b_grad[1] == 0.5
    (grad,) = gradient(b, lambda x: b.where(chosen, x, NAN * 0 + 1.0), [NAN, NAN])
    assert grad == [1.0, 0.0]


def test_poison_stays_behind_where(framework: Backend) -> None:
    b = framework
    inside = b.convert(np.array([True, False]))
    (grad,) = gradient(b, lambda x: b.unary("exp", b.where(inside, x, 0.0)), [0.0, NAN])
    assert grad == [1.0, 0.0]


def test_last_update_wins_and_gets_the_gradient(framework: Backend) -> None:
    b = framework
    places = b.convert(np.array([1, 0, 1], "int32"))
    run = lambda x, u: b.scatter("update", x, places, u)  # noqa: E731
    x_grad, u_grad = gradient(b, run, [[5.0], [6.0], [7.0]], [[1.0], [2.0], [3.0]])
    assert (x_grad, u_grad) == ([[0.0], [0.0], [1.0]], [[0.0], [1.0], [1.0]])


@pytest.mark.parametrize("name", ["abs", "relu"])
def test_kinks_have_gradient_zero(framework: Backend, name: Any) -> None:
    assert gradient(framework, lambda x: framework.unary(name, x), [0.0]) == [[0.0]]


def test_product_with_zeros(framework: Backend) -> None:
    x = [[0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [1.0, 2.0, 3.0]]
    (grad,) = gradient(framework, lambda x: framework.reduce("prod", x, (1,)), x)
    assert grad == [[6, 0, 0], [0, 0, 0], [6, 3, 2]]
    (grad,) = gradient(framework, lambda x: framework.cumulative("prod", x, 0), [0.0, 2.0, 3.0])
    assert grad == [9, 0, 0]


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod"])
def test_reducing_nothing_is_differentiable(framework: Backend, name: Any) -> None:
    (grad,) = gradient(framework, lambda x: framework.reduce(name, x, (1,)), np.zeros((2, 0)))
    assert grad == [[], []]


def test_gradient_of_what_is_not_used_is_zero(framework: Backend) -> None:
    b = framework
    x, unused = b.parameter(np.array([1.0, 2.0])), b.parameter(np.array([[3.0]]))
    (value, rest), grads = b.value_and_grad(
        lambda: (b.reduce("sum", b.binary("mul", x, x), (0,)), {"more": x}), [x, unused]
    )
    assert float(b.to_numpy(value)) == 5.0
    assert b.to_numpy(rest["more"]).tolist() == [1.0, 2.0]
    assert [b.to_numpy(g).tolist() for g in grads] == [[2.0, 4.0], [[0.0]]]


def test_value_that_depends_on_nothing(framework: Backend) -> None:
    b = framework
    x = b.parameter(np.array([1.0, 2.0]))
    _, (grad,) = b.value_and_grad(lambda: (b.convert(3.0), None), [x])
    assert b.to_numpy(grad).tolist() == [0.0, 0.0]


def test_gradient_of_plain_tensors(framework: Backend) -> None:
    b = framework
    x = b.convert([1.0, 2.0])
    _, (grad,) = b.value_and_grad(lambda: (b.reduce("sum", b.unary("exp", x), (0,)), None), [x])
    np.testing.assert_allclose(b.to_numpy(grad), np.exp([1.0, 2.0]), 1e-6)


def test_stop_gradient_and_no_grad(framework: Backend) -> None:
    b = framework
    assert gradient(b, lambda x: b.binary("mul", b.stop_gradient(x), x), [3.0]) == [[3.0]]
    run = lambda x: b.binary("add", b.no_grad(lambda: b.binary("mul", x, x)), x)  # noqa: E731
    assert gradient(b, run, [3.0]) == [[1.0]]


def test_custom_gradient(framework: Backend) -> None:
    b = framework

    def backward(grad: Any, result: Any, x: Any, y: Any) -> Any:
        return b.binary("mul", grad, b.binary("add", result, x)), None

    run = lambda x, y: b.custom_gradient(lambda x, y: b.binary("mul", x, y), backward, x, y)  # noqa: E731
    assert gradient(b, run, [2.0, 3.0], [5.0, 7.0]) == [[12.0, 24.0], [0.0, 0.0]]


def test_checkpoint(framework: Backend) -> None:
    b = framework
    run = lambda x: b.checkpoint(lambda x: b.binary("mul", x, b.unary("sin", x)), x)  # noqa: E731
    plain = lambda x: b.binary("mul", x, b.unary("sin", x))  # noqa: E731
    assert gradient(b, run, [1.0, 2.0]) == gradient(b, plain, [1.0, 2.0])


def test_numpy_has_no_gradients(reference: Backend) -> None:
    assert not reference.has_gradients
    with pytest.raises(TypeError, match="computes no gradients"):
        reference.value_and_grad(lambda: (reference.convert(1.0), None), [])


# -- control flow ---------------------------------------------------------------------------------


def test_cond(backend: Backend) -> None:
    b = backend
    x = b.convert([1.0, 2.0])
    for flag, expected in ((True, [2.0, 4.0]), (False, [2.0, 3.0])):
        y = b.cond(
            b.convert(np.array(flag)),
            lambda: {"a": (b.binary("mul", x, 2.0), [x])},
            lambda: {"a": (b.binary("add", x, 1.0), [x])},
        )
        assert b.to_numpy(y["a"][0]).tolist() == expected


def test_while_loop(backend: Backend) -> None:
    b = backend
    state = b.while_loop(
        lambda s: b.binary("lt", s["i"], 5),
        lambda s: {"i": b.binary("add", s["i"], 1), "x": (b.binary("mul", s["x"][0], 2.0),)},
        {"i": b.convert(0), "x": (b.convert([1.0, 3.0]),)},
    )
    assert int(b.to_numpy(state["i"])) == 5
    assert b.to_numpy(state["x"][0]).tolist() == [32.0, 96.0]


@pytest.mark.parametrize("size", [3, 1, 0])
def test_growing_array(backend: Backend, size: int) -> None:
    b = backend
    x = np.arange(6, dtype="float32").reshape(3, 2)
    array = b.array_empty(b.convert(x[0]))
    for row in x[:size]:
        shorter, array = array, b.array_push(array, b.convert(row))
    stacked = b.array_stack(array, "float32", (2,))
    assert b.to_numpy(stacked).tolist() == x[:size].tolist()
    assert b.static_shape(stacked) == (size, 2)
    if size:
        assert b.static_shape(b.array_stack(shorter, "float32", (None,))) == (size - 1, 2)


def test_gradient_of_a_growing_array(framework: Backend) -> None:
    b = framework

    def run(x: Any) -> Any:
        array = b.array_push(b.array_push(b.array_empty(x), x), b.binary("mul", x, x))
        return b.array_stack(array, "float32", (2,))

    assert gradient(b, run, [3.0, 5.0]) == [[7.0, 11.0]]


def test_checkpoint_with_integers(framework: Backend) -> None:
    """Integers of every width go in and come out as they are."""
    b = framework
    numbers = [
        b.convert(np.array([high - 1, 3], dtype))
        for dtype, high in (("int64", 2**63), ("int32", 2**31), ("int16", 2**15), ("uint8", 2**8))
    ] + [b.convert(np.array([True, False]))]
    x = b.convert([1.0, 2.0])
    _, *found = b.checkpoint(lambda x, *n: [b.unary("sin", x), *n], x, *numbers)
    for before, after in zip(numbers, found, strict=True):
        assert b.dtype(before) == b.dtype(after)
        assert b.to_numpy(before).tolist() == b.to_numpy(after).tolist()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("size", [3, 1, 0])
def test_scan(backend: Backend, size: int, reverse: bool) -> None:
    b = backend
    x = np.arange(6, dtype="float32").reshape(3, 2)[:size]

    def body(state: Any, xs: Any) -> tuple[Any, Any]:
        total = b.binary("add", b.binary("mul", state["s"], 0.5), xs["x"][0])
        return {"s": total}, (b.binary("mul", total, 2.0), [b.cast(total, "int32")])

    state, (y, [z]) = b.scan(
        body, {"s": b.convert([1.0, 2.0])}, {"x": (b.convert(x),)}, size, reverse
    )
    total, expected = np.array([1.0, 2.0], "float32"), np.zeros((size, 2), "float32")
    for i in reversed(range(size)) if reverse else range(size):
        total = total * np.float32(0.5) + x[i]
        expected[i] = total
    assert b.to_numpy(state["s"]).tolist() == total.tolist()
    assert b.to_numpy(y).tolist() == (2 * expected).tolist()
    assert (b.dtype(z), b.to_numpy(z).shape) == ("int32", (size, 2))


def test_gradient_through_scan(framework: Backend) -> None:
    b = framework

    def run(w: Any, x: Any) -> Any:
        step = lambda s, xs: ((y := b.unary("tanh", b.binary("mul", b.binary("add", s, xs), w))), y)  # noqa: E731
        _, ys = b.scan(step, b.convert(np.array([0.5])), x, 4)
        return ys

    x = np.array([[0.1], [0.2], [-0.3], [0.4]])
    grads = gradient(b, run, 0.7, x, dtype="float64")

    def plain(w: float, x: np.ndarray) -> float:
        s, total = 0.5, 0.0
        for value in x[:, 0]:
            s = math.tanh((s + value) * w)
            total += s
        return total

    step = 1e-6
    assert grads[0] == pytest.approx((plain(0.7 + step, x) - plain(0.7 - step, x)) / 2 / step)
    for i in range(4):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        expected = (plain(0.7, up) - plain(0.7, down)) / 2 / step
        assert grads[1][i][0] == pytest.approx(expected)


# -- state ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uniform", "normal"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_random(backend: Backend, kind: Any, dtype: str) -> None:
    b = backend
    b.set_seed(3)
    first = b.to_numpy(b.random(kind, (40, 50), dtype, "cpu"))
    state = b.random_state()
    second = b.to_numpy(b.random(kind, (40, 50), dtype, "cpu"))
    b.set_random_state(state)
    assert (b.to_numpy(b.random(kind, (40, 50), dtype, "cpu")) == second).all()
    b.set_seed(3)
    assert (b.to_numpy(b.random(kind, (40, 50), dtype, "cpu")) == first).all()
    assert (first != second).any()
    assert first.dtype == dtype
    mean, deviation = (0.5, 12**-0.5) if kind == "uniform" else (0.0, 1.0)
    values = first.astype("float64")
    assert abs(values.mean() - mean) < 0.1
    assert abs(values.std() - deviation) < 0.1
    if kind == "uniform":
        assert values.min() >= 0
        assert values.max() < 1


def test_parameters(backend: Backend) -> None:
    b = backend
    source = np.array([1.0, 2.0], "float32")
    p = b.parameter(source)
    source[0] = 9.0
    assert b.to_numpy(p).tolist() == [1.0, 2.0]
    assert type(p) in b.raw_types
    b.assign(p, b.convert([3.0, 4.0]))
    assert b.to_numpy(p).tolist() == [3.0, 4.0]
    assert (b.dtype(p), tuple(b.static_shape(p)), b.device(p)) == ("float32", (2,), "cpu")


def test_check(backend: Backend) -> None:
    b = backend
    assert bool(b.to_numpy(b.check(b.convert(True), "fine")))
    with pytest.raises(Exception, match="lengths are negative"):
        b.check(b.convert(False), "lengths are negative")


def test_device(backend: Backend) -> None:
    b = backend
    x = b.convert([1.0])
    assert b.device(x) == "cpu"
    assert b.to_numpy(b.to_device(x, "cpu")).tolist() == [1.0]
    assert b.to_numpy(b.convert([1.0], "float64", "cpu")).dtype == np.float64


def test_bfloat16_goes_to_numpy_as_float32(backend: Backend) -> None:
    b = backend
    x = b.cast(b.convert([1.0, 2.5, 3.14159]), "bfloat16")
    assert b.dtype(x) == "bfloat16"
    y = b.to_numpy(b.binary("add", x, x))
    assert y.dtype == np.float32
    assert y.tolist() == [2.0, 5.0, 6.28125]


def test_everything_is_of_a_raw_type(backend: Backend) -> None:
    b = backend
    x = b.convert([[1.0, 2.0], [3.0, 4.0]])
    for y in (
        x, b.convert(1.0), b.parameter(np.ones(2)), b.full((), 1.0, "float32", "cpu"),
        b.unary("exp", b.convert(0.5)), b.binary("add", b.convert(1.0), 2.0),
        b.reduce("sum", x, (0, 1)), b.reduce("any", b.binary("gt", x, 0.0), (0, 1)),
        b.arg_reduce("argmax", b.convert([1.0, 2.0]), 0), b.einsum("ab,ab->", x, x),
        b.gather(b.convert([1.0, 2.0]), b.convert(1), 0), b.where(b.convert(True), 1.0, x),
        *b.rfft(x, 2), *b.sort(x, 0), *b.split(x, (1, 1), 0),
    ):  # fmt: skip
        assert type(y) in b.raw_types
