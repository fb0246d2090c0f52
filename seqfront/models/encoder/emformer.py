"""The Emformer (Shi et al. 2021, arXiv:2010.10759): a Transformer encoder that streams.

Each segment of a few frames sees itself, some frames before and after, and memories of the segments
before those. A whole utterance at once and the same in chunks give the same; time and memory are
linear in the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, TypeAlias

from seqfront import align, errors
from seqfront.backend import Raw, Size
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry
from seqfront.models.encoder.emformer_layer import EmformerLayer, gains
from seqfront.models.encoder.emformer_state import EmformerLayerState, EmformerState
from seqfront.models.encoder.segment_attention import View, view_of
from seqfront.models.encoder.segments import Extent, Segments
from seqfront.nn.containers import ModuleList
from seqfront.nn.feed_forward import Activation
from seqfront.nn.module import Module
from seqfront.nn.stateful import blank
from seqfront.ops import elementwise
from seqfront.ops.contract import dot
from seqfront.ops.dtype import cast
from seqfront.ops.mask import clean, own_lengths
from seqfront.ops.positions import read_at
from seqfront.tensor import Tensor

WeightScale: TypeAlias = Literal["depthwise", "constant"]

_SPAN = 32
"""Frames that share one past, about: enough for products of matrices to be worth it."""


class Emformer(Module):
    """Layers of attention over segments, with memories of the segments before.

    Args:
        dim: Features of the input, and of the result; static.
        layers: How many.
        heads: Heads of the attention; the features divide into them.
        inner: Features inside the feed-forward layers; static.
        segment: Frames of a segment, at least 1.
        left: Frames before a segment that it sees.
        right: Frames after a segment that it sees: the latency, with the segment itself. What is
            seen of them does not grow from layer to layer.
        memory: How many segments, before this one, it sees the memories of. In each layer the mean
            of a segment looks at what the segment sees, memories aside; what it finds is the memory
            of the segment for the next layer.
        activation: Of the feed-forward layers.
        dropout: Probability of zero while training.
        tanh_on_memory: Memories go through tanh; else they are kept within -10 and 10.
        weight_scale: Initial weights of queries, keys and values: "depthwise" smaller from layer to
            layer (by 1 / sqrt(number)), "constant" by sqrt(1/2), None: uniform as in PyTorch.
        negative_inf: Added to the energy of what is not seen; -1e4 or less.

    Example:
        >>> import seqfront as sf
        >>> time, feature, inner = sf.Dim("time", 9), sf.Dim("feature", 8), sf.Dim("inner", 16)
        >>> encoder = sf.models.Emformer(
        ...     feature, layers=2, heads=2, inner=inner, segment=4, left=3, right=2)
        >>> encoder(sf.ones((time, feature)), axis=time)
        float32[time:9, feature:8] numpy:cpu
        >>> y, state = encoder.stream(sf.ones((encoder.chunk, feature)), axis=encoder.chunk)
        >>> y
        float32[segment:4, feature:8] numpy:cpu
    """

    def __init__(
        self,
        dim: Dim,
        *,
        layers: int,
        heads: int,
        inner: Dim,
        segment: int,
        left: int = 0,
        right: int = 0,
        memory: int = 0,
        activation: Activation = "relu",
        dropout: float = 0.0,
        tanh_on_memory: bool = False,
        weight_scale: WeightScale | None = "depthwise",
        negative_inf: float = -1e8,
    ) -> None:
        if dim.size is None:
            raise errors.size_unknown("Emformer", dim)
        _check_count("heads", heads, 1)
        if dim.size % heads:
            raise errors.heads_do_not_divide("Emformer", dim, heads)
        for name, value, least in (
            ("layers", layers, 1), ("segment", segment, 1), ("left", left, 0),
            ("right", right, 0), ("memory", memory, 0),
        ):  # fmt: skip
            _check_count(name, value, least)
        if weight_scale not in ("depthwise", "constant", None):
            choices = ("depthwise", "constant", None)
            raise errors.unknown_choice("Emformer", "weight_scale", weight_scale, choices)
        if not isinstance(negative_inf, (int, float)) or not negative_inf <= -1e4:  # pyright: ignore[reportUnnecessaryIsInstance]
            needed, fix = "-1e4 or less", "what is not seen has no weight, and not a little."
            raise errors.bad_argument("Emformer", "negative_inf", negative_inf, needed, fix)
        self.dim = dim
        self.negative_inf = float(negative_inf)
        self.segment = Dim("segment", segment)
        self.chunk = Dim("chunk", segment + right)
        self.past = Dim("past", left)
        self.memory = Dim("memory", memory)
        self.key_value = Dim("key_value", 2 * dim.size)
        group = -(-max(_SPAN, left) // segment)
        self.whole = Segments(segment, left, right, memory, group=group, blocks=None)
        self.single = Segments(segment, left, right, memory, group=1, blocks=1)
        self.layers = ModuleList(
            [
                EmformerLayer(
                    dim,
                    heads=heads,
                    inner=inner,
                    activation=activation,
                    dropout=dropout,
                    gain=gain,
                    tanh_on_memory=tanh_on_memory,
                )
                for gain in gains(weight_scale, layers)
            ]
        )

    @property
    def right(self) -> int:
        """Frames after a segment that it sees."""
        return self.whole.right

    def __call__(self, x: Tensor, *, axis: Dim, context: int = 0) -> Tensor:
        """Whole utterances at once.

        Args:
            x: [batch..., axis, dim]; `axis` may be ragged. Converted to the dtype of the
                parameters.
            axis: The dim of frames.
            context: So many frames at the end of each sequence are only looked ahead at, at most
                `right`. Without any, the last segments see nothing beyond the end.

        Returns:
            [batch..., axis - context, dim]. Each sequence gives what it gives alone.
        """
        x = self._checked("Emformer", x, axis, context)
        extent = self._extent(x, axis, context)
        frames = _less(x, axis, context)
        y = self.whole.cut(x, axis, frames)
        view = self._view(self.whole, y, extent)
        memory = self._first_memory(y, view)
        for layer in self.layers:
            y, memory, _ = layer(y, memory, None, view)
        return self.whole.joined(y, axis - context, frames).with_lengths(x.lengths_table)

    # -- streaming --------------------------------------------------------------------------------

    def initial_state(self, batch: Sequence[Dim] = (), *, like: Tensor) -> EmformerState:
        """The state before the first chunk.

        Args:
            batch: The dims of the streams.
            like: A tensor such as comes in: sizes of these dims, backend and device.
        """
        zeros = partial(blank, "Emformer.initial_state", like=like)
        dtype = self._dtype()
        layer = EmformerLayerState(
            zeros((*batch, self.memory, self.dim), dtype=dtype),
            zeros((*batch, self.past, self.key_value), dtype=dtype),
        )
        return EmformerState(zeros(batch, dtype="int32"), (layer,) * len(self.layers))

    def stream(
        self, x: Tensor, state: EmformerState | None = None, *, axis: Dim, context: int = 0
    ) -> tuple[Tensor, EmformerState]:
        """The next segment of each stream, and what lies ahead of it.

        Chunks overlap: after frames 0 to segment + right, those from `segment` on, and so on. The
        last chunks of a stream have fewer frames, as the lengths say: the segment is what is left
        of it, and there is less ahead, or nothing. A stream without frames stays as it is.

        Args:
            x: [batch..., axis, dim], the axis segment + right long, or ragged.
            state: What came before; default nothing. It is not changed. Streams need not be of one
                age.
            axis: The dim of frames: `encoder.chunk`, or any other.
            context: So many frames at the end are only looked ahead at. What a last chunk without
                context gives, the rest of the segment, is then left out. Default: what is beyond
                the segment.

        Returns:
            [batch..., encoder.segment, dim], as many frames as the segments have, and the state to
            go on from.

        Raises:
            DimError: The chunk is longer than segment + right; the state has other dims or sizes.
        """
        x = self._checked("Emformer.stream", x, axis, context)
        batch = tuple(dim for dim in x.dims if dim is not axis and dim is not self.dim)
        if state is None:
            state = self.initial_state(batch, like=x)
        size = x.backend.static_shape(x.raw)[x.axis(axis)]
        if size is not None and size > self.single.length + self.right:
            raise errors.chunk_too_long(x, axis, size, self.single.length, self.right)
        state = self._checked_state(state, x, batch)
        extent = self._extent(x, axis, context, self.single.length, state.age)
        y = self.single.cut(x, axis, self.single.length)
        view = self._view(self.single, y, extent)
        memory = self._first_memory(y, view)
        full = own_lengths(x, axis) is None and size == self.single.length + self.right
        frames = None if full else extent.frames
        states: list[EmformerLayerState] = []
        for layer, before in zip(self.layers, state.layers, strict=True):
            new = memory
            y, memory, seen = layer(y, memory, before, view)
            states.append(self._pushed(before, new, seen, frames))
        y = self.single.joined(y, self.segment, self.single.length)
        table = x.lengths_table
        if frames is not None:
            table = table.with_entries({self.segment: Entry(frames.raw, frames.dims)})
        return y.with_lengths(table), EmformerState(state.age + extent.frames, tuple(states))

    # -- parts ------------------------------------------------------------------------------------

    def _dtype(self) -> str:
        return self.layers[0].attention.query.weight.dtype

    def _checked(self, op: str, x: Tensor, axis: Dim, context: int) -> Tensor:
        """`x` with its axes in order, in the dtype of the parameters, with finite padding."""
        align.check(op, x, axis, self.dim)
        align.distinct(op, (axis, self.dim))
        if type(context) is not int or not 0 <= context <= self.right:
            needed = f"0 to {self.right}, the frames ahead that a segment sees"
            fix = f"{op.removeprefix('Emformer') or 'encoder'}(x, axis=..., context=0)."
            raise errors.bad_argument(op, "context", context, needed, fix)
        x = cast(clean(x), self._dtype())
        dims = (*(dim for dim in x.dims if dim is not axis and dim is not self.dim), axis, self.dim)
        return Tensor(x.raw_in(dims), dims, x.lengths_table, backend=x.backend)

    def _extent(
        self,
        x: Tensor,
        axis: Dim,
        context: int,
        limit: int | None = None,
        age: Tensor | None = None,
    ) -> Extent:
        """How far segments go, and what lies ahead; of one segment up to `limit`."""
        there = x.lengths(axis).with_lengths(FULL)
        frames = elementwise.maximum(there - context, 0) if context else there
        if limit is not None:
            frames = elementwise.minimum(frames, limit)
        return Extent(frames, elementwise.minimum(frames + self.right, there), age)

    def _view(self, segments: Segments, x: Tensor, extent: Extent) -> View:
        share = segments.share(x, extent) if segments.memory else None
        return view_of(segments, x, segments.bias(x, extent, self.negative_inf), share)

    def _first_memory(self, x: Tensor, view: View) -> Tensor | None:
        """Memories that the first layer sees: means of segments."""
        if view.share is None:
            return None
        return dot(x, view.share, reduce=view.segments.place)

    def _pushed(
        self, state: EmformerLayerState, memory: Tensor | None, seen: Raw, frames: Tensor | None
    ) -> EmformerLayerState:
        """The state of a layer after a segment of so many frames; None: a whole one.

        In `seen` lie memories, the past and the segment one after another: the new past is there.
        """
        backend, at = state.past.backend, len(state.past.dims) - 2
        row, start = backend.squeeze(seen, (at,)), self.single.memory
        past = self._newest(state.past, row, start, self.single.length, self.past, frames)
        if memory is None:
            return EmformerLayerState(state.memory, past)
        count = None if frames is None else elementwise.minimum(frames, 1)
        memories = backend.concat((state.memory.raw, backend.squeeze(memory.raw, (at,))), at)
        return EmformerLayerState(
            self._newest(state.memory, memories, 0, 1, self.memory, count), past
        )

    def _newest(
        self, old: Tensor, row: Raw, start: int, most: int, axis: Dim, count: Tensor | None
    ) -> Tensor:
        """What is `old` at `start` in `row`, `count` positions further on; None: at most `most`."""
        backend, at, kept = old.backend, len(old.dims) - 2, axis.size or 0
        if kept == 0:
            return old
        if count is None:
            row = backend.slice(row, at, start + most, start + most + kept)
            return Tensor(row, old.dims, backend=backend)
        row = backend.slice(row, at, start, start + most + kept)
        joined = axis.clone("joined")
        position = Tensor(backend.arange(kept, "int32", old.device), (axis,), backend=backend)
        source = elementwise.add(count, position, allow_broadcast=True)
        whole = Tensor(row, (*old.dims[:at], joined, old.dims[-1]), backend=backend)
        moved = read_at(whole, joined, source, axis, FULL)
        return Tensor(moved.raw_in(old.dims), old.dims, backend=backend)

    def _checked_state(
        self, state: EmformerState, x: Tensor, batch: tuple[Dim, ...]
    ) -> EmformerState:
        """A state for the streams of `x`, with its axes in order."""
        if not isinstance(state, EmformerState) or len(state.layers) != len(self.layers):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.bad_argument(
                "Emformer.stream",
                "state",
                state,
                f"an EmformerState of {len(self.layers)} layers",
                "pass on what stream gave, or state=None to start.",
            )

        backend = x.backend
        sizes = backend.static_shape(x.raw)[: len(batch)]

        def ordered(name: str, part: Tensor, *dims: Dim) -> Tensor:
            wanted = (*batch, *dims)
            usual = type(part) is Tensor and part.dims == wanted and part.backend is backend
            if usual and backend.static_shape(part.raw)[: len(batch)] == sizes:
                return part
            align.check("Emformer.stream", part, *wanted, name=name)
            if len(part.dims) != len(wanted):
                raise errors.wrong_dims("Emformer.stream", part, wanted, name)
            align.common_backend("Emformer.stream", (x, part))
            align.check_sizes("Emformer.stream", (x, part))
            if part.dims == wanted:
                return part
            return Tensor(part.raw_in(wanted), wanted, backend=part.backend)

        layers = tuple(
            EmformerLayerState(
                ordered("memory", layer.memory, self.memory, self.dim),
                ordered("past", layer.past, self.past, self.key_value),
            )
            for layer in state.layers
        )
        return EmformerState(ordered("age", state.age), layers)


def _less(x: Tensor, axis: Dim, count: int) -> Size:
    """Positions of a dim but the last `count`."""
    backend, at = x.backend, x.axis(axis)
    size = backend.size(x.raw, at)
    return backend.size(backend.slice(x.raw, at, count, size), at) if count else size


def _check_count(name: str, value: object, least: int) -> None:
    if type(value) is not int or value < least:
        needed = f"an int of at least {least}"
        raise errors.bad_argument("Emformer", name, value, needed, f"{name}={max(least, 4)}.")
