"""Clipping gradients by the norm of all together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

from seqfront import align, dtypes, errors
from seqfront.backend import Backend, Raw
from seqfront.tensor import Tensor


def clip_by_global_norm(
    gradients: Sequence[Tensor], limit: float
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Gradients scaled down together so that their norm is at most `limit` (Pascanu et al. 2013).

    Args:
        gradients: At least one, of one backend; any dims.
        limit: Largest norm; positive.

    Returns:
        The gradients, and their norm before, at least float32. Where the norm is not finite, the
        gradients become NaN.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> two = sf.Dim("two", 2)
        >>> gradient = sf.wrap(np.array([3.0, 4.0]), (two,))
        >>> (clipped,), norm = sf.training.clip_by_global_norm([gradient], 1.0)
        >>> clipped.numpy(), float(norm)
        (array([0.6, 0.8]), 5.0)
    """
    check_limit("clip_by_global_norm", limit)
    if not gradients:
        needed, fix = "at least one tensor", "sf.value_and_grad gives one for each parameter."
        raise errors.bad_argument("clip_by_global_norm", "gradients", gradients, needed, fix)
    backend = align.common_backend("clip_by_global_norm", gradients[:1])
    for gradient in gradients[1:]:
        align.common_backend("clip_by_global_norm", (gradients[0], gradient))
    raws, norm = clipped(backend, [gradient.raw for gradient in gradients], limit)
    tensors = [
        Tensor(raw, gradient.dims, gradient.lengths_table, backend=backend)
        for raw, gradient in zip(raws, gradients, strict=True)
    ]
    return tuple(tensors), Tensor(norm, (), backend=backend)


def check_limit(op: str, limit: float) -> None:
    """That a largest norm is one."""
    if not limit > 0.0:
        fix = "math.inf clips nothing."
        raise errors.bad_argument(op, "the largest norm", limit, "a positive number", fix)


def clipped(backend: Backend, gradients: Sequence[Raw], limit: float) -> tuple[list[Raw], Raw]:
    """`clip_by_global_norm` for raw gradients."""
    squares = [_square_sum(backend, gradient) for gradient in gradients]
    widest = reduce(dtypes.promote, [backend.dtype(x) for x in squares])
    total = reduce(
        lambda a, b: backend.binary("add", a, b), [backend.cast(x, widest) for x in squares]
    )
    norm = backend.unary("sqrt", total)
    if math.isinf(limit):
        return list(gradients), norm
    highest = backend.full((), limit, widest, backend.device(norm))
    scale = backend.binary("div", highest, backend.binary("max", norm, highest))
    factors = {backend.dtype(g): backend.cast(scale, backend.dtype(g)) for g in gradients}
    return [backend.binary("mul", g, factors[backend.dtype(g)]) for g in gradients], norm


def _square_sum(backend: Backend, x: Raw) -> Raw:
    x = backend.cast(x, dtypes.promote(backend.dtype(x), "float32"))
    axes = tuple(range(len(backend.static_shape(x))))
    return backend.reduce("sum", backend.binary("mul", x, x), axes)
