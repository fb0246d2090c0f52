"""Softmax over a dim; padding of it has no probability."""

from __future__ import annotations

import math

from seqfront import align, dtypes
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.ops.dtype import widened
from seqfront.ops.mask import clean, padding_mask
from seqfront.tensor import Tensor


def softmax(x: Tensor, *, axis: Dim, mask: bool = True) -> Tensor:
    """exp(x) / sum(exp(x)) over a dim.

    Args:
        x: float (int becomes float32); any dims.
        axis: The dim that sums to one.
        mask: Give padding of `axis` probability zero. A row without data, or with -inf only, is
            all zeros.
    """
    return _over(x, axis, mask, "softmax")


def log_softmax(x: Tensor, *, axis: Dim, mask: bool = True) -> Tensor:
    """log(softmax(x)); padding of `axis` has no probability, and means nothing in the result."""
    return _over(x, axis, mask, "log_softmax")


def _over(x: Tensor, axis: Dim, mask: bool, name: str) -> Tensor:
    align.check(name, x, axis)
    x = widened(x)
    backend, raw = x.backend, clean(x).raw
    if not dtypes.is_float(backend.dtype(raw)):
        raw = backend.cast(raw, dtypes.DEFAULT_FLOAT)
    data: Raw | None = padding_mask(x, (axis,)) if mask and x.is_ragged(axis) else None
    if data is not None:
        raw = backend.where(data, raw, -math.inf)
    physical = x.axis(axis)
    if name == "softmax":
        raw = backend.softmax(raw, physical)
    else:
        raw = backend.log_softmax(raw, physical)
        raw = raw if data is None else backend.where(data, raw, 0.0)
    return Tensor(raw, x.dims, x.lengths_table, backend=backend)
