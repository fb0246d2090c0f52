r"""Reading n-gram language models in the ARPA format, of any order.

    \data\
    ngram 1=4
    ngram 2=2

    \1-grams:
    -0.9  <unk>                 log10 p(word)
    -99   <s>    -0.4           ... and log10 of the backoff weight of "<s>" as a context
    -0.7  </s>
    -0.3  a      -0.1

    \2-grams:
    -0.2  <s> a
    -0.5  a </s>

    \end\

(Fields are separated by blanks or tabs; what stands before the data section is a comment.)
"""

from __future__ import annotations

import gzip
import math
import os
import re
from collections.abc import Iterable, Iterator
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np

from seqfront import errors

File: TypeAlias = "str | os.PathLike[str] | IO[str] | IO[bytes]"
"""A path (of a file that gzip may have compressed), or an open file."""

_COUNT = re.compile(rb"ngram\s+(\d+)\s*=\s*(\d+)")
_GZIP = b"\x1f\x8b"


class Order(NamedTuple):
    """N-grams of one order, as arrays."""

    words: Any
    """int32 [n-grams, order]: numbers of words, in the order that they are said in."""
    log_prob: Any
    """Of the last word after the others: natural logarithms."""
    backoff: Any
    """What a word costs that does not follow the whole n-gram: natural logarithms."""
    lines: Any
    """Where it stands in the file, counted from 1."""


class ArpaModel(NamedTuple):
    """What an ARPA file holds."""

    file: str
    """Its name, for messages."""
    words: dict[str, int]
    """The words of the 1-grams and their numbers, which are 0, 1, 2, ..."""
    orders: list[Order]


def read_arpa(file: File) -> ArpaModel:
    """Read a file whole."""
    if not isinstance(file, (str, os.PathLike)):
        name = str(getattr(file, "name", "an open file"))
        return _read(name, (x.encode() if isinstance(x, str) else x for x in file))
    with open(file, "rb") as opened:
        compressed = opened.read(2) == _GZIP
    with gzip.open(file) if compressed else open(file, "rb") as opened:
        return _read(os.fspath(file), opened)


def _read(name: str, lines: Iterable[bytes]) -> ArpaModel:
    source = _Lines(name, lines)
    counts = _counts(source)
    numbers: dict[bytes, int] = {}
    orders = [_order(source, order, count, numbers) for order, count in enumerate(counts, 1)]
    if source.text != rb"\end" + b"\\":
        raise source.error("the file does not end with its n-grams", "\\end\\")
    words = {word.decode("utf-8", "replace"): number for word, number in numbers.items()}
    return ArpaModel(name, words, orders)


class _Lines:
    """Lines that say something, one by one."""

    def __init__(self, file: str, lines: Iterable[bytes]) -> None:
        self.file = file
        self.number = 0
        self.text = b""
        self._rest = self._stripped(lines)

    def _stripped(self, lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if text:
                yield number, text

    def next(self) -> bytes:
        """The next one; nothing at the end."""
        self.number, self.text = next(self._rest, (0, b""))
        return self.text

    def error(self, wrong: str, needed: str, came: str = "") -> errors.CheckpointError:
        """About this line."""
        text = self.text.decode("utf-8", "replace")
        return errors.malformed_arpa(self.file, self.number, text, wrong, needed, came)


def _counts(source: _Lines) -> list[int]:
    """What the data section announces. From here on the line read last is the one to look at."""
    while source.next() != rb"\data" + b"\\":
        if not source.number:
            raise source.error("the file has no data section", "\\data\\")
    counts: list[int] = []
    while source.next() and source.text[:1] != b"\\":
        found = _COUNT.fullmatch(source.text)
        order = len(counts) + 1
        if found is None or int(found[1]) != order:
            wrong = "the data section leaves out an order, or says something else"
            raise source.error(wrong, f"ngram {order}=<how many>")
        counts.append(int(found[2]))
    if not counts:
        raise source.error("the data section announces nothing", "ngram 1=<how many>")
    return counts


def _order(source: _Lines, order: int, count: int, numbers: dict[bytes, int]) -> Order:
    if source.text != b"\\%d-grams:" % order:
        raise source.error(f"the {order}-grams are missing", f"\\{order}-grams:")
    words = np.empty((count, order), np.int32)
    values = np.zeros((count, 2))
    lines = np.empty(count, np.int64)
    announced = f"{count}, as the data section says"
    for row in range(count):
        fields = source.next().split()
        if not fields or fields[0][:1] == b"\\":
            raise source.error(f"there are too few {order}-grams", announced, str(row))
        lines[row] = source.number
        values[row] = _values(source, fields, order)
        words[row] = _numbers(source, fields[1 : order + 1], numbers)
    if source.next()[:1] not in (b"", b"\\"):
        raise source.error(f"there are too many {order}-grams", announced)
    return Order(words, values[:, 0], values[:, 1], lines)


def _values(source: _Lines, fields: list[bytes], order: int) -> tuple[float, float]:
    try:
        if not order + 1 <= len(fields) <= order + 2:
            raise ValueError
        numbers = [float(fields[0]), *map(float, fields[order + 1 :])]
        if numbers[0] > 0 or any(math.isnan(x) or x == math.inf for x in numbers):
            raise ValueError
    except ValueError:
        needed = f"a log10 probability, {order} {'word' if order == 1 else 'words'}, and at most "
        raise source.error(f"this is no {order}-gram", f"{needed}a backoff weight") from None
    backoff = numbers[1] if len(numbers) > 1 else 0.0
    return numbers[0] * math.log(10), backoff * math.log(10)


def _numbers(source: _Lines, words: list[bytes], numbers: dict[bytes, int]) -> list[int]:
    if len(words) == 1:
        if words[0] in numbers:
            raise source.error("a word is there twice", "1-grams that differ")
        numbers[words[0]] = len(numbers)
    try:
        return [numbers[word] for word in words]
    except KeyError as error:
        word = error.args[0].decode("utf-8", "replace")
        raise source.error(f"the word {word!r} is no 1-gram", "words of the 1-grams") from None
