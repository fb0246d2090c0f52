"""What CTC searches have in common: the classes with their blank, and log-probs of frames."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.native import lattice_dtype
from seqfront.ops import create, elementwise
from seqfront.ops.dtype import cast
from seqfront.ops.gradient import stop_gradient
from seqfront.ops.softmax import log_softmax
from seqfront.tensor import Tensor


class CtcClasses:
    """The classes, and which of them is the blank.

    Args:
        op: The search, as messages name it.
        classes: Labels and the blank; static.
        blank_index: Class of the blank; negative: from the end.
    """

    def __init__(self, op: str, classes: Dim, blank_index: int) -> None:
        align.distinct(op, (classes,))
        self.op = op
        self.dim = classes
        size = classes.size
        if size is None:
            raise errors.size_unknown(op, classes)
        if type(blank_index) is not int or not -size <= blank_index < size:
            needed, fix = f"an int in {-size} .. {size - 1}", "negative counts from the end."
            raise errors.bad_argument(op, "blank_index", blank_index, needed, fix)
        self.size = size
        self.blank = blank_index % size

    def read(self, encoded: Tensor, axis: Dim) -> tuple[Tensor, tuple[Dim, ...]]:
        """What came in, without gradients, and the dims of the streams."""
        align.check(self.op, encoded, axis, self.dim, name="encoded")
        if not dtypes.is_float(encoded.dtype):
            raise errors.wrong_dtype(self.op, "encoded", encoded, "floating point")
        batch = tuple([dim for dim in encoded.dims if dim not in (axis, self.dim)])
        return stop_gradient(encoded), batch

    def log_probs(self, logits: Tensor, normalized: bool, temperature: float = 1.0) -> Tensor:
        """Of the same dims; float64 of float64, else float32.

        What is no log-probability (NaN, +inf) is impossible.
        """
        return possible(self.unchecked(logits, normalized, temperature))

    def unchecked(self, logits: Tensor, normalized: bool, temperature: float = 1.0) -> Tensor:
        """The same, where NaN may be: of logits, in all classes of a frame or in none."""
        x = cast(logits, lattice_dtype(logits.dtype))
        if temperature != 1.0:
            x = x / temperature
        if not normalized or temperature != 1.0:
            return log_softmax(x, axis=self.dim)
        return possible(x)


def possible(log_probs: Tensor) -> Tensor:
    """-inf for what is no log-probability."""
    return elementwise.where(log_probs < math.inf, log_probs, -math.inf)


def flags(
    op: str, name: str, value: bool | Tensor, batch: Sequence[Dim], *, like: Tensor
) -> Tensor:
    """A bool for each stream, given for all or for each."""
    if not isinstance(value, Tensor):
        if type(value) is not bool:
            needed = "a bool, or a bool Tensor over the streams"
            raise errors.bad_argument(op, name, value, needed, f"{name}=False.")
        return create.full(tuple(batch), value, dtype="bool", like=like)
    align.check(op, value, *batch, name=name)
    if value.dtype != "bool":
        raise errors.wrong_dtype(op, name, value, "bool")
    return value
