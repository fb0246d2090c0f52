"""`value_and_grad` and `stop_gradient`, and the frameworks' own ways to differentiate."""

from __future__ import annotations

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
