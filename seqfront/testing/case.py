"""A case: inputs, and one call of public API."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqfront.dim import Dim
from seqfront.nn.module import Module
from seqfront.testing.inputs import Argument, Layout, Spec


@dataclass(frozen=True, eq=False)
class Case:
    """One computation, to be run everywhere.

    What does not hold for it is said with a reason, as text; an empty text means that it holds.
    """

    name: str
    """As it is printed; unique."""
    call: Callable[..., Any]
    """Takes a Tensor for each input, in order (and first the module, if there is one). Gives a
    Tensor, or nested tuples of them."""
    inputs: Mapping[str, Spec] = field(default_factory=dict[str, Spec])
    layout: Layout = field(default_factory=Layout)
    covers: Sequence[str] = ()
    """Public names that this is a test of, as in "softmax" or "nn.LSTM"."""
    module: Callable[[], Module] | None = None
    """Makes the layer that is called."""
    batch: Sequence[Dim] = ()
    """Dims along which rows are independent of each other."""
    oracle: Callable[..., Any] | None = None
    """The same in plain NumPy, for one sequence: takes (the module, if there is one, on the NumPy
    backend, and) an array for each input, in order, without batch axes and padding; gives the
    result, without batch axes, in the order of its dims. With `mixes_batch` it takes the whole
    arrays, with NaN (integers: 0) for padding."""

    mixes_batch: str = ""
    """Why a row of the result depends on other rows of the input, or rows are gone."""
    reads_padding: str = ""
    """Why padding matters to the result."""
    order_matters: str = ""
    """Why the result depends on the physical order of axes."""
    extent_matters: str = ""
    """Why the result depends on how far the input is padded."""
    no_empty_row: str = ""
    """Why a sequence of length zero is not tried."""
    no_gradient: str = ""
    """Why there is none, or none that means anything."""
    no_finite_difference: str = ""
    """Why the gradient is not the limit of differences."""
    not_compiled: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why it cannot be compiled, by backend."""
    no_half: str = ""
    """Why the result in half precision is not near the exact one."""
    unsafe_output: str = ""
    """Why the result may hold anything in its padding; else that is finite."""
    tolerance: float = 1.0
    """Factor for the usual tolerances; say why where it is not 1."""
    draws: bool = False
    """Whether random numbers are drawn; those of NumPy are replayed on other backends."""

    def arguments(self, layout: Layout | None = None) -> dict[str, Argument]:
        """The inputs, the same at every call."""
        rng = np.random.default_rng(self.seed)
        layout = self.layout if layout is None else layout
        return {name: spec.make(layout, rng) for name, spec in self.inputs.items()}

    @property
    def seed(self) -> int:
        """Seed of the inputs and parameters."""
        return zlib.crc32(self.name.encode())

    def __repr__(self) -> str:
        return self.name
