"""The error classes, and the one form that all messages have.

    DimError: softmax: x has a dim called 'time', but not this one.
      x       float32[batch≤8, time≤120, mel:80] torch:cpu
      wanted  time made at model.py:38
      fix: dims match by identity, never by name: pass the same Dim object, or x.rename(old, new).

One sentence that says what is wrong, the facts in aligned columns, one way to mend it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class SeqfrontError(Exception):
    """Any error that seqfront raises itself.

    Args:
        what: One sentence: the operation, and what is wrong with what it was given.
        facts: Names and what they stand for, printed in two columns.
        fix: What to do about it.
    """

    def __init__(self, what: str, facts: Sequence[tuple[str, Any]] = (), fix: str = "") -> None:
        self.what = what
        self.facts = tuple([(name, _said(value)) for name, value in facts])
        self.fix = fix
        self.args = (self._text(),)

    def _text(self) -> str:
        width = max([0, *[len(name) for name, _ in self.facts]])
        lines = [self.what]
        for name, value in self.facts:
            lines.append(f"  {name}{' ' * (width - len(name))}  {value}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.what, self.facts, self.fix)


def _said(value: Any) -> str:
    """`str(value)`, in words that a tracer (TorchDynamo) can follow into our own classes."""
    if isinstance(value, str):
        return value
    return value.__repr__() if hasattr(value, "dims") else str(value)


class DimError(SeqfrontError, ValueError):
    """Dims or sizes that do not fit together."""


class DTypeError(SeqfrontError, TypeError):
    """Values of a type that the operation has no meaning for."""


class BackendError(SeqfrontError, TypeError):
    """A framework that is missing, mixed with another, or not able to do this."""


class TraceError(SeqfrontError, RuntimeError):
    """Something that needs values while only a graph is being built."""


class NativeError(SeqfrontError, RuntimeError):
    """The native library refused its input, or is not there."""


class CheckpointError(SeqfrontError, ValueError):
    """A checkpoint that does not fit the model."""


class SeqfrontWarning(UserWarning):
    """Something that works, but is probably not what was meant."""
