"""The backend: the groups of primitives, the overrides, and the native ops together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch._subclasses.functional_tensor import FunctionalTensor

import seqfront.backend
from seqfront.composed import LinkedArrays
from seqfront_torch import native
from seqfront_torch.attention import Attention
from seqfront_torch.contraction import Contraction
from seqfront_torch.control import Control
from seqfront_torch.elementwise import Elementwise
from seqfront_torch.fused import Fused
from seqfront_torch.gradient import Gradient
from seqfront_torch.indexing import Indexing
from seqfront_torch.inspection import Inspection
from seqfront_torch.movement import Movement
from seqfront_torch.recurrent import Recurrent


class Backend(
    Inspection,
    Elementwise,
    Movement,
    Indexing,
    Contraction,
    Control,
    Gradient,
    Attention,
    Fused,
    Recurrent,
    LinkedArrays,
    seqfront.backend.Backend,
):
    """Raw tensors are `torch.Tensor`s on any device."""

    name: ClassVar[str] = "torch"
    raw_types: ClassVar[tuple[type, ...]] = (
        torch.Tensor,
        torch.nn.Parameter,
        torch.nn.Buffer,
        FakeTensor,  # what `torch.export` traces with
        FunctionalTensor,
    )
    bodies_see_tensors_only = True
    native_devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def native_call(
        self, op: str, inputs: Sequence[torch.Tensor | None], attributes: Mapping[str, float]
    ) -> tuple[torch.Tensor, ...]:
        """The results of one op of `seqfront.native.ops()`."""
        return native.call(op, inputs, attributes)
