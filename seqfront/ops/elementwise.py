"""Arithmetic, comparison and functions of single values.

Tensors and Python numbers mix freely; dtypes follow `seqfront.dtypes`, dims follow
`seqfront.align`: the result has the dims of the operand that has all of them.
"""

from __future__ import annotations

from typing import Any

from seqfront import align, backends, dtypes, errors
from seqfront.backend import Backend, BinaryName, Raw, UnaryName
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry, Lengths
from seqfront.ops.mask import clean, without_poles
from seqfront.tensor import Operand, Tensor, operators

_LOGICAL = frozenset({"and", "or", "xor"})
_FLOAT_FUNCTIONS = frozenset(
    {"exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "sin", "cos", "tanh", "sigmoid", "erf"}
)
_POLES = frozenset({"log", "log1p", "sqrt", "rsqrt"})
_DIVISIONS = frozenset({"div", "floor_div", "mod"})


def binary(name: BinaryName, a: Operand, b: Operand, *, allow_broadcast: bool = False) -> Tensor:
    """An elementwise operation of the table `BinaryName` on two tensors, or one and a number."""
    if not isinstance(b, Tensor):
        return _with_number(name, a, b, False)
    if not isinstance(a, Tensor):
        return _with_number(name, b, a, True)
    backend = a.backend
    if b.backend is not backend:
        raise errors.two_backends(name, a, b)
    if a.untrusted or b.untrusted:
        a, b = clean(a), clean(b)
    raw_a, raw_b, dims = a.raw, b.raw, a.dims
    if name in _DIVISIONS:
        raw_b = without_poles(b)
    elif name == "pow":
        raw_a = without_poles(a)
    table, other = a.lengths_table, b.lengths_table
    if other is not table and other is not FULL:
        table = other if table is FULL else align.common_lengths(name, (a, b))
    over = b.dims
    broadcasts = over == dims or over == dims[len(dims) - len(over) :]  # as the axes are
    if not broadcasts or name in _LOGICAL or not backend.meet(raw_a, raw_b):
        dims, raw_a, raw_b = _aligned(name, a, b, raw_a, raw_b, allow_broadcast)
    return Tensor(backend.binary(name, raw_a, raw_b), dims, table, backend=backend)


def _aligned(
    name: BinaryName, a: Tensor, b: Tensor, raw_a: Raw, raw_b: Raw, allow_broadcast: bool
) -> tuple[tuple[Dim, ...], Raw, Raw]:
    """Dims of the result, and the operands with axes and dtypes that go together."""
    backend = a.backend
    align.check_sizes(name, (a, b))
    plan = align.plan(name, (a, b), allow_broadcast)
    wanted = _operand_dtype(name, a, b, dtypes.promote(backend.dtype(raw_a), backend.dtype(raw_b)))
    raw_a, raw_b = (
        _as(backend, align.moved(backend, raw, move), wanted)
        for raw, move in zip((raw_a, raw_b), plan.moves, strict=True)
    )
    return plan.dims, raw_a, raw_b


def _with_number(name: BinaryName, x: Any, number: Any, reverse: bool) -> Tensor:
    if not isinstance(x, Tensor):
        raise errors.not_an_operand(name, x)
    if not isinstance(number, (bool, int, float)):
        raise errors.not_an_operand(name, number)
    backend, raw = x.backend, clean(x).raw
    if (reverse and name in _DIVISIONS) or (name == "pow" and not reverse):
        raw = without_poles(x)
    dtype = backend.dtype(raw)
    wanted = _operand_dtype(name, x, x, dtypes.promote_scalar(dtype, number))
    if not reverse and dtypes.is_int(wanted) and _undefined(name, number):
        raise errors.bad_integer_operand(name, x, number)
    if dtype != wanted:
        raw = backend.cast(raw, wanted)
    result = backend.binary(name, number, raw) if reverse else backend.binary(name, raw, number)
    return Tensor(result, x.dims, x.lengths_table, backend=backend)


def _undefined(name: str, number: float) -> bool:
    """Whether integers have no such power, quotient or rest."""
    return number < 0 if name == "pow" else number == 0 and name in ("floor_div", "mod")


def _operand_dtype(name: str, a: Tensor, b: Tensor, promoted: str) -> str:
    if name == "div":
        return dtypes.to_float(promoted)
    if name in _LOGICAL:
        if promoted != "bool":
            raise errors.wrong_dtype(name, "b" if a.dtype == "bool" else "a", b, "bool")
    elif promoted == "bool" and name not in ("eq", "ne"):
        return dtypes.DEFAULT_INT
    return promoted


def unary(name: UnaryName, x: Tensor) -> Tensor:
    """A function of the table `UnaryName`; integers become floats where a function needs that."""
    if not isinstance(x, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_an_operand(name, x)
    backend = x.backend
    raw = without_poles(x) if name in _POLES else clean(x).raw
    dtype = backend.dtype(raw)
    if name == "not" and dtype != "bool":
        raise errors.wrong_dtype(name, "x", x, "bool")
    if name in _FLOAT_FUNCTIONS and not dtypes.is_float(dtype):
        raw = backend.cast(raw, dtypes.to_float(dtype))
    elif dtype == "bool" and name != "not":
        raw = backend.cast(raw, dtypes.DEFAULT_INT)
    return Tensor(backend.unary(name, raw), x.dims, x.lengths_table, backend=backend)


def where(condition: Tensor, a: Operand, b: Operand, *, allow_broadcast: bool = False) -> Tensor:
    """`a` where the condition holds, else `b`; no gradient reaches the operand not chosen.

    Args:
        condition: bool.
        a: A tensor, or a number.
        b: A tensor, or a number.
        allow_broadcast: Let dims multiply if no operand has all of them.
    """
    align.check("where", condition, name="condition")
    if condition.dtype != "bool":
        raise errors.wrong_dtype("where", "condition", condition, "bool")
    for x in (a, b):
        if not isinstance(x, (Tensor, bool, int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.not_an_operand("where", x)
    tensors = [condition, *(x for x in (a, b) if isinstance(x, Tensor))]
    backend = align.common_backend("where", tensors)
    align.check_sizes("where", tensors)
    table = align.common_lengths("where", tensors)
    plan = align.plan("where", tensors, allow_broadcast)
    raws = [
        align.moved(backend, clean(x).raw, move)
        for x, move in zip(tensors, plan.moves, strict=True)
    ]
    dtype = _chosen_dtype(a, b)
    rest = iter(raws[1:])
    chosen = [_as(backend, next(rest), dtype) if isinstance(x, Tensor) else x for x in (a, b)]
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        chosen[0] = backend.full((), a, dtype, condition.device)
    raw = backend.where(raws[0], chosen[0], chosen[1])
    labels = a.sparse_dim if isinstance(a, Tensor) else None
    return Tensor(raw, plan.dims, table, labels, backend=backend)


def _chosen_dtype(a: Operand, b: Operand) -> str:
    if isinstance(a, Tensor):
        is_pair = isinstance(b, Tensor)
        return dtypes.promote(a.dtype, b.dtype) if is_pair else dtypes.promote_scalar(a.dtype, b)
    if isinstance(b, Tensor):
        return dtypes.promote_scalar(b.dtype, a)
    return dtypes.promote_scalar(dtypes.promote_scalar("bool", a), b)


def _as(backend: Backend, raw: Raw, dtype: str) -> Raw:
    return raw if backend.dtype(raw) == dtype else backend.cast(raw, dtype)


def _rebuild(metadata: Any, components: tuple[Any, ...]) -> Tensor:
    """A tensor from what `Tensor.__tf_flatten__` took apart, and maybe mapped to something else."""
    backend, dims, sparse_dim, untrusted, over = metadata
    raw, *lengths = components
    if backends.is_raw(raw):
        backend = backends.of(raw)
    entries = {dim: Entry(n, dims) for (dim, dims), n in zip(over, lengths, strict=True)}
    table = Lengths(entries) if entries else FULL
    return Tensor(raw, dims, table, sparse_dim, backend=backend, untrusted=untrusted)


operators.binary = binary
operators.unary = unary
operators.rebuild = _rebuild


# -- functions by name -----------------------------------------------------------------------------


def add(a: Operand, b: Operand, *, allow_broadcast: bool = False) -> Tensor:
    """`a + b`; with `allow_broadcast`, the outer sum over dims that only one of them has."""
    return binary("add", a, b, allow_broadcast=allow_broadcast)


def multiply(a: Operand, b: Operand, *, allow_broadcast: bool = False) -> Tensor:
    """`a * b`; with `allow_broadcast`, the outer product."""
    return binary("mul", a, b, allow_broadcast=allow_broadcast)


def maximum(a: Operand, b: Operand, *, allow_broadcast: bool = False) -> Tensor:
    """The greater of two values; NaN if either is."""
    return binary("max", a, b, allow_broadcast=allow_broadcast)


def minimum(a: Operand, b: Operand, *, allow_broadcast: bool = False) -> Tensor:
    """The lesser of two values; NaN if either is."""
    return binary("min", a, b, allow_broadcast=allow_broadcast)


def logaddexp(a: Tensor, b: Tensor, *, allow_broadcast: bool = False) -> Tensor:
    """log(exp(a) + exp(b)), without overflow; -inf of two -inf."""
    backend = align.common_backend("logaddexp", (a, b))
    align.check_sizes("logaddexp", (a, b))
    plan = align.plan("logaddexp", (a, b), allow_broadcast)
    dtype = dtypes.to_float(dtypes.promote(a.dtype, b.dtype))
    raws = [
        _as(backend, align.moved(backend, clean(x).raw, move), dtype)
        for x, move in zip((a, b), plan.moves, strict=True)
    ]
    table = align.common_lengths("logaddexp", (a, b))
    return Tensor(backend.logaddexp(*raws), plan.dims, table, backend=backend)


def exp(x: Tensor) -> Tensor:
    """e to the power of x."""
    return unary("exp", x)


def expm1(x: Tensor) -> Tensor:
    """exp(x) - 1, exact for small x."""
    return unary("expm1", x)


def log(x: Tensor) -> Tensor:
    """Natural logarithm."""
    return unary("log", x)


def log1p(x: Tensor) -> Tensor:
    """log(1 + x), exact for small x."""
    return unary("log1p", x)


def sqrt(x: Tensor) -> Tensor:
    """Square root."""
    return unary("sqrt", x)


def rsqrt(x: Tensor) -> Tensor:
    """1 / sqrt(x)."""
    return unary("rsqrt", x)


def sin(x: Tensor) -> Tensor:
    """Sine of radians."""
    return unary("sin", x)


def cos(x: Tensor) -> Tensor:
    """Cosine of radians."""
    return unary("cos", x)


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return unary("tanh", x)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return unary("sigmoid", x)


def erf(x: Tensor) -> Tensor:
    """Error function."""
    return unary("erf", x)


def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return unary("relu", x)


def abs(x: Tensor) -> Tensor:
    """Absolute value."""
    return unary("abs", x)


def floor(x: Tensor) -> Tensor:
    """Greatest whole number not above x."""
    return unary("floor", x)


def ceil(x: Tensor) -> Tensor:
    """Least whole number not below x."""
    return unary("ceil", x)


def round(x: Tensor) -> Tensor:
    """Nearest whole number; halves go to the even one."""
    return unary("round", x)


def sign(x: Tensor) -> Tensor:
    """-1, 0 or 1."""
    return unary("sign", x)


def is_finite(x: Tensor) -> Tensor:
    """Neither infinite nor NaN."""
    return unary("is_finite", x)


def is_nan(x: Tensor) -> Tensor:
    """NaN."""
    return unary("is_nan", x)


def logical_not(x: Tensor) -> Tensor:
    """True where x is false; also `~x`."""
    return unary("not", x)


def _composed(method: str, x: Tensor) -> Tensor:
    align.check(method, x)
    backend = x.backend
    raw = _as(backend, clean(x).raw, dtypes.to_float(x.dtype))
    return Tensor(getattr(backend, method)(raw), x.dims, x.lengths_table, backend=backend)


def silu(x: Tensor) -> Tensor:
    """x * sigmoid(x), also called swish (Elfwing et al. 2018)."""
    return _composed("silu", x)


def gelu(x: Tensor) -> Tensor:
    """x * Phi(x), with the exact normal distribution (Hendrycks & Gimpel 2016)."""
    return _composed("gelu", x)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), without overflow."""
    return _composed("softplus", x)
