"""Lengths: how much of a ragged dim is data, sequence by sequence.

A `Dim` is static, so the lengths travel with the tensors. A `Lengths` is the immutable table that a
tensor carries: for some dims, a raw integer tensor over the dims it depends on (usually the batch).
Results of operations share the table of their operands; a dim without an entry is full.

Derived dims need no entry: the length of `time // 2` follows from the entry of `time` by the same
arithmetic that made the dim. So an operation that subsamples has nothing to do but to name the
dim of its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from seqfront.dim import Dim, evaluate

if TYPE_CHECKING:
    from seqfront.backend import Backend, Raw, Size


class Entry:
    """Lengths of one dim: integers over other dims. Immutable."""

    __slots__ = ("_masks", "dims", "raw")

    raw: Raw
    dims: tuple[Dim, ...]
    _masks: dict[Size, Raw]

    def __init__(self, raw: Raw, dims: tuple[Dim, ...]) -> None:
        self.raw = raw
        self.dims = dims
        self._masks = {}

    def over(self, dims: tuple[Dim, ...]) -> Entry:
        """The same over dims of other names; masks made of it are shared."""
        entry = Entry(self.raw, dims)
        entry._masks = self._masks
        return entry

    def mask(self, size: Size, backend: Backend) -> Raw:
        """bool: which of `size` positions are data, as a last axis. Made once, but in a trace."""
        if backend.is_tracing():
            return backend.sequence_mask(self.raw, size)
        mask = self._masks.get(size)
        if mask is None:
            mask = self._masks[size] = backend.sequence_mask(self.raw, size)
        return mask


class Lengths:
    """Immutable table of lengths by dim."""

    __slots__ = ("_cache", "entries")

    entries: Mapping[Dim, Entry]
    _cache: dict[object, Any]

    def __init__(self, entries: Mapping[Dim, Entry]) -> None:
        self.entries = entries
        self._cache = {}

    def of(self, dim: Dim, backend: Backend) -> Entry | None:
        """Lengths of a dim, derived ones included; None if it is full."""
        entry = self.entries.get(dim)
        if entry is not None or dim.expr is None or not self.entries:
            return entry
        if backend.is_tracing():
            return self._derive(dim, backend)
        return self.kept(dim, lambda: self._derive(dim, backend))

    def _derive(self, dim: Dim, backend: Backend) -> Entry | None:
        if dim.expr is None:
            return None
        operand, *others = dim.expr.dims
        if others:  # who merges or joins ragged dims says what results
            return None
        inner = self.of(operand, backend)
        if inner is None:
            return None

        def maximum(size: Raw, low: int) -> Raw:
            return backend.binary("max", size, low)

        raw: Raw = evaluate(dim.expr, (inner.raw,), maximum)
        return Entry(raw, inner.dims)

    def mask(self, dim: Dim, size: Size, backend: Backend) -> Entry | None:
        """bool over (*dims, dim): which of `size` positions are data; None if all are."""
        entry = self.of(dim, backend)
        if entry is None:
            return None
        return Entry(entry.mask(size, backend), (*entry.dims, dim))

    def kept(self, key: object, make: Callable[[], Any]) -> Any:
        """`make()`, which depends on this table and the key alone, made once. Not in a trace."""
        try:
            return self._cache[key]
        except KeyError:
            made = self._cache[key] = make()
            return made

    def with_entries(self, entries: Mapping[Dim, Entry]) -> Lengths:
        """This table with entries added or replaced."""
        return Lengths({**self.entries, **entries})

    def renamed(self, old: Dim, new: Dim, backend: Backend) -> Lengths:
        """The table with `new` in the place of `old`, as a dim and where others depend on it."""
        entries = {
            dim: entry.over(tuple([new if d is old else d for d in entry.dims]))
            for dim, entry in self.entries.items()
            if dim is not old
        }
        moved = self.of(old, backend)
        if moved is not None:
            entries[new] = moved
        return Lengths(entries)


FULL = Lengths({})
"""The table of tensors without ragged dims."""


def merged(tables: Iterable[Lengths]) -> Lengths:
    """One table with the entries of all. Where two have a dim, the lengths over more dims stand
    (those over fewer are of the longest), else the first."""
    result = FULL
    for table in tables:
        if table is result or not table.entries:
            continue
        if not result.entries:
            result = table
            continue
        kept = result.entries
        finer = {
            dim: entry
            for dim, entry in table.entries.items()
            if dim not in kept or len(entry.dims) > len(kept[dim].dims)
        }
        if finer:
            result = result.with_entries(finer)
    return result
