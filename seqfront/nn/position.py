"""Where things stand in a sequence: encodings that are added, and positions for attention.

Attention knows no order. A `Position` gives it one: it turns queries and keys by their place
(rotary), or adds a bias to each pair of them (ALiBi, relative positions). Attention layers make
theirs from a class, `sf.nn.SelfAttention(dim, 4, position=sf.nn.RotaryPosition)`, or from any
function of the dims of the heads, `lambda heads, feature: ...`.

Keys stand at 0, 1, ...; queries do, too, or after `start` keys that have no query any more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, overload

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.nn.init import GlorotUniform, Normal
from seqfront.nn.linear import Linear
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.nn.stateful import Stateful, blank, wrong_state
from seqfront.ops import create, elementwise
from seqfront.ops.contract import dot
from seqfront.ops.dtype import cast
from seqfront.ops.index import gather
from seqfront.ops.join import concat
from seqfront.ops.shape import expand_dim, split_dim, squeeze
from seqfront.tensor import Tensor


def places(x: Tensor, axis: Dim, start: Tensor | None = None) -> Tensor:
    """int32 over `axis` (and the dims of `start`): start, start + 1, ..."""
    raw = x.backend.arange(x.size(axis), "int32", x.device)
    count = Tensor(raw, (axis,), backend=x.backend)
    return count if start is None else elementwise.add(count, start, allow_broadcast=True)


def distances(
    query: Tensor, key: Tensor, *, axis: Dim, keys: Dim, start: Tensor | None = None
) -> Tensor:
    """int32 over `keys` and `axis`: place of the key minus place of the query."""
    here = places(query, axis, start)
    return elementwise.binary("sub", places(key, keys), here, allow_broadcast=True)


def angles(places: Tensor, half: Dim, dtype: str, base: float) -> Tensor:
    """Places times `base ** (-i / n)` for the n positions i of `half`; in float32 at least."""
    exact = dtype if dtype == "float64" else "float32"
    steps = create.range_over(half, dtype=exact, like=places)
    rates = elementwise.exp(steps * (-math.log(base) / max(1, half.size or 1)))
    return elementwise.multiply(cast(places, exact), rates, allow_broadcast=True)


def sinusoids(places: Tensor, feature: Dim, *, dtype: str, base: float = 10000.0) -> Tensor:
    """sin and then cos of places at rates from 1 down to 1 / base, as [..., feature]."""
    half = feature // 2
    angle = angles(places, half, dtype, base)
    sin, cos = elementwise.sin(angle), elementwise.cos(angle)
    return cast(concat((sin, half), (cos, half), out_dim=feature), dtype)


def _check_even(op: str, feature: Dim) -> None:
    if not isinstance(feature, Dim):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_dim(op, feature)
    if feature.size is None or feature.size % 2:
        raise errors.bad_argument(
            op,
            "feature",
            feature,
            "a static dim of even size",
            "a sine and a cosine go together, so features come in pairs.",
        )


class PositionState(NamedTuple):
    """The place of what comes next, int32 over [batch...]."""

    start: Tensor


class SinusoidalPosition(Stateful):
    """Adds sines and cosines of the place (Vaswani et al. 2017, arXiv:1706.03762, section 3.5).

    All sines come first, then all cosines; a model cannot tell that from sines and cosines in turn.

    Args:
        feature: Features of the input; static, even.
        base: How many times slower than the fastest the slowest one nearly is.

    Example:
        >>> import seqfront as sf
        >>> time, feature = sf.Dim("time", 3), sf.Dim("feature", 4)
        >>> sf.nn.SinusoidalPosition(feature)(sf.zeros((time, feature)), axis=time)
        float32[time:3, feature:4] numpy:cpu
    """

    def __init__(self, feature: Dim, *, base: float = 10000.0) -> None:
        _check_even("SinusoidalPosition", feature)
        self.feature = feature
        self.base = base
        self.step = Dim("step", 1)

    def initial_state(
        self, batch: Sequence[Dim] = (), *, like: Tensor, capacity: int | Dim | None = None
    ) -> PositionState:
        """Place 0."""
        return PositionState(blank("SinusoidalPosition", batch, like=like, dtype="int32"))

    @overload
    def __call__(
        self, x: Tensor, *, axis: Dim, start: Tensor | None = None, state: None = None
    ) -> Tensor: ...
    @overload
    def __call__(
        self, x: Tensor, *, axis: Dim | None, state: PositionState
    ) -> tuple[Tensor, PositionState]: ...
    def __call__(
        self,
        x: Tensor,
        *,
        axis: Dim | None,
        start: Tensor | None = None,
        state: PositionState | None = None,
    ) -> Tensor | tuple[Tensor, PositionState]:
        """[..., axis, feature] -> the same dims, and the state, if there is one.

        Args:
            x: Any other dims are batch.
            axis: The dim whose places count. None: one step, with a state.
            start: Integers over batch dims: the place of the first; default 0.
            state: Of the positions before, instead of `start`.
        """
        if state is not None:
            return self._continued(x, axis, state)
        axes = () if axis is None else (axis,)
        align.check("SinusoidalPosition", x, *axes, self.feature)
        if axis is None:
            fix = "axis=time; or a state, for one step."
            raise errors.bad_argument("SinusoidalPosition", "axis", None, "a dim of x", fix)
        dtype = dtypes.to_float(x.dtype)
        return x + sinusoids(places(x, axis, start), self.feature, dtype=dtype, base=self.base)

    def _continued(
        self, x: Tensor, axis: Dim | None, state: PositionState
    ) -> tuple[Tensor, PositionState]:
        if not isinstance(state, PositionState):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise wrong_state("SinusoidalPosition", state, "PositionState(start)")
        align.check("SinusoidalPosition", x, self.feature)
        if axis is None:
            y = self(expand_dim(x, self.step), axis=self.step, start=state.start)
            return squeeze(y, self.step), PositionState(state.start + 1)
        y = self(x, axis=axis, start=state.start)
        length = x.lengths(axis).with_lengths(FULL)
        return y, PositionState(elementwise.add(state.start, length, allow_broadcast=True))


class Position(Module):
    """What tells attention about places: a base for others, which by itself says nothing.

    Args:
        heads: The dim of the heads; static.
        feature: Features of one head; static.
    """

    def __init__(self, heads: Dim, feature: Dim) -> None:
        self.heads = heads
        self.feature = feature

    def turn(self, x: Tensor, *, axis: Dim, start: Tensor | None = None) -> Tensor:
        """Queries or keys [..., axis, heads, feature] as they are to be compared."""
        return x

    def bias(
        self,
        query: Tensor,
        key: Tensor,
        *,
        axis: Dim,
        keys: Dim,
        scale: float,
        start: Tensor | None = None,
    ) -> Tensor | None:
        """What is added to `scale * query . key`, over their dims without `feature`; None: 0.

        Args:
            query: [..., axis, heads, feature].
            key: [..., keys, heads, feature].
            axis: Dim of the queries.
            keys: Dim of the keys.
            scale: What products are multiplied by.
            start: Integers over batch dims: the place of the first query; default 0.
        """
        return None


class RotaryPosition(Position):
    """Turns pairs of features by angles that grow with the place, so that a product of query and
    key depends on their distance only (Su et al. 2021, arXiv:2104.09864).

    Feature i goes with feature i + n / 2, as in LLaMA. (In the paper it goes with its neighbour;
    that is the same with features in another order.)

    Args:
        heads: The dim of the heads.
        feature: Features of one head; static, even.
        base: How many times slower than the fastest the slowest pair nearly is.

    Example:
        >>> import seqfront as sf
        >>> batch, time, feature = sf.Dim("batch"), sf.Dim("time"), sf.Dim("feature", 16)
        >>> attend = sf.nn.SelfAttention(feature, 4, position=sf.nn.RotaryPosition)
        >>> attend(sf.wrap(__import__("numpy").ones((2, 3, 16), "float32"),
        ...                (batch, time, feature)), axis=time)
        float32[batch≤2, time≤3, feature:16] numpy:cpu
    """

    def __init__(self, heads: Dim, feature: Dim, *, base: float = 10000.0) -> None:
        _check_even("RotaryPosition", feature)
        super().__init__(heads, feature)
        self.base = base
        self.pair = Dim("pair", 2)
        self.half = feature // 2

    def turn(self, x: Tensor, *, axis: Dim, start: Tensor | None = None) -> Tensor:
        """[..., axis, feature] -> the same dims."""
        align.check("RotaryPosition", x, axis, self.feature)
        parts = split_dim(x, self.feature, (self.pair, self.half))
        a = gather(parts, indices=0, axis=self.pair)
        b = gather(parts, indices=1, axis=self.pair)
        angle = angles(places(x, axis, start), self.half, x.dtype, self.base)
        cos, sin = cast(elementwise.cos(angle), x.dtype), cast(elementwise.sin(angle), x.dtype)
        turned = ((a * cos - b * sin, self.half), (b * cos + a * sin, self.half))
        return concat(*turned, out_dim=self.feature)


class ALiBi(Position):
    """A penalty that grows with the distance, in each head at a rate of its own
    (Press et al. 2021, arXiv:2108.12409): 2 ** (-8 h / n) for head h of 1 ... n.

    In both directions: keys after the query are as far as those before it.
    """

    def bias(
        self,
        query: Tensor,
        key: Tensor,
        *,
        axis: Dim,
        keys: Dim,
        scale: float,
        start: Tensor | None = None,
    ) -> Tensor:
        """-rate * distance, over `keys`, `axis`, `heads` and the dims of `start`."""
        dtype = query.dtype if query.dtype == "float64" else "float32"
        distance = distances(query, key, axis=axis, keys=keys, start=start)
        head = create.range_over(self.heads, dtype=dtype, like=query) + 1.0
        rate = elementwise.exp(head * (-8.0 * math.log(2.0) / (self.heads.size or 1)))
        far = cast(elementwise.abs(distance), dtype)
        rate = Tensor(rate.raw, rate.dims, backend=rate.backend)
        return -elementwise.multiply(far, rate, allow_broadcast=True)


class RelativePosition(Position):
    """A learned vector for each distance, beside the keys (Shaw et al. 2018, arXiv:1803.02155).

    All heads share the vectors, and values have none.

    Args:
        heads: The dim of the heads.
        feature: Features of one head.
        reach: Distances beyond this count as this.
    """

    def __init__(self, heads: Dim, feature: Dim, *, reach: int = 16) -> None:
        super().__init__(heads, feature)
        if not isinstance(reach, int) or reach < 0:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.bad_argument(
                "RelativePosition",
                "reach",
                reach,
                "an int of at least 0",
                "distances from -reach to reach have vectors of their own.",
            )
        self.reach = reach
        self.distance = Dim("distance", 2 * reach + 1)
        self.weight = Parameter((self.distance, feature), Normal((feature.size or 1) ** -0.5))

    def bias(
        self,
        query: Tensor,
        key: Tensor,
        *,
        axis: Dim,
        keys: Dim,
        scale: float,
        start: Tensor | None = None,
    ) -> Tensor:
        """scale * query . vector, over the dims of the query without `feature`, and `keys`."""
        distance = distances(query, key, axis=axis, keys=keys, start=start)
        near = elementwise.minimum(elementwise.maximum(distance, -self.reach), self.reach)
        product = dot(query * scale, self.weight, reduce=self.feature)
        return gather(product, indices=near + self.reach, axis=self.distance)


class TransformerXLPosition(Position):
    """Sinusoids of the distance as further keys, and biases for content and distance
    (Dai et al. 2019, arXiv:1901.02860, section 3.3; in the Conformer, arXiv:2005.08100).

    Args:
        heads: The dim of the heads.
        feature: Features of one head; all heads together have an even number.
    """

    def __init__(self, heads: Dim, feature: Dim) -> None:
        super().__init__(heads, feature)
        self.encoding = Dim("encoding", (heads.size or 0) * (feature.size or 0))
        _check_even("TransformerXLPosition", self.encoding)
        self.distance = Dim("distance")
        self.projection = Linear(self.encoding, heads * feature, bias=False)
        self.content_bias = Parameter((heads, feature), GlorotUniform())
        self.distance_bias = Parameter((heads, feature), GlorotUniform())

    def bias(
        self,
        query: Tensor,
        key: Tensor,
        *,
        axis: Dim,
        keys: Dim,
        scale: float,
        start: Tensor | None = None,
    ) -> Tensor:
        """scale * ((query + v) . r[distance] + u . key)."""
        reach = key.size(keys)
        raw = key.backend.arange(2 * reach + 1, "int32", key.device)
        every = Tensor(raw - reach, (self.distance,), backend=key.backend)
        encoded = self.projection(sinusoids(every, self.encoding, dtype=query.dtype))
        vectors = split_dim(encoded, self.projection.out_dim, (self.heads, self.feature))
        product = dot(query + self.distance_bias, vectors, reduce=self.feature)
        at = distances(query, key, axis=axis, keys=keys, start=start)
        at = Tensor(at.raw + reach, at.dims, backend=at.backend)
        at = elementwise.maximum(at, 0)  # queries that are padding may stand beyond all keys
        by_distance = gather(product, indices=at, axis=self.distance)
        by_content = dot(key, self.content_bias, reduce=self.feature)
        return elementwise.add(by_distance, by_content, allow_broadcast=True) * scale
