"""Arithmetic, comparison and functions of single values.

Tensors and Python numbers mix freely; dtypes follow `seqfront.dtypes`, dims follow
`seqfront.align`: the result has the dims of the operand that has all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from seqfront import align, backends, dtypes, errors
from seqfront.backend import Backend, BinaryName, Raw, UnaryName
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry, Lengths
from seqfront.ops.mask import clean, without_poles
from seqfront.tensor import Operand, Tensor, operators

_LOGICAL = frozenset({"and", "or", "xor"})
_FLOAT_FUNCTIONS = frozenset({
    "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "sin", "cos", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid", "erf",
})  # fmt: skip
_SAFE = {
    "log": 1, "log1p": 1, "sqrt": 1, "rsqrt": 1, "acosh": 2,
    "tan": 0, "asin": 0, "acos": 0, "atanh": 0, "sinh": 0, "cosh": 0,
}  # fmt: skip
"""What functions that are not finite everywhere get to see in the padding."""
_DIVISIONS = frozenset({"div", "floor_div", "mod"})
_REAL = frozenset({"div", "atan2"})


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
    try:
        raw = backend.binary(name, raw_a, raw_b)
    except RuntimeError:
        align.check_devices(name, (a, b))
        raise
    return Tensor(raw, dims, table, backend=backend)


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
    if name in _REAL:
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
    raw = without_poles(x, _SAFE[name]) if name in _SAFE else clean(x).raw
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
    try:
        raw = backend.where(raws[0], chosen[0], chosen[1])
    except RuntimeError:
        align.check_devices("where", tensors)
        raise
    labels = a.sparse_dim if isinstance(a, Tensor) else None
    return Tensor(raw, plan.dims, table, labels, backend=backend)


def clip(x: Tensor, low: Operand | None = None, high: Operand | None = None) -> Tensor:
    """Values between bounds: `low` for lesser ones, `high` for greater ones.

    Args:
        x: Any dims.
        low: A number, or a tensor over some dims of `x`. None: no bound.
        high: Likewise; where it is less than `low`, the result is `high`.

    Returns:
        Dims of `x`, of the dtype that all promote to. NaN stays. The gradient goes to `x` within
        the bounds, these included, and else to the bound, as in PyTorch.

    Raises:
        DimError: There is no bound.

    Example:
        >>> import seqfront as sf
        >>> sf.clip(sf.wrap([-2.0, 0.5, 7.0], (sf.Dim("time"),)), 0.0, 1.0).raw
        array([0. , 0.5, 1. ], dtype=float32)
    """
    align.check("clip", x)
    if low is None and high is None:
        raise errors.bad_argument("clip", "low", low, "a bound, or else high", "sf.clip(x, 0, 1).")
    labels = x.sparse_dim
    if low is not None:
        x = where(binary("lt", x, low), low, x)
    if high is not None:
        x = where(binary("gt", x, high), high, x)
    return x.labels_of(labels) if labels is not None and dtypes.is_int(x.dtype) else x


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


class Binary(Protocol):
    """A function of two values."""

    def __call__(self, a: Operand, b: Operand, *, allow_broadcast: bool = False) -> Tensor:
        """Of two tensors, or one and a number."""
        ...


def _binary(public: str, name: BinaryName, text: str, a: str, b: str, gives: str) -> Binary:
    """A function of the table by its public name, with what it does to one example."""

    def function(a: Operand, b: Operand, *, allow_broadcast: bool = False) -> Tensor:
        return binary(name, a, b, allow_broadcast=allow_broadcast)

    return _described(function, public, text, f"sf.wrap({a}, (time,)), {b}", gives)


def _unary(
    public: str, name: UnaryName, text: str, x: str, gives: str
) -> Callable[[Tensor], Tensor]:
    def function(x: Tensor) -> Tensor:
        return unary(name, x)

    return _described(function, public, text, f"sf.wrap({x}, (time,))", gives)


def _described(function: Any, public: str, text: str, arguments: str, gives: str) -> Any:
    function.__name__ = function.__qualname__ = public
    rounded = ".round(3)" if "." in gives else ""
    imports = "import math, seqfront as sf" if "math." in arguments else "import seqfront as sf"
    function.__doc__ = (
        f"{text}\n\nExample:\n"
        f'    >>> {imports}\n    >>> time = sf.Dim("time")\n'
        f"    >>> print(sf.{public}({arguments}).numpy(){rounded})\n    {gives}\n"
    )
    return function


add = _binary(
    "add",
    "add",
    "`a + b`; with `allow_broadcast`, the outer sum over dims that only one of them has.",
    "[1, 2]",
    "10",
    "[11 12]",
)
subtract = _binary("subtract", "sub", "`a - b`.", "[1, 2]", "10", "[-9 -8]")
multiply = _binary(
    "multiply",
    "mul",
    "`a * b`; with `allow_broadcast`, the outer product.",
    "[1, 2]",
    "10",
    "[10 20]",
)
divide = _binary("divide", "div", "`a / b`; integers become float.", "[1, 2]", "4", "[0.25 0.5 ]")
floor_divide = _binary(
    "floor_divide",
    "floor_div",
    "`a // b`, rounded towards minus infinity as in Python.",
    "[7, -7]",
    "2",
    "[ 3 -4]",
)
remainder = _binary(
    "remainder", "mod", "`a % b`, of the sign of `b` as in Python.", "[7, -7]", "2", "[1 1]"
)
power = _binary("power", "pow", "`a ** b`. No gradient is NaN at 0 ** 0.", "[2, 3]", "2", "[4 9]")
atan2 = _binary(
    "atan2",
    "atan2",
    "Angle of the point (b, a) in radians; at (0, 0) it is 0, and so is the gradient.",
    "[1.0, -1.0]",
    "1.0",
    "[ 0.785 -0.785]",
)
maximum = _binary(
    "maximum",
    "max",
    "The greater of two values; NaN if either is. Of equals each gets half the gradient.",
    "[1, 3]",
    "2",
    "[2 3]",
)
minimum = _binary(
    "minimum",
    "min",
    "The lesser of two values; NaN if either is. Of equals each gets half the gradient.",
    "[1, 3]",
    "2",
    "[1 2]",
)
equal = _binary("equal", "eq", "`a == b`.", "[1, 2]", "2", "[False  True]")
not_equal = _binary("not_equal", "ne", "`a != b`.", "[1, 2]", "2", "[ True False]")
less = _binary("less", "lt", "`a < b`.", "[1, 2]", "2", "[ True False]")
less_equal = _binary("less_equal", "le", "`a <= b`.", "[1, 2]", "2", "[ True  True]")
greater = _binary("greater", "gt", "`a > b`.", "[1, 2]", "1", "[False  True]")
greater_equal = _binary("greater_equal", "ge", "`a >= b`.", "[1, 2]", "1", "[ True  True]")
logical_and = _binary(
    "logical_and", "and", "`a & b`, of bools.", "[True, False]", "True", "[ True False]"
)
logical_or = _binary(
    "logical_or", "or", "`a | b`, of bools.", "[True, False]", "True", "[ True  True]"
)
logical_xor = _binary(
    "logical_xor", "xor", "`a ^ b`, of bools.", "[True, False]", "True", "[False  True]"
)

negative = _unary("negative", "neg", "`-x`.", "[1, -2]", "[-1  2]")
abs = _unary("abs", "abs", "Absolute value; at 0 the gradient is 0.", "[1, -2]", "[1 2]")
sign = _unary("sign", "sign", "-1, 0 or 1.", "[3, 0, -2]", "[ 1  0 -1]")
floor = _unary("floor", "floor", "Greatest whole number not above x.", "[1.5, -1.5]", "[ 1. -2.]")
ceil = _unary("ceil", "ceil", "Least whole number not below x.", "[1.5, -1.5]", "[ 2. -1.]")
round = _unary(
    "round",
    "round",
    "Nearest whole number; halves go to the even one.",
    "[0.5, 1.5, 1.7]",
    "[0. 2. 2.]",
)
exp = _unary("exp", "exp", "e to the power of x.", "[0.0, 1.0]", "[1.    2.718]")
expm1 = _unary("expm1", "expm1", "exp(x) - 1, exact for small x.", "[0.0, 1.0]", "[0.    1.718]")
log = _unary("log", "log", "Natural logarithm.", "[1.0, 2.0]", "[0.    0.693]")
log1p = _unary("log1p", "log1p", "log(1 + x), exact for small x.", "[0.0, 1.0]", "[0.    0.693]")
sqrt = _unary(
    "sqrt", "sqrt", "Square root; at 0 the gradient is infinite.", "[0.0, 4.0]", "[0. 2.]"
)
rsqrt = _unary("rsqrt", "rsqrt", "1 / sqrt(x).", "[1.0, 4.0]", "[1.  0.5]")
sin = _unary("sin", "sin", "Sine of radians.", "[0.0, 1.0]", "[0.    0.841]")
cos = _unary("cos", "cos", "Cosine of radians.", "[0.0, 1.0]", "[1.   0.54]")
tan = _unary("tan", "tan", "Tangent of radians.", "[0.0, 1.0]", "[0.    1.557]")
asin = _unary("asin", "asin", "Inverse of the sine, in radians.", "[0.0, 1.0]", "[0.    1.571]")
acos = _unary("acos", "acos", "Inverse of the cosine, in radians.", "[0.0, 1.0]", "[1.571 0.   ]")
atan = _unary("atan", "atan", "Inverse of the tangent, in radians.", "[0.0, 1.0]", "[0.    0.785]")
sinh = _unary("sinh", "sinh", "Hyperbolic sine.", "[0.0, 1.0]", "[0.    1.175]")
cosh = _unary("cosh", "cosh", "Hyperbolic cosine.", "[0.0, 1.0]", "[1.    1.543]")
tanh = _unary("tanh", "tanh", "Hyperbolic tangent.", "[0.0, 1.0]", "[0.    0.762]")
asinh = _unary("asinh", "asinh", "Inverse of the hyperbolic sine.", "[0.0, 1.0]", "[0.    0.881]")
acosh = _unary("acosh", "acosh", "Inverse of the hyperbolic cosine.", "[1.0, 2.0]", "[0.    1.317]")
atanh = _unary(
    "atanh", "atanh", "Inverse of the hyperbolic tangent.", "[0.0, 0.5]", "[0.    0.549]"
)
sigmoid = _unary("sigmoid", "sigmoid", "1 / (1 + exp(-x)).", "[0.0, 1.0]", "[0.5   0.731]")
erf = _unary("erf", "erf", "Error function.", "[0.0, 1.0]", "[0.    0.843]")
relu = _unary("relu", "relu", "max(x, 0); at 0 the gradient is 0.", "[-1.0, 2.0]", "[0. 2.]")
is_finite = _unary(
    "is_finite",
    "is_finite",
    "Neither infinite nor NaN.",
    "[1.0, -math.inf, math.nan]",
    "[ True False False]",
)
is_nan = _unary("is_nan", "is_nan", "NaN.", "[1.0, -math.inf, math.nan]", "[False False  True]")
logical_not = _unary(
    "logical_not", "not", "True where x is false; also `~x`.", "[True, False]", "[False  True]"
)


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
