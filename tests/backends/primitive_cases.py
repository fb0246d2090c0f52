"""Cases of the seam's primitives: each calls one on small inputs; the harness is next door."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from seqfront.backend import BinaryName, BitwiseName, CumulativeName, UnaryName

INF, NAN = math.inf, math.nan


@dataclass(frozen=True)
class Case:
    """`run(backend, *inputs)` gives one raw tensor or several."""

    name: str
    run: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    gradient: bool = False
    """The result is differentiable at these (float) inputs, which are away from kinks."""


CASES: list[Case] = []


def case(
    name: str, run: Callable[..., Any], *inputs: Any, gradient: bool = False
) -> None:  # fmt: skip
    """Add a case; Python lists become float32 or int32 arrays."""
    arrays = [x if isinstance(x, np.ndarray) else array(x) for x in inputs]
    CASES.append(Case(name, run, tuple(arrays), gradient))


def array(values: Any, dtype: str | None = None) -> np.ndarray:
    """float32 of floats, int32 of ints, unless said otherwise."""
    x = np.asarray(values)
    default = {"f": "float32", "i": "int32"}.get(x.dtype.kind, x.dtype.name)
    return x.astype(dtype or default)


def floats(*shape: int, seed: int = 0, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """float32, uniform, no two the same."""
    rng = np.random.default_rng((seed, *shape))
    n = math.prod(shape)
    x = low + (high - low) * (rng.permutation(n) + rng.uniform(0.2, 0.8, n)) / max(n, 1)
    return x.reshape(shape).astype("float32")


def ints(*shape: int, low: int = -5, high: int = 6, seed: int = 0) -> np.ndarray:
    """int32, with repeats."""
    return np.random.default_rng((seed, *shape)).integers(low, high, shape).astype("int32")


# -- elementwise ----------------------------------------------------------------------------------

_BOOLS = np.array([True, False, True, False])
_UNSMOOTH = {"floor", "ceil", "round", "sign", "is_finite", "is_nan"}
_POSITIVE = {"log", "sqrt", "rsqrt"}
_FROM_ONE = {"acosh"}
_WITHIN_ONE = {"asin", "acos", "atanh"}
_UNARY_EDGES = {
    "exp": [-INF, INF, NAN, -200.0, 88.0], "expm1": [-INF, INF, NAN, 1e-8],
    "log": [0.0, INF, NAN, -1.0], "log1p": [-1.0, 1e-8, INF, NAN], "sqrt": [0.0, INF, NAN, -1.0],
    "rsqrt": [0.0, INF, NAN], "tanh": [-INF, INF, NAN, 1e-8], "sigmoid": [-INF, INF, NAN, -80.0],
    "relu": [-INF, INF, NAN, -0.0], "erf": [-INF, INF, NAN, 5.0], "abs": [-INF, INF, NAN, -0.0],
    "floor": [-0.5, 2.5, -INF, NAN], "ceil": [-0.5, 2.5, INF, NAN],
    "round": [0.5, 1.5, 2.5, -0.5, -1.5, INF, NAN], "sign": [-3.0, 0.0, INF, -INF, NAN],
    "is_finite": [1.0, INF, -INF, NAN], "is_nan": [1.0, INF, -INF, NAN], "neg": [INF, NAN, 0.0],
}  # fmt: skip

for _u in get_args(UnaryName):
    _run = lambda b, x, n=_u: b.unary(n, x)  # noqa: E731
    if _u == "not":
        case("not", _run, _BOOLS)
        continue
    _low = 1.1 if _u in _FROM_ONE else 0.1 if _u in _POSITIVE else -0.9
    _x = floats(3, 4, low=_low, high=0.9 if _u in _WITHIN_ONE else 2.0)
    case(_u, _run, _x, gradient=_u not in _UNSMOOTH)
    case(f"{_u} float64", _run, _x.astype("float64"))
    case(f"{_u} float16", _run, _x.astype("float16"))
    case(f"{_u} of nothing", _run, floats(0, 4))
    case(f"{_u} of a scalar", _run, floats())
    if _u in _UNARY_EDGES:
        case(f"{_u} edges", _run, _UNARY_EDGES[_u])
for _u in ("neg", "abs", "sign", "relu"):
    case(f"{_u} int32", lambda b, x, n=_u: b.unary(n, x), ints(7))

_EDGES = np.array(list(itertools.product([-INF, -1.0, 0.0, 2.0, INF, NAN], repeat=2)), "float32")
_NO_EDGES = {"floor_div", "mod", "pow", "and", "or", "xor"}
for _b in get_args(BinaryName):
    _run = lambda b, x, y, n=_b: b.binary(n, x, y)  # noqa: E731
    if _b in ("and", "or", "xor"):
        case(_b, _run, _BOOLS, np.array([True, True, False, False]))
        case(f"{_b} with a Python bool", lambda b, x, n=_b: b.binary(n, x, True), _BOOLS)
        continue
    _smooth = _b in ("add", "sub", "mul", "div", "pow", "atan2", "max", "min", "mod")
    _low = 0.3 if _b == "pow" else -2.0
    _y = floats(2, 1, 3, seed=2) + np.float32(3.0)
    case(_b, _run, floats(4, 3, low=_low), _y, gradient=_smooth)
    case(f"{_b} number right", lambda b, x, n=_b: b.binary(n, x, 2.0), floats(4, low=_low))
    case(f"{_b} number left", lambda b, x, n=_b: b.binary(n, 2.0, x), floats(4, low=0.5))
    case(f"{_b} of nothing", _run, floats(0, 3), floats(3))
    case(f"{_b} scalars", _run, array(1.5), array(0.5))
    case(
        f"{_b} float64",
        _run,
        floats(3, low=0.1).astype("float64"),
        floats(3, low=0.5, seed=1).astype("float64"),
    )
    if _b not in _NO_EDGES:
        case(f"{_b} edges", _run, _EDGES[:, 0], _EDGES[:, 1])
    if _b not in ("div", "pow", "atan2"):
        case(f"{_b} int32", _run, ints(9), ints(9, low=1, high=4, seed=1))
        case(f"{_b} int64", _run, ints(9).astype("int64"), array([3], "int64"))
        case(f"{_b} int number", lambda b, x, n=_b: b.binary(n, x, 3), ints(9))
for _b in ("floor_div", "mod"):
    _run = lambda b, x, y, n=_b: b.binary(n, x, y)  # noqa: E731
    case(f"{_b} signs int", _run, [7, -7, 7, -7, 6], [2, 2, -2, -2, 3])
    case(f"{_b} signs float", _run, [7.0, -7.0, 7.0, -7.0, -0.5], [2.0, 2.0, -2.0, -2.0, 2.0])
case("pow int number", lambda b, x: b.binary("pow", x, 2), ints(5))
case("eq bool", lambda b, x, y: b.binary("eq", x, y), _BOOLS, ~_BOOLS)

for _b in get_args(BitwiseName):
    _run = lambda b, x, y, n=_b: b.bitwise(n, x, y)  # noqa: E731
    for _dtype in ("int32", "int64", "uint8"):
        _x = ints(9, low=0 if _dtype == "uint8" else -50, high=50).astype(_dtype)
        case(f"bitwise {_b} {_dtype}", _run, _x, ints(9, low=0, high=7).astype(_dtype))
    case(f"bitwise {_b} number", lambda b, x, n=_b: b.bitwise(n, x, 5), ints(3, 4))
    case(f"bitwise {_b} broadcasts", _run, ints(2, 3), ints(3, low=0, high=7))
case("bitwise of nothing", lambda b, x: b.bitwise("xor", x, 3), ints(0, 4))
case("bitwise of a scalar", lambda b, x: b.bitwise("xor", x, 3), ints())
_WIDE = array([2**62 + 5, -(2**62) - 3, -1, 2**32 - 1], "int64")
case("bitwise wide number", lambda b, x: b.bitwise("and", x, 2**32 - 1), _WIDE)
case("bitwise wide shift", lambda b, x: b.bitwise("shift_right", x, 32), _WIDE)
case("mul wraps int64", lambda b, x: b.binary("mul", x, 0xD2511F53), _WIDE)

case(
    "where",
    lambda b, c, x, y: b.where(c, x, y),
    _BOOLS,
    floats(3, 4),
    floats(4, seed=1),
    gradient=True,
)
case("where number right", lambda b, c, x: b.where(c, x, -INF), _BOOLS, floats(3, 4))
case("where number left", lambda b, c, x: b.where(c, 0.0, x), _BOOLS, array([NAN, 1, NAN, 2.0]))
case(
    "where broadcasts the condition", lambda b, c, x: b.where(c, x, 0), _BOOLS[:, None], ints(4, 3)
)

# -- inspect, convert, create ---------------------------------------------------------------------

_DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
for _from, _to in itertools.product(("bool", "int32", "int64", "float32", "float64"), _DTYPES):
    case(f"cast {_from} to {_to}", lambda b, x, d=_to: b.cast(x, d), array([0, 1, 2, 3], _from))
case("cast truncates", lambda b, x: b.cast(x, "int32"), [-1.9, -0.5, 0.5, 1.9])
case("cast negative to bool", lambda b, x: b.cast(x, "bool"), [-1.9, 0.0, 0.3])
case("cast", lambda b, x: b.cast(x, "float64"), floats(3), gradient=True)
for _dtype in _DTYPES:
    case(f"full {_dtype}", lambda b, d=_dtype: b.full((2, 3), 1, d, "cpu"))
    case(f"arange {_dtype}", lambda b, d=_dtype: b.arange(2, d, "cpu"))
case("full scalar", lambda b: b.full((), -INF, "float32", "cpu"))
case("full of nothing", lambda b: b.full((0, 2), 1.0, "float64", "cpu"))
case("arange of nothing", lambda b: b.arange(0, "int32", "cpu"))
case("convert float", lambda b: b.convert(1.5))
case("convert int", lambda b: b.convert(3))
case("convert bool", lambda b: b.convert(True))
case("convert list", lambda b: b.convert([[1.0, 2.0], [3.0, 4.0]]))
case("convert ints", lambda b: b.convert([1, 2]))
case("convert tuple as", lambda b: b.convert((1, 2), "float64"))
case("convert array", lambda b: b.convert(np.arange(3.0)))
case("convert view", lambda b: b.convert(np.arange(6, dtype="int64").reshape(2, 3).T[::-1]))
case("convert array as", lambda b: b.convert(np.arange(3.0), "float16"))
case("convert raw", lambda b, x: b.convert(x), floats(3))
case("convert raw as", lambda b, x: b.convert(x, "int64"), floats(3))

# -- reduce ---------------------------------------------------------------------------------------

_AXES: Sequence[tuple[int, ...]] = ((), (0,), (2,), (0, 2), (0, 1, 2))
for _r, _axes, _keep in itertools.product(("sum", "mean", "max", "min", "prod"), _AXES, (0, 1)):
    _run = lambda b, x, n=_r, a=_axes, k=_keep: b.reduce(n, x, a, bool(k))  # noqa: E731
    case(f"reduce {_r} {_axes} {_keep}", _run, floats(2, 3, 4), gradient=True)
    case(f"reduce {_r} {_axes} {_keep} over nothing", _run, floats(2, 0, 4))
    case(f"reduce {_r} {_axes} {_keep} over nothing else", _run, floats(0, 3, 0))
for _r in ("sum", "max", "min", "prod"):
    _run = lambda b, x, n=_r: b.reduce(n, x, (1,))  # noqa: E731
    for _dtype in ("int32", "int64", "float16", "float64"):
        case(f"reduce {_r} {_dtype}", _run, ints(2, 3).astype(_dtype))
        case(f"reduce {_r} {_dtype} over nothing", _run, np.zeros((2, 0), _dtype))
for _r in ("sum", "mean", "max", "min", "prod"):
    _run = lambda b, x, n=_r: b.reduce(n, x, (1,))  # noqa: E731
    case(
        f"reduce {_r} edges", _run, [[1.0, NAN], [INF, 1.0], [-INF, 1.0], [INF, INF], [-INF, -INF]]
    )
for _r, _axes in itertools.product(("any", "all"), ((), (1,), (0, 1))):
    _run = lambda b, x, n=_r, a=_axes: b.reduce(n, x, a)  # noqa: E731
    case(f"reduce {_r} {_axes}", _run, np.array([[True, False], [False, False], [True, True]]))
    case(f"reduce {_r} {_axes} over nothing", _run, np.zeros((2, 0), bool))
for _r, _axis in itertools.product(("argmax", "argmin"), (0, 1)):
    _run = lambda b, x, n=_r, a=_axis: b.arg_reduce(n, x, a)  # noqa: E731
    case(f"{_r} {_axis}", _run, floats(3, 4))
    case(f"{_r} {_axis} ties", _run, [[1, 2, 2], [2, 1, 1], [2, 2, 1]])
    case(f"{_r} {_axis} infinite", _run, [[-INF, -INF], [INF, INF], [-INF, INF]])
for _c, _axis in itertools.product(get_args(CumulativeName), (0, 1, 2)):
    _run = lambda b, x, n=_c, a=_axis: b.cumulative(n, x, a)  # noqa: E731
    case(f"cumulative {_c} {_axis}", _run, floats(2, 3, 2), gradient=True)
    if _c != "logsumexp":
        case(f"cumulative {_c} {_axis} int32", _run, ints(2, 3, 2))
    case(f"cumulative {_c} {_axis} of nothing", _run, floats(2, 0, 2))
for _c in ("max", "min", "logsumexp"):
    _run = lambda b, x, n=_c: b.cumulative(n, x, 0)  # noqa: E731
    case(f"cumulative {_c} infinite", _run, [-INF, 1.0, -1.0, INF])
    case(f"cumulative {_c} of NaN", _run, [1.0, NAN, -1.0, 2.0])

for _tie in ("max", "min"):
    case(
        f"binary {_tie} ties",
        lambda b, x, y, name=_tie: b.binary(name, x, y),
        [1.0, 2.0, 3.0, -INF],
        [1.0, 5.0, 3.0, -INF],
    )
