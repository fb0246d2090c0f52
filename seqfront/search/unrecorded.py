"""Searches choose: nothing of them is recorded for gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from seqfront.backend import Backend, Raw
from seqfront.ops.nested import nested_map
from seqfront.tensor import Tensor

Found = TypeVar("Found")


def unrecorded(backend: Backend, search: Callable[[], Found]) -> Found:
    """What a search gives, any structure of tensors, without a gradient."""
    found: list[Found] = []

    def run() -> list[Raw]:
        found.append(search())
        raws: list[Raw] = []

        def add(x: Tensor) -> Tensor:
            raws.append(x.raw)
            return x

        nested_map(add, found[0])
        return raws

    raws = iter(backend.no_grad(run))

    def cut_off(x: Tensor) -> Tensor:
        return Tensor(next(raws), x.dims, x.lengths_table, x.sparse_dim, backend=backend)

    return nested_map(cut_off, found[0])
