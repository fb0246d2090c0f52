"""Weights laid out in panels, as native ops read them fastest when rows are few, and kept.

A search asks for products of a few rows again and again: then reading the weight is what a product
costs. In panels it lies just as it is read (native/src/cpu/layers/few_rows.hpp).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from operator import is_
from typing import Any, NamedTuple, TypeVar

import numpy as np

from seqfront.backend import Backend, Raw
from seqfront.search.transducer.memory import Memory, lies

WIDTH = 32
"""Columns of a panel (kPanelColumns of the native library)."""


class Weight(NamedTuple):
    """A matrix [in, out] for native ops."""

    lies: Memory
    panels: bool
    """Whether it lies in panels; else in rows."""
    array: Any
    """What it lies in, kept alive."""


class _Kept(NamedTuple):
    raws: tuple[Raw, ...]
    versions: tuple[Hashable, ...]
    made: Any


Made = TypeVar("Made")


class Panels:
    """Weights in panels, by names that the user gives them, and what else is made of weights. They
    take as much memory again; what changed is made anew when it is asked for.

    Of a backend that does not tell when values change nothing is kept, and weights stay in rows.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def __call__(self, backend: Backend, name: str, raw: Raw) -> Weight:
        """The weight [in, out], float32 or float64 on the CPU."""

        def lay_out() -> Weight:
            if backend.version(raw) is not None:
                return in_panels(backend.to_numpy(raw))
            array = np.ascontiguousarray(backend.to_numpy(raw))
            return Weight(lies(array), False, array)

        return self.keep(backend, name, (raw,), lay_out)

    def keep(
        self, backend: Backend, name: str, raws: tuple[Raw, ...], make: Callable[[], Made]
    ) -> Made:
        """What `make` gave, for as long as these tensors are what they were then."""
        versions = tuple(map(backend.version, raws))
        kept = self._kept.get(name)
        if kept is not None and kept.versions == versions and all(map(is_, kept.raws, raws)):
            return kept.made
        made = make()
        if None not in versions:
            self._kept[name] = _Kept(raws, versions, made)
        return made


def in_panels(weight: Any) -> Weight:
    """A matrix, its columns in groups, one group [in, columns] after another."""
    array: Any = np.empty(weight.shape, weight.dtype)
    flat, depth = array.reshape(-1), weight.shape[0]
    for first in range(0, weight.shape[1], WIDTH):
        group = weight[:, first : first + WIDTH]
        flat[depth * first :][: group.size].reshape(group.shape)[...] = group
    return Weight(lies(array), True, array)
