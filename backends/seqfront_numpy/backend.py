"""The backend: the groups of primitives together, parameters, and the native ops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

import seqfront.backend
from seqfront.composed import LinkedArrays
from seqfront_numpy import native
from seqfront_numpy.contraction import Contraction
from seqfront_numpy.control import Control
from seqfront_numpy.elementwise import Elementwise
from seqfront_numpy.inspection import Inspection
from seqfront_numpy.movement import Indexing, Movement


class Backend(
    Inspection,
    Elementwise,
    Movement,
    Indexing,
    Contraction,
    Control,
    LinkedArrays,
    seqfront.backend.Backend,
):
    """Raw tensors are `numpy.ndarray`s; scalars are arrays of rank 0."""

    name: ClassVar[str] = "numpy"
    raw_types: ClassVar[tuple[type, ...]] = (np.ndarray,)
    has_gradients: ClassVar[bool] = False
    has_half_products: ClassVar[bool] = False

    def __init__(self) -> None:
        self._generator = np.random.default_rng()

    def parameter(self, value: Any, device: str | None = None, trainable: bool = True) -> Any:
        """An array of its own, which `assign` overwrites."""
        return np.array(self.convert(value, None, device))

    def assign(self, parameter: np.ndarray, value: Any) -> None:
        """Overwrite in place."""
        parameter[...] = value

    def native_call(
        self, op: str, inputs: Sequence[np.ndarray | None], attributes: Mapping[str, float]
    ) -> tuple[np.ndarray, ...]:
        """The results of one op of `seqfront.native.ops()`."""
        return native.call(op, inputs, attributes)
