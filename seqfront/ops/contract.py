"""Contraction: products of tensors, summed over dims they share.

Dims say it all: dims to reduce are summed over, other common dims go together, the rest are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import align, dtypes, errors, precision
from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.ops.mask import clean, masked
from seqfront.ops.reduce import longest
from seqfront.tensor import Tensor

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def dot(a: Tensor, b: Tensor, *, reduce: Dim | Sequence[Dim]) -> Tensor:
    """Product of two tensors, summed over dims that both have; padding of them counts nothing.

    Args:
        a: Any dims.
        b: Any dims, of the same backend.
        reduce: Dims to sum over.

    Returns:
        Dims of `a` without `reduce`, then those that only `b` has.

    Example:
        >>> import seqfront as sf
        >>> time, keys, feature = sf.Dim("time", 5), sf.Dim("keys", 7), sf.Dim("feature", 64)
        >>> sf.dot(sf.ones((time, feature)), sf.ones((keys, feature)), reduce=feature)
        float32[time:5, keys:7] numpy:cpu
    """
    dims = align.distinct("dot", (reduce,) if isinstance(reduce, Dim) else reduce)
    for name, x in (("a", a), ("b", b)):
        align.check("dot", x, *dims, name=name)
    backend = align.common_backend("dot", (a, b))
    align.check_sizes("dot", (a, b))
    table = align.common_lengths("dot", (a, b))
    dtype = dtypes.promote(a.dtype, b.dtype)
    dtype = dtypes.DEFAULT_INT if dtype == "bool" else precision.product_dtype(backend, dtype)
    raw_a, raw_b = (_operand(backend, x, dims, dtype) for x in (a, b))
    kept = [dim for dim in a.dims if dim not in dims]
    kept += [dim for dim in b.dims if dim not in a.dims]
    letter = dict(zip(align.union((a.dims, b.dims)), _LETTERS, strict=False))
    terms = ["".join(letter[d] for d in over) for over in (a.dims, b.dims, kept)]
    try:
        raw = backend.einsum(f"{terms[0]},{terms[1]}->{terms[2]}", raw_a, raw_b)
    except RuntimeError:
        align.check_devices("dot", (a, b))
        raise
    if table.entries:
        for x in (a, b):
            table = longest(x.with_lengths(table), dims)
    return Tensor(raw, tuple(kept), table, backend=backend)


def _operand(backend: Backend, x: Tensor, reduce: Sequence[Dim], dtype: str) -> Raw:
    """Without the padding that the sum would run over."""
    raw = masked(clean(x), 0.0, reduce).raw
    return raw if backend.dtype(raw) == dtype else backend.cast(raw, dtype)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, *, in_dim: Dim, out_dim: Dim) -> Tensor:
    """An affine map of one dim: x [..., in], weight [in, out], bias [out] -> [..., out].

    What `dot(x, weight, reduce=in_dim) + bias` computes, as one fused call.
    """
    align.check("linear", x, in_dim)
    align.check("linear", weight, in_dim, out_dim, name="weight")
    if bias is not None:
        align.check("linear", bias, out_dim, name="bias")
    backend = align.common_backend("linear", (x, weight) if bias is None else (x, weight, bias))
    rest = tuple([dim for dim in x.dims if dim is not in_dim])
    if out_dim in rest:
        raise errors.repeated_dim("linear", (*rest, out_dim), out_dim)
    raws = [
        masked(clean(x), 0.0, (in_dim,)).raw_in((*rest, in_dim)),
        weight.raw_in((in_dim, out_dim)),
    ]
    if bias is not None:
        raws.append(bias.raw_in((out_dim,)))
    types = [backend.dtype(raw) for raw in raws]
    dtype = precision.product_dtype(backend, dtypes.promote(types[0], types[1]))
    if types.count(dtype) != len(types):
        raws = [backend.cast(raw, dtype) for raw in raws]
    try:
        raw = backend.linear(*raws)
    except RuntimeError:
        align.check_devices("linear", (x, weight))
        raise
    return Tensor(raw, (*rest, out_dim), x.lengths_table, backend=backend)
