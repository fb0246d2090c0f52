"""Attention: what each query finds among keys.

There is no mask to pass: keys beyond the lengths of a sequence are never seen, whatever they hold,
and a query that sees no key at all gets zeros. Batch dims, heads and their order are nobody's
business: what query and key share goes together, and the rest is kept.

Where the dims are those of a batch of matrices, as in every layer here, backends run it as one
fused kernel (`_Plan`); else, and with dropout, it is put together from operations over dims.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from seqfront import align, dtypes, errors, precision
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.lengths import Lengths
from seqfront.nn.position import distances
from seqfront.ops import elementwise, noise
from seqfront.ops.contract import dot
from seqfront.ops.dtype import cast
from seqfront.ops.mask import are_ragged, clean
from seqfront.ops.softmax import softmax
from seqfront.plans import Plans
from seqfront.tensor import Tensor


def dot_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    feature: Dim,
    axis: Dim,
    causal: Dim | None = None,
    start: Tensor | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762, equation 1).

    Values are averaged with weights softmax(scale * query . key + bias) over `axis`.

    Args:
        query: [..., feature], floating point.
        key: [..., axis, feature]; `axis` may be ragged: its padding is not seen.
        value: [..., axis, anything].
        feature: What query and key are compared by.
        axis: The dim of the keys. The query does not have it: in self-attention rename it there,
            `x.rename(time, key_time)`.
        causal: A dim of the query, whose position i sees keys 0 ... start + i only.
        start: With `causal`: integers over batch dims, how many keys were before the first query.
        bias: Added before the softmax, over dims that query and key have; -inf hides a key.
        scale: Default 1 / sqrt(size of `feature`).
        dropout: Probability that a weight is dropped. For training only.

    Returns:
        Dims of the query without `feature`, and those of the value without `axis`. The softmax is
        computed in float32 for half precision. A query that sees no key gives zeros.

    Example:
        >>> import seqfront as sf
        >>> time, keys, feature = sf.Dim("time", 5), sf.Dim("keys", 7), sf.Dim("feature", 8)
        >>> x, y = sf.ones((time, feature)), sf.ones((keys, feature))
        >>> sf.dot_attention(x, y, y, feature=feature, axis=keys)
        float32[time:5, feature:8] numpy:cpu
    """
    align.check("dot_attention", query, feature, *_given(causal), name="query")
    align.check("dot_attention", key, axis, feature, name="key")
    align.check("dot_attention", value, axis, name="value")
    if axis in query.dims:
        raise errors.shared_key_axis(query, axis)
    if bias is not None:
        align.check("dot_attention", bias, name="bias")
    query, key, value = (_narrowed(clean(x)) for x in (query, key, value))
    scale = default_scale(feature) if scale is None else scale
    seen = None
    if causal is not None:
        seen = distances(query, key, axis=causal, keys=axis, start=start) <= 0
    table = align.common_lengths("dot_attention", (query, key, value))
    plan = None if dropout else _plan(query, key, value, feature, axis)
    if plan is not None and _is_plain(query, key, value, bias, seen, table, plan):
        return _fused(query, key, value, bias, seen, scale, table, plan)
    query, key, value = (x.with_lengths(table) for x in (query, key, value))
    energy = dot(query * scale, key, reduce=feature)
    if energy.dtype in ("float16", "bfloat16"):
        energy = cast(energy, "float32")
    if bias is not None:
        if any(dim not in energy.dims for dim in bias.dims):
            raise errors.foreign_bias(energy, bias)
        energy = energy + bias
    if seen is not None:
        energy = elementwise.where(seen, energy, -math.inf)
    weight = cast(softmax(energy, axis=axis), value.dtype)
    return dot(noise.dropout(weight, dropout), value, reduce=axis)


def _given(dim: Dim | None) -> tuple[Dim, ...]:
    return () if dim is None else (dim,)


def _narrowed(x: Tensor) -> Tensor:
    """As it is multiplied: half precision under `sf.autocast`."""
    dtype = precision.product_dtype(x.backend, x.dtype)
    return x if dtype == x.dtype else cast(x, dtype)


def default_scale(feature: Dim) -> float:
    """1 / sqrt(size of the features)."""
    if feature.size is None:
        raise errors.size_unknown("dot_attention", feature)
    return max(1, feature.size) ** -0.5


# -- as products of matrices -----------------------------------------------------------------------


