"""Every model in every mode of TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import matrix_models
import numpy as np
import pytest
import tensorflow as tf
from matrix_models import MODELS, SHAPES, arguments, arrays, wanted

import seqfront_tensorflow

SIGNATURE = [
    tf.TensorSpec([None, None, 4]),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None, None], tf.int32),
    tf.TensorSpec([None], tf.int32),
]
XLA = {name: name for name in MODELS} | {"ctc": "ctc-composed"}
"""What runs under XLA: all but native ops, so the loss that is composed."""


def _net(name: str) -> Any:
    return seqfront_tensorflow.module(matrix_models.model(name, "tensorflow"))


def _close(found: Any, name: str, shape: tuple[int, int, int]) -> None:
    for mine, other in zip(found, wanted(name, shape), strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-4, atol=2e-5)


def _step(net: Any) -> Any:
    """Output, loss, and gradients of all parameters."""

    def step(*arrays: Any) -> Any:
        with tf.GradientTape() as tape:
            found = net(*arrays)
        return found, tape.gradient(found[1], net.trainable_variables)

    return step


def _same(mine: Any, other: Any) -> None:
    assert len(mine) == len(other) > 0
    for a, b in zip(mine, other, strict=True):
        a, b = (tf.convert_to_tensor(x) for x in (a, b))
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
        assert np.isfinite(a).all()


@pytest.mark.parametrize("name", MODELS)
def test_eager(name: str) -> None:
    step = _step(_net(name))
    for shape in SHAPES:
        found, grads = step(*arguments("tensorflow", shape))
        _close(found, name, shape)
        assert all(np.isfinite(tf.convert_to_tensor(grad)).all() for grad in grads)


@pytest.mark.parametrize("name", MODELS)
def test_one_trace_for_all_shapes(name: str) -> None:
    """Forward and backward."""
    step = _step(_net(name))
    graph = tf.function(step, input_signature=SIGNATURE)
    for shape in SHAPES:
        found, grads = graph(*arguments("tensorflow", shape))
        _close(found, name, shape)
        _same(grads, step(*arguments("tensorflow", shape))[1])
    assert graph.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name", MODELS)
def test_xla(name: str) -> None:
    """Forward and backward; compiled by XLA for each shape."""
    step = _step(_net(XLA[name]))
    compiled = tf.function(step, input_signature=SIGNATURE, jit_compile=True)
    shape = SHAPES[0]
    found, grads = compiled(*arguments("tensorflow", shape))
    _close(found, name, shape)
    _same(grads, step(*arguments("tensorflow", shape))[1])


def test_xla_does_not_run_native_ops() -> None:
    compiled = tf.function(_net("ctc"), input_signature=SIGNATURE, jit_compile=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="SeqfrontCtc"):
        compiled(*arguments("tensorflow", SHAPES[0]))


class Served(tf.Module):
    """Plain tensors in and out."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    @tf.function(input_signature=SIGNATURE)
    def __call__(self, x: Any, n: Any, y: Any, m: Any) -> Any:
        return self.net(x, n, y, m)


@pytest.mark.parametrize("name", MODELS)
def test_saved_model(name: str, tmp_path: Path) -> None:
    tf.saved_model.save(Served(_net(name)), str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    for shape in SHAPES:
        _close(loaded(*arguments("tensorflow", shape)), name, shape)


@pytest.mark.parametrize("name", MODELS)
def test_keras_fit(name: str) -> None:
    model = matrix_models.model(name, "tensorflow")
    layer = seqfront_tensorflow.keras_layer(model, lambda *raws: model(*raws)[1][None])
    inputs = [
        keras.Input((None, 4)),
        keras.Input((), dtype="int32"),
        keras.Input((None,), dtype="int32"),
        keras.Input((), dtype="int32"),
    ]
    net = keras.Model(inputs, layer(*inputs))
    net.compile(keras.optimizers.Adam(0.01), lambda zero, loss: tf.reduce_mean(loss))
    data = tf.data.Dataset.from_tensors((tuple(arrays(SHAPES[0])), np.zeros((1,), np.float32)))
    before = [p.numpy().copy() for p in model.parameters()]
    history = net.fit(data, epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0]
    np.testing.assert_allclose(history[0], wanted(name, SHAPES[0])[1], rtol=2e-4)
    after = [p.numpy() for p in model.parameters()]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))


# -- distributed -----------------------------------------------------------------------------------

MIRRORED = """
import numpy as np
import tensorflow as tf
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

import matrix_models
import seqfront_tensorflow

with strategy.scope():
    net = seqfront_tensorflow.module(matrix_models.model("conformer", "numpy"))
whole = seqfront_tensorflow.module(matrix_models.model("conformer", "tensorflow"))


def gradients(net, raws):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(net(*raws)[0]))
    return tape.gradient(loss, net.trainable_variables)


@tf.function
def step(raws):
    return tf.distribute.get_replica_context().all_reduce("sum", gradients(net, raws))


def values(raw):
    return strategy.experimental_distribute_values_from_function(
        lambda context: raw[context.replica_id_in_sync_group :: 2]
    )


raws = matrix_models.arguments("tensorflow", (4, 9, 3))
found = strategy.run(step, ([values(raw) for raw in raws],))
for grads, exact in zip(found, gradients(whole, raws), strict=True):
    for local in strategy.experimental_local_results(grads):
        np.testing.assert_allclose(local, exact, atol=1e-4, rtol=1e-4)
print("equal")
"""


def test_mirrored_strategy_sums_gradients_of_two_devices() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MIRRORED],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["equal"], done.stderr[-3000:]
