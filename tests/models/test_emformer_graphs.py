"""The Emformer as graphs: compiled, exported, saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch

import seqfront as sf
import seqfront_torch
from seqfront import backends

batch, time = sf.Dim("batch"), sf.Dim("time")
feature, inner = sf.Dim("feature", 4), sf.Dim("inner", 6)


def _model(backend: str) -> sf.models.Emformer:
    sf.set_seed(1)
    with sf.use_backend(backend):
        return sf.models.Emformer(
            feature, layers=1, heads=2, inner=inner, segment=3, left=4, right=2, memory=2
        ).eval()


def _frames(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((*shape, 4)).astype(np.float32)


def _lengths(rows: int) -> list[int]:
    return [(13, 5, 9)[row % 3] for row in range(rows)]


class Step(sf.nn.Module):
    """One chunk of plain tensors: frames, how many there are, age, and the state of one layer."""

    def __init__(self, encoder: sf.models.Emformer) -> None:
        self.encoder = encoder

    def __call__(self, x: Any, n: Any, *raws: Any) -> tuple[Any, ...]:
        m = self.encoder
        part = sf.wrap(x, (batch, m.chunk, feature), lengths={m.chunk: n})
        y, state = m.stream(part, self.state(raws), axis=m.chunk)
        return y.raw_in((batch, m.segment, feature)), *self.raws(state)

    def state(self, raws: Any) -> sf.models.EmformerState:
        m = self.encoder
        layers = tuple(
            sf.models.EmformerLayerState(
                sf.wrap(raws[i], (batch, m.memory, feature)),
                sf.wrap(raws[i + 1], (batch, m.past, m.key_value)),
            )
            for i in range(1, len(raws), 2)
        )
        return sf.models.EmformerState(sf.wrap(raws[0], (batch,)), layers)

    def raws(self, state: sf.models.EmformerState) -> tuple[Any, ...]:
        m = self.encoder
        parts = [
            part.raw_in((batch, *dims))
            for layer in state.layers
            for dims, part in zip(((m.memory, feature), (m.past, m.key_value)), layer, strict=True)
        ]
        return (state.age.raw, *parts)


def _start(backend: str, rows: int) -> list[Any]:
    shapes = [(rows, 2, 4), (rows, 4, 8)]
    arrays = [np.zeros(rows, np.int32), *(np.zeros(shape, np.float32) for shape in shapes)]
    return [backends.get(backend).convert(array) for array in arrays]


def _streamed(backend: str, step: Any, rows: int = 2) -> np.ndarray:
    """13 and 5 frames in chunks of 3 + 2."""
    x, lengths = _frames(rows, 17), np.array(_lengths(rows))
    convert, state, found = backends.get(backend).convert, _start(backend, rows), []
    for at in range(0, 15, 3):
        there = np.clip(lengths - at, 0, 5).astype(np.int32)
        chunk = np.pad(x[:, at : at + 5], [(0, 0), (0, 5), (0, 0)])[:, :5]
        y, *state = step(convert(chunk), convert(there), *state)
        found.append(backends.get(backend).to_numpy(y))
    return np.concatenate(found, 1)


def _same(found: np.ndarray, rows: int = 2) -> None:
    """As whole utterances on the NumPy backend."""
    n = _lengths(rows)
    x = sf.wrap(_frames(rows, 17)[:, :13], (batch, time, feature), lengths={time: n})
    wanted = _model("numpy")(x, axis=time).numpy(batch, time, feature)
    for row, frames in enumerate(n):
        np.testing.assert_allclose(found[row, :frames], wanted[row, :frames], rtol=1e-4, atol=1e-5)


def test_compiled_by_torch_once_for_all_batches() -> None:
    _model("numpy")
    graphs: list[Any] = []

    def counting(graph: Any, examples: Any) -> Any:
        graphs.append(graph)
        return graph

    torch._dynamo.reset()
    step = torch.compile(Step(_model("torch")), fullgraph=True, dynamic=True, backend=counting)
    with torch.no_grad():
        for rows in (11, 7):  # no size of a static dim, or PyTorch ties the two
            _same(_streamed("torch", step, rows), rows)
    assert len(graphs) == 1


@pytest.mark.slow
def test_compiled_to_machine_code() -> None:
    torch._dynamo.reset()
    step = torch.compile(Step(_model("torch")), fullgraph=True)
    with torch.no_grad():
        _same(_streamed("torch", step))


def test_exported_by_torch() -> None:
    net = seqfront_torch.module(Step(_model("torch")))
    rows = torch.export.Dim("rows", min=1, max=64)
    chunk = (torch.zeros(2, 5, 4), torch.tensor([5, 4], dtype=torch.int32))
    arguments = (*chunk, *_start("torch", 2))
    program = torch.export.export(
        net, arguments, dynamic_shapes={"args": tuple({0: rows} for _ in arguments)}
    )
    with torch.no_grad():
        for count in (2, 3):
            _same(_streamed("torch", program.module(), count), count)


def test_saved_by_tensorflow(tmp_path: Path) -> None:
    import seqfront_tensorflow

    class Server(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = seqfront_tensorflow.module(Step(_model("tensorflow")))
            part = [tf.TensorSpec([None, 2, 4]), tf.TensorSpec([None, 4, 8])]
            ints = tf.TensorSpec([None], tf.int32)
            signature = [tf.TensorSpec([None, 5, 4]), ints, ints, *part]
            self.step = tf.function(self.net, input_signature=signature, autograph=False)

    tf.saved_model.save(Server(), str(tmp_path))
    served = tf.saved_model.load(str(tmp_path))
    _same(_streamed("tensorflow", served.step, 3), 3)


def test_whole_utterances_in_one_graph_of_tensorflow() -> None:
    model, traces = _model("tensorflow"), []
    signature = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([None], tf.int32)]

    @tf.function(input_signature=signature, autograph=False)
    def encode(x: Any, n: Any) -> Any:
        traces.append(1)
        y = model(sf.wrap(x, (batch, time, feature), lengths={time: n}), axis=time)
        return y.raw_in((batch, time, feature))

    for lengths in ([13, 5], [40, 33, 2], [0, 0]):
        x = _frames(len(lengths), max(lengths))
        found = encode(x, lengths).numpy()
        for row, n in enumerate(lengths):
            wanted = _model("numpy")(sf.wrap(x[row, :n], (time, feature)), axis=time)
            np.testing.assert_allclose(
                found[row, :n], wanted.numpy(time, feature), rtol=1e-4, atol=1e-5
            )
    assert len(traces) == 1
