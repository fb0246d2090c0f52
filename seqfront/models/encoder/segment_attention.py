"""Attention of segments, on plain tensors: it runs for every chunk of every stream."""

from __future__ import annotations

from typing import NamedTuple

from seqfront import align
from seqfront.backend import Backend, Raw, product
from seqfront.dim import Dim
from seqfront.models.encoder.emformer_state import EmformerLayerState
from seqfront.models.encoder.segments import Segments
from seqfront.nn.init import GlorotUniform, Initializer, Uniform
from seqfront.nn.linear import Linear
from seqfront.nn.module import Module
from seqfront.ops import elementwise, noise
from seqfront.ops.contract import dot
from seqfront.ops.index import gather
from seqfront.ops.join import concat
from seqfront.ops.shape import expand_dim
from seqfront.ops.slicing import slice
from seqfront.tensor import Tensor

_ONE = Dim("one", 1)


class View(NamedTuple):
    """How the layers look at the segments of one call."""

    segments: Segments
    bias: Raw
    """0 where a key is seen [count * blocks, 1, queries, keys], or of all alike [1, ...]."""
    share: Tensor | None
    """Weights of places in the mean of their segment; None: there are no memories."""


def view_of(segments: Segments, x: Tensor, bias: Tensor, share: Tensor | None) -> View:
    """The view of segments [batch..., block, turn, place, feature], with the bias of each query."""
    backend, batch = x.backend, x.dims[:-4]
    if not any(dim in bias.dims for dim in batch):
        batch = ()
    dims = (*batch, segments.block, segments.turn, segments.query, segments.key)
    raw = align.moved(backend, bias.raw, align.move_to(bias.dims, dims))
    dtype = "float64" if x.dtype == "float64" else "float32"
    raw = raw if backend.dtype(raw) == dtype else backend.cast(raw, dtype)
    places, keys = segments.query.size or 0, segments.key.size or 0
    blocks, turns = x.size(segments.block), segments.group
    if backend.static_shape(x.raw)[len(x.dims) - 4] != 1:
        batch = x.dims[:-4]  # each block sees otherwise
    lead = [x.size(dim) for dim in batch]
    raw = backend.broadcast_to(raw, (*lead, blocks, turns, places, keys))
    return View(
        segments, backend.reshape(raw, (product((*lead, blocks)), 1, turns * places, keys)), share
    )


