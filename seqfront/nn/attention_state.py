"""What causal attention has seen: keys and values that grow, or that fill a room made before.

Growing ones are as long as the past, so each step has other shapes than the one before, and a
compiler makes another graph. In a room every step is alike: one graph for all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from seqfront import checks, errors
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry, Lengths
from seqfront.nn.stateful import blank
from seqfront.ops import elementwise
from seqfront.ops.join import concat
from seqfront.ops.positions import never_empty, positions, read_at
from seqfront.tensor import Tensor

_NONE = Dim("none", 0)


class AttentionState(NamedTuple):
    """Keys and values so far, over [batch..., past, heads, features]."""

    keys: Tensor
    values: Tensor


class AttentionCache(NamedTuple):
    """Keys and values in a room of fixed size, over [batch..., capacity, heads, features], and how
    many there are, int32 over [batch...]."""

    keys: Tensor
    values: Tensor
    length: Tensor


CausalState: TypeAlias = AttentionState | AttentionCache


def grown(state: AttentionState, now: AttentionState, past: Dim, keys: Dim) -> AttentionState:
    """The state, over `keys`, with more keys and values after its own."""
    new = keys.clone("now")

    def joined(before: Tensor, after: Tensor) -> Tensor:
        return concat((before, past), (after.rename(keys, new), new), out_dim=keys)

    return AttentionState(joined(state.keys, now.keys), joined(state.values, now.values))


def empty(batch: Sequence[Dim], past: Dim, rest: Sequence[Dim], like: Tensor, dtype: str) -> Tensor:
    """No keys or values at all, over [batch..., past, rest...]."""
    op = "CausalSelfAttention"
    return blank(op, (*batch, _NONE, *rest), like=like, dtype=dtype).rename(_NONE, past)


def room(capacity: int | Dim) -> Dim:
    """The dim of a room; the same for the same number."""
    size = capacity.size if isinstance(capacity, Dim) else capacity
    if type(size) is not int or size < 1:
        needed = "an int of at least 1, or a static dim"
        fix = "it is how many positions there will be at most."
        raise errors.bad_argument("CausalSelfAttention", "capacity", capacity, needed, fix)
    return capacity if isinstance(capacity, Dim) else _room(size)


@functools.cache
def _room(size: int) -> Dim:
    return Dim("capacity", size)


def filled(cache: AttentionCache, now: AttentionState, place: Dim, keys: Dim) -> AttentionCache:
    """The cache, over `place`, with more keys and values (over `keys`) written after its own."""
    backend = now.keys.backend
    added = now.keys.lengths(keys).with_lengths(FULL)
    count = elementwise.add(cache.length, added, allow_broadcast=True)
    _check_room(count, place)
    every = positions(backend, place, place.size or 0, now.keys.device)
    source = elementwise.add(-cache.length, every, allow_broadcast=True)
    inside = elementwise.binary("lt", source, added, allow_broadcast=True) & (source >= 0)
    source = elementwise.where(inside, source, 0)

    def written(before: Tensor, after: Tensor) -> Tensor:
        after = never_empty(after, keys)
        value = read_at(after, keys, source, place, FULL)
        return elementwise.where(inside, value, before)

    return AttentionCache(written(cache.keys, now.keys), written(cache.values, now.values), count)


def seen(cache: AttentionCache, place: Dim, keys: Dim) -> AttentionState:
    """What is in the room, as ragged keys and values over `keys`."""
    table = Lengths({keys: Entry(cache.length.raw, cache.length.dims)})
    found = [part.rename(place, keys).with_lengths(table) for part in cache[:2]]
    return AttentionState(*found)


def refused(y: Tensor, cache: AttentionCache, place: Dim) -> Tensor:
    """NaN for rows that were too long for the room, where values cannot be looked at."""
    if checks.may_look(y.backend, cache.length.raw):
        return y
    return elementwise.where(cache.length <= (place.size or 0), y, float("nan"))


def _check_room(count: Tensor, place: Dim) -> None:
    backend = count.backend
    if not checks.may_look(backend, count.raw):
        return
    values = backend.to_numpy(count.raw)
    if values.size and int(values.max()) > (place.size or 0):
        raise errors.room_exceeded("CausalSelfAttention", place, int(values.max()))
