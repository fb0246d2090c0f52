"""The RNN-T loss of plain tensors, whatever its arguments are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqfront.backend import Backend, Raw
from seqfront.compat.arguments import Arguments, Spec, spec

_LAYOUTS = (
    ("T", "batch frames labels+1 classes"),
    ("int32", "batch labels"),
    ("int32", "batch"),
    ("int32", "batch"),
)
_NOTHING_MORE = (None, None)
"""In the place of windows and big blanks."""


def specs(*names: str) -> tuple[Spec, ...]:
    """Declarations of logits, targets, and their lengths, under the names of a library."""
    return tuple(spec(name, *layout) for name, layout in zip(names, _LAYOUTS, strict=True))


def losses(
    op: str, declared: Sequence[Spec], values: Sequence[Any], blank: int, **attributes: float
) -> tuple[Backend, Raw]:
    """The backend, and the loss of each sequence: float32, or float64 for float64 logits.

    Args:
        op: The public function, for messages.
        declared: Its `specs`.
        values: What it got: logits, targets, and their lengths.
        blank: Class of the blank; negative counts from the end.
        **attributes: Of the native op.
    """
    given = Arguments(op, declared, values)
    blank = given.blank(blank)
    if given.may_look:
        _check_values(given, blank)
    inputs = (given.raws[0], *[given.integers(i) for i in (1, 2, 3)], *_NOTHING_MORE)
    (loss,) = given.backend.native_call("rnnt", inputs, {"blank": blank, **attributes})
    return given.backend, loss


def _check_values(given: Arguments, blank: int) -> None:
    _, frames, states, classes = given.backend.shape(given.raws[0])
    given.check_lengths(2, frames)
    given.check_lengths(3, states - 1)
    given.check_labels(1, given.used(3, states - 1), classes, blank)
