"""Random tensors and dropout."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import backends, dtypes, errors, randomness
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
    backend = backends.default() if like is None else like.backend
    shape = [size_of(f"random_{kind}", dim, like) for dim in dims]
    device = "cpu" if like is None else like.device
    raw = randomness.draw(backend, kind, shape, dtypes.check(dtype, f"random_{kind}"), device)
    table = FULL if like is None else like.lengths_table
    return Tensor(raw, tuple(dims), table, backend=backend)


def dropout(x: Tensor, rate: float, *, axis: Sequence[Dim] | None = None) -> Tensor:
    """Zero at random, the rest scaled up so that the mean stays (Srivastava et al. 2014).

    Args:
        x: float.
        rate: Probability of zero, in [0, 1].
        axis: Dims along which draws are independent; along all others one draw is shared.
            None: all dims.
    """
    if not 0.0 <= rate <= 1.0:
        raise errors.bad_rate("dropout", rate)
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
