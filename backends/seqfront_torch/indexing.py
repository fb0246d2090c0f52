"""Index: gather, scatter, sort, search. Only `masked_select` synchronises a GPU."""

from __future__ import annotations

import math
from typing import Literal

import torch

from seqfront.backend import ScatterName


class Indexing:
    """Group *index* of the seam."""

    def gather(
        self, x: torch.Tensor, indices: torch.Tensor, axis: int, batch_ndim: int = 0
    ) -> torch.Tensor:
        """Take slices along `axis`; the first `batch_ndim` axes go together."""
        if indices.dtype not in (torch.int32, torch.int64):
            indices = indices.to(torch.int64)
        if batch_ndim == 0:
            return _take(x, indices, axis)
        if axis == x.ndim - 1:
            return _take_elements(x, indices, batch_ndim)
        return _take_rows(x, indices, axis, batch_ndim)

    def scatter(
        self, name: ScatterName, x: torch.Tensor, indices: torch.Tensor, updates: torch.Tensor
    ) -> torch.Tensor:
        """Combine rows into a copy of `x`."""
        indices = indices.to(torch.int64)
        if name == "add":
            return torch.index_add(x, 0, indices, updates)
        if name == "update":
            return _update_rows(x, indices, updates)
        places = indices.reshape(-1, *(1,) * (x.ndim - 1)).expand(updates.shape)
        return torch.scatter_reduce(x, 0, places, updates, "amax" if name == "max" else "amin")

    def sort(
        self, x: torch.Tensor, axis: int, descending: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Stable: values and int64 indices."""
        values, indices = torch.sort(x, dim=axis, descending=descending, stable=True)
        return values, indices

    def top_k(self, x: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Greatest `k` of the last axis, the lower index first among equals.

        PyTorch's own leaves the order of equals open. So on the CPU the result is looked at for
        equals; if there are any, or values are not at hand, the ranking has to tell them apart.
        """
        size = x.shape[-1]
        if torch.compiler.is_compiling() or x.device.type != "cpu":
            return _top_of_distinct(x, k)
        if k == size or size < 256:
            values, indices = self.sort(x, x.ndim - 1, descending=True)
            return values[..., :k], indices[..., :k]
        values, indices = torch.topk(x, k + 1)
        if bool((values[..., 1:] == values[..., :-1]).any()):
            return _top_of_distinct(x, k)
        return values[..., :k], indices[..., :k]

    def search_sorted(
        self, sorted_values: torch.Tensor, values: torch.Tensor, side: Literal["left", "right"]
    ) -> torch.Tensor:
        """Insertion points in the last axis."""
        return torch.searchsorted(sorted_values.contiguous(), values.contiguous(), side=side)

    def masked_select(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Rows where the mask is true. The size is data."""
        return x[mask]


def _take(x: torch.Tensor, indices: torch.Tensor, axis: int) -> torch.Tensor:
    if axis == 0 and x.ndim == 2 and x.is_floating_point():
        return torch.nn.functional.embedding(indices, x)
    if indices.ndim == 1:
        return torch.index_select(x, axis, indices)
    y = torch.index_select(x, axis, indices.reshape(-1))
    return y.reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1 :])


def _take_elements(x: torch.Tensor, indices: torch.Tensor, batch_ndim: int) -> torch.Tensor:
    """The gathered axis is the last: x [*batch, *middle, n], indices [*batch, *taken]."""
    batch, middle = x.shape[:batch_ndim], x.shape[batch_ndim:-1]
    taken = indices.shape[batch_ndim:]
    count = math.prod(taken)
    places = indices.to(torch.int64).reshape(*batch, *(1,) * len(middle), count)
    y = torch.gather(x, -1, places.expand(*batch, *middle, count))
    return y.reshape(*batch, *middle, *taken)


def _take_rows(x: torch.Tensor, indices: torch.Tensor, axis: int, batch_ndim: int) -> torch.Tensor:
    """All batch axes and the gathered one become a single axis of rows."""
    batch, taken = x.shape[:batch_ndim], indices.shape[batch_ndim:]
    x = x.movedim(axis, batch_ndim)
    size, row = x.shape[batch_ndim], x.shape[batch_ndim + 1 :]
    batches, count = math.prod(batch), math.prod(taken)
    first = torch.arange(batches, dtype=indices.dtype, device=x.device).unsqueeze(1) * size
    places = (indices.reshape(batches, count) + first).reshape(batches * count)
    y = torch.index_select(x.reshape(batches * size, *row), 0, places)
    y = y.reshape(*batch, *taken, *row)
    source = tuple(range(batch_ndim, batch_ndim + len(taken)))
    return y.movedim(source, tuple(i + axis - batch_ndim for i in source))


def _update_rows(x: torch.Tensor, indices: torch.Tensor, updates: torch.Tensor) -> torch.Tensor:
    """`x[indices] = updates` with the last one winning, which PyTorch's own leaves open."""
    if updates.shape[0] == 0:
        return x.clone()
    order = torch.arange(updates.shape[0], device=x.device)
    nobody = torch.full(x.shape[:1], -1, dtype=torch.int64, device=x.device)
    winner = torch.scatter_reduce(nobody, 0, indices, order, "amax")
    rows = torch.index_select(updates, 0, winner.clamp_min(0))
    return torch.where((winner >= 0).reshape(-1, *(1,) * (x.ndim - 1)), rows, x)


def _top_of_distinct(x: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """By keys no two of which are equal: the value's bits, then the index from the end."""
    if x.dtype in (torch.float64, torch.int64):  # no room for the index in 64 bits
        values, indices = torch.sort(x, dim=-1, descending=True, stable=True)
        return values[..., :k], indices[..., :k]
    backwards = torch.arange(x.shape[-1], device=x.device).flip(0)
    _, indices = torch.topk((_ordered_bits(x.detach()) << 32) | backwards, k)
    return torch.gather(x, -1, indices), indices


def _ordered_bits(x: torch.Tensor) -> torch.Tensor:
    """int64 within the range of int32 that order as the values of `x` do, NaN the greatest."""
    if not x.is_floating_point():
        return x.to(torch.int64)
    bits = (x.to(torch.float32) + 0.0).view(torch.int32).to(torch.int64)  # -0 + 0 is 0
    ordered = torch.where(bits < 0, -(bits & 0x7FFFFFFF) - 1, bits)
    return torch.where(torch.isnan(x), 0x7FFFFFFF, ordered)
