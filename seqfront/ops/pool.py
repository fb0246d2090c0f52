"""Pooling over ragged dims: windows see data only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from seqfront import align, dtypes, errors
from seqfront.backend import product
from seqfront.dim import Dim
from seqfront.ops import elementwise
from seqfront.ops.dtype import cast, widened
from seqfront.ops.mask import clean, data_mask, masked
from seqfront.ops.shape import expand_dim
from seqfront.ops.window_geometry import (
    Paddings,
    each_count,
    each_padding,
    lacking,
    margins,
    windows_over,
)
from seqfront.tensor import Tensor


def max_pool(
    x: Tensor,
    *,
    axis: Dim | Sequence[Dim],
    window: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: Paddings = "valid",
) -> Tensor:
    """Greatest value in each window of one or more dims.

    Args:
        x: Has `axis`; converted to float.
        axis: The dim, or dims, which may be ragged.
        window: Size of the window; one int for all dims, or one for each.
        stride: Step between windows, likewise; default: the window.
        padding: As in `sf.conv`; positions that are no data are not looked at.

    Returns:
        The same dims, with one derived from `axis` in its place: `axis.ceil_div(stride)` for "same"
        and "causal". Each sequence gives what it gives alone.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> time = sf.Dim("time")
        >>> x = sf.wrap(np.array([1.0, 5.0, 2.0, 3.0, 4.0]), (time,))
        >>> sf.max_pool(x, axis=time, window=2).numpy()
        array([5., 3.])
    """
    x, slides = _checked("max_pool", x, axis, window, stride, padding)
    y = masked(x, -math.inf, tuple([slide.axis for slide in slides]))
    for slide in slides:
        y = _pooled("max", y, slide, -math.inf)
    return masked(y, 0.0)


def mean_pool(
    x: Tensor,
    *,
    axis: Dim | Sequence[Dim],
    window: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: Paddings = "valid",
) -> Tensor:
    """Mean of the data in each window of one or more dims; arguments and result as those of
    `sf.max_pool`.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> time = sf.Dim("time")
        >>> x = sf.wrap(np.array([1.0, 5.0, 3.0]), (time,))
        >>> sf.mean_pool(x, axis=time, window=2, padding="same").numpy()
        array([3., 3.])
    """
    x, slides = _checked("mean_pool", x, axis, window, stride, padding)
    x = widened(x)
    axes = tuple([slide.axis for slide in slides])
    total, data = masked(x, 0.0, axes), data_mask(x, axes)
    if data is None:
        sizes = [x.size(dim) for dim in axes]
        share = Tensor(x.backend.full(sizes, 1.0, x.dtype, x.device), axes, backend=x.backend)
    else:
        share = _over(cast(data, x.dtype), axes, x)
    for slide in slides:
        total, share = _pooled("mean", total, slide, 0.0), _pooled("mean", share, slide, 0.0)
    if data is None and not any(slide.left or slide.right for slide in slides):
        return total
    return total / elementwise.where(share > 0.0, share, 1.0)


class _Slide(NamedTuple):
    """How a window moves along a dim."""

    axis: Dim
    out_dim: Dim
    window: int
    step: int
    left: int
    right: int


def _over(share: Tensor, axes: Sequence[Dim], x: Tensor) -> Tensor:
    """`share` over all `axes`: lengths of one need not depend on another."""
    for dim in axes:
        if dim not in share.dims:
            share = expand_dim(share, dim, like=x)
    return share


def _checked(
    op: str,
    x: Tensor,
    axis: Dim | Sequence[Dim],
    window: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: Paddings,
) -> tuple[Tensor, list[_Slide]]:
    """`x` as clean float, and how windows move along each dim."""
    axes = (axis,) if isinstance(axis, Dim) else tuple(axis)
    align.check(op, x, *align.distinct(op, axes))
    given = window if stride is None else stride
    windows = each_count(op, "window", window, len(axes))
    steps = each_count(op, "stride", given, len(axes))
    slides: list[_Slide] = []
    for dim, size, step, how in zip(
        axes, windows, steps, each_padding(padding, len(axes)), strict=True
    ):
        left, right = margins(op, how, size)
        if left + right >= size:
            needed = f"fewer than {size} positions together, as the window has"
            fix = "a window beyond the data would hold nothing."
            raise errors.bad_argument(op, "padding", how, needed, fix)
        out = windows_over(op, x, dim, size, (left, right), step)
        slides.append(_Slide(dim, out, size, step, left, right))
    return cast(clean(x), dtypes.to_float(x.dtype)), slides


def _pooled(name: Literal["max", "mean"], x: Tensor, slide: _Slide, value: float) -> Tensor:
    """Pool everything that is there along one dim, with `value` on both sides."""
    axis, out_dim, window, step, left, right = slide
    backend, at = x.backend, x.axis(axis)
    dims = align.distinct(f"{name}_pool", [out_dim if d is axis else d for d in x.dims])
    shape, size = backend.shape(x.raw), x.size(axis)
    before, after = shape[:at], shape[at + 1 :]
    raw = backend.reshape(x.raw, (product(before), size, product(after)))
    short = lacking(size, left + right, window)
    if left or right or short:
        raw = backend.pad(raw, [(0, 0), (left, right + short), (0, 0)], value)
    y = backend.pool(name, raw, (window,), (step,))
    if short:
        y = backend.slice(y, 1, 0, 0)
    y = backend.reshape(y, (*before, backend.size(y, 1), *after))
    return Tensor(y, dims, x.lengths_table, backend=backend)
