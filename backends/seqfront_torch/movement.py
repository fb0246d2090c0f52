"""Move: reshape, transpose, join, cut, pad."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from seqfront.backend import Size


class Movement:
    """Group *move* of the seam. What PyTorch can do without a copy is a view."""

    def reshape(self, x: torch.Tensor, shape: Sequence[Size]) -> torch.Tensor:
        """Row-major."""
        return x.reshape(tuple(shape))

    def transpose(self, x: torch.Tensor, permutation: Sequence[int]) -> torch.Tensor:
        """Axis i of the result is axis `permutation[i]` of `x`."""
        return x.permute(tuple(permutation))

    def expand_dims(self, x: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
        """Insert axes of size one."""
        for axis in axes:
            x = x.unsqueeze(axis)
        return x

    def squeeze(self, x: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
        """Remove axes of size one."""
        return torch.squeeze(x, tuple(axes)) if axes else x

    def broadcast_to(self, x: torch.Tensor, shape: Sequence[Size]) -> torch.Tensor:
        """A view."""
        return x.expand(tuple(shape))

    def concat(self, xs: Sequence[torch.Tensor], axis: int) -> torch.Tensor:
        """Join along an existing axis."""
        return torch.cat(list(xs), axis)

    def stack(self, xs: Sequence[torch.Tensor], axis: int) -> torch.Tensor:
        """Join along a new axis."""
        return torch.stack(list(xs), axis)

    def split(self, x: torch.Tensor, sizes: Sequence[Size], axis: int) -> tuple[torch.Tensor, ...]:
        """Cut into pieces: views."""
        return torch.split_with_sizes(x, list(sizes), axis)

    def pad(
        self, x: torch.Tensor, paddings: Sequence[tuple[Size, Size]], value: float
    ) -> torch.Tensor:
        """Constant before and after, for every axis."""
        flat = [size for pair in reversed(paddings) for size in pair]  # PyTorch's: last axis first
        return torch.nn.functional.pad(x, flat, value=value) if flat else x

    def slice(
        self, x: torch.Tensor, axis: int, start: Size, stop: Size, step: int = 1
    ) -> torch.Tensor:
        """`x[start:stop:step]` along an axis: a view."""
        return x[(slice(None),) * axis + (slice(start, stop, step),)]

    def flip(self, x: torch.Tensor, axis: int) -> torch.Tensor:
        """Reverse an axis."""
        return torch.flip(x, (axis,))
