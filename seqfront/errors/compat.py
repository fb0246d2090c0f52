"""Messages of the drop-ins for plain tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from seqfront.errors.base import BackendError, DimError, DTypeError

Described: TypeAlias = Sequence[tuple[str, str]]
"""Arguments by name: what came, and the layout that is read."""


def argument_framework(op: str, name: str, value: object, first: str) -> BackendError:
    """An argument of another framework than the first."""
    cls = type(value)
    return BackendError(
        f"{op}: {name} is no tensor of the framework of {first}.",
        [(name, f"{cls.__module__}.{cls.__name__}")],
        "pass tensors of one framework; NumPy arrays and lists of integers go with all.",
    )


def argument_dtype(op: str, name: str, needed: str, arguments: Described) -> DTypeError:
    """An argument of a type without meaning here."""
    return DTypeError(f"{op}: {name} has to be {needed}.", arguments, f"convert {name}.")


def argument_rank(op: str, name: str, came: int, needed: int, arguments: Described) -> DimError:
    """An argument with too few or too many axes."""
    return DimError(
        f"{op}: {name} has {_axes(came)}, needed {needed}.",
        arguments,
        f"reshape {name} to this layout.",
    )


def argument_size(
    op: str, name: str, axis: int, came: int, needed: int, arguments: Described
) -> DimError:
    """An argument that does not fit those before it."""
    return DimError(
        f"{op}: axis {axis} of {name} is {came} long, needed {needed}.",
        arguments,
        "the same word stands for the same size; cut or pad to it.",
    )


def argument_value(
    op: str, what: str, came: object, needed: str, arguments: Described, fix: str
) -> DimError:
    """A number out of range: an option, or a place in an argument."""
    return DimError(f"{op}: {what} is {came}, needed {needed}.", arguments, fix)


def _axes(n: int) -> str:
    return f"{n} axis" if n == 1 else f"{n} axes"
