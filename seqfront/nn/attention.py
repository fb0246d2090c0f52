"""Attention layers: projections into heads around `dot_attention`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.nn import attention_state
from seqfront.nn.attention_state import AttentionCache, AttentionState, CausalState
from seqfront.nn.dot_attention import default_scale, dot_attention
from seqfront.nn.linear import Linear
from seqfront.nn.module import Module
from seqfront.nn.position import Position
from seqfront.nn.stateful import Stateful, blank, dtype_with, kept, wrong_state
from seqfront.ops import noise
from seqfront.ops.mask import clean
from seqfront.ops.shape import expand_dim, merge_dims, split_dim, squeeze
from seqfront.tensor import Tensor


class MultiHeadAttention(Module):
    """Projections of queries, keys and values into heads, and of what these find into features:
    what the attention layers have in common.

    Args:
        in_dim: Features of the queries; static. The result has them, too.
        heads: How many; the features divide into them.
        source_dim: Features of what is attended to; default `in_dim`.
        bias: Whether the projections have a bias.
        dropout: Probability that a weight is dropped while training.
        position: Makes what tells places apart, from the dims of heads and of their features.
    """

    def __init__(
        self,
        in_dim: Dim,
        heads: int,
        *,
        source_dim: Dim | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        position: Callable[[Dim, Dim], Position] | None = None,
    ) -> None:
        if in_dim.size is None:
            raise errors.size_unknown(type(self).__name__, in_dim)
        if not isinstance(heads, int) or heads < 1 or in_dim.size % heads:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.bad_argument(
                type(self).__name__,
                "heads",
                heads,
                f"a divisor of {in_dim!r}",
                "heads cut the features into equal parts.",
            )
        noise.check_rate(type(self).__name__, dropout)
        self.in_dim = in_dim
        self.heads = Dim("heads", heads)
        self.feature = Dim("head_feature", in_dim.size // heads)
        self.keys = Dim("keys")
        joined = self.heads * self.feature
        source_dim = in_dim if source_dim is None else source_dim
        self.query = Linear(in_dim, joined, bias=bias)
        self.key = Linear(source_dim, joined, bias=bias)
        self.value = Linear(source_dim, joined, bias=bias)
        self.output = Linear(joined, in_dim, bias=bias)
        self.dropout = dropout
        self.position = (position or Position)(self.heads, self.feature)

    def split(self, projection: Linear, x: Tensor) -> Tensor:
        """`x` projected: [..., heads, features of a head]."""
        return split_dim(projection(x), projection.out_dim, (self.heads, self.feature))

    def project(self, source: Tensor, axis: Dim) -> AttentionState:
        """Keys and values of what is attended to, over `self.keys` instead of `axis`."""
        source = clean(source).rename(axis, self.keys)
        key, value = self.split(self.key, source), self.split(self.value, source)
        return AttentionState(kept(key), kept(value))

    def attend(
        self,
        x: Tensor,
        source: AttentionState,
        *,
        axis: Dim | None,
        causal: bool = False,
        start: Tensor | None = None,
    ) -> Tensor:
        """What the queries of `x` find in `source`; with an `axis`, their places count."""
        query, key = self.split(self.query, x), source.keys
        bias, scale = None, default_scale(self.feature)
        if axis is not None:
            query = self.position.turn(query, axis=axis, start=start)
            key = self.position.turn(key, axis=self.keys)
            bias = self.position.bias(
                query, key, axis=axis, keys=self.keys, scale=scale, start=start
            )
        found = dot_attention(
            query,
            key,
            source.values,
            feature=self.feature,
            axis=self.keys,
            causal=axis if causal else None,
            start=start,
            bias=bias,
            scale=scale,
            dropout=self.dropout if self.training else 0.0,
        )
        joined = merge_dims(found, (self.heads, self.feature), self.output.in_dim)
        return self.output(joined).with_lengths(x.lengths_table)


class SelfAttention(MultiHeadAttention):
    """Each position of a sequence looks at all of it (Vaswani et al. 2017, arXiv:1706.03762).

    Example:
        >>> import seqfront as sf
        >>> time, feature = sf.Dim("time", 5), sf.Dim("feature", 8)
        >>> sf.nn.SelfAttention(feature, 2)(sf.ones((time, feature)), axis=time)
        float32[time:5, feature:8] numpy:cpu
    """

    def __call__(self, x: Tensor, *, axis: Dim) -> Tensor:
        """[batch..., axis, in_dim] -> the same dims; `axis` may be ragged."""
        align.check("SelfAttention", x, axis, self.in_dim)
        return self.attend(x, self.project(x, axis), axis=axis)


class CausalSelfAttention(MultiHeadAttention, Stateful):
    """Each position of a sequence looks at itself and what was before.

    A whole sequence at once, or part by part with a state, down to single steps: the result is
    the same. The parts of a sequence may be ragged; each goes on where its own data ended.

    Example:
        >>> import seqfront as sf
        >>> time, feature = sf.Dim("time", 5), sf.Dim("feature", 8)
        >>> attend = sf.nn.CausalSelfAttention(feature, 2)
        >>> y, state = attend(sf.ones((time, feature)), axis=time)
        >>> attend(sf.ones((feature,)), axis=None, state=state)[0]
        float32[feature:8] numpy:cpu
        >>> state = attend.initial_state(like=sf.ones((feature,)), capacity=20)
        >>> attend(sf.ones((feature,)), axis=None, state=state)[1].length.numpy()
        array(1, dtype=int32)
    """

    def __init__(
        self,
        in_dim: Dim,
        heads: int,
        *,
        bias: bool = True,
        dropout: float = 0.0,
        position: Callable[[Dim, Dim], Position] | None = None,
    ) -> None:
        super().__init__(in_dim, heads, bias=bias, dropout=dropout, position=position)
        self.past = Dim("past")
        self.step = Dim("step", 1)

    def initial_state(
        self, batch: Sequence[Dim] = (), *, like: Tensor, capacity: int | Dim | None = None
    ) -> CausalState:
        """Nothing seen so far: an `AttentionState` that grows; with a `capacity` (positions, or a
        static dim of them) an `AttentionCache` that is filled, in which all steps are alike."""
        name, rest = "CausalSelfAttention", (self.heads, self.feature)
        align.check(name, like, name="like")
        dtype = dtype_with(like, self.key.weight)
        if capacity is None:
            made = [attention_state.empty(batch, self.past, rest, like, dtype) for _ in range(2)]
            return AttentionState(*made)
        dims = (*batch, attention_state.room(capacity), *rest)
        made = [blank(name, dims, like=like, dtype=dtype) for _ in range(2)]
        return AttentionCache(made[0], made[1], blank(name, batch, like=like, dtype="int32"))

    def __call__(
        self, x: Tensor, *, axis: Dim | None, state: CausalState | None = None
    ) -> tuple[Tensor, CausalState]:
        """Run over a dim, or for one step.

        Args:
            x: [batch..., axis, in_dim]; without `axis` for one step.
            axis: The dim of positions, which may be ragged. None: one step.
            state: What came before; default nothing.

        Returns:
            The same dims as `x`, and the state to go on from, of the kind that was given.

        Raises:
            DimError: There is no room for so many positions. (In a compiled graph, where nothing
                can be raised, the rows that are too long give NaN.)
        """
        align.check("CausalSelfAttention", x, self.in_dim, *(() if axis is None else (axis,)))
        if state is not None:
            self._check(state)
        if axis is None:
            y, state = self(expand_dim(x, self.step), axis=self.step, state=state)
            return squeeze(y, self.step), state
        now, start = self.project(x, axis), None
        if isinstance(state, AttentionCache):
            return self._in_room(x, now, axis, state)
        source = now
        if state is None and not self.training:
            source = AttentionState(*map(_owned, now))
        if state is not None:
            start = state.keys.lengths(self.past).with_lengths(FULL)
            source = attention_state.grown(state, now, self.past, self.keys)
        y = self.attend(x, source, axis=axis, causal=True, start=start)
        keys, values = (part.rename(self.keys, self.past) for part in source)
        return y, AttentionState(keys, values)

    def _in_room(
        self, x: Tensor, now: AttentionState, axis: Dim, state: AttentionCache
    ) -> tuple[Tensor, AttentionCache]:
        known = (*state.length.dims, self.heads, self.feature)
        place = next(dim for dim in state.keys.dims if dim not in known)
        after = attention_state.filled(state, now, place, self.keys)
        source = attention_state.seen(after, place, self.keys)
        y = self.attend(x, source, axis=axis, causal=True, start=state.length)
        return attention_state.refused(y, after, place), after

    def _check(self, state: CausalState) -> None:
        if not isinstance(state, (AttentionState, AttentionCache)):  # pyright: ignore[reportUnnecessaryIsInstance]
            needed = "AttentionState(keys, values) or AttentionCache(keys, values, length)"
            raise wrong_state("CausalSelfAttention", state, needed)
        past = (self.past,) if isinstance(state, AttentionState) else ()
        for name, part in zip(("keys", "values"), state[:2], strict=True):
            dims = (*past, self.heads, self.feature)
            align.check("CausalSelfAttention", part, *dims, name=name)


def _owned(x: Tensor) -> Tensor:
    """The same values in memory of their own. A state that is a view, as projections are, would
    differ in kind from the one after it, and a compiled step would be compiled twice."""
    raw = x.backend.concat([x.raw], 0)
    return Tensor(raw, x.dims, x.lengths_table, backend=x.backend)


class CrossAttention(MultiHeadAttention):
    """Positions of one sequence look at all of another.

    Example:
        >>> import seqfront as sf
        >>> labels, time = sf.Dim("labels", 3), sf.Dim("time", 5)
        >>> feature, encoded = sf.Dim("feature", 8), sf.Dim("encoded", 4)
        >>> attend = sf.nn.CrossAttention(feature, 2, source_dim=encoded)
        >>> source = attend.project(sf.ones((time, encoded)), time)
        >>> attend(sf.ones((labels, feature)), source)
        float32[labels:3, feature:8] numpy:cpu
    """

    def __init__(
        self,
        in_dim: Dim,
        heads: int,
        *,
        source_dim: Dim | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_dim, heads, source_dim=source_dim, bias=bias, dropout=dropout)

    def __call__(self, x: Tensor, source: AttentionState) -> Tensor:
        """[batch..., in_dim] -> the same dims.

        Args:
            x: Any dims besides: positions, or none for one step.
            source: `project(encoded, time)`: computed once, used for every step.
        """
        align.check("CrossAttention", x, self.in_dim)
        if not isinstance(source, tuple) or len(source) != 2:  # pyright: ignore[reportUnnecessaryIsInstance, reportUnnecessaryComparison]
            raise errors.bad_argument(
                "CrossAttention",
                "source",
                source,
                "AttentionState(keys, values)",
                "attend.project(encoded, time) makes one.",
            )
        return self.attend(x, source, axis=None)
