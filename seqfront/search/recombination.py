"""Hypotheses with the same labels become one, before the best are chosen.

Searches compare label sequences by a number that is rolled on with each label, and by their length:
two of int64 that agree by chance are not met in practice. All functions are of raw tensors, with
hypotheses on the last axis and any axes before.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias

from seqfront.backend import Backend, Raw

Recombine: TypeAlias = Literal["sum", "max"] | None
"""How scores of one label sequence meet: their probabilities add up, the best one stays, or all
stay apart."""

START = 0
"""The key of no labels."""

_FACTOR = 6364136223846793005
"""Of Knuth's MMIX generator, which goes through all 64 bits."""


class Merged(NamedTuple):
    """Hypotheses of which no two are the same."""

    score: Raw
    """Of all alignments together, at the one that stays; -inf at the others."""
    kept: Raw
    """bool: which stay."""


def next_key(backend: Backend, key: Raw, label: Raw) -> Raw:
    """The int64 keys of label sequences with one label more: key * factor + label + 1, modulo
    2^64."""
    step = backend.binary("add", backend.cast(label, "int64"), 1)
    return backend.binary("add", backend.binary("mul", key, _FACTOR), step)


def keys_of(backend: Backend, labels: Raw, counts: Raw) -> Raw:
    """int64 [...]: the keys of the first `counts` of labels [..., position]."""
    axis, device = len(backend.static_shape(counts)), backend.device(labels)
    size = backend.size(labels, axis)
    last = backend.binary("sub", backend.expand_dims(counts, (axis,)), 1)
    later = backend.binary("sub", last, backend.arange(size, "int32", device))
    first = backend.binary("eq", backend.arange(size + 1, "int32", device), 0)
    factors = backend.full((size + 1,), _FACTOR, "int64", device)
    powers = backend.cumulative("prod", backend.where(first, 1, factors), 0)
    weights = backend.gather(powers, backend.binary("max", later, 0), 0)
    terms = backend.binary("mul", backend.binary("add", backend.cast(labels, "int64"), 1), weights)
    inside = backend.binary("ge", later, 0)
    return backend.reduce("sum", backend.where(inside, terms, 0), (axis,))


def merged(
    backend: Backend,
    key: Raw,
    count: Raw,
    score: Raw,
    recombine: Recombine,
    by: Raw | None = None,
) -> Merged:
    """Scores of the same labels brought together.

    Args:
        backend: Of all.
        key: int64, `next_key` of the labels.
        count: Integers: how many labels.
        score: Logarithms of probabilities; -inf where there is no hypothesis.
        recombine: How scores meet.
        by: What decides which of the same stays; the lower one of equals. Default: the score.
    """
    if recombine is None:
        return Merged(score, backend.binary("gt", score, -math.inf))
    same = _pairs(backend, key, count)
    axis = len(backend.static_shape(score))
    others = backend.where(same, backend.expand_dims(score, (axis - 1,)), -math.inf)
    ranks = others
    if by is not None:
        here = backend.binary("gt", others, -math.inf)
        ranks = backend.where(here, backend.expand_dims(by, (axis - 1,)), -math.inf)
    place = backend.arange(backend.size(score, axis - 1), "int64", backend.device(score))
    kept = backend.binary("eq", backend.arg_reduce("argmax", ranks, axis), place)
    kept = backend.binary("and", kept, backend.binary("gt", score, -math.inf))
    total = (
        backend.logsumexp(others, (axis,))
        if recombine == "sum"
        else backend.reduce("max", others, (axis,))
    )
    return Merged(backend.where(kept, total, -math.inf), kept)


def _pairs(backend: Backend, key: Raw, count: Raw) -> Raw:
    """bool [..., one, other]: whether two have the same labels."""
    axis = len(backend.static_shape(key))

    def equal(x: Raw) -> Raw:
        return backend.binary(
            "eq", backend.expand_dims(x, (axis,)), backend.expand_dims(x, (axis - 1,))
        )

    return backend.binary("and", equal(key), equal(count))
