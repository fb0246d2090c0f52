"""`value_and_grad` and `stop_gradient`, and the frameworks' own ways to differentiate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED

import seqfront as sf
from seqfront import backends

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)
DIFFERENTIATING = [name for name in INSTALLED if name != "numpy"]


@pytest.fixture(params=DIFFERENTIATING)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _x(framework: str) -> sf.Tensor:
    raw = backends.get(framework).convert(np.arange(6, dtype=np.float32).reshape(2, 3))
    return sf.wrap(raw, (batch, time), lengths={time: [3, 1]})


def test_value_and_gradients(framework: str) -> None:
    x = _x(framework)
    value, (slope,) = sf.value_and_grad(lambda: sf.sum(x * x, axis=(batch, time)), [x])
    assert float(value) == 0 + 1 + 4 + 9
    assert slope.dims == x.dims
    assert slope.lengths(time).numpy().tolist() == [3, 1]
    assert slope.numpy().tolist() == [[0, 2, 4], [6, 0, 0]]


def test_something_beside_the_value(framework: str) -> None:
    x = _x(framework)

    def fn() -> tuple[sf.Tensor, dict[str, sf.Tensor]]:
        y = x * 2.0
        return sf.sum(y, axis=y.dims), {"y": y}

    (value, rest), _ = sf.value_and_grad(fn, [x])
    assert float(value) == 12
    assert rest["y"].numpy()[0].tolist() == [0, 2, 4]


def test_independent_values_have_zero_gradients(framework: str) -> None:
    x = _x(framework)
    with sf.use_backend(framework):
        other = sf.nn.Parameter((mel,), 1.0)
    _, grads = sf.value_and_grad(lambda: sf.sum(x, axis=x.dims), [x, other])
    assert grads[1].numpy().tolist() == [0, 0, 0, 0]
    assert grads[1].dims == (mel,)


def test_parameters_of_a_model(framework: str) -> None:
    with sf.use_backend(framework):
        linear = sf.nn.Linear(time_dim := sf.Dim("in", 3), mel)
    raw = backends.get(framework).convert(np.ones((2, 3), np.float32))
    x = sf.wrap(raw, (batch, time_dim))
    _, grads = sf.value_and_grad(lambda: sf.sum(linear(x), axis=(batch, mel)), linear.parameters())
    assert [g.numpy().tolist() for g in grads] == [[[2.0] * 4] * 3, [2.0] * 4]


def test_stop_gradient(framework: str) -> None:
    x = _x(framework)
    _, (slope,) = sf.value_and_grad(lambda: sf.sum(sf.stop_gradient(x) * x, axis=x.dims), [x])
    assert slope.numpy().tolist() == [[0, 1, 2], [3, 0, 0]]


def _slopes(framework: str, change: Callable[[sf.Tensor], sf.Tensor]) -> Any:
    """Gradient of the sum of squares of [[0, 1, 2], [3]] after a change."""
    x = _x(framework)

    def fn() -> sf.Tensor:
        y = change(x)
        return sf.sum(y * y, axis=x.dims)

    value, (slope,) = sf.value_and_grad(fn, [x])
    assert float(value) == 14
    return slope.numpy()


def test_scaled_and_reversed_gradients(framework: str) -> None:
    scaled = _slopes(framework, lambda x: sf.scale_gradient(x, 0.25))
    assert scaled.tolist() == [[0, 0.5, 1], [1.5, 0, 0]]
    turned = _slopes(framework, lambda x: sf.reverse_gradient(x, 2.0))
    assert turned.tolist() == [[0, -4, -8], [-12, 0, 0]]


def test_clipped_gradients(framework: str) -> None:
    by_value = _slopes(framework, lambda x: sf.clip_gradient(x, value=3.0))
    assert by_value.tolist() == [[0, 2, 3], [3, 0, 0]]
    by_norm = _slopes(framework, lambda x: sf.clip_gradient(x, norm=3.0, axis=(time,)))
    shrunk = 3 / np.sqrt(2**2 + 4**2)
    np.testing.assert_allclose(by_norm, [[0, 2 * shrunk, 4 * shrunk], [3, 0, 0]], 1e-6)
    of_all = _slopes(framework, lambda x: sf.clip_gradient(x, norm=1e-2))
    np.testing.assert_allclose(np.sqrt((of_all**2).sum()), 1e-2, 1e-6)
    small = _slopes(framework, lambda x: sf.clip_gradient(x, norm=100.0))
    assert small.tolist() == [[0, 2, 4], [6, 0, 0]]


def test_clipped_gradients_of_half_floats(framework: str) -> None:
    """The square of 300 is no float16."""
    x = sf.cast(_x(framework), "float16")

    def fn() -> sf.Tensor:
        y = sf.clip_gradient(x, norm=1.0)
        return sf.sum(sf.cast(y, "float32") * 300.0, axis=x.dims)

    _, (slope,) = sf.value_and_grad(fn, [x])
    np.testing.assert_allclose(slope.numpy(), [[0.5, 0.5, 0.5], [0.5, 0, 0]], 1e-3)


def test_custom_gradient_numbers(framework: str) -> None:
    rule = lambda slope, y, x: slope * 10.0 + y * 0.0 + x  # noqa: E731
    found = _slopes(framework, lambda x: sf.custom_gradient(lambda x: x * 1.0, rule, x))
    assert found.tolist() == [[0, 21, 42], [63, 0, 0]]


def _dropped(raw: Any, runs: list[int]) -> sf.Tensor:
    def fn(x: sf.Tensor) -> sf.Tensor:
        runs.append(1)
        return sf.dropout(sf.sin(x), 0.5)

    return sf.checkpoint(fn, sf.wrap(raw, (batch, time)))


def _same_mask(values: np.ndarray, y: np.ndarray, slope: np.ndarray) -> None:
    """The gradient of `mask * sin(x)` has the same mask."""
    kept = y != 0
    assert 100 < kept.sum() < 300
    np.testing.assert_allclose(slope, np.where(kept, 2 * np.cos(values), 0), 1e-5)


MANY = np.random.default_rng(0).uniform(0.1, 1.0, (8, 50)).astype(np.float32)


def test_dropout_is_the_same_when_computed_again(framework: str) -> None:
    b, runs = backends.get(framework), list[int]()
    x = sf.wrap(b.convert(MANY), (batch, time))

    def fn() -> Any:
        y = _dropped(x.raw, runs)
        return sf.sum(y, axis=y.dims), y

    (_, y), (slope,) = sf.value_and_grad(fn, [x])
    assert runs == [1, 1]
    _same_mask(MANY, y.numpy(batch, time), slope.numpy())


def test_dropout_is_the_same_when_computed_again_in_a_tensorflow_graph() -> None:
    tf = pytest.importorskip("tensorflow")

    @tf.function(input_signature=[tf.TensorSpec((None, None))])
    def run(raw: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(raw)
            y = _dropped(raw, []).raw
        return y, tape.gradient(y, raw)

    _same_mask(MANY, *(x.numpy() for x in run(tf.constant(MANY))))


def test_dropout_is_the_same_when_computed_again_in_a_torch_graph() -> None:
    torch = pytest.importorskip("torch")
    torch._dynamo.reset()

    def fn(raw: Any) -> Any:
        x = sf.wrap(raw, (batch, time))
        return sf.checkpoint(lambda x: sf.dropout(sf.sin(x), 0.5), x).raw

    raw = torch.tensor(MANY, requires_grad=True)
    y = torch.compile(fn, fullgraph=True, backend="aot_eager")(raw)
    y.sum().backward()
    _same_mask(MANY, y.detach().numpy(), raw.grad.numpy())


def test_checkpoint_gives_gradients_of_parameters(framework: str) -> None:
    with sf.use_backend(framework):
        linear = sf.nn.Linear(time_dim := sf.Dim("in", 3), mel)
    raw = backends.get(framework).convert(np.ones((2, 3), np.float32))
    x = sf.wrap(raw, (batch, time_dim))

    def fn() -> sf.Tensor:
        y = sf.checkpoint(lambda x: sf.checkpoint(linear, x), x)
        return sf.sum(y, axis=(batch, mel))

    _, grads = sf.value_and_grad(fn, linear.parameters())
    assert [g.numpy().tolist() for g in grads] == [[[2.0] * 4] * 3, [2.0] * 4]


def test_recorded_draws_are_those_of_the_first_run(framework: str) -> None:
    x = _x(framework)

    def fn() -> sf.Tensor:
        y = sf.checkpoint(lambda x: sf.sin(sf.dropout(x, 0.5)), x)
        return sf.sum(y + sf.dropout(x, 0.5), axis=x.dims)

    with sf.randomness.record() as draws:
        value, (slope,) = sf.value_and_grad(fn, [x])
    assert len(draws) == 2
    with sf.randomness.replay(draws):
        again, (same,) = sf.value_and_grad(fn, [x])
    assert float(value) == float(again)
    assert slope.numpy().tolist() == same.numpy().tolist()


def test_the_value_has_to_be_one_number(framework: str) -> None:
    x = _x(framework)
    with pytest.raises(sf.DimError, match="value_and_grad: x has dims"):
        sf.value_and_grad(lambda: x * 2.0, [x])


def test_torch_backward() -> None:
    import torch

    raw = torch.tensor([[1.0, 2.0, float("nan")]], requires_grad=True)
    x = sf.wrap(raw, (batch, time), lengths={time: [2]})
    sf.sum(sf.exp(x), axis=x.dims).raw.backward()
    np.testing.assert_allclose(raw.grad.numpy(), [[np.e, np.e**2, 0.0]], rtol=1e-6)


def test_tensorflow_tape() -> None:
    import tensorflow as tf

    raw = tf.constant([[1.0, 2.0, float("nan")]])
    with tf.GradientTape() as tape:
        tape.watch(raw)
        x = sf.wrap(raw, (batch, time), lengths={time: [2]})
        total = sf.sum(sf.exp(x), axis=x.dims).raw
    np.testing.assert_allclose(tape.gradient(total, raw), [[np.e, np.e**2, 0.0]], rtol=1e-6)