class SegmentAttention(Module):
    """Each segment looks at itself, ahead, back, and at memories (equations 4 to 9).

    Args:
        dim: Features of the input, and of the result; static.
        heads: How many; the features divide into them.
        gain: Of the initial projections to queries, keys and values (Glorot); None: uniform in
            +-1 / sqrt(features), as PyTorch starts them.
        dropout: Probability that a weight is dropped while training.
        tanh_on_memory: New memories go through tanh; else they are kept within -10 and 10.
    """

    def __init__(
        self, dim: Dim, heads: int, *, gain: float | None, dropout: float, tanh_on_memory: bool
    ) -> None:
        features = dim.size or 0
        self.heads = Dim("heads", heads)
        self.feature = Dim("head_feature", features // heads)
        self.pair = Dim("key_value", 2)
        joined = self.heads * self.feature
        start: Initializer = Uniform(features**-0.5) if gain is None else GlorotUniform(gain)
        self.query = Linear(dim, joined, weight_init=start)
        self.key_value = Linear(dim, self.pair * joined, weight_init=start)
        self.output = Linear(joined, dim)
        self.dropout = dropout
        self.tanh_on_memory = tanh_on_memory

    def __call__(
        self, x: Tensor, memory: Tensor | None, state: EmformerLayerState | None, view: View
    ) -> tuple[Tensor, Tensor | None, Raw | None]:
        """Run over segments.

        Args:
            x: Normalised frames [batch..., block, turn, place, dim].
            memory: Memories of these segments [batch..., block, turn, dim], if there are any.
            state: What came before.
            view: Who sees what.

        Returns:
            What the frames found, the memories for the next layer, and for a stream the raw keys
            and values of all that was seen [batch..., blocks, key, 2 * dim].
        """
        segments = view.segments
        queries, share = x, view.share
        if share is not None:
            summary = expand_dim(dot(x, share, reduce=segments.place), _ONE)
            queries = concat((x, segments.place), (summary, _ONE), out_dim=segments.query)
        query = self.query(queries)
        source = self._source(self.key_value(x), memory, state, segments)
        found = self._attend(x.backend, query.raw, source, view.bias)
        y = self.output(Tensor(found, query.dims, backend=x.backend))
        source = None if state is None else source  # much, for a whole utterance
        if share is None:
            return y, None, source
        new = gather(y, indices=segments.length + segments.right, axis=segments.query)
        return slice(y, axis=segments.query, end=-1), self._bounded(new), source

    def _attend(self, backend: Backend, query: Raw, source: Raw, bias: Raw) -> Raw:
        """What queries find: scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762).

        query [batch..., blocks, turns, places, features], source [batch..., blocks, keys, 2 *
        features] -> as the query. The softmax is computed in float32 for half precision.
        """
        shape = backend.shape(query)
        heads, width = self.heads.size or 0, self.feature.size or 0
        count = product(shape[:-3])
        rows, keys = shape[-3] * shape[-2], backend.size(source, len(shape) - 3)
        query = backend.reshape(query, (count, rows, heads, width))
        query = backend.transpose(query, (0, 2, 1, 3))
        pair = backend.reshape(source, (count, keys, 2 * heads, width))
        key, value = backend.split(backend.transpose(pair, (0, 2, 1, 3)), (heads, heads), 1)
        scale = max(1, width) ** -0.5
        if self.training and self.dropout:
            found = self._with_dropout(backend, query, key, value, bias, scale)
        else:
            found = backend.attention(query, key, value, None, bias, scale)
        return backend.reshape(backend.transpose(found, (0, 2, 1, 3)), shape)

    def _with_dropout(
        self, backend: Backend, query: Raw, key: Raw, value: Raw, bias: Raw, scale: float
    ) -> Raw:
        """The same with weights of their own, of which some are dropped."""
        energy = backend.einsum("bhqd,bhkd->bhqk", backend.binary("mul", query, scale), key)
        energy = backend.binary("add", _like(backend, energy, bias), bias)
        weight = _like(backend, backend.softmax(energy, 3), value)
        dims = tuple([Dim(name) for name in ("count", "heads", "query", "key")])
        weight = noise.dropout(Tensor(weight, dims, backend=backend), self.dropout).raw
        return backend.einsum("bhqk,bhkd->bhqd", weight, value)

    def _bounded(self, memory: Tensor) -> Tensor:
        if self.tanh_on_memory:
            return elementwise.tanh(memory)
        return elementwise.minimum(elementwise.maximum(memory, -10.0), 10.0)

    def _source(
        self,
        own: Tensor,
        memory: Tensor | None,
        state: EmformerLayerState | None,
        segments: Segments,
    ) -> Raw:
        """Keys and values of all that a group sees [batch..., blocks, keys, 2 * features]."""
        backend, at = own.backend, len(own.dims) - 4
        shape, raw = backend.shape(own.raw), own.raw
        parts: list[Raw] = []
        if memory is not None:
            new, old = self.key_value(memory).raw, None
            if state is not None:
                old = self.key_value(state.memory).raw
            parts.append(segments.before(backend, new, old, at, segments.memory))
            parts.append(backend.slice(new, at + 1, 0, segments.group - 1))
        if segments.group == 1 and state is not None:  # what lies ahead comes next as it is
            frames, ahead = backend.squeeze(raw, (at + 1,)), None
        else:
            frames = backend.slice(raw, at + 2, 0, segments.length)
            frames = backend.reshape(frames, (*shape[: at + 1], segments.span, shape[-1]))
            ahead = backend.slice(raw, at + 2, segments.length, segments.length + segments.right)
            count = segments.group * segments.right
            ahead = backend.reshape(ahead, (*shape[: at + 1], count, shape[-1]))
        del own, raw  # of a long utterance it is much
        if segments.left:
            past = None if state is None else state.past.raw
            parts.append(segments.before(backend, frames, past, at, segments.left))
        parts.append(frames)
        if ahead is not None and segments.right:
            parts.append(ahead)
        return backend.concat(parts, at + 1) if len(parts) > 1 else parts[0]


def _like(backend: Backend, x: Raw, other: Raw) -> Raw:
    """`x` in the dtype of `other`."""
    dtype = backend.dtype(other)
    return x if backend.dtype(x) == dtype else backend.cast(x, dtype)
