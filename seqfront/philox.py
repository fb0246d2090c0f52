"""Philox4x32-10: random bits as a function of a counter and a key (Salmon et al. 2011, "Parallel
random numbers: as easy as 1, 2, 3", SC'11).

There is no state: block number i of a key is the same four words on every framework and device, in
whatever order blocks are asked for. A word is an integer in [0, 2**32), held in an int64 (or a
Python int): 32 bits times 32 bits fill 64, and what the sign makes of the product's upper half is
masked away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

Word: TypeAlias = Any
"""A Python int, or a raw int64 tensor, with values in [0, 2**32)."""

Words: TypeAlias = tuple[Word, Word, Word, Word]

MASK = 2**32 - 1

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)  # golden ratio, sqrt(3) - 1: what a round adds to the key


class Arithmetic(Protocol):
    """What the words are computed with: a backend, or `HOST`."""

    def binary(self, name: Any, a: Word, b: Word) -> Word:
        """ "add" and "mul" of int64, which wrap around."""

    def bitwise(self, name: Any, a: Word, b: Word) -> Word:
        """ "and", "xor", and "shift_right" that keeps the sign."""


class _Host:
    """Python ints, which have all the bits they need."""

    _operators: Mapping[str, Callable[[int, int], int]] = {
        "add": lambda a, b: a + b,
        "mul": lambda a, b: a * b,
        "and": lambda a, b: a & b,
        "xor": lambda a, b: a ^ b,
        "shift_right": lambda a, b: a >> b,
    }

    def binary(self, name: Any, a: int, b: int) -> int:
        """Sum or product."""
        return self._operators[name](a, b)

    def bitwise(self, name: Any, a: int, b: int) -> int:
        """Bit by bit."""
        return self._operators[name](a, b)


HOST = _Host()


def block(p: Arithmetic, counter: Words, key: tuple[Word, Word]) -> Words:
    """The four words of a counter of four words, least significant first, under a key of two.

    Tensors broadcast. Of each pair that `bitwise` meets, the first has to be a tensor if one is:
    the first and third word of the counter, if any of them.
    """
    a, b, c, d = counter
    first, second = key
    for number in range(_ROUNDS):
        if number:
            first, second = _next(p, first, _WEYL[0]), _next(p, second, _WEYL[1])
        high_a, low_a = _product(p, a, _MULTIPLIERS[0])
        high_c, low_c = _product(p, c, _MULTIPLIERS[1])
        a, b = _mixed(p, high_c, b, first), low_c
        c, d = _mixed(p, high_a, d, second), low_a
    return a, b, c, d


def _next(p: Arithmetic, word: Word, step: int) -> Word:
    if isinstance(word, int):
        return (word + step) & MASK
    return p.bitwise("and", p.binary("add", word, step), MASK)


def _product(p: Arithmetic, word: Word, factor: int) -> tuple[Word, Word]:
    """Upper and lower half of 64 bits."""
    product = p.binary("mul", word, factor)
    high = p.bitwise("and", p.bitwise("shift_right", product, 32), MASK)
    return high, p.bitwise("and", product, MASK)


def _mixed(p: Arithmetic, high: Word, other: Word, key: Word) -> Word:
    return p.bitwise("xor", p.bitwise("xor", high, other), key)
