"""Convolution over ragged dims: padding is zero, and the result does not depend on the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, cast

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.ops.mask import masked
from seqfront.tensor import Tensor

Padding: TypeAlias = Literal["valid", "same", "causal"] | tuple[int, int]
"""`valid`: none. `same`: as many positions as before, divided by the stride, a rest counting;
the window's middle is on the position (its left middle if it is even). `causal`: the window ends
at the position. Or how many zeros before and after."""

Paddings: TypeAlias = Padding | Sequence[Padding]
"""One for all spatial dims, or one for each: `("causal", "same")`."""


def conv(
    x: Tensor,
    kernel: Tensor,
    *,
    spatial: Sequence[tuple[Dim, Dim]],
    in_dim: Dim,
    out_dim: Dim,
    strides: Sequence[int] | None = None,
    padding: Paddings = "valid",
    dilations: Sequence[int] | None = None,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation with a kernel over one to three dims.

    Args:
        x: Over `in_dim` and the spatial dims, which may be ragged; any others are batch.
        kernel: Over the window dims, `in_dim` (or the part of it in one group) and `out_dim`.
        spatial: Pairs of a dim of `x` and the window dim of the kernel.
        in_dim: Features of `x`.
        out_dim: Features of the result.
        strides: Step for each spatial dim; default 1.
        padding: Zeros around the data, the same for all dims, or for each its own:
            `("causal", "same")`.
        dilations: Distance between the window's positions; default 1.
        groups: Features in so many separate parts.

    Returns:
        Batch dims, spatial dims as derived from those of `x` (`time.ceil_div(2)` for stride 2 and
        "same"), `out_dim`. Each sequence gives what it gives alone.
    """
    dims = spatial_dims("conv", spatial)
    steps = counts("conv", "strides", strides, len(dims))
    gaps = counts("conv", "dilations", dilations, len(dims))
    align.check("conv", x, *align.distinct("conv", (*dims, in_dim)))
    align.check("conv", kernel, *(window for _, window in spatial), out_dim, name="kernel")
    backend = align.common_backend("conv", (x, kernel))
    batch = tuple(d for d in x.dims if d not in dims and d is not in_dim)
    align.distinct("conv", (*batch, out_dim))
    weight_dims = (*(window for _, window in spatial), *_features(kernel, spatial, out_dim))
    _check_groups(x, kernel, in_dim, weight_dims[-2], out_dim, groups)
    raw = masked(x, 0.0, x.dims).raw_in((*batch, *dims, in_dim))
    dtype = dtypes.promote(x.dtype, kernel.dtype)
    raw = backend.cast(raw, dtype)
    spans = [span_of("conv", window, gap) for (_, window), gap in zip(spatial, gaps, strict=True)]
    each = each_padding(padding, len(dims))
    sides = [margins("conv", how, span) for how, span in zip(each, spans, strict=True)]
    out_spatial: list[Dim] = []
    for dim, span, (left, right), step in zip(dims, spans, sides, steps, strict=True):
        size = backend.static_shape(x.raw)[x.axis(dim)]
        if dim.size is not None and size is not None and size + left + right < span:
            raise errors.window_beyond_data("conv", x, dim, size + left + right, span)
        out_spatial.append(dim.pad(0, left + right - (span - 1)).ceil_div(step))
    shape = backend.shape(raw)
    sizes = shape[len(batch) : -1]
    if any(left or right for left, right in sides) or not _long_enough(sizes, spans):
        zeros = [
            (left, right + lacking(size, left + right, span))
            for size, (left, right), span in zip(sizes, sides, spans, strict=True)
        ]
        raw = backend.pad(raw, [(0, 0)] * len(batch) + zeros + [(0, 0)], 0.0)
    flat = backend.shape(raw)
    count = 1
    for size in shape[: len(batch)]:
        count = count * size
    raw = backend.reshape(raw, (count, *flat[len(batch) :])) if len(batch) != 1 else raw
    weight = backend.cast(kernel.raw_in(weight_dims), dtype)
    result = backend.conv(raw, weight, steps, gaps, groups)
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


def counts(op: str, name: str, values: Sequence[int] | None, count: int) -> tuple[int, ...]:
    """Steps or distances, one for each spatial dim."""
    if values is None:
        return (1,) * count
    whole = isinstance(values, (tuple, list)) and all(type(n) is int and n > 0 for n in values)
    if not whole or len(values) != count:
        needed = f"{count} int of at least 1" if count == 1 else f"{count} ints of at least 1"
        raise errors.bad_argument(
            op, name, values, needed, f"give {name} as a tuple, one for each spatial dim."
        )
    return tuple(values)


def each_count(op: str, name: str, value: int | Sequence[int], count: int) -> tuple[int, ...]:
    """One int for all spatial dims, or one for each, as one for each."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
    if len(values) != count or not all(type(n) is int and n > 0 for n in values):
        several = "" if count == 1 else f", or {count} of them"
        fix = "it counts positions."
        raise errors.bad_argument(op, name, value, f"an int of at least 1{several}", fix)
    return cast("tuple[int, ...]", values)


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


def span_of(op: str, window: Dim, gap: int) -> int:
    """How many positions a window reaches over."""
    if window.size is None:
        raise errors.size_unknown(op, window)
    if window.size == 0:
        raise errors.bad_argument(
            op,
            "the window",
            window,
            "at least one position",
            "give the window dim a larger size.",
        )
    return (window.size - 1) * gap + 1


def each_padding(padding: Paddings, count: int) -> Sequence[Padding]:
    """A padding for each spatial dim. A pair of ints is one padding, for all of them."""
    several = isinstance(padding, (tuple, list)) and len(padding) == count
    if several and not any(isinstance(part, int) for part in padding):
        return cast("Sequence[Padding]", padding)
    return (cast("Padding", padding),) * count


def margins(op: str, padding: Padding, span: int) -> tuple[int, int]:
    """How many positions a padding adds before and after, for a window of a span."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        return (span - 1) // 2, span - 1 - (span - 1) // 2
    if padding == "causal":
        return span - 1, 0
    numbers = isinstance(padding, tuple) and len(padding) == 2  # pyright: ignore[reportUnnecessaryIsInstance, reportUnnecessaryComparison]
    if not numbers or not all(isinstance(n, int) and n >= 0 for n in padding):  # pyright: ignore[reportUnnecessaryIsInstance]
        needed = "'valid', 'same', 'causal', or a pair of ints of at least 0"
        raise errors.bad_argument(
            op,
            "padding",
            padding,
            needed,
            "'same' keeps the length, 'causal' looks back only, 'valid' adds nothing.",
        )
    return padding


def _long_enough(sizes: Sequence[object], spans: Sequence[int]) -> bool:
    return all(
        not isinstance(size, int) or size >= span for size, span in zip(sizes, spans, strict=True)
    )


def lacking(size: object, added: int, span: int) -> int:
    """How many positions are missing for a single window; only known when sizes are."""
    return max(span - size - added, 0) if isinstance(size, int) else 0
