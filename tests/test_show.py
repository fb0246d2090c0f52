"""How things print."""

from __future__ import annotations

import numpy as np

import seqfront as sf
from seqfront import backends

batch, time, mel, vocab = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4), sf.Dim("vocab", 9)


def test_tensors_print_as_one_line(backend_name: str) -> None:
    backend = backends.get(backend_name)
    x = sf.wrap(backend.convert(np.zeros((2, 3, 4), np.float32)), (batch, time, mel))
    assert repr(x) == f"float32[batch≤2, time≤3, mel:4] {backend_name}:cpu"
    assert repr(sf.argmax(x, axis=mel)) == f"int64[batch≤2, time≤3] of mel:4 {backend_name}:cpu"
    assert repr(sf.sum(x, axis=x.dims)) == f"float32[] 0.0 {backend_name}:cpu"
    assert repr(x.rename(time, sf.Dim("t") // 2)) == (
        f"float32[batch≤2, t//2≤3, mel:4] {backend_name}:cpu"
    )


def test_unknown_extents_print_as_question_marks() -> None:
    shown: list[str] = []
    backend = backends.get("tensorflow")

    def fn(raw: object) -> object:
        x = sf.wrap(raw, (batch, time, mel))
        shown.append(repr(x))
        shown.append(repr(sf.sum(x, axis=x.dims)))
        return raw

    import tensorflow as tf

    tf.function(fn, input_signature=[tf.TensorSpec([None, 3, 4])])(
        backend.convert(np.zeros((2, 3, 4), np.float32))
    )
    assert shown == ["float32[batch≤?, time≤3, mel:4] tensorflow:cpu", "float32[] tensorflow:cpu"]


def test_dims_print_as_written() -> None:
    assert repr((time, mel, 1 + time, mel * 2)) == "(time, mel:4, 1+time, mel*2:8)"


class _Model(sf.nn.Module):
    def __init__(self) -> None:
        self.layers = [sf.nn.Linear(mel, mel.clone("hidden")), sf.relu]
        self.norm = sf.nn.LayerNorm(mel)
        self.kept = sf.nn.Parameter((mel,), 1.0, trainable=False)


def test_models_print_as_trees(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        shown = repr(_Model())
    assert shown.splitlines() == [
        "_Model 32",
        "  layers:",
        "    0: Linear 20",
        "      weight: float32[mel:4, hidden:4] 16",
        "      bias: float32[hidden:4] 4",
        "  norm: LayerNorm 8",
        "    scale: float32[mel:4] 4",
        "    bias: float32[mel:4] 4",
        "  kept: float32[mel:4] 4 (kept)",
    ]


def test_parameters_print_as_tensors(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        assert repr(sf.nn.Parameter((mel, vocab), 1.0)) == (
            f"float32[mel:4, vocab:9] {backend_name}:cpu"
        )
