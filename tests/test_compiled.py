"""Graphs: one for all shapes, on PyTorch and on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch

import seqfront as sf
from seqfront import backends

batch, time = sf.Dim("batch"), sf.Dim("time")
mel, hidden, vocab = sf.Dim("mel", 4), sf.Dim("hidden", 6), sf.Dim("vocab", 5)
labels = sf.Dim("labels")
SHAPES = [(3, 7, 2), (2, 9, 3), (5, 6, 4), (4, 11, 5)]
"""Batch, frames, labels."""


class Model(sf.nn.Module):
    """Convolution, recurrence, normalisation, output."""

    def __init__(self) -> None:
        self.subsample = sf.nn.Conv1d(mel, hidden, 3, stride=2, padding="same")
        self.encoder = sf.nn.LSTM(hidden, hidden.clone("out"))
        self.norm = sf.nn.LayerNorm(self.encoder.out_dim)
        self.output = sf.nn.Linear(self.encoder.out_dim, vocab)

    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        y, _ = self.encoder(sf.relu(self.subsample(x, axis=time)), axis=time.ceil_div(2))
        return self.output(self.norm(y))


def model_output(model: Model) -> Callable[..., Any]:
    def call(x: Any, n: Any, y: Any, m: Any) -> Any:
        return sf.mean(model(sf.wrap(x, (batch, time, mel), lengths={time: n})), axis=vocab).raw

    return call


def model_loss(model: Model) -> Callable[..., Any]:
    def call(x: Any, n: Any, y: Any, m: Any) -> Any:
        logits = model(sf.wrap(x, (batch, time, mel), lengths={time: n}))
        targets = sf.wrap(y, (batch, labels), lengths={labels: m}, sparse_dim=vocab)
        loss = sf.ctc_loss(
            logits=logits, targets=targets, input_spatial_dim=time.ceil_div(2),
            targets_spatial_dim=labels, blank_index=0,
        )  # fmt: skip
        return sf.sum(loss, axis=batch).raw

    return call


FUNCTIONS = {"output": model_output, "loss": model_loss}


def _arguments(backend: str, shape: tuple[int, int, int]) -> list[Any]:
    rows, frames, count = shape
    rng = np.random.default_rng(rows)
    lengths = rng.integers(frames // 2, frames + 1, rows).astype(np.int32)
    arrays = [
        rng.standard_normal((rows, frames, 4)).astype(np.float32),
        lengths,
        rng.integers(1, 5, (rows, count)).astype(np.int32),
        rng.integers(0, 2, rows).astype(np.int32),
    ]
    return [backends.get(backend).convert(array) for array in arrays]


def _model(backend: str) -> Model:
    sf.set_seed(1)
    with sf.use_backend(backend):
        return Model()


def _wanted(name: str, shape: tuple[int, int, int]) -> np.ndarray:
    return np.asarray(FUNCTIONS[name](_model("numpy"))(*_arguments("numpy", shape)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_torch_compiles_once_for_all_shapes(name: str) -> None:
    graphs: list[Any] = []

    def counting(graph: Any, examples: Any) -> Any:
        graphs.append(graph)
        return graph

    torch._dynamo.reset()
    fn = FUNCTIONS[name](_model("torch"))
    compiled = torch.compile(fn, fullgraph=True, dynamic=True, backend=counting)
    for shape in SHAPES:
        with torch.no_grad():
            found = compiled(*_arguments("torch", shape)).numpy()
        np.testing.assert_allclose(found, _wanted(name, shape), rtol=2e-4, atol=2e-5)
    assert len(graphs) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tensorflow_traces_once_for_all_shapes(name: str) -> None:
    traces: list[int] = []
    model = _model("tensorflow")

    def counted(*arguments: Any) -> Any:
        traces.append(1)
        return FUNCTIONS[name](model)(*arguments)

    signature = [
        tf.TensorSpec([None, None, 4]), tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32),
    ]  # fmt: skip
    graph = tf.function(counted, input_signature=signature)
    for shape in SHAPES:
        found = graph(*_arguments("tensorflow", shape)).numpy()
        np.testing.assert_allclose(found, _wanted(name, shape), rtol=2e-4, atol=2e-5)
    assert len(traces) == 1


def test_another_dim_is_another_graph() -> None:
    """A graph made for one dim is not used for another, if all dims are arguments (or attributes of
    the model). TorchDynamo does not see that an argument is no longer the object of a *global*."""
    torch._dynamo.reset()

    def total(raw: Any, dims: tuple[sf.Dim, ...], axis: sf.Dim) -> Any:
        return sf.sum(sf.wrap(raw, dims), axis=axis).raw

    compiled = torch.compile(total, fullgraph=True, dynamic=True, backend="eager")
    raw = torch.arange(24.0).reshape(2, 3, 4)
    for axis in (time, mel, batch):
        found = compiled(raw, (batch, time, mel), axis)
        assert found.tolist() == total(raw, (batch, time, mel), axis).tolist()


def test_dropout_compiles() -> None:
    torch._dynamo.reset()

    def drop(raw: Any) -> Any:
        return sf.dropout(sf.wrap(raw, (batch, mel)), 0.5).raw

    y = torch.compile(drop, fullgraph=True, dynamic=True, backend="eager")(torch.ones(50, 4))
    assert set(y.unique().tolist()) == {0.0, 2.0}
