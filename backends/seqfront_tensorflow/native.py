"""The native ops as TensorFlow graph ops, with their gradients.

Importing this module loads the op library that lies beside `seqfront._native` and registers the
gradients. From then on the ops work in eager mode, in `tf.function`, under `GradientTape`, and in a
SavedModel that holds them:

    import seqfront_tensorflow.native        # before tf.saved_model.load

    (loss,) = native.call("rnnt", (logits, targets, frame_lengths, label_lengths), {"blank": 0})

Inputs, attributes and results are those that `seqfront.native.ops()` declares. Wrong shapes raise
`tf.errors.InvalidArgumentError`, and `ValueError` as soon as a `tf.function` that is being traced
knows them; so do lengths and labels that make no sense, when the op runs.

The ops run on the CPU, with copies of what lies on a GPU: right, and never fast. Where there is a
GPU they are placed there by name, so that neither a scope of another device nor placement that is
not soft (`tf.config.set_soft_device_placement(False)`) stands against it. Results are on the CPU.
Under XLA (`jit_compile=True`), and for second derivatives, use `implementation="composed"`.

A gradient is written over the logits where TensorFlow knows that nobody reads them again; the
attribute `reuse` is for frameworks that do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from seqfront import errors, native
from seqfront.native import NativeOp, library_directory
from seqfront_tensorflow import values

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


def call(
    name: str, inputs: Sequence[tf.Tensor | None], attributes: Mapping[str, Any], threads: int = 0
) -> tuple[tf.Tensor, ...]:
    """The results of one op of `seqfront.native.ops()`; 0 threads are the library's default."""
    op = native.ops()[name]
    attributes = {key: value for key, value in attributes.items() if key != "reuse"}
    inputs = op.completed(inputs)
    outputs = _outputs(op, inputs, _typed(op, op.arguments(attributes)), threads)
    return tuple(outputs[i] for i in op.results)


def _typed(op: NativeOp, values: Sequence[float]) -> dict[str, Any]:
    return {a.name: a.typed(v) for a, v in zip(op.attributes, values, strict=True)}


def _outputs(
    op: NativeOp, inputs: Sequence[tf.Tensor | None], attributes: Mapping[str, Any], threads: int
) -> tuple[tf.Tensor, ...]:
    """All outputs. An optional input that is left out is an empty vector."""
    element = tf.float32
    for spec, x in zip(op.inputs, inputs, strict=True):
        if spec.type == "T" and x is not None:
            element = x.dtype
            break
    lattice = tf.float64 if element == tf.float64 else tf.float32
    dtypes = {"T": element, "L": lattice}
    used = {spec.type for spec in (*op.inputs, *op.outputs)}
    types = {name: dtype for name, dtype in dtypes.items() if name in used}
    if any(spec.type == "T" for spec in op.inputs):
        types.pop("T", None)  # TensorFlow takes it from the input
    if any(spec.type == "L" for spec in op.inputs):
        types.pop("L", None)
    function = getattr(_ops, f"seqfront_{op.name}")
    with values.on_cpu():
        tensors = [
            tf.zeros([0], dtypes.get(spec.type, spec.type)) if x is None else x
            for spec, x in zip(op.inputs, inputs, strict=True)
        ]
        outputs = function(*tensors, **types, **attributes, threads=threads)
    return tuple(outputs) if len(op.outputs) > 1 else (outputs,)


# -- gradients ------------------------------------------------------------------------------------


def _register_gradient(op: NativeOp, backward: NativeOp) -> None:
    result = next(i for i, output in enumerate(op.outputs) if output.differentiable)
    saved = [i for i, output in enumerate(op.outputs) if output.saved]
    differentiable = [i for i, spec in enumerate(op.inputs) if spec.differentiable]
    names = [*(a.name for a in op.attributes), "threads"]

    def gradient(node: tf.Operation, *grads: tf.Tensor) -> list[tf.Tensor | None]:
        attributes = {name: node.get_attr(name) for name in names}
        threads = attributes.pop("threads")
        upstream = tf.convert_to_tensor(grads[result])  # it may be sparse: tf.IndexedSlices
        inputs = [*node.inputs, *(node.outputs[i] for i in saved), upstream]
        made = _outputs(backward, inputs, attributes, threads)
        found: list[tf.Tensor | None] = [None] * len(op.inputs)
        for index, grad in zip(differentiable, made, strict=True):
            found[index] = grad
        return found

    def second(node: tf.Operation, *grads: tf.Tensor) -> list[tf.Tensor | None]:
        return _second_derivative(op, backward, node, grads)

    tf.RegisterGradient(_graph_name(op))(gradient)
    tf.RegisterGradient(_graph_name(backward))(second)


def _graph_name(op: NativeOp) -> str:
    return "Seqfront" + "".join(part.capitalize() for part in op.name.split("_"))


def _second_derivative(
    op: NativeOp, backward: NativeOp, node: tf.Operation, grads: Sequence[tf.Tensor]
) -> list[tf.Tensor | None]:
    """Refuse, and in a graph only if it is used.

    Of a `tf.function` under a persistent or nested tape, TensorFlow builds second derivatives
    whether wanted or not, and feeds them zeros if not. So there this fails when run on others.
    """
    error = errors.no_second_derivative(op.name)
    if tf.executing_eagerly():
        raise error
    unused = [tf.reduce_all(tf.equal(grad, tf.zeros([], grad.dtype))) for grad in grads]
    found: list[tf.Tensor | None] = [None] * len(backward.inputs)
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(unused), [str(error)])]):
        for index, spec in enumerate(backward.inputs):
            if spec.differentiable or spec.name.startswith("grad_"):
                found[index] = tf.zeros_like(node.inputs[index])
    return found


def _register_gradients() -> None:
    table = native.ops()
    for op in table.values():
        if op.differentiable:
            _register_gradient(op, table[f"{op.name}_backward"])
        elif not op.name.endswith("_backward"):
            tf.no_gradient(_graph_name(op))


_register_gradients()
