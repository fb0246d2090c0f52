"""Attention: what each query finds among keys.

There is no mask to pass: keys beyond the lengths of a sequence are never seen, whatever they hold,
and a query that sees no key at all gets zeros. Batch dims, heads and their order are nobody's
business: what query and key share goes together, and the rest is kept.

Where the dims are those of a batch of matrices, as in every layer here, backends run it as one
fused kernel (`_Matrices`); else, and with dropout, it is put together from operations over dims.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from seqfront import align, dtypes, errors
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.nn.position import distances
from seqfront.ops import elementwise, noise
from seqfront.ops.contract import dot
from seqfront.ops.dtype import cast
from seqfront.ops.mask import clean, own_lengths
from seqfront.ops.softmax import softmax
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
    table = align.common_lengths("dot_attention", (query, key, value))
    query, key, value = (clean(x).with_lengths(table) for x in (query, key, value))
    if bias is not None:
        align.check("dot_attention", bias, name="bias")
    scale = default_scale(feature) if scale is None else scale
    seen = None
    if causal is not None:
        seen = distances(query, key, axis=causal, keys=axis, start=start) <= 0
    matrices = None if dropout else _matrices(query, key, value, feature, axis, bias, seen)
    if matrices is not None:
        return _fused(query, key, value, bias, seen, scale, matrices)
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


def default_scale(feature: Dim) -> float:
    """1 / sqrt(size of the features)."""
    if feature.size is None:
        raise errors.size_unknown("dot_attention", feature)
    return max(1, feature.size) ** -0.5


# -- as products of matrices -----------------------------------------------------------------------


class _Matrices(NamedTuple):
    """Dims by what they are to batches of matrices: query [batch..., row, feature], key [batch...,
    axis, feature], value [batch..., axis, out]."""

    batch: tuple[Dim, ...]
    row: Dim
    feature: Dim
    axis: Dim
    out: Dim


_ONE = Dim("query", 1)
"""The rows of a single query."""


def _matrices(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    feature: Dim,
    axis: Dim,
    bias: Tensor | None,
    seen: Tensor | None,
) -> _Matrices | None:
    """Query, key and value as batches of matrices; None if they are no such thing."""
    batch = tuple([dim for dim in query.dims if dim is not feature and dim in key.dims])
    rows = [dim for dim in query.dims if dim not in key.dims]
    outs = [dim for dim in value.dims if dim is not axis and dim not in batch]
    fits = len(key.dims) == len(value.dims) == len(batch) + 2
    if not fits or len(rows) > 1 or len(outs) != 1 or outs[0] in rows:
        return None
    found = _Matrices(batch, rows[0] if rows else _ONE, feature, axis, outs[0])
    energy = (*batch, *rows, axis)
    if any(x is not None and any(dim not in energy for dim in x.dims) for x in (bias, seen)):
        return None
    return found if _is_plain(query, key, value, bias, found) else None


def _is_plain(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, matrices: _Matrices
) -> bool:
    """Whether all is of one floating-point type, and the only padding that counts is of keys."""
    dtype = query.dtype
    if not dtypes.is_float(dtype) or key.dtype != dtype or value.dtype != dtype:
        return False
    if bias is not None and bias.dtype != ("float64" if dtype == "float64" else "float32"):
        return False
    table = key.lengths_table
    if any(matrices.axis in entry.dims for entry in table.entries.values()):
        return False
    if own_lengths(key, matrices.feature) or own_lengths(value, matrices.out):
        return False
    entry = table.of(matrices.axis, key.backend)
    return entry is None or all(dim in matrices.batch for dim in entry.dims)


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seen: Tensor | None,
    scale: float,
    matrices: _Matrices,
) -> Tensor:
    batch, row, feature, axis, out = matrices
    backend = align.common_backend("dot_attention", (query, key, value))
    align.check_sizes("dot_attention", (query, key, value))
    single = row is _ONE
    raw_query = query.raw_in((*batch, feature) if single else (*batch, row, feature))
    if single:
        raw_query = backend.expand_dims(raw_query, (len(batch),))
    energy = (*batch, row, axis)
    found = backend.attention(
        raw_query,
        key.raw_in((*batch, axis, feature)),
        value.raw_in((*batch, axis, out)),
        _mask(key, seen, axis, energy),
        None if bias is None else _moved(clean(bias), energy),
        scale,
    )
    if single:
        found = backend.squeeze(found, (len(batch),))
    dims = (*batch, out) if single else (*batch, row, out)
    result = Tensor(found, dims, key.lengths_table, backend=backend)
    wanted = (*[dim for dim in query.dims if dim is not feature], out)
    return Tensor(result.raw_in(wanted), wanted, key.lengths_table, backend=backend)


def _mask(key: Tensor, seen: Tensor | None, axis: Dim, energy: tuple[Dim, ...]) -> Raw | None:
    """bool that broadcasts against the energies: which keys are data, and to be seen."""
    backend = key.backend
    data = key.mask(axis) if key.is_ragged(axis) else None
    raws = [_moved(mask, energy) for mask in (data, seen) if mask is not None]
    if len(raws) == 2:
        return backend.binary("and", raws[0], raws[1])
    return raws[0] if raws else None


def _moved(x: Tensor, dims: tuple[Dim, ...]) -> Raw:
    return align.moved(x.backend, x.raw, align.move_to(x.dims, dims))
