"""Random numbers that follow from a seed alone: the same on every framework, eager or compiled.

A `RandomKey` is a seed that can be split. What is drawn with it is a function of the key, the shape
and the dtype (Philox4x32-10, see `seqfront.philox`), so nothing is drawn twice by accident if every
draw gets a key of its own, and nothing depends on what was drawn before:

    key = sf.RandomKey(step)                      # an int, or a scalar tensor inside a graph
    for_noise, for_labels = key.split(2)
    noise = sf.random_normal((batch, time), like=x, seed=for_noise)

`uniform` gives the same bits everywhere: steps of 2**-24 in float32 and 2**-53 in float64, as many
as the mantissa has in shorter floats. `normal` (Box & Muller 1958) passes these through `log`,
`sin` and `cos`, which frameworks round differently in the last bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from seqfront import backends, dtypes, errors, philox
from seqfront.backend import Backend, RandomName, Raw, Size, product
from seqfront.philox import MASK, Word
from seqfront.tensor import Tensor

_FOLDED, _SPLIT = 1, 2
"""Last word of the counter for new keys; draws have 0 there."""

_BITS = {"float16": 11, "bfloat16": 8, "float32": 24}


class RandomKey:
    """A seed that can be split: an immutable key of 64 bits.

    Args:
        seed: An int (its lowest 64 bits count), or an integer scalar Tensor, so that each step of a
            compiled function has its own; the same number gives the same key either way.

    Raises:
        DTypeError: The seed is neither.
        DimError: The tensor is no scalar.

    Example:
        >>> import seqfront as sf
        >>> a, b = sf.RandomKey(7).split(2)
        >>> a
        RandomKey(0xc949274536500fee)
        >>> five = sf.Dim("five", 5)
        >>> sf.random_integers((five,), high=10, seed=a).raw
        array([8, 9, 0, 2, 3], dtype=int32)
    """

    __slots__ = ("words",)

    words: tuple[Word, Word]
    """The lower and the upper 32 bits: ints, or int64 scalars of a backend."""

    def __init__(self, seed: int | Tensor) -> None:
        self.words = _words_of("RandomKey", "seed", seed)

    def fold_in(self, number: int | Tensor) -> RandomKey:
        """The key that belongs to a number (of a step, a layer, a worker) under this key."""
        return self._derived(_words_of("RandomKey.fold_in", "number", number), _FOLDED)

    def split(self, count: int = 2) -> tuple[RandomKey, ...]:
        """Keys independent of each other, of this one, and of all that is folded in."""
        if not isinstance(count, int) or count < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            needed = "an int of at least 1"
            raise errors.bad_argument("RandomKey.split", "count", count, needed, "count=2.")
        return tuple([self._derived((number, 0), _SPLIT) for number in range(count)])

    def words_on(self, backend: Backend, device: str) -> tuple[Word, Word]:
        """The words, for drawing there."""
        low, high = self.words
        if isinstance(low, int):
            return low, high
        if backends.of(low) is not backend:
            raise errors.foreign_seed(backends.of(low).name, backend.name)
        return backend.to_device(low, device), backend.to_device(high, device)

    def _derived(self, number: tuple[Word, Word], kind: int) -> RandomKey:
        tensor = next((w for w in (number[0], self.words[0]) if not isinstance(w, int)), None)
        if tensor is None:
            words = philox.block(philox.HOST, (number[0], number[1], 0, kind), self.words)
            return _key(words[0], words[1])
        backend = backends.of(tensor)
        if not isinstance(self.words[0], int) and backends.of(self.words[0]) is not backend:
            raise errors.foreign_seed(backends.of(self.words[0]).name, backend.name)
        device = backend.device(tensor)
        a, b, c, d = [
            backend.full((), word, "int64", device) if isinstance(word, int) else word
            for word in (number[0], number[1], 0, kind)
        ]
        words = philox.block(backend, (a, b, c, d), self.words)
        return _key(words[0], words[1])

    def __repr__(self) -> str:
        low, high = self.words
        if not isinstance(low, int):
            return f"RandomKey(of a tensor of {backends.of(low).name})"
        return f"RandomKey(0x{high << 32 | low:016x})"


Seed: TypeAlias = int | Tensor | RandomKey
"""What `seed=` takes: an int, an integer scalar Tensor, or a key."""


def key_of(op: str, seed: Seed) -> RandomKey:
    """The key of an argument `seed=`."""
    if isinstance(seed, RandomKey):
        return seed
    low, high = _words_of(op, "seed", seed)
    return _key(low, high)


def _key(low: Word, high: Word) -> RandomKey:
    key = RandomKey.__new__(RandomKey)
    key.words = low, high
    return key


def _words_of(op: str, name: str, value: object) -> tuple[Word, Word]:
    """Lower and upper 32 bits of a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value & MASK, value >> 32 & MASK
    if not isinstance(value, Tensor):
        raise errors.not_a_seed(op, name, value)
    if value.dims or not dtypes.is_int(value.dtype):
        raise errors.bad_seed_tensor(op, name, value)
    backend = value.backend
    wide = backend.cast(value.raw, "int64")
    high = backend.bitwise("and", backend.bitwise("shift_right", wide, 32), MASK)
    return backend.bitwise("and", wide, MASK), high


