"""Arguments of layers over one to three spatial dims: one value for all, or one for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from seqfront import errors
from seqfront.dim import Dim
from seqfront.ops.window_geometry import each_count

Axes: TypeAlias = Dim | Sequence[Dim]
"""Spatial dims, in order; of one, the dim alone."""


def window_dims(op: str, window: int | Sequence[int], rank: int) -> tuple[Dim, ...]:
    """Dims for the windows of a kernel."""
    sizes = each_count(op, "window", window, rank)
    return tuple([Dim("window", size) for size in sizes])


def axes_of(op: str, axis: Axes, rank: int) -> tuple[Dim, ...]:
    """The spatial dims, as many as the layer runs over."""
    axes = (axis,) if isinstance(axis, Dim) else tuple(axis)
    if len(axes) != rank:
        dims = "one dim" if rank == 1 else f"{rank} dims"
        fix = "axis=time." if rank == 1 else "axis=(height, width): in the order of the windows."
        raise errors.bad_argument(op, "axis", axis, dims, fix)
    return axes
