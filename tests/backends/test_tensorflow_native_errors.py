"""The TensorFlow graph ops: what they refuse, in which words, and second derivatives."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_lattices import BATCH, BLANK, CLASSES, CTC, LOSSES, RNNT, inputs_for

from seqfront.errors import NativeError
from seqfront.native import ops
from seqfront_tensorflow import native

Change = Callable[..., tuple[tf.Tensor, ...]]
BAD_SHAPES: list[tuple[str, Mapping[str, Any], Change, str]] = [
    (
        "rnnt", RNNT, lambda x, y, t, s: (x[0], y, t, s),
        "rnnt: logits must be [batch, frames, labels+1, classes],"
        " but is [4, 3, 4].",
    ),
    (
        "rnnt", RNNT, lambda x, y, t, s: (x[:, :, :2], y, t, s),
        "rnnt: targets must be [batch, labels] = [4, 1], but is [4, 2].",
    ),
    (
        "rnnt", RNNT, lambda x, y, t, s: (x[:, :, :0], y, t, s),
        "rnnt: logits must be [batch, frames, labels+1, classes] = [4, 4, ?, ?],"
        " but is [4, 4, 0, 4].",
    ),
    (
        "rnnt", RNNT, lambda x, y, t, s: (x, y[0], t, s),
        "rnnt: targets must be [batch, labels] = [4, 2], but is [2].",
    ),
    (
        "ctc", CTC, lambda x, y, t, s: (x[:1], y, t, s),
        "ctc: frame_lengths must be [batch] = [1], but is [4].",
    ),
    (
        "ctc", CTC, lambda x, y, t, s: (x, y, t[:3], s),
        "ctc: frame_lengths must be [batch] = [4], but is [3].",
    ),
    (
        "ctc", CTC, lambda x, y, t, s: (x, y, t, s[0]),
        "ctc: label_lengths must be [batch] = [4], but is a scalar.",
    ),
    (
        "ctc", CTC, lambda x, y, t, s: (x[None, None], y, t, s),
        "ctc: logits must be [batch, frames, classes],"
        " but is [1, 1, 4, 4, 4].",
    ),
    (
        "edit_distance", {}, lambda x, y, t, s: (y, s, y[:2], s),
        "edit_distance: b must be [batch, b_size] = [4, ?], but is [2, 2].",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "attrs", "change", "message"), BAD_SHAPES)
def test_wrong_shapes(name: str, attrs: Mapping[str, Any], change: Change, message: str) -> None:
    inputs = change(*inputs_for(name))
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(message)):
        native.call(name, inputs, attrs)
    with pytest.raises(ValueError, match=re.escape(message)):
        tf.function(native.call)(name, inputs, attrs)


BAD_VALUES: list[tuple[Mapping[str, Any], Change, str]] = [
    ({"blank": CLASSES}, lambda x, y, t, s: (x, y, t, s), "blank is 4, needed 0..3"),
    ({"blank": -1}, lambda x, y, t, s: (x, y, t, s), "blank is -1, needed 0..3"),
    ({}, lambda x, y, t, s: (x, y, t + 1, s), "frame_lengths[0] is 5, needed 0..4"),
    ({}, lambda x, y, t, s: (x, y, t, s + 1), "label_lengths[0] is 3, needed 0..2"),
    ({}, lambda x, y, t, s: (x, y, t, s - 1), "label_lengths[2] is -1, needed 0..2"),
    (
        {}, lambda x, y, t, s: (x, y + CLASSES, t, s),
        "targets[0, 0] is 4, needed 0..3 and not the blank 1",
    ),
    (
        {"blank": 2}, lambda x, y, t, s: (x, y, t, s),
        "targets[0, 1] is 2, needed 0..3 and not the blank 2",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change_attrs", "change", "message"), BAD_VALUES)
@pytest.mark.parametrize(("name", "attrs"), LOSSES)
def test_wrong_values_carry_the_text_of_the_library(
    name: str,
    attrs: Mapping[str, Any],
    change_attrs: Mapping[str, Any],
    change: Change,
    message: str,
) -> None:
    inputs = change(*inputs_for(name))
    for run in (native.call, tf.function(native.call)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(f"{name}: {message}")):
            run(name, inputs, {**attrs, **change_attrs})


def test_negative_threads() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="'threads' of -1 must be at least"):
        native.call("rnnt", inputs_for("rnnt"), RNNT, threads=-1)


def test_wrong_saved() -> None:
    half = ops()["ctc_backward"]
    inputs: list[Any] = [*inputs_for("ctc"), None, tf.zeros([4, 4, 2])]
    inputs += [tf.zeros([16, BATCH, 8]), tf.zeros([BATCH, 34]), tf.ones([BATCH])]
    message = "ctc_backward: saved_frames must be [batch, frames, 3] = [4, 4, 3], but is [4, 4, 2]."
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(message)):
        native._outputs(half, inputs, {"blank": BLANK}, 0)


def test_lattice_type_is_checked_by_the_type_system() -> None:
    inputs = [*inputs_for("rnnt", tf.float32), tf.zeros([0], tf.int32), tf.zeros([0], tf.int32)]
    with pytest.raises(tf.errors.NotFoundError, match=r"L in \[DT_FLOAT\]"):
        native._ops.seqfront_rnnt(*inputs, L=tf.float64, blank=BLANK)


def test_integer_logits_and_long_targets_are_refused() -> None:
    logits, targets, frames, labels = inputs_for("rnnt")
    with pytest.raises(tf.errors.InvalidArgumentError, match="not in the list of allowed values"):
        native.call("rnnt", (tf.cast(logits, tf.int32), targets, frames, labels), RNNT)
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected to be a int32 tensor"):
        native.call("rnnt", (logits, tf.cast(targets, tf.int64), frames, labels), RNNT)


def second_derivative(
    call: Callable[..., Any], name: str, attrs: Mapping[str, Any], power: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Loss, and the gradient of (loss + sum of its gradient ** 2 or ** 0) by a scale of 2."""
    logits, *ints = inputs_for(name)
    scale = tf.constant(2.0)
    with tf.GradientTape() as outer:
        outer.watch(scale)
        with tf.GradientTape() as inner:
            inner.watch(scale)
            loss = call(name, (logits * scale, *ints), attrs)[0][1]
        grad = inner.gradient(loss, scale)
        total = loss * scale + (grad**power if power else 0)
    return loss, outer.gradient(total, scale)


