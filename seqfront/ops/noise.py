"""Random tensors and dropout."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import align, backends, dtypes, errors, randomness
from seqfront.backend import RandomName
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.ops.create import size_of
from seqfront.tensor import Tensor


def random_uniform(
    dims: Sequence[Dim], *, dtype: str = "float32", like: Tensor | None = None
) -> Tensor:
    """Uniform in [0, 1), from the framework's generator; `like` as in `sf.full`."""
    return _random("uniform", dims, dtype, like)


def random_normal(
    dims: Sequence[Dim], *, dtype: str = "float32", like: Tensor | None = None
) -> Tensor:
    """Standard normal, from the framework's generator; `like` as in `sf.full`."""
    return _random("normal", dims, dtype, like)


def _random(kind: RandomName, dims: Sequence[Dim], dtype: str, like: Tensor | None) -> Tensor:
    if like is not None:
        align.check(f"random_{kind}", like, name="like")
    backend = backends.default() if like is None else like.backend
    dims = align.distinct(f"random_{kind}", dims)
    if not dtypes.is_float(dtypes.check(dtype, f"random_{kind}")):
        raise errors.unknown_dtype(f"random_{kind}", dtype, dtypes.FLOATS)
    shape = [size_of(f"random_{kind}", dim, like) for dim in dims]
    device = "cpu" if like is None else like.device
    raw = randomness.draw(backend, kind, shape, dtypes.check(dtype, f"random_{kind}"), device)
    table = FULL if like is None else like.lengths_table
    return Tensor(raw, tuple(dims), table, backend=backend)


def check_rate(op: str, rate: float) -> None:
    """That a number is a probability."""
    if not isinstance(rate, (int, float)) or not 0.0 <= rate <= 1.0:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.bad_rate(op, rate)


def dropout(x: Tensor, rate: float, *, axis: Sequence[Dim] | None = None) -> Tensor:
    """Zero at random, the rest scaled up so that the mean stays (Srivastava et al. 2014).

    Args:
        x: float.
        rate: Probability of zero, in [0, 1].
        axis: Dims along which draws are independent; along all others one draw is shared.
            None: all dims.
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
    kept = random_uniform(dims, like=x) >= rate
    scale = 1.0 / (1.0 - rate)
    backend = x.backend
    factor = backend.binary("mul", backend.cast(kept.raw, x.dtype), scale)
    mask = Tensor(factor, dims, x.lengths_table, backend=backend)
    return x * mask