class _Plan(NamedTuple):
    """Which axes make batches of matrices: query [batch..., row, feature], key [batch..., axis,
    feature], value [batch..., axis, out]. It depends on the dims alone."""

    batch: int
    """How many axes lead."""
    query: align.Move | None
    key: align.Move | None
    value: align.Move | None
    found: align.Move | None
    """How the result gets its axes into the order of the query."""
    single: bool
    """Whether there is one query only, without a dim."""
    feature: Dim
    axis: Dim
    out: Dim
    energy: tuple[Dim, ...]
    dims: tuple[Dim, ...]
    """Of the result."""


_ONE = Dim("query", 1)
"""The rows of a single query."""

_Key = tuple[tuple[Dim, ...], tuple[Dim, ...], tuple[Dim, ...], Dim, Dim]
"""Dims of query, key and value; the features, and what is attended over."""


def _plan(query: Tensor, key: Tensor, value: Tensor, feature: Dim, axis: Dim) -> _Plan | None:
    """The plan, kept but in a trace; None if these are no matrices."""
    dims = (query.dims, key.dims, value.dims, feature, axis)
    return _make_plan(dims) if query.backend.is_tracing() else _PLANS[dims]


def _make_plan(dims: _Key) -> _Plan | None:
    query, key, value, feature, axis = dims
    batch = tuple([dim for dim in query if dim is not feature and dim in key])
    rows = tuple([dim for dim in query if dim not in key])
    outs = tuple([dim for dim in value if dim is not axis and dim not in batch])
    fits = len(key) == len(value) == len(batch) + 2
    if not fits or len(rows) > 1 or len(outs) != 1 or outs[0] in rows:
        return None
    single = len(rows) == 0
    result = (*[dim for dim in query if dim is not feature], *outs)
    return _Plan(
        len(batch),
        align.move_to(query, (*batch, *rows, feature)),
        align.move_to(key, (*batch, axis, feature)),
        align.move_to(value, (*batch, axis, *outs)),
        align.move_to((*batch, *rows, *outs), result),
        single,
        feature,
        axis,
        outs[0],
        (*batch, *((_ONE,) if single else rows), axis),
        result,
    )


_PLANS = Plans(_make_plan)


def _is_plain(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seen: Tensor | None,
    table: Lengths,
    plan: _Plan,
) -> bool:
    """Whether all is of one floating-point type, and the only padding that counts is of keys."""
    dtype = query.dtype
    if not dtypes.is_float(dtype) or key.dtype != dtype or value.dtype != dtype:
        return False
    if bias is not None and bias.dtype != ("float64" if dtype == "float64" else "float32"):
        return False
    for extra in (bias, seen):
        if extra is not None and any(dim not in plan.energy for dim in extra.dims):
            return False
    for entry in table.entries.values():
        if plan.axis in entry.dims:
            return False
    if are_ragged(table, (plan.feature, plan.out)):
        return False
    entry = table.of(plan.axis, key.backend)
    return entry is None or all(dim in plan.energy[: plan.batch] for dim in entry.dims)


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seen: Tensor | None,
    scale: float,
    table: Lengths,
    plan: _Plan,
) -> Tensor:
    operands = (query, key, value)
    backend = align.common_backend("dot_attention", operands)
    align.check_sizes("dot_attention", operands if bias is None else (*operands, bias))
    raw = align.moved(backend, query.raw, plan.query)
    found = backend.attention(
        backend.expand_dims(raw, (plan.batch,)) if plan.single else raw,
        align.moved(backend, key.raw, plan.key),
        align.moved(backend, value.raw, plan.value),
        _mask(key, seen, table, plan),
        None if bias is None else _moved(clean(bias), plan.energy),
        scale,
    )
    if plan.single:
        found = backend.squeeze(found, (plan.batch,))
    return Tensor(align.moved(backend, found, plan.found), plan.dims, table, backend=backend)


def _mask(key: Tensor, seen: Tensor | None, table: Lengths, plan: _Plan) -> Raw | None:
    """bool that broadcasts against the energies: which keys are data, and to be seen."""
    backend = key.backend
    entry = table.mask(plan.axis, key.size(plan.axis), backend)
    if entry is None:
        return None if seen is None else _moved(seen, plan.energy)
    data: Raw = align.moved(backend, entry.raw, align.move(backend, entry.dims, plan.energy))
    return data if seen is None else backend.binary("and", data, _moved(seen, plan.energy))


def _moved(x: Tensor, dims: tuple[Dim, ...]) -> Raw:
    return align.moved(x.backend, x.raw, align.move(x.backend, x.dims, dims))
