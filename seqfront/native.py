"""The ops of the native library, declared once.

Every backend registers them from the table `OPS`: NumPy and PyTorch run them through the functions
here, which turn arrays into addresses for the `_native` module; TensorFlow has them as graph ops.
Nothing here knows a framework: an array is a `Buffer`, which says where memory lies.

    loss = backend.native_call("ctc", (logits, targets, frame_lengths, label_lengths),
                               {"blank": 0, "normalized": False, ...})

The losses are two calls: `forward` gives the loss of each sequence and the few numbers of each row
that the lattice needs (`saved`); `backward` takes the upstream gradient and writes the gradient of
the logits. So a loss without gradient does no gradient work.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from seqfront import errors


@dataclass(frozen=True)
class NativeOp:
    """Declaration of one op: what goes in, what comes out, and whether it has a gradient."""

    name: str
    inputs: tuple[str, ...]
    attributes: tuple[str, ...]
    differentiable: bool

    def saved_shape(self, logits_shape: Sequence[Any], labels: Any) -> tuple[Any, ...]:
        """Shape of `saved` for logits of a shape and targets [batch, labels]."""
        if self.name == "rnnt":
            return (*logits_shape[:3], 3)
        return (*logits_shape[:2], labels + 2)


_LOSS_INPUTS = ("logits", "targets", "frame_lengths", "label_lengths")

OPS: Mapping[str, NativeOp] = {
    op.name: op
    for op in (
        NativeOp("rnnt", _LOSS_INPUTS, ("blank", "normalized"), True),
        NativeOp("ctc", _LOSS_INPUTS, ("blank", "normalized", "max_approx", "label_loop"), True),
        NativeOp("edit_distance", ("a", "a_lengths", "b", "b_lengths"), (), False),
    )
}
"""`targets`, tokens and lengths are int32; logits float32, float64, bfloat16 or float16. Losses are
float64 for float64 logits and float32 for all others; distances are int32."""

_DTYPE_CODES = {"float32": 0, "float64": 1, "bfloat16": 2, "float16": 3}


class Buffer(NamedTuple):
    """Memory of an array: address, extents, strides in elements, dtype by name."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str


def lattice_dtype(dtype: str) -> str:
    """Dtype that a lattice over logits of `dtype` computes and reports in."""
    return "float64" if dtype == "float64" else "float32"


_module: ModuleType | None = None


def library() -> ModuleType:
    """The compiled module; `NativeError` if this installation has none."""
    global _module
    if _module is None:
        try:
            _module = import_module("seqfront._native")
        except ImportError as error:
            raise errors.native_missing(str(error)) from None
    return _module


def library_directory() -> str:
    """Folder of the compiled files: with an editable install it is not the package's own."""
    return os.path.dirname(str(library().__file__))


def forward(
    op: str,
    inputs: Sequence[Buffer],
    attributes: Mapping[str, int | bool],
    loss: Buffer,
    saved: Buffer,
    threads: int = 0,
) -> None:
    """Write `loss` [batch] and `saved` of a differentiable op."""
    _run(op, "forward", inputs, attributes, loss=loss.address, saved=saved.address, threads=threads)


def backward(
    op: str,
    inputs: Sequence[Buffer],
    attributes: Mapping[str, int | bool],
    saved: Buffer,
    grad_loss: Buffer,
    grad: Buffer,
    threads: int = 0,
) -> None:
    """Write `grad`, the gradient of the first input times `grad_loss` [batch]."""
    _run(
        op,
        "backward",
        inputs,
        attributes,
        saved=saved.address,
        grad_loss=grad_loss.address,
        grad=grad.address,
        grad_strides=grad.strides[:-1],
        threads=threads,
    )


def edit_distance(inputs: Sequence[Buffer], distance: Buffer, threads: int = 0) -> None:
    """Write the distance [batch] of pairs of rows of `a` and `b`."""
    _check_shapes("edit_distance", inputs)
    a, a_lengths, b, b_lengths = inputs
    function = library().edit_distance
    try:
        function(
            a.shape[0], a.address, a.strides[0], a.shape[1], a_lengths.address,
            b.address, b.strides[0], b.shape[1], b_lengths.address, distance.address, threads,
        )  # fmt: skip
    except ValueError as error:
        raise errors.native_refused("edit_distance", str(error)) from None


def _check_shapes(op: str, inputs: Sequence[Buffer]) -> None:
    """Refuse arrays that disagree: the library believes the extents of the first."""
    shapes = {name: buffer.shape for name, buffer in zip(OPS[op].inputs, inputs, strict=True)}
    first, *others = shapes.values()
    fits = all(shape[:1] == first[:1] for shape in others)
    if op == "rnnt":
        fits = fits and first[2] == shapes["targets"][1] + 1
    if not fits:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise errors.native_refused(op, f"the shapes do not fit together: {listed}.")


def _run(
    op: str,
    half: str,
    inputs: Sequence[Buffer],
    attributes: Mapping[str, int | bool],
    **addresses: Any,
) -> None:
    _check_shapes(op, inputs)
    logits, targets, frame_lengths, label_lengths = inputs
    batch, frames, classes = logits.shape[0], logits.shape[1], logits.shape[-1]
    function = getattr(library(), f"{op}_{half}")
    try:
        function(
            logits=logits.address,
            dtype=_DTYPE_CODES[logits.dtype],
            shape=(batch, frames, targets.shape[1], classes),
            strides=logits.strides[:-1],
            targets=targets.address,
            targets_stride=targets.strides[0],
            frame_lengths=frame_lengths.address,
            label_lengths=label_lengths.address,
            **attributes,
            **addresses,
        )
    except ValueError as error:
        raise errors.native_refused(op, str(error)) from None
