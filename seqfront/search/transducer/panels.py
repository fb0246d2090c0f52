"""Weights laid out in panels, as native ops read them fastest when rows are few, and kept.

A search asks for products of a few rows again and again: then reading the weight is what a product
costs. In panels it lies just as it is read (native/src/cpu/layers/few_rows.hpp).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

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
    raw: Raw
    version: Hashable
    weight: Weight


class Panels:
    """Weights in panels, by names that the user gives them. They take as much memory again; one
    that changed is laid out anew when it is asked for.

    A backend that does not tell when values change leaves them in rows.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def __call__(self, backend: Backend, name: str, raw: Raw) -> Weight:
        """The weight [in, out], float32 on the CPU."""
        version = backend.version(raw)
        kept = self._kept.get(name)
        if kept is not None and kept.raw is raw and kept.version == version is not None:
            return kept.weight
        array = np.ascontiguousarray(backend.to_numpy(raw))
        if version is None:
            return Weight(lies(array), False, array)
        weight = in_panels(array)
        self._kept[name] = _Kept(raw, version, weight)
        return weight


def in_panels(weight: Any) -> Weight:
    """A matrix, its columns in groups, one group [in, columns] after another."""
    array = np.empty_like(weight)
    flat, depth = array.reshape(-1), weight.shape[0]
    for first in range(0, weight.shape[1], WIDTH):
        group = weight[:, first : first + WIDTH]
        flat[depth * first :][: group.size].reshape(group.shape)[...] = group
    return Weight(lies(array), True, array)
