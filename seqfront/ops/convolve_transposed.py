"""Transposed convolution over ragged dims: more positions than before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from seqfront import align, dtypes, errors, precision
from seqfront.backend import product
from seqfront.dim import Dim
from seqfront.ops.convolve import spatial_dims
from seqfront.ops.mask import masked
from seqfront.ops.window_geometry import each_count
from seqfront.tensor import Tensor


def conv_transpose(
    x: Tensor,
    kernel: Tensor,
    *,
    spatial: Sequence[tuple[Dim, Dim]],
    in_dim: Dim,
    out_dim: Dim,
    strides: int | Sequence[int] = 1,
    padding: Literal["valid", "same", "causal"] = "same",
) -> Tensor:
    """Each position adds its window, scaled, into the result; the windows lie `stride` apart.

    Args:
        x: Over `in_dim` and the spatial dims, which may be ragged; any others are batch.
        kernel: Over the window dims, `in_dim` (or another dim of its size) and `out_dim`.
        spatial: One to three pairs of a dim of `x` and the window dim of the kernel, which is at
            least as long as the stride.
        in_dim: Features of `x`.
        out_dim: Features of the result.
        strides: How many positions each one becomes, for all spatial dims, or one for each.
        padding: "valid" keeps all positions that a window reaches; "same" and "causal" exactly
            `stride` for each one of `x`, cut on both sides, or at the end so that no position of
            the result depends on later ones.

    Returns:
        Batch dims, spatial dims derived from those of `x` (`time * 2` for stride 2 and "same"),
        `out_dim`. Each sequence gives what it gives alone; one of length zero gives zeros.
    """
    dims = spatial_dims("conv_transpose", spatial)
    steps = each_count("conv_transpose", "strides", strides, len(dims))
    align.check("conv_transpose", x, *align.distinct("conv_transpose", (*dims, in_dim)))
    windows = tuple(window for _, window in spatial)
    align.check("conv_transpose", kernel, *windows, out_dim, name="kernel")
    backend = align.common_backend("conv_transpose", (x, kernel))
    cuts = [_cut(padding, window, step) for window, step in zip(windows, steps, strict=True)]
    batch = tuple(d for d in x.dims if d not in dims and d is not in_dim)
    features = [d for d in kernel.dims if d not in windows and d is not out_dim]
    if len(features) != 1 or features[0].size != in_dim.size:
        raise errors.wrong_dims("conv_transpose", kernel, (*windows, in_dim, out_dim), "kernel")
    out_spatial = tuple(
        dim.scale(step).pad(0, extra)
        for dim, step, (_, extra) in zip(dims, steps, cuts, strict=True)
    )
    out_dims = align.distinct("conv_transpose", (*batch, *out_spatial, out_dim))
    dtype = precision.product_dtype(backend, dtypes.promote(x.dtype, kernel.dtype))
    raw = backend.cast(masked(x, 0.0, x.dims).raw_in((*batch, *dims, in_dim)), dtype)
    weight = backend.cast(kernel.raw_in((*windows, out_dim, features[0])), dtype)
    shape = backend.shape(raw)
    raw = backend.reshape(raw, (product(shape[: len(batch)]), *shape[len(batch) :]))
    # one position more, so that there is something to cut where there was none
    raw = backend.pad(raw, [(0, 0), *[(0, 1)] * len(dims), (0, 0)], 0.0)
    y = backend.conv_transpose(raw, weight, steps)
    sizes = shape[len(batch) : -1]
    for axis, (size, step, (left, extra)) in enumerate(zip(sizes, steps, cuts, strict=True)):
        y = backend.slice(y, axis + 1, left, left + size * step + extra)
    y = backend.reshape(y, (*shape[: len(batch)], *backend.shape(y)[1:]))
    return Tensor(y, out_dims, x.lengths_table, backend=backend)


def _cut(padding: str, window: Dim, step: int) -> tuple[int, int]:
    """Positions to cut before, and to keep beyond `stride` for each."""
    if window.size is None:
        raise errors.size_unknown("conv_transpose", window)
    if window.size < step:
        raise errors.bad_argument(
            "conv_transpose",
            "the window",
            window,
            f"at least the stride, {step}",
            "a shorter one leaves positions out.",
        )
    overlap = window.size - step
    known = {"valid": (0, overlap), "same": (overlap // 2, 0), "causal": (0, 0)}
    if padding not in known:
        raise errors.bad_argument(
            "conv_transpose",
            "padding",
            padding,
            "'valid', 'same' or 'causal'",
            "'same' and 'causal' give stride positions for each one.",
        )
    return known[padding]
