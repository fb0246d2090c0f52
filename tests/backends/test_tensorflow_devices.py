"""Native ops of TensorFlow where there are GPUs: on the CPU, whatever the scope says.

There is no GPU here: the backend believes that there is one, and scopes name it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
native = pytest.importorskip("seqfront_tensorflow.native")
values = pytest.importorskip("seqfront_tensorflow.values")

ATTRIBUTES = {"blank": 0}


@pytest.fixture
def believed_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A GPU that is not there, and no placement but where the scopes say."""
    monkeypatch.setattr(values, "default_device", lambda: "cuda:0")
    soft = tf.config.get_soft_device_placement()
    tf.config.set_soft_device_placement(False)
    yield
    tf.config.set_soft_device_placement(soft)


def _inputs() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    logits = tf.constant(rng.standard_normal((2, 5, 4)).astype(np.float32))
    targets, frames, labels = ([[1, 2], [3, 0]], [5, 3], [2, 1])
    return logits, *(tf.constant(x, tf.int32) for x in (targets, frames, labels))


def _loss_and_gradient(logits: Any, *ints: Any) -> tuple[Any, Any]:
    with tf.GradientTape() as tape:
        tape.watch(logits)
        (loss,) = native.call("ctc", (logits, *ints), ATTRIBUTES)
        total = tape.gradient(loss, logits)
    return loss, total


@pytest.mark.usefixtures("believed_gpu")
def test_eager_in_the_scope_of_a_gpu() -> None:
    inputs = _inputs()
    with tf.device("GPU:0"), pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
        tf.nn.softmax(inputs[0])  # what has to be on a GPU that is not there
    with tf.device("CPU:0"):
        wanted = _loss_and_gradient(*inputs)
    with tf.device("GPU:0"):
        (loss,) = native.call("ctc", inputs, ATTRIBUTES)
    assert loss.device.endswith("CPU:0")
    np.testing.assert_array_equal(loss.numpy(), wanted[0].numpy())


@pytest.mark.usefixtures("believed_gpu")
def test_both_halves_in_a_graph_are_placed_by_name() -> None:
    graph = tf.Graph()
    with graph.as_default(), tf.device("GPU:0"):
        logits = tf.compat.v1.placeholder(tf.float32, [None, None, 4])
        ints = [tf.compat.v1.placeholder(tf.int32, s) for s in ([None, None], [None], [None])]
        (loss,) = native.call("ctc", (logits, *ints), ATTRIBUTES)
        tf.gradients(loss, logits)
    placed = {op.type: op.device for op in graph.get_operations() if "Seqfront" in op.type}
    assert placed == dict.fromkeys(("SeqfrontCtc", "SeqfrontCtcBackward"), "/device:CPU:0")


def test_no_device_is_named_where_there_is_no_gpu() -> None:
    if tf.config.list_logical_devices("GPU"):
        pytest.skip("there is a GPU")
    graph = tf.Graph()
    with graph.as_default():
        logits = tf.compat.v1.placeholder(tf.float32, [None, None, 4])
        ints = [tf.compat.v1.placeholder(tf.int32, s) for s in ([None, None], [None], [None])]
        native.call("ctc", (logits, *ints), ATTRIBUTES)
    assert {op.device for op in graph.get_operations()} == {""}
