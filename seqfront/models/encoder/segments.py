"""Sequences in segments: what each segment sees of itself, of what lies ahead, and of the past.

Segments of `length` frames follow one another. With each go the frames that it looks ahead at, as
places of its own: every layer computes them anew for each segment, so that nothing further ahead
comes in through them. A segment sees

    the memories of the segments before it, at most `memory`
    the frames before it, at most `left`
    itself, and the frames ahead of it, at most `right`

(Shi et al. 2021, arXiv:2010.10759, section 3). To see all of that of one segment at a time would
mean to fetch `left` frames for every few; so segments go in groups, which share their past, and
within a group a mask says who sees what. Time and memory stay linear in the number of frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import NamedTuple

from seqfront.backend import Backend, BinaryName, Raw, Size
from seqfront.dim import Dim
from seqfront.ops import create, elementwise
from seqfront.ops.dtype import cast
from seqfront.tensor import Tensor


class Extent(NamedTuple):
    """What there is of each sequence: integers over batch dims, or scalars."""

    frames: Tensor
    """Frames of segments."""
    end: Tensor
    """Frames of segments, and what lies ahead of the last."""
    age: Tensor | None
    """Frames that came before the first; None: none."""


class Sizes(NamedTuple):
    """How segments are cut, and what they see; see `Segments`."""

    length: int
    left: int
    right: int
    memory: int
    group: int


class Segments:
    """Dims and masks of groups of segments.

    Args:
        length: Frames of a segment.
        left: Frames before a segment that it sees.
        right: Frames after it that it sees.
        memory: Segments before it whose memories it sees.
        group: Segments that share one past.
        blocks: How many groups; None: that comes with the data.
    """

    def __init__(
        self, length: int, left: int, right: int, memory: int, *, group: int, blocks: int | None
    ) -> None:
        self.sizes = Sizes(length, left, right, memory, group)
        self.block = Dim("block", blocks)
        self.turn = Dim("turn", group)
        self.place = Dim("place", length + right)
        self.query = self.place + 1 if memory else self.place
        self.views = _views(self.sizes)
        self.key = Dim("key", len(self.views))
        self._moved: dict[tuple[str, str], tuple[Raw, Raw]] = {}

    # `index` makes a constant of what a tracer (`dynamic=True`) would take for a variable

    @property
    def length(self) -> int:
        """Frames of a segment."""
        return index(self.sizes.length)

    @property
    def left(self) -> int:
        """Frames before a segment that it sees."""
        return index(self.sizes.left)

    @property
    def right(self) -> int:
        """Frames after a segment that it sees."""
        return index(self.sizes.right)

    @property
    def memory(self) -> int:
        """Segments before it whose memories it sees."""
        return index(self.sizes.memory)

    @property
    def group(self) -> int:
        """Segments that share one past."""
        return index(self.sizes.group)

    @property
    def span(self) -> int:
        """Frames of a group, without what lies ahead."""
        return self.group * self.length

    # -- frames as segments, and back -------------------------------------------------------------

    def cut(self, x: Tensor, axis: Dim, frames: Size) -> Tensor:
        """[batch..., axis, feature] -> [batch..., block, turn, place, feature], of `frames` frames;
        what is there besides lies ahead of them. Missing frames are zeros."""
        backend = x.backend
        *batch, feature = [dim for dim in x.dims if dim is not axis]
        at, raw = len(batch), x.raw_in((*batch, axis, feature))
        blocks = self.block.size or (frames + self.span - 1) // self.span
        ahead = -(-self.right // self.length) * self.length
        whole = blocks * self.span
        missing = whole + ahead - backend.size(raw, at)
        raw = backend.pad(raw, [(0, missing if i == at else 0) for i in range(at + 2)], 0.0)
        shape = (blocks, self.group, self.length)
        parts = [_reshaped(backend, backend.slice(raw, at, 0, whole), at, shape)]
        for start in range(self.length, self.length + self.right, self.length):
            part = _reshaped(backend, backend.slice(raw, at, start, start + whole), at, shape)
            kept = min(self.length, self.length + self.right - start)
            parts.append(backend.slice(part, at + 2, 0, kept))
        raw = backend.concat(parts, at + 2) if len(parts) > 1 else parts[0]
        return Tensor(raw, (*batch, self.block, self.turn, self.place, feature), backend=backend)

    def joined(self, x: Tensor, axis: Dim, frames: Size) -> Tensor:
        """[batch..., block, turn, place, feature] -> [batch..., axis, feature], `frames` long."""
        backend = x.backend
        batch, feature = x.dims[:-4], x.dims[-1]
        at, shape = len(batch), backend.shape(x.raw)
        raw = backend.slice(x.raw, at + 2, 0, self.length)
        raw = backend.reshape(raw, (*shape[:at], shape[at] * self.span, shape[-1]))
        return Tensor(backend.slice(raw, at, 0, frames), (*batch, axis, feature), backend=backend)

    # -- who sees what ----------------------------------------------------------------------------

    def bias(self, x: Tensor, extent: Extent, hidden: float) -> Tensor:
        """What is added to the energies: 0 for a key that is seen, else `hidden`.

        float32 over batch..., block, turn, query and key in any order; over queries only if there
        are memories, as the queries for new memories do not see old ones.
        """
        backend = x.backend
        at, mine = self._seen(backend, x.device)
        position = Tensor(at, (self.key,), backend=backend)
        start = _numbers(self.block, x) * self.span
        if self.memory:  # the queries of a segment are not alike then
            start = _sum(start, _numbers(self.query, x) * 0)
        position = _sum(start, position)
        seen = _compared("gt", extent.end, position)
        known = position if extent.age is None else _sum(extent.age, position)
        seen = _both(_both(known >= 0, seen), Tensor(mine, (self.turn, self.key), backend=backend))
        if self.memory:
            frames = _numbers(self.key, x) >= self.memory + self.group - 1
            places = _numbers(self.query, x) < self.length + self.right
            seen = _both(seen, _compared("or", places, frames))
        return elementwise.where(seen, 0.0, hidden)

    def _seen(self, backend: Backend, device: str) -> tuple[Raw, Raw]:
        """Where keys lie, int32 [key], and which segments see them, bool [turn, key]. For an
        accelerator they are made once: each copy would wait for it."""
        found = None if device == "cpu" else self._moved.get((backend.name, device))
        if found is not None:
            return found
        at, first, last = ([index(view[i]) for view in self.views] for i in range(3))
        inside = [
            [a <= turn <= b for a, b in zip(first, last, strict=True)]
            for turn in range(self.group)
        ]  # fmt: skip
        found = backend.convert(at, "int32", device), backend.convert(inside, "bool", device)
        if device != "cpu" and not backend.is_tracing():  # else they belong to that graph
            self._moved[backend.name, device] = found
        return found

    def share(self, x: Tensor, extent: Extent) -> Tensor:
        """The weight of each place in the mean of its segment, in the dtype of `x`: [batch...,
        block, turn, place], zero for places ahead and beyond the end."""
        start = _sum(_numbers(self.block, x) * self.span, _numbers(self.turn, x) * self.length)
        left = elementwise.binary("sub", extent.frames, start, allow_broadcast=True)
        count = elementwise.minimum(elementwise.maximum(left, 0), self.length)
        inside = cast(_compared("gt", count, _numbers(self.place, x)), x.dtype)
        return inside / cast(elementwise.maximum(count, 1), x.dtype)

    # -- what a group sees of those before it -----------------------------------------------------

    def before(self, backend: Backend, own: Raw, past: Raw | None, at: int, size: int) -> Raw:
        """The last `size` elements before each block: own [batch..., blocks, n, feature] and past
        [batch..., size, feature] or None for zeros -> [batch..., blocks, size, feature]."""
        if self.block.size == 1 and past is not None:
            return backend.expand_dims(past, (at,))
        shape = backend.shape(own)
        blocks, stride = shape[at], backend.static_shape(own)[at + 1] or 0
        row = backend.reshape(own, (*shape[:at], blocks * stride, shape[-1]))
        if past is None:
            row = backend.pad(row, [(size if i == at else 0, 0) for i in range(at + 2)], 0.0)
        else:
            row = backend.concat((past, row), at)
        parts: list[Raw] = []
        for start in range(0, size, stride):
            part = backend.slice(row, at, start, start + blocks * stride)
            part = _reshaped(backend, part, at, (blocks, stride))
            parts.append(backend.slice(part, at + 1, 0, min(stride, size - start)))
        return backend.concat(parts, at + 1) if len(parts) > 1 else parts[0]


class _View(NamedTuple):
    """One key of a group: where it lies, and which of the segments see it."""

    position: int
    """Frames from the start of the group; of a memory, where its segment ends."""
    first: int
    last: int


def _views(sizes: Sizes) -> tuple[_View, ...]:
    """Memories before the group, those in it, frames before it, its own, and those ahead of each
    segment."""
    length, left, right, memory, group = sizes
    views = [_View((k - memory + 1) * length - 1, 0, k) for k in range(memory)]
    if memory:
        views += [_View((k + 1) * length - 1, k + 1, k + memory) for k in range(group - 1)]
    views += [_View(k - left, 0, k // length) for k in range(left)]
    views += [_View(k, k // length, (k + left) // length) for k in range(group * length)]
    for turn in range(group):
        views += [_View((turn + 1) * length + k, turn, turn) for k in range(right)]
    return tuple(views)


def _numbers(dim: Dim, like: Tensor) -> Tensor:
    """0, 1, 2, ... along a dim, as plain numbers."""
    return create.range_over(dim, like=like).labels_of(None)


def _sum(a: Tensor, b: Tensor) -> Tensor:
    return elementwise.add(a, b, allow_broadcast=True)


def _compared(name: BinaryName, a: Tensor, b: Tensor) -> Tensor:
    return elementwise.binary(name, a, b, allow_broadcast=True)


def _both(a: Tensor, b: Tensor) -> Tensor:
    return _compared("and", a, b)


def _reshaped(backend: Backend, raw: Raw, at: int, sizes: Sequence[Size]) -> Raw:
    """Axis `at` as several."""
    shape = backend.shape(raw)
    return backend.reshape(raw, (*shape[:at], *sizes, *shape[at + 1 :]))
