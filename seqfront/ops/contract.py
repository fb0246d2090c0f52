"""Contraction: products of tensors, summed over dims they share.

Dims say it all: those not in the result are summed over, and those that several have go together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seqfront import align, dtypes, errors, precision
from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.ops.mask import clean, masked
from seqfront.ops.reduce import longest
from seqfront.plans import Plans
from seqfront.tensor import Tensor

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_Dims = tuple[Dim, ...]


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
    kept = [dim for dim in align.union((a.dims, b.dims)) if dim not in dims]
    return _contracted("dot", (a, b), tuple(kept))


def einsum(*xs: Tensor, out: Sequence[Dim]) -> Tensor:
    """Product of any number of tensors, summed over all dims but those of the result.

    What `dot` is to two tensors that share the dims summed over, this is to any: dims that several
    have go together, and a dim that only one has may be summed over, too. Padding of a dim that is
    summed over counts nothing, whichever tensor knows its lengths.

    Args:
        xs: At least one tensor, of any dims. Dtypes promote as in `a * b`; bool counts as int.
        out: The dims of the result, in this order; each of them a dim of some tensor. None: `()`.

    Returns:
        Dims `out`. A row of length zero gives 0.

    Raises:
        DimError: No tensor has a dim of `out`.

    Example:
        >>> import seqfront as sf
        >>> time, left, right, rank = sf.Dim("time"), sf.Dim("l", 2), sf.Dim("r", 2), sf.Dim("k", 1)
        >>> a, b = sf.wrap([[1, 2]], (time, left)), sf.wrap([[3, 4]], (time, right))
        >>> core = sf.ones((left, right, rank))
        >>> sf.einsum(a, core, b, out=(time, rank)).raw
        array([[21.]], dtype=float32)
    """
    if not xs:
        raise errors.nothing_to_join("einsum")
    for x in xs:
        align.check("einsum", x)
    dims = align.distinct("einsum", out)
    known = align.union(x.dims for x in xs)
    for dim in dims:
        if dim not in known:
            raise errors.no_such_result("einsum", xs, dim)
    return _contracted("einsum", xs, dims)


def _contracted(op: str, xs: Sequence[Tensor], kept: _Dims) -> Tensor:
    """The product of tensors, summed over all dims but `kept`."""
    backend = align.common_backend(op, xs)
    equation = _equation(backend, tuple([x.dims for x in xs]), kept)
    if equation.shared:
        align.check_sizes(op, xs)
    table = align.common_lengths(op, xs)
    dtype = xs[0].dtype
    for x in xs[1:]:
        dtype = dtypes.promote(dtype, x.dtype)
    dtype = dtypes.DEFAULT_INT if dtype == "bool" else precision.product_dtype(backend, dtype)
    gone = equation.gone
    if table.entries:
        masked_xs = _with_masks([x.with_lengths(table) for x in xs], equation.over, gone)
        if len(masked_xs) > len(xs):
            equation = _equation(backend, tuple([x.dims for x in masked_xs]), kept)
        xs = masked_xs
        for x in xs:
            table = longest(x.with_lengths(table), gone)
    raws = [_operand(backend, x, gone, dtype) for x in xs]
    try:
        raw = backend.einsum(equation.text, *raws)
    except RuntimeError:
        align.check_devices(op, xs)
        raise
    return Tensor(raw, kept, table, backend=backend)


class _Equation(NamedTuple):
    """What the dims of a product say."""

    text: str
    over: _Dims
    """All dims."""
    gone: _Dims
    """Those summed over."""
    shared: bool
    """Whether operands share a dim of no static size."""


def _equation(backend: Backend, operands: tuple[_Dims, ...], kept: _Dims) -> _Equation:
    """The equation of a product, kept but in a trace."""
    key = (operands, kept)
    return _make_equation(key) if backend.is_tracing() else _EQUATIONS[key]


def _make_equation(key: tuple[tuple[_Dims, ...], _Dims]) -> _Equation:
    operands, kept = key
    over = align.union(operands)
    gone = tuple([dim for dim in over if dim not in kept])
    letter = dict(zip(over, _LETTERS, strict=False))
    terms = ["".join([letter[dim] for dim in dims]) for dims in (*operands, kept)]
    shared = any(dim.size is None and sum(dim in dims for dims in operands) > 1 for dim in over)
    return _Equation(f"{','.join(terms[:-1])}->{terms[-1]}", over, gone, shared)


_EQUATIONS = Plans(_make_equation)


def _with_masks(xs: list[Tensor], over: tuple[Dim, ...], gone: tuple[Dim, ...]) -> list[Tensor]:
    """Masks as further factors, for padding that no tensor alone can leave out: lengths of a dim
    of one that run over dims of another."""
    table, backend = xs[0].lengths_table, xs[0].backend
    found = list(xs)
    for dim in over:
        entry = table.of(dim, backend)
        if entry is None or any(d not in over for d in entry.dims):
            continue
        mixed = dim in gone or any(d in gone for d in entry.dims)
        if mixed and not any(all(d in x.dims for d in (dim, *entry.dims)) for x in xs):
            owner = next(x for x in xs if dim in x.dims)
            found.append(owner.mask(dim))
    return found


def _operand(backend: Backend, x: Tensor, reduce: Sequence[Dim], dtype: str) -> Raw:
    """Without the padding that the sum would run over."""
    raw = masked(clean(x), 0.0, reduce).raw
    return raw if backend.dtype(raw) == dtype else backend.cast(raw, dtype)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, *, in_dim: Dim, out_dim: Dim) -> Tensor:
    """An affine map of one dim: x [..., in], weight [in, out], bias [out] -> [..., out].

    What `dot(x, weight, reduce=in_dim) + bias` computes, as one fused call.
    """
    if not _in_order(x, weight, bias, in_dim, out_dim):
        x, weight, bias = _checked(x, weight, bias, in_dim, out_dim)
    backend, dims = x.backend, (*x.dims[:-1], out_dim)
    if x.lengths_table.entries:
        x = masked(clean(x), 0.0, (in_dim,))
    raws = [x.raw, weight.raw] if bias is None else [x.raw, weight.raw, bias.raw]
    types = [backend.dtype(raw) for raw in raws]
    dtype = precision.product_dtype(backend, types[0])
    if types.count(dtype) != len(types):
        dtype = precision.product_dtype(backend, dtypes.promote(types[0], types[1]))
        raws = [backend.cast(raw, dtype) for raw in raws]
    try:
        raw = backend.linear(*raws)
    except RuntimeError:
        align.check_devices("linear", (x, weight))
        raise
    return Tensor(raw, dims, x.lengths_table, backend=backend)


def _in_order(x: Tensor, weight: Tensor, bias: Tensor | None, in_dim: Dim, out_dim: Dim) -> bool:
    """Whether operands of `linear` are as they mostly are: right, and their axes in place."""
    if not isinstance(x, Tensor) or not isinstance(weight, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
        return False
    backend, dims = x.backend, x.dims
    return (
        len(dims) > 0
        and dims[-1] is in_dim
        and out_dim not in dims
        and weight.dims == (in_dim, out_dim)
        and weight.backend is backend
        and (
            bias is None
            or (isinstance(bias, Tensor) and bias.dims == (out_dim,) and bias.backend is backend)  # pyright: ignore[reportUnnecessaryIsInstance]
        )
    )


def _checked(
    x: Tensor, weight: Tensor, bias: Tensor | None, in_dim: Dim, out_dim: Dim
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Operands of `linear` with their axes in place; an error if they do not go together."""
    align.check("linear", x, in_dim)
    align.check("linear", weight, in_dim, out_dim, name="weight")
    if bias is not None:
        align.check("linear", bias, out_dim, name="bias")
    for other in (weight,) if bias is None else (weight, bias):
        if other.backend is not x.backend:
            raise errors.two_backends("linear", x, other)
    rest = tuple([dim for dim in x.dims if dim is not in_dim])
    if out_dim in rest:
        raise errors.repeated_dim("linear", (*rest, out_dim), out_dim)
    bias = None if bias is None else align.ordered(bias, (out_dim,))
    weight = align.ordered(weight, (in_dim, out_dim))
    return align.ordered(x, (*rest, in_dim)), weight, bias
