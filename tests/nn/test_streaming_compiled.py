"""Steps over a state of fixed size: one graph for all of them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch
from torch._dynamo.testing import CompileCounterWithBackend

import seqfront as sf
from seqfront import backends

batch, time, vocab = sf.Dim("batch"), sf.Dim("time"), sf.Dim("vocab", 7)
feature, inner = sf.Dim("feature", 4), sf.Dim("inner", 5)
LABELS = np.random.default_rng(0).integers(0, 7, (3, 6)).astype(np.int32)


def _decoder(backend: str) -> Any:
    backends.get("numpy")  # a backend that is loaded later is a change to be compiled for
    sf.set_seed(2)
    with sf.use_backend(backend):
        return sf.models.TransformerDecoder(vocab, feature, layers=1, heads=2, inner=inner)


def _label(backend: str, i: int) -> sf.Tensor:
    raw = backends.get(backend).convert(LABELS[:, i])
    return sf.wrap(raw, (batch,), sparse_dim=vocab)


@functools.cache
def _wanted() -> np.ndarray:
    labels = sf.wrap(LABELS, (batch, time), sparse_dim=vocab)
    return _decoder("numpy")(labels, axis=time)[0].numpy(batch, time, vocab)


def test_torch_compiles_a_step_once() -> None:
    counter = CompileCounterWithBackend("eager")
    torch._dynamo.reset()
    model = _decoder("torch")
    state = model.initial_state((batch,), like=_label("torch", 0), capacity=6)

    def step(label: sf.Tensor, state: Any) -> Any:
        return model(label, axis=None, state=state)

    compiled = torch.compile(step, fullgraph=True, dynamic=True, backend=counter)
    for i in range(6):
        with torch.no_grad():
            logits, state = compiled(_label("torch", i), state)
        np.testing.assert_allclose(logits.numpy(batch, vocab), _wanted()[:, i], atol=1e-5)
    assert counter.frame_count == 1


def test_tensorflow_traces_a_step_once() -> None:
    traces: list[int] = []
    model = _decoder("tensorflow")
    state = model.initial_state((batch,), like=_label("tensorflow", 0), capacity=6)

    @tf.function
    def step(label: sf.Tensor, state: Any) -> Any:
        traces.append(1)
        return model(label, axis=None, state=state)

    for i in range(6):
        logits, state = step(_label("tensorflow", i), state)
        np.testing.assert_allclose(logits.numpy(batch, vocab), _wanted()[:, i], atol=1e-5)
    assert len(traces) == 1


def test_a_full_room_gives_nan_in_a_graph() -> None:
    """Where nothing can be raised, nothing wrong is given either; other rows go on."""
    torch._dynamo.reset()
    layer = sf.nn.CausalSelfAttention(feature, 2).to_backend("torch")
    x = sf.wrap(torch.ones(2, 4), (batch, feature))
    state = layer.initial_state((batch,), like=x, capacity=2)
    lengths = sf.wrap(torch.tensor([2, 1], dtype=torch.int32), (batch,))
    step = torch.compile(layer, fullgraph=True, dynamic=True, backend="eager")
    y, _ = step(x, axis=None, state=state._replace(length=lengths))
    assert torch.isnan(y.raw[0]).all()
    assert torch.isfinite(y.raw[1]).all()


def test_a_full_room_refuses_more(backend_name: str) -> None:
    layer = sf.nn.CausalSelfAttention(feature, 2).to_backend(backend_name)
    raw = backends.get(backend_name).convert(np.ones((2, 3, 4), np.float32))
    x = sf.wrap(raw, (batch, time, feature), lengths={time: [3, 1]})
    state = layer.initial_state((batch,), like=x, capacity=3)
    _, state = layer(x, axis=time, state=state)
    with pytest.raises(sf.DimError) as caught:
        layer(x, axis=time, state=state)
    assert str(caught.value) == (
        "CausalSelfAttention: the state has no room for so many positions.\n"
        "  capacity  capacity:3\n"
        "  needed    6\n"
        "  fix: give initial_state a larger capacity, or none: the state grows then."
    )
