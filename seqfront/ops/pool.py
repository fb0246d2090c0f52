"""Pooling over a ragged dim: windows see data only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from seqfront import align, dtypes, errors
from seqfront.backend import Size
from seqfront.dim import Dim
from seqfront.ops import elementwise
from seqfront.ops.dtype import cast, widened
from seqfront.ops.mask import clean, data_mask, masked
from seqfront.ops.window_geometry import Padding, lacking, margins, windows_over
from seqfront.tensor import Tensor


def max_pool(
    x: Tensor, *, axis: Dim, window: int, stride: int | None = None, padding: Padding = "valid"
) -> Tensor:
    """Greatest value in each window of a dim.

    Args:
        x: Has `axis`; converted to float.
        axis: The dim, which may be ragged. Over two dims, pool over one after the other.
        window: Size of the window.
        stride: Step between windows; default: the window.
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
    x, left, right, step = _checked("max_pool", x, axis, window, stride, padding)
    y = _pooled("max", masked(x, -math.inf, (axis,)), axis, window, step, (left, right), -math.inf)
    return masked(y, 0.0)


def mean_pool(
    x: Tensor, *, axis: Dim, window: int, stride: int | None = None, padding: Padding = "valid"
) -> Tensor:
    """Mean of the data in each window of a dim; arguments and result as those of `sf.max_pool`.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> time = sf.Dim("time")
        >>> x = sf.wrap(np.array([1.0, 5.0, 3.0]), (time,))
        >>> sf.mean_pool(x, axis=time, window=2, padding="same").numpy()
        array([3., 3.])
    """
    x, left, right, step = _checked("mean_pool", x, axis, window, stride, padding)
    x = widened(x)
    total = _pooled("mean", masked(x, 0.0, (axis,)), axis, window, step, (left, right), 0.0)
    data = data_mask(x, (axis,))
    if data is None and not left and not right:
        return total
    if data is None:
        ones = x.backend.full((x.size(axis),), 1.0, x.dtype, x.device)
        share = Tensor(ones, (axis,), backend=x.backend)
    else:
        share = cast(data, x.dtype)
    share = _pooled("mean", share, axis, window, step, (left, right), 0.0)
    return total / elementwise.where(share > 0.0, share, 1.0)


def _checked(
    op: str, x: Tensor, axis: Dim, window: int, stride: int | None, padding: Padding
) -> tuple[Tensor, int, int, int]:
    """`x` as clean float, positions to add before and after, the step."""
    align.check(op, x, axis)
    step = window if stride is None else stride
    for name, value in (("window", window), ("stride", step)):
        if type(value) is not int or value < 1:
            fix = "it counts positions."
            raise errors.bad_argument(op, name, value, "an int of at least 1", fix)
    left, right = margins(op, padding, window)
    if left + right >= window:
        needed = f"fewer than {window} positions together, as the window has"
        fix = "a window beyond the data would hold nothing."
        raise errors.bad_argument(op, "padding", padding, needed, fix)
    return cast(clean(x), dtypes.to_float(x.dtype)), left, right, step


def _pooled(
    name: Literal["max", "mean"],
    x: Tensor,
    axis: Dim,
    window: int,
    step: int,
    padding: tuple[int, int],
    value: float,
) -> Tensor:
    """Pool everything that is there, with `value` on both sides."""
    op, backend, (left, right), at = f"{name}_pool", x.backend, padding, x.axis(axis)
    out_dim = windows_over(op, x, axis, window, padding, step)
    dims = align.distinct(op, [out_dim if d is axis else d for d in x.dims])
    shape, size = backend.shape(x.raw), x.size(axis)
    before, after = shape[:at], shape[at + 1 :]
    raw = backend.reshape(x.raw, (_product(before), size, _product(after)))
    short = lacking(size, left + right, window)
    if left or right or short:
        raw = backend.pad(raw, [(0, 0), (left, right + short), (0, 0)], value)
    y = backend.pool(name, raw, (window,), (step,))
    if short:
        y = backend.slice(y, 1, 0, 0)
    y = backend.reshape(y, (*before, backend.size(y, 1), *after))
    return Tensor(y, dims, x.lengths_table, backend=backend)


def _product(sizes: Sequence[Size]) -> Size:
    count: Size = 1
    for size in sizes:
        count = count * size
    return count
