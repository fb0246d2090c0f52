"""The native lattice ops as TensorFlow graph ops, with their gradients.

Importing this module loads the op library that lies beside `seqfront._native` and registers the
gradients. From then on the ops work in eager mode, in `tf.function`, under `GradientTape`, and in a
SavedModel that holds them:

    import seqfront_tensorflow.native        # before tf.saved_model.load

    (loss,) = native.call("rnnt", (logits, targets, frame_lengths, label_lengths),
                          {"blank": 0, "normalized": False})

The ops run on the CPU. TensorFlow places them there by itself, and copies what lies on a GPU. Under
XLA (`jit_compile=True`), and for second derivatives, use `implementation="composed"`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from seqfront import errors
from seqfront.native import library_directory

LIBRARY_NAME = "seqfront_tensorflow_ops.so"


def library_path() -> Path:
    """File of the op library; `NativeError` if this installation has no native library."""
    return Path(library_directory()) / LIBRARY_NAME


def _load() -> Any:
    path = library_path()
    if not path.exists():
        raise errors.native_missing(f"{LIBRARY_NAME} was not built: it needs Linux")
    return tf.load_op_library(str(path))


_ops = _load()


def rnnt_forward(
    logits: tf.Tensor,
    targets: tf.Tensor,
    frame_lengths: tf.Tensor,
    label_lengths: tf.Tensor,
    *,
    blank: int,
    normalized: bool = False,
    threads: int = 0,
) -> tf.Tensor:
    """RNN-T loss of each sequence.

    Args:
        logits: float [batch, frames, labels + 1, classes].
        targets: int32 [batch, labels].
        frame_lengths: int32 [batch], frames in use.
        label_lengths: int32 [batch], labels in use.
        blank: class of the blank.
        normalized: the logits are log-probs already.
        threads: how many to use; 0 is the default of the library.

    Returns:
        [batch]; float64 for float64 logits, float32 for all others. Infinite for a sequence with
        labels but without frames.

    Raises:
        tf.errors.InvalidArgumentError: shapes, lengths or labels that make no sense.
        ValueError: the same, for shapes that are known while a `tf.function` is traced.
    """
    return _ops.seqfront_rnnt_forward(
        logits, targets, frame_lengths, label_lengths,
        L=_lattice_type(logits), blank=blank, normalized=normalized, threads=threads,
    )[0]  # fmt: skip


def ctc_forward(
    logits: tf.Tensor,
    targets: tf.Tensor,
    frame_lengths: tf.Tensor,
    label_lengths: tf.Tensor,
    *,
    blank: int,
    normalized: bool = False,
    max_approx: bool = False,
    label_loop: bool = True,
    threads: int = 0,
) -> tf.Tensor:
    """CTC loss of each sequence.

    Args:
        logits: float [batch, frames, classes].
        targets: int32 [batch, labels].
        frame_lengths: int32 [batch], frames in use.
        label_lengths: int32 [batch], labels in use.
        blank: class of the blank.
        normalized: the logits are log-probs already.
        max_approx: the best alignment only, not the sum over all.
        label_loop: a label may stay for several frames; else for one.
        threads: how many to use; 0 is the default of the library.

    Returns:
        [batch]; float64 for float64 logits, float32 for all others. Infinite for a sequence with
        too few frames.

    Raises:
        tf.errors.InvalidArgumentError: shapes, lengths or labels that make no sense.
        ValueError: the same, for shapes that are known while a `tf.function` is traced.
    """
    return _ops.seqfront_ctc_forward(
        logits, targets, frame_lengths, label_lengths,
        L=_lattice_type(logits), blank=blank, normalized=normalized,
        max_approx=max_approx, label_loop=label_loop, threads=threads,
    )[0]  # fmt: skip


def edit_distance(
    a: tf.Tensor, a_lengths: tf.Tensor, b: tf.Tensor, b_lengths: tf.Tensor, *, threads: int = 0
) -> tf.Tensor:
    """Levenshtein distance, int32 [batch], of each row of `a` and `b`, int32 [batch, labels]."""
    return _ops.seqfront_edit_distance(a, a_lengths, b, b_lengths, threads=threads)


_PUBLIC: dict[str, Callable[..., tf.Tensor]] = {
    "rnnt": rnnt_forward,
    "ctc": ctc_forward,
    "edit_distance": edit_distance,
}


def call(
    name: str, inputs: Sequence[tf.Tensor], attrs: Mapping[str, Any]
) -> tuple[tf.Tensor, ...]:  # fmt: skip
    """One op of `seqfront.native.OPS` by name: the losses, or the distances, of all sequences."""
    return (_PUBLIC[name](*inputs, **attrs),)


def _lattice_type(logits: tf.Tensor) -> tf.DType:
    return tf.float64 if logits.dtype == tf.float64 else tf.float32


# -- gradients ------------------------------------------------------------------------------------


def _loss_gradient(
    op: tf.Operation, grad_loss: tf.Tensor, backward: Callable[..., tf.Tensor], *attrs: str
) -> tuple[tf.Tensor | None, ...]:
    grad = backward(
        *op.inputs,
        op.outputs[1],
        tf.convert_to_tensor(grad_loss),  # upstream may be sparse: tf.IndexedSlices
        **{name: op.get_attr(name) for name in ("blank", "normalized", "threads", *attrs)},
    )
    return grad, None, None, None


@tf.RegisterGradient("SeqfrontRnntForward")
def _rnnt_gradient(  # pyright: ignore[reportUnusedFunction]
    op: tf.Operation, grad_loss: tf.Tensor, _grad_saved: Any
) -> tuple[tf.Tensor | None, ...]:
    return _loss_gradient(op, grad_loss, _ops.seqfront_rnnt_backward)


@tf.RegisterGradient("SeqfrontCtcForward")
def _ctc_gradient(  # pyright: ignore[reportUnusedFunction]
    op: tf.Operation, grad_loss: tf.Tensor, _grad_saved: Any
) -> tuple[tf.Tensor | None, ...]:
    return _loss_gradient(op, grad_loss, _ops.seqfront_ctc_backward, "max_approx", "label_loop")


def _second_derivative(
    name: str, op: tf.Operation, grad: tf.Tensor
) -> tuple[tf.Tensor | None, ...]:
    """Refuse, and in a graph only if it is used.

    Of a `tf.function` under a persistent or nested tape, TensorFlow builds second derivatives
    whether wanted or not, and feeds them zeros if not. So there this fails when run on others.
    """
    error = errors.no_second_derivative(name)
    if tf.executing_eagerly():
        raise error
    unused = tf.reduce_all(tf.equal(grad, tf.zeros([], grad.dtype)))
    with tf.control_dependencies([tf.debugging.Assert(unused, [str(error)])]):
        return tf.zeros_like(op.inputs[0]), None, None, None, None, tf.zeros_like(op.inputs[5])


@tf.RegisterGradient("SeqfrontRnntBackward")
def _rnnt_second(  # pyright: ignore[reportUnusedFunction]
    op: tf.Operation, grad: tf.Tensor
) -> tuple[tf.Tensor | None, ...]:
    return _second_derivative("rnnt", op, grad)


@tf.RegisterGradient("SeqfrontCtcBackward")
def _ctc_second(  # pyright: ignore[reportUnusedFunction]
    op: tf.Operation, grad: tf.Tensor
) -> tuple[tf.Tensor | None, ...]:
    return _second_derivative("ctc", op, grad)


tf.no_gradient("SeqfrontEditDistance")