# -- draws -----------------------------------------------------------------------------------------


def draw(
    backend: Backend,
    kind: RandomName,
    shape: Sequence[Size],
    dtype: str,
    device: str,
    key: RandomKey,
) -> Raw:
    """What `Backend.random` gives, but by a key; in row-major order over the shape."""
    size = product(shape)
    run = _normal if kind == "normal" else _uniform
    wide = "float32" if kind == "normal" and dtype in ("float16", "bfloat16") else dtype
    values = run(backend, size, wide, device, key.words_on(backend, device))
    return backend.reshape(values if wide == dtype else backend.cast(values, dtype), shape)


def _uniform(p: Backend, size: Size, dtype: str, device: str, key: tuple[Word, Word]) -> Raw:
    """k / 2**bits, for whole k from 0."""
    wide = dtype == "float64"
    words = p.random_words(*key, 2 * size if wide else size, device)
    bits = 53 if wide else _BITS[dtype]
    whole = _wide(p, words, size) if wide else p.bitwise("shift_right", words, 32 - bits)
    return p.binary("mul", p.cast(whole, dtype), 2.0**-bits)


def _normal(p: Backend, size: Size, dtype: str, device: str, key: tuple[Word, Word]) -> Raw:
    """Two of each pair: r cos(a) in the first half, r sin(a) in the second."""
    half = (size + 1) // 2
    parts = 2 if dtype == "float64" else 1
    words = p.random_words(*key, 2 * parts * half, device)
    first = p.slice(words, 0, 0, parts * half)
    second = p.slice(words, 0, parts * half, 2 * parts * half)
    if dtype == "float64":
        first, second, bits = _wide(p, first, half), _wide(p, second, half), 53
    else:
        bits = 32
    positive = p.binary("add", p.cast(first, dtype), 1.0)  # 1 to 2**bits, so that its log is finite
    log = p.unary("log", p.binary("mul", positive, 2.0**-bits))
    radius = p.unary("sqrt", p.binary("mul", log, -2.0))
    angle = p.binary("mul", p.cast(second, dtype), 2.0 * math.pi * 2.0**-bits)
    pair = [p.binary("mul", radius, p.unary(name, angle)) for name in ("cos", "sin")]
    return p.slice(p.concat(pair, 0), 0, 0, size)


def _wide(p: Backend, words: Raw, size: Size) -> Raw:
    """Whole numbers of 53 bits: 27 of the first half of the words, 26 of the second."""
    upper = p.bitwise("shift_right", p.slice(words, 0, 0, size), 5)
    lower = p.bitwise("shift_right", p.slice(words, 0, size, 2 * size), 6)
    return p.binary("add", p.binary("mul", upper, 2**26), lower)
