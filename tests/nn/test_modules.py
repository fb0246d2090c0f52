"""Modules are plain Python: parameters by path, modes, containers, owners."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends

mel, hidden, out = sf.Dim("mel", 4), sf.Dim("hidden", 6), sf.Dim("out", 3)
batch, time = sf.Dim("batch"), sf.Dim("time")


class Nested(sf.nn.Module):
    def __init__(self) -> None:
        self.first = sf.nn.Linear(mel, hidden)
        self.layers = [sf.nn.LayerNorm(hidden), {"out": sf.nn.Linear(hidden, out, bias=False)}]
        self.tied = self.first
        self.kept = sf.nn.Parameter((out,), 2.0, trainable=False)


def test_parameters_go_by_path_each_once() -> None:
    assert list(Nested().named_parameters()) == [
        "first.weight", "first.bias", "layers.0.scale", "layers.0.bias", "layers.1.out.weight",
        "kept",
    ]  # fmt: skip
    assert len(Nested().parameters()) == 5


def test_modules_go_by_path_each_once() -> None:
    assert list(Nested().named_modules()) == ["", "first", "layers.0", "layers.1.out"]


def test_training_mode_reaches_all() -> None:
    model = Nested()
    assert model.training
    assert all(not m.training for m in model.eval().named_modules().values())
    assert all(m.training for m in model.train().named_modules().values())


def test_module_list() -> None:
    layers = sf.nn.ModuleList([sf.nn.Linear(mel, hidden)])
    layers.append(sf.nn.LayerNorm(hidden))
    assert len(layers) == 2
    assert [type(layer).__name__ for layer in layers] == ["Linear", "LayerNorm"]
    assert layers[-1] is layers[1]
    assert list(layers.named_parameters()) == ["0.weight", "0.bias", "1.scale", "1.bias"]


def test_sequential_takes_functions() -> None:
    net = sf.nn.Sequential(sf.nn.Linear(mel, hidden), sf.relu, sf.nn.Linear(hidden, out))
    assert len(net) == 3
    x = sf.wrap(np.ones((2, 4), np.float32), (batch, mel))
    wanted = net[2](sf.relu(net[0](x))).numpy()
    np.testing.assert_array_equal(net(x).numpy(), wanted)


def test_assign(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        linear = sf.nn.Linear(mel, out)
    raw = linear.weight.raw
    linear.weight.assign(np.full((4, 3), 2.0))
    assert linear.weight.raw is raw
    assert linear.weight.numpy().tolist() == [[2.0] * 3] * 4
    numpy = sf.wrap(np.arange(12, dtype=np.float32).reshape(3, 4), (out, mel))
    linear.weight.assign(numpy)
    np.testing.assert_array_equal(linear.weight.numpy(), numpy.numpy(mel, out))


def test_a_parameter_reads_its_owner(backend_name: str) -> None:
    backend = backends.get(backend_name)
    with sf.use_backend(backend_name):
        norm = sf.nn.LayerNorm(mel)
    owner: dict[str, Any] = {"scale": backend.parameter(np.full(4, 3.0, np.float32))}
    norm.scale.owned_by(owner, "scale")
    assert norm.scale.numpy().tolist() == [3.0] * 4
    owner["scale"] = backend.parameter(np.full(4, 5.0, np.float32))
    assert norm.scale.numpy().tolist() == [5.0] * 4


def test_parameters_need_static_dims() -> None:
    with pytest.raises(sf.DimError, match="the size of time is not known"):
        sf.nn.Parameter((time, mel))


def test_lstm_states_of_parts_are_those_of_the_whole(backend_name: str) -> None:
    first, second = sf.Dim("first", 3), sf.Dim("second", 2)
    rng = np.random.default_rng(0)
    raw = backends.get(backend_name).convert(rng.standard_normal((2, 5, 4)).astype(np.float32))
    with sf.use_backend(backend_name):
        lstm = sf.nn.LSTM(mel, out)
    whole, last = lstm(sf.wrap(raw, (batch, time, mel)), axis=time)
    y1, state = lstm(sf.wrap(raw[:, :3], (batch, first, mel)), axis=first)
    y2, end = lstm(sf.wrap(raw[:, 3:], (batch, second, mel)), axis=second, state=state)
    joined = sf.concat((y1, first), (y2, second)).numpy(batch, first + second, out)
    np.testing.assert_allclose(joined, whole.numpy(batch, time, out), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(end.cell.numpy(), last.cell.numpy(), rtol=1e-5, atol=1e-6)


def test_one_dim_cannot_be_mapped_onto_itself() -> None:
    with pytest.raises(sf.DimError, match="would stand on two axes"):
        sf.nn.Linear(mel, mel)
