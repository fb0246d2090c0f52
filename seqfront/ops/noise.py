"""Random tensors of real numbers, and dropout.

Without `seed`, numbers come from the framework's own generator; with one they follow from the seed,
the dims' sizes in the order given and the dtype, and are the same on every backend, eager and
compiled (`sf.RandomKey`). One seed is for one draw: used twice, it gives the same bits twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from seqfront import align, dtypes, errors, randomness
from seqfront.backend import Backend, RandomName, Raw
from seqfront.dim import Dim
from seqfront.ops.create import placed, size_of
from seqfront.random_key import Seed, key_of
from seqfront.tensor import Tensor


def random_uniform(
    dims: Sequence[Dim],
    *,
    dtype: str = "float32",
    like: Tensor | None = None,
    device: str | None = None,
    seed: Seed | None = None,
) -> Tensor:
    """Uniform in [0, 1).

    Args:
        dims: Dims of the result.
        dtype: Floating point.
        like: Where sizes and lengths of dynamic dims, backend and device come from.
        device: "cpu", "cuda:0", ...; default: that of `like`, else "cpu".
        seed: An int, an integer scalar Tensor or an `sf.RandomKey`: the same bits on every backend,
            in steps of 2**-24 (float64: 2**-53). None: the framework's generator.

    Example:
        >>> import seqfront as sf
        >>> sf.random_uniform((sf.Dim("three", 3),), seed=1).raw
        array([0.89025915, 0.8946847 , 0.5857259 ], dtype=float32)
    """
    return drawn("random_uniform", "uniform", dims, dtype, like, device, seed)


def random_normal(
    dims: Sequence[Dim],
    *,
    dtype: str = "float32",
    like: Tensor | None = None,
    device: str | None = None,
    seed: Seed | None = None,
) -> Tensor:
    """Standard normal. With a seed (Box & Muller 1958) backends agree to a few units of the last
    place, as `log`, `sin` and `cos` do; arguments as in `sf.random_uniform`."""
    return drawn("random_normal", "normal", dims, dtype, like, device, seed)


def random_truncated_normal(
    dims: Sequence[Dim],
    *,
    low: float = -2.0,
    high: float = 2.0,
    dtype: str = "float32",
    like: Tensor | None = None,
    device: str | None = None,
    seed: Seed | None = None,
) -> Tensor:
    """Standard normal, given that it lies in [low, high].

    The inverse of the distribution function at a uniform draw; backends agree to rounding, which
    `erf` makes coarser in the tails (float32 within [-2, 2]: 1e-5).

    Args:
        dims: Dims of the result.
        low: Least value, in standard deviations; from -5 to 5.
        high: Greatest value, above `low`.
        dtype: As in `sf.random_uniform`; so are `like`, `device` and `seed`.
    """
    op = "random_truncated_normal"
    if not (_is_number(low) and _is_number(high) and -5 <= low < high <= 5):
        raise errors.bad_bounds(op, low, high, "-5 <= low < high <= 5")
    wide = _wide(op, dtype)
    u = drawn(op, "uniform", dims, wide, like, device, seed)
    p = u.backend
    first, last = math.erf(low * math.sqrt(0.5)), math.erf(high * math.sqrt(0.5))
    y = p.binary("add", p.binary("mul", u.raw, last - first), first)
    x = p.binary("mul", _erf_inverse(p, y), math.sqrt(2.0))
    x = p.binary("min", p.binary("max", x, float(low)), float(high))
    return _narrowed(u, x, dtype)


def random_gumbel(
    dims: Sequence[Dim],
    *,
    dtype: str = "float32",
    like: Tensor | None = None,
    device: str | None = None,
    seed: Seed | None = None,
) -> Tensor:
    """Standard Gumbel: -log of an exponential draw (Gumbel 1954). Added to logits, its argmax is a
    draw from their softmax. At most 17.4 (float64: 37.5); arguments as in `sf.random_uniform`."""
    wide = _wide("random_gumbel", dtype)
    u = drawn("random_gumbel", "uniform", dims, wide, like, device, seed)
    p = u.backend
    positive = p.binary("max", u.raw, 2.0**-54 if wide == "float64" else 2.0**-25)
    exponential = p.unary("neg", p.unary("log1p", p.unary("neg", positive)))
    return _narrowed(u, p.unary("neg", p.unary("log", exponential)), dtype)


def drawn(
    op: str,
    kind: RandomName,
    dims: Sequence[Dim],
    dtype: str,
    like: Tensor | None,
    device: str | None,
    seed: Seed | None,
) -> Tensor:
    """Uniform or normal numbers for an operation."""
    backend, device, table = placed(op, like, device)
    dims = align.distinct(op, dims)
    _wide(op, dtype)
    key = None if seed is None else key_of(op, seed)
    shape = [size_of(op, dim, like) for dim in dims]
    raw = randomness.draw(backend, kind, shape, dtype, device, key)
    return Tensor(raw, tuple(dims), table, backend=backend)


def _wide(op: str, dtype: str) -> str:
    """The dtype to compute in: not one of the short floats."""
    if not dtypes.is_float(dtypes.check(dtype, op)):
        raise errors.unknown_dtype(op, dtype, dtypes.FLOATS)
    return "float64" if dtype == "float64" else "float32"


def _erf_inverse(p: Backend, y: Raw) -> Raw:
    """Winitzki's approximation (2008), and two steps of Halley's method on `erf`."""
    log = p.unary("log1p", p.unary("neg", p.binary("mul", y, y)))
    a = 0.147
    t = p.binary("add", p.binary("mul", log, 0.5), 2.0 / (math.pi * a))
    root = p.unary("sqrt", p.binary("sub", p.binary("mul", t, t), p.binary("div", log, a)))
    size = p.unary("sqrt", p.binary("max", p.binary("sub", root, t), 0.0))
    x = p.binary("mul", p.unary("sign", y), size)
    for _ in range(2):
        slope = p.binary("mul", p.unary("exp", p.binary("mul", x, x)), math.sqrt(math.pi) / 2)
        step = p.binary("mul", p.binary("sub", p.unary("erf", x), y), slope)
        x = p.binary(
            "sub", x, p.binary("div", step, p.binary("add", p.binary("mul", x, step), 1.0))
        )
    return x


def _narrowed(x: Tensor, raw: Raw, dtype: str) -> Tensor:
    raw = raw if x.dtype == dtype else x.backend.cast(raw, dtype)
    return Tensor(raw, x.dims, x.lengths_table, backend=x.backend)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_rate(op: str, rate: float) -> None:
    """That a number is a probability."""
    if not isinstance(rate, (int, float)) or not 0.0 <= rate <= 1.0:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.bad_rate(op, rate)


def dropout(
    x: Tensor, rate: float, *, axis: Sequence[Dim] | None = None, seed: Seed | None = None
) -> Tensor:
    """Zero at random, the rest scaled up so that the mean stays (Srivastava et al. 2014).

    Args:
        x: float.
        rate: Probability of zero, in [0, 1].
        axis: Dims along which draws are independent; along all others one draw is shared.
            None: all dims.
        seed: As in `sf.random_uniform`; draws follow the order of the axes of `x`.
    """
    align.check("dropout", x, *(() if axis is None else align.distinct("dropout", axis)))
    check_rate("dropout", rate)
    if rate == 0.0:
        return x
    if not dtypes.is_float(x.dtype):
        raise errors.wrong_dtype("dropout", "x", x, "floating point")
    if rate == 1.0:
        return x * 0.0
    dims = x.dims if axis is None else tuple(dim for dim in x.dims if dim in axis)
    kept = drawn("dropout", "uniform", dims, "float32", x, None, seed) >= rate
    scale = 1.0 / (1.0 - rate)
    backend = x.backend
    factor = backend.binary("mul", backend.cast(kept.raw, x.dtype), scale)
    mask = Tensor(factor, dims, x.lengths_table, backend=backend)
    return x * mask