@pytest.mark.parametrize(("name", "attrs"), LOSSES)
def test_second_derivative_says_what_to_do(name: str, attrs: Mapping[str, Any]) -> None:
    text = f"{name}: the native op has no second derivative"
    with pytest.raises(NativeError, match=text):
        second_derivative(native.call, name, attrs, 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match=text):
        second_derivative(tf.function(native.call), name, attrs, 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match=text):
        tf.function(second_derivative, autograph=False)(native.call, name, attrs, 2)


@pytest.mark.parametrize(("name", "attrs"), LOSSES)
def test_nested_tapes_that_want_no_second_derivative(name: str, attrs: Mapping[str, Any]) -> None:
    want = second_derivative(native.call, name, attrs, 0)
    for got in (
        second_derivative(tf.function(native.call), name, attrs, 0),
        tf.function(second_derivative, autograph=False)(native.call, name, attrs, 0),
    ):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(("name", "attrs"), LOSSES)
def test_gradient_taken_inside_a_persistent_tape(name: str, attrs: Mapping[str, Any]) -> None:
    inputs = inputs_for(name)
    call = tf.function(native.call)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs[0])
        (loss,) = call(name, inputs, attrs)
        total = tf.reduce_sum(loss[:2])
        inside = tape.gradient(total, inputs[0])
    np.testing.assert_array_equal(inside, tape.gradient(total, inputs[0]))
