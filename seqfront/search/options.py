"""Numbers that searches are given, checked."""

from __future__ import annotations

import math
from typing import NamedTuple

from seqfront import errors


class _Range(NamedTuple):
    """What a number may be."""

    needed: str
    fix: str
    above: float = -math.inf
    or_zero: bool = False
    or_none: bool = False


_NO_CHANGE = "0.0 changes nothing."

_RANGES = {
    "temperature": _Range("a finite number above 0", "1.0 changes nothing.", 0.0),
    "blank_penalty": _Range("a finite number", _NO_CHANGE),
    "length_norm": _Range("a finite number, 0 or more", _NO_CHANGE, 0.0, or_zero=True),
    "margin": _Range("a finite number above 0, or None", "None drops nothing.", 0.0, or_none=True),
}

_RECOMBINE = ("sum", "max", None)


def check_counts(op: str, **counts: object) -> None:
    """That numbers of something, by name, are positive ints."""
    for name, count in counts.items():
        if type(count) is not int or count < 1:
            raise errors.bad_argument(op, name, count, "an int of at least 1", f"{name}=4.")


def check_recombine(op: str, recombine: object) -> None:
    """That it says how scores of the same labels meet."""
    if recombine not in _RECOMBINE:
        raise errors.unknown_choice(op, "recombine", recombine, _RECOMBINE)  # pyright: ignore[reportArgumentType]


def check_numbers(op: str, **numbers: object) -> None:
    """That options, by their names, are numbers that these may be."""
    for name, value in numbers.items():
        if not _fits(value, _RANGES[name]):
            known = _RANGES[name]
            raise errors.bad_argument(op, name, value, known.needed, known.fix)


def _fits(value: object, known: _Range) -> bool:
    if value is None:
        return known.or_none
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        return False
    return value > known.above or (known.or_zero and value == 0)
