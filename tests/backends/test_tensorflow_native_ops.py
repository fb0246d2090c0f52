"""The TensorFlow graph ops: values, gradients and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lattice_oracles as oracle
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_lattices import (
    BATCH,
    BLANK,
    CLASSES,
    CTC,
    FRAME_LENGTHS,
    FRAMES,
    LABEL_LENGTHS,
    LOSSES,
    RNNT,
    TARGETS,
    inputs_for,
    loss_and_grad,
    signature,
)

from seqfront.native import ops
from seqfront_tensorflow import native

DTYPES = [tf.float32, tf.float64, tf.bfloat16, tf.float16]
TOLERANCE = {tf.float32: 1e-5, tf.float64: 1e-7, tf.bfloat16: 1e-2, tf.float16: 2e-3}
CASES: list[tuple[str, Mapping[str, Any]]] = [
    ("rnnt", RNNT),
    ("rnnt", {**RNNT, "normalized": True}),
    ("ctc", CTC),
    ("ctc", {**CTC, "normalized": True}),
    ("ctc", {**CTC, "max_approx": True}),
    ("ctc", {**CTC, "label_loop": False}),
]


def expected(name: str, attrs: Mapping[str, Any], logits: tf.Tensor) -> tuple[np.ndarray, ...]:
    """Losses, and their gradients times 1, 2, 3, 4."""
    x = tf.cast(logits, tf.float64).numpy()
    losses, grad = np.zeros(BATCH), np.zeros_like(x)
    for b, (frames, count) in enumerate(zip(FRAME_LENGTHS, LABEL_LENGTHS, strict=True)):
        row = (b, slice(frames), slice(count + 1)) if name == "rnnt" else (b, slice(frames))

        def loss(part: np.ndarray, b: int = b, count: int = count) -> float:
            return getattr(oracle, name)(part, list(TARGETS[b, :count]), **attrs)

        losses[b] = loss(x[row])
        grad[row] = (b + 1) * oracle.gradient(loss, x[row])
    return losses, grad


# -- values and gradients -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
@pytest.mark.parametrize(("name", "attrs"), CASES)
def test_agrees_with_enumeration(name: str, attrs: Mapping[str, Any], dtype: tf.DType) -> None:
    inputs = inputs_for(name, dtype)
    loss, grad = loss_and_grad(name, attrs, *inputs)
    want_loss, want_grad = expected(name, attrs, inputs[0])
    assert loss.dtype == (tf.float64 if dtype == tf.float64 else tf.float32)
    assert grad.dtype == dtype
    np.testing.assert_allclose(loss, want_loss, rtol=1e-5, atol=1e-6)
    close = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    np.testing.assert_allclose(tf.cast(grad, tf.float64), want_grad, **close)


@pytest.mark.parametrize(("name", "attrs"), LOSSES)
def test_one_trace_serves_every_batch_and_length(name: str, attrs: Mapping[str, Any]) -> None:
    traces = []

    @tf.function(input_signature=signature(name))
    def step(*inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        traces.append(inputs)
        return loss_and_grad(name, attrs, *inputs)

    logits, targets, frames, labels = inputs_for(name)
    for inputs in (
        (logits, targets, frames, labels),
        (logits[:2], targets[:2], frames[:2], labels[:2]),
        (logits[:, :2], targets, tf.minimum(frames, 2), labels),
    ):
        for got, want in zip(step(*inputs), loss_and_grad(name, attrs, *inputs), strict=True):
            np.testing.assert_array_equal(got, want)
    assert len(traces) == 1


@pytest.mark.parametrize(("name", "attrs"), LOSSES)
def test_gradient_may_reuse_an_intermediate_but_never_an_input(
    name: str, attrs: Mapping[str, Any]
) -> None:
    inputs = inputs_for(name)
    before = inputs[0].numpy()

    def of_intermediate(*inputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return loss_and_grad(name, attrs, inputs[0] * 2, *inputs[1:])

    eager = of_intermediate(*inputs)
    for got, want in zip(tf.function(of_intermediate)(*inputs), eager, strict=True):
        np.testing.assert_array_equal(got, want)
    loss_and_grad(name, attrs, *inputs)
    np.testing.assert_array_equal(inputs[0], before)


@pytest.mark.parametrize(("name", "attrs"), LOSSES)
def test_sparse_upstream_gradient(name: str, attrs: Mapping[str, Any]) -> None:
    inputs = inputs_for(name)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs[0])
        (loss,) = native.call(name, inputs, attrs)
        picked, sliced = tf.gather(loss, [1])[0], loss[1]
    np.testing.assert_array_equal(
        tape.gradient(picked, inputs[0]), tape.gradient(sliced, inputs[0])
    )


@pytest.mark.parametrize(("name", "attrs"), LOSSES)
def test_thread_counts_agree_to_the_bit(name: str, attrs: Mapping[str, Any]) -> None:
    one, two = (loss_and_grad(name, attrs, *inputs_for(name), threads=n) for n in (1, 2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("name", "attrs"), LOSSES)
def test_empty_axes(name: str, attrs: Mapping[str, Any]) -> None:
    logits, targets, frames, labels = inputs_for(name)
    loss, grad = loss_and_grad(name, attrs, logits[:0], targets[:0], frames[:0], labels[:0])
    assert (loss.shape, grad.shape) == ((0,), (0, *logits.shape[1:]))
    loss, grad = loss_and_grad(name, attrs, logits[:, :0], targets, frames * 0, labels)
    np.testing.assert_array_equal(loss, [np.inf, np.inf, 0, 0])
    assert grad.shape == logits[:, :0].shape
    blanks = logits[:, :, :1] if name == "rnnt" else logits
    loss, grad = loss_and_grad(name, attrs, blanks, targets[:, :0], frames, labels * 0)
    log_probs = tf.nn.log_softmax(tf.reshape(blanks, [BATCH, FRAMES, CLASSES]))[:, :, BLANK]
    np.testing.assert_allclose(loss[1], -tf.reduce_sum(log_probs[1, :3]), rtol=1e-6)
    assert grad.shape == blanks.shape


def test_edit_distance() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 3, (20, 4), np.int32), rng.integers(0, 3, (20, 5), np.int32)
    a_lengths, b_lengths = rng.integers(0, 5, 20, np.int32), rng.integers(0, 6, 20, np.int32)
    want = [
        oracle.edit_distance(list(a[i, : a_lengths[i]]), list(b[i, : b_lengths[i]]))
        for i in range(20)
    ]
    inputs = tuple(map(tf.constant, (a, a_lengths, b, b_lengths)))
    eager = native.call("edit_distance", inputs, {})[0]
    (graph,) = tf.function(native.call)("edit_distance", inputs, {})
    assert eager.dtype == tf.int32
    assert eager.numpy().tolist() == want == graph.numpy().tolist()


def test_placement_without_a_gpu_kernel() -> None:
    inputs = inputs_for("ctc")
    with tf.device("/GPU:0"):
        (loss,) = native.call("ctc", inputs, CTC)
        (graph_loss,) = tf.function(native.call)("ctc", inputs, CTC)
    assert "CPU" in loss.device
    np.testing.assert_array_equal(loss, graph_loss)


# -- shapes ---------------------------------------------------------------------------------------


def shapes_in_graph(name: str, *shapes: list[int | None] | None) -> list[list[int | None]]:
    """Static shapes of the loss, the first saved output and the gradient."""
    forward, backward = ops()[name], ops()[f"{name}_backward"]
    with tf.Graph().as_default():
        types = [tf.float32, tf.int32, tf.int32, tf.int32]
        given = [tf.compat.v1.placeholder(t, s) for t, s in zip(types, shapes, strict=True)]
        inputs = forward.completed(given)
        loss, *saved = native._outputs(forward, inputs, {}, 0)
        (grad,) = native._outputs(backward, [*inputs, *saved, loss], {}, 0)
    return [x.shape.as_list() for x in (loss, saved[0], grad)]


@pytest.mark.parametrize(
    ("name", "logits", "targets", "want"),
    [
        ("rnnt", [2, 5, 4, 7], [2, 3], [[2], [2, 5, 4, 3], [2, 5, 4, 7]]),
        ("rnnt", [None, None, None, 7], [None, 3], [[None], [None] * 3 + [3], [None] * 3 + [7]]),
        ("rnnt", None, None, [[None], [None] * 3 + [3], [None] * 4]),
        ("ctc", [2, 5, 7], [2, 3], [[2], [2, 5, 3], [2, 5, 7]]),
        ("ctc", [2, None, 7], [2, None], [[2], [2, None, 3], [2, None, 7]]),
        ("ctc", None, None, [[None], [None, None, 3], [None] * 3]),
        ("ctc", None, [None, 3], [[None], [None, None, 3], [None] * 3]),
    ],
)
def test_static_shapes(name: str, logits: Any, targets: Any, want: Any) -> None:
    assert shapes_in_graph(name, logits, targets, [None], None) == want


def test_static_shape_of_edit_distance() -> None:
    spec = [tf.TensorSpec(shape, tf.int32) for shape in ([None, 3], [None], [None, None], [None])]

    @tf.function(input_signature=spec)
    def distance(*inputs: tf.Tensor) -> tf.Tensor:
        return native.call("edit_distance", inputs, {})[0]

    assert distance.get_concrete_function().output_shapes.as_list() == [None]
