"""Transformers as graphs: one for all shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import torch

import seqfront as sf
from seqfront import backends

batch, time, labels = sf.Dim("batch"), sf.Dim("time"), sf.Dim("labels")
mel, feature, inner = sf.Dim("mel", 4), sf.Dim("feature", 8), sf.Dim("inner", 12)
vocab = sf.Dim("vocab", 5)
SHAPES = [(3, 9, 6), (2, 14, 3), (5, 11, 4)]
"""Batch, frames, labels; no size of the first is that of a static dim, or PyTorch ties the two."""


class Model(sf.nn.Module):
    """Speech in, logits of labels out."""

    def __init__(self) -> None:
        self.subsample = sf.models.ConvSubsampling(mel, feature, factor=2)
        self.encoder = sf.models.Conformer(feature, layers=1, heads=2, inner=inner, window=3)
        self.decoder = sf.models.TransformerDecoder(
            vocab, feature, layers=1, heads=2, inner=inner, source_dim=feature
        )

    def __call__(self, x: Any, n: Any, y: Any, m: Any) -> Any:
        frames = sf.wrap(x, (batch, time, mel), lengths={time: n})
        target = sf.wrap(y, (batch, labels), lengths={labels: m}, sparse_dim=vocab)
        half = time.ceil_div(2)
        encoded = self.encoder(self.subsample(frames, axis=time), axis=half)
        source = self.decoder.project(encoded, half)
        logits, _ = self.decoder(target, axis=labels, source=source)
        return sf.mask_padding(logits).raw_in((batch, labels, vocab))


def _arguments(backend: str, shape: tuple[int, int, int]) -> list[Any]:
    rows, frames, count = shape
    rng = np.random.default_rng(rows)
    arrays = [
        rng.standard_normal((rows, frames, 4)).astype(np.float32),
        rng.integers(frames // 2, frames + 1, rows).astype(np.int32),
        rng.integers(0, 5, (rows, count)).astype(np.int32),
        rng.integers(0, count + 1, rows).astype(np.int32),
    ]
    return [backends.get(backend).convert(array) for array in arrays]


def _model(backend: str) -> Model:
    sf.set_seed(1)
    with sf.use_backend(backend):
        return Model()


def test_torch_compiles_once_for_all_shapes() -> None:
    graphs: list[Any] = []

    def counting(graph: Any, examples: Any) -> Any:
        graphs.append(graph)
        return graph

    torch._dynamo.reset()
    reference = _model("numpy")  # a backend that is loaded later is a change to be compiled for
    compiled = torch.compile(_model("torch"), fullgraph=True, dynamic=True, backend=counting)
    for shape in SHAPES:
        with torch.no_grad():
            found = compiled(*_arguments("torch", shape)).numpy()
        wanted = reference(*_arguments("numpy", shape))
        np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-5)
    assert len(graphs) == 1


def test_tensorflow_traces_once_for_all_shapes() -> None:
    traces: list[int] = []
    model = _model("tensorflow")

    def counted(*arguments: Any) -> Any:
        traces.append(1)
        return model(*arguments)

    signature = [
        tf.TensorSpec([None, None, 4]), tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32),
    ]  # fmt: skip
    graph = tf.function(counted, input_signature=signature)
    for shape in SHAPES:
        found = graph(*_arguments("tensorflow", shape)).numpy()
        wanted = _model("numpy")(*_arguments("numpy", shape))
        np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-5)
    assert len(traces) == 1
