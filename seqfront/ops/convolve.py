"""Convolution over ragged dims: padding is zero, and the result does not depend on the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from seqfront import align, dtypes, errors, precision
from seqfront.backend import product
from seqfront.dim import Dim
from seqfront.ops.mask import masked
from seqfront.ops.window_geometry import (
    Paddings,
    each_count,
    each_padding,
    lacking,
    margins,
    span_of,
    windows_over,
)
from seqfront.tensor import Tensor


def conv(
    x: Tensor,
    kernel: Tensor,
    *,
    spatial: Sequence[tuple[Dim, Dim]],
    in_dim: Dim,
    out_dim: Dim,
    strides: int | Sequence[int] = 1,
    padding: Paddings = "valid",
    dilations: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation with a kernel over one to three dims.

    Args:
        x: Over `in_dim` and the spatial dims, which may be ragged; any others are batch.
        kernel: Over the window dims, `in_dim` (or the part of it in one group) and `out_dim`.
        spatial: Pairs of a dim of `x` and the window dim of the kernel.
        in_dim: Features of `x`.
        out_dim: Features of the result.
        strides: Step for all spatial dims, or one for each.
        padding: Zeros around the data, the same for all dims, or for each its own:
            `("causal", "same")`.
        dilations: Distance between the window's positions, likewise.
        groups: Features in so many separate parts.

    Returns:
        Batch dims, spatial dims as derived from those of `x` (`time.ceil_div(2)` for stride 2 and
        "same"), `out_dim`. Each sequence gives what it gives alone.
    """
    dims = spatial_dims("conv", spatial)
    steps = each_count("conv", "strides", strides, len(dims))
    gaps = each_count("conv", "dilations", dilations, len(dims))
    align.check("conv", x, *align.distinct("conv", (*dims, in_dim)))
    align.check("conv", kernel, *(window for _, window in spatial), out_dim, name="kernel")
    backend = align.common_backend("conv", (x, kernel))
    batch = tuple(d for d in x.dims if d not in dims and d is not in_dim)
    align.distinct("conv", (*batch, out_dim))
    weight_dims = (*(window for _, window in spatial), *_features(kernel, spatial, out_dim))
    _check_groups(x, kernel, in_dim, weight_dims[-2], out_dim, groups)
    raw = masked(x, 0.0, x.dims).raw_in((*batch, *dims, in_dim))
    dtype = precision.product_dtype(backend, dtypes.promote(x.dtype, kernel.dtype))
    raw = backend.cast(raw, dtype)
    spans = [span_of("conv", window, gap) for (_, window), gap in zip(spatial, gaps, strict=True)]
    each = each_padding(padding, len(dims))
    sides = [margins("conv", how, span) for how, span in zip(each, spans, strict=True)]
    out_spatial = [
        windows_over("conv", x, dim, span, added, step)
        for dim, span, added, step in zip(dims, spans, sides, steps, strict=True)
    ]
    shape = backend.shape(raw)
    sizes = shape[len(batch) : -1]
    if any(left or right for left, right in sides) or not _long_enough(sizes, spans):
        zeros = [
            (left, right + lacking(size, left + right, span))
            for size, (left, right), span in zip(sizes, sides, spans, strict=True)
        ]
        raw = backend.pad(raw, [(0, 0)] * len(batch) + zeros + [(0, 0)], 0.0)
    flat = backend.shape(raw)
    count = product(shape[: len(batch)])
    raw = backend.reshape(raw, (count, *flat[len(batch) :])) if len(batch) != 1 else raw
    weight = backend.cast(kernel.raw_in(weight_dims), dtype)
    try:
        result = backend.conv(raw, weight, steps, gaps, groups)
    except RuntimeError:
        align.check_devices("conv", (x, kernel))
        raise
    for axis, (size, (left, right), span) in enumerate(zip(sizes, sides, spans, strict=True)):
        if lacking(size, left + right, span) > 0:  # too short for one window: no position
            result = backend.slice(result, axis + 1, 0, 0)
    if len(batch) != 1:
        result = backend.reshape(result, (*shape[: len(batch)], *backend.shape(result)[1:]))
    return Tensor(result, (*batch, *out_spatial, out_dim), x.lengths_table, backend=backend)


def _features(kernel: Tensor, spatial: Sequence[tuple[Dim, Dim]], out_dim: Dim) -> tuple[Dim, Dim]:
    """The kernel's own input dim, and the output dim."""
    windows = [window for _, window in spatial]
    rest = [dim for dim in kernel.dims if dim not in windows and dim is not out_dim]
    if len(rest) != 1 or out_dim not in kernel.dims:
        raise errors.wrong_dims("conv", kernel, (*windows, out_dim), "kernel")
    return rest[0], out_dim


def spatial_dims(op: str, spatial: Sequence[tuple[Dim, Dim]]) -> tuple[Dim, ...]:
    """The dims of `x` among pairs with the windows of a kernel."""
    if not 1 <= len(spatial) <= 3 or not all(map(_is_pair, spatial)):
        needed = "one to three pairs (dim of x, window dim of the kernel)"
        raise errors.bad_argument(op, "spatial", spatial, needed, "spatial=[(time, window)].")
    return tuple([dim for dim, _ in spatial])


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple) and len(cast("tuple[object, ...]", value)) == 2


def _check_groups(
    x: Tensor, kernel: Tensor, in_dim: Dim, group_dim: Dim, out_dim: Dim, groups: int
) -> None:
    if not isinstance(groups, int) or groups < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.bad_argument(
            "conv", "groups", groups, "an int of at least 1", "it has to divide the features."
        )
    sizes = [
        t.backend.static_shape(t.raw)[t.axis(dim)]
        for t, dim in ((x, in_dim), (kernel, group_dim), (kernel, out_dim))
    ]
    features, group, out = sizes
    fits = features is None or group is None or features == group * groups
    if not fits or (out is not None and out % groups):
        raise errors.kernel_misfit(x, kernel, in_dim, groups)


def _long_enough(sizes: Sequence[object], spans: Sequence[int]) -> bool:
    return all(
        not isinstance(size, int) or size >= span for size, span in zip(sizes, spans, strict=True)
    )
