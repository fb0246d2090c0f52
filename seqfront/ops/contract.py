"""Contraction: products of tensors, summed over dims they share.

Dims say it all: dims to reduce are summed over, other common dims go together, the rest are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seqfront import align, dtypes, errors
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
    equation, kept, shared = _equation(backend, a.dims, b.dims, dims)
    if shared:
        align.check_sizes("dot", (a, b))
    table = align.common_lengths("dot", (a, b))
    dtype = dtypes.promote(a.dtype, b.dtype)
    dtype = dtypes.DEFAULT_INT if dtype == "bool" else dtype
    raw_a, raw_b = (_operand(backend, x, dims, dtype) for x in (a, b))
    raw = backend.einsum(equation, raw_a, raw_b)
    if table.entries:
        for x in (a, b):
            table = longest(x.with_lengths(table), dims)
    return Tensor(raw, kept, table, backend=backend)


_Dims = tuple[Dim, ...]


class _Equation(NamedTuple):
    """What the dims of a product say."""

    text: str
    dims: _Dims
    """Of the result."""
    shared: bool
    """Whether operands share a dim of no static size."""


_EQUATIONS: dict[tuple[_Dims, _Dims, _Dims], _Equation] = {}
_EQUATIONS_KEPT = 1024


def _equation(backend: Backend, a: _Dims, b: _Dims, reduce: _Dims) -> _Equation:
    """The equation of a product, kept but in a trace."""
    if backend.is_tracing():
        return _make_equation(a, b, reduce)
    key = (a, b, reduce)
    if key not in _EQUATIONS:
        if len(_EQUATIONS) >= _EQUATIONS_KEPT:
            _EQUATIONS.clear()
        _EQUATIONS[key] = _make_equation(*key)
    return _EQUATIONS[key]


def _make_equation(a: _Dims, b: _Dims, reduce: _Dims) -> _Equation:
    kept = [dim for dim in a if dim not in reduce]
    kept += [dim for dim in b if dim not in a]
    letter = dict(zip(align.union((a, b)), _LETTERS, strict=False))
    terms = ["".join([letter[dim] for dim in dims]) for dims in (a, b, kept)]
    shared = any(dim in b and dim.size is None for dim in a)
    return _Equation(f"{terms[0]},{terms[1]}->{terms[2]}", tuple(kept), shared)


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
    backend, operands = x.backend, (weight,) if bias is None else (weight, bias)
    for other in operands:
        if other.backend is not backend:
            raise errors.two_backends("linear", x, other)
    rest = tuple([dim for dim in x.dims if dim is not in_dim])
    if out_dim in rest:
        raise errors.repeated_dim("linear", (*rest, out_dim), out_dim)
    x = masked(clean(x), 0.0, (in_dim,)) if x.lengths_table.entries else x
    raws = [x.raw_in((*rest, in_dim)), weight.raw_in((in_dim, out_dim))]
    if bias is not None:
        raws.append(bias.raw_in((out_dim,)))
    dtype = backend.dtype(raws[0])
    if any([backend.dtype(raw) != dtype for raw in raws]):  # noqa: C419  (half the time)
        dtype = dtypes.promote(dtype, backend.dtype(raws[1]))
        raws = [backend.cast(raw, dtype) for raw in raws]
    return Tensor(backend.linear(*raws), (*rest, out_dim), x.lengths_table, backend=backend)
