"""Weights laid out for products of few rows; `seqfront_torch.pack` says which models have them."""

from __future__ import annotations

import weakref
from typing import NamedTuple

import torch

_MOST_ROWS = 32
"""Beyond, the ordinary product is as fast."""


class _Packed(NamedTuple):
    weight: torch.Tensor
    """[out, in], in a layout of oneDNN."""
    of: weakref.ref[torch.Tensor]
    version: int
    address: int


_packed: dict[int, _Packed] = {}
"""Packed weights by the ids of the parameters that they are of, for as long as these live."""


def lay_out(weight: torch.Tensor) -> bool:
    """Lay a weight [in, out] out; whether that was possible."""
    kept = weight.dtype in (torch.float32, torch.bfloat16) and weight.device.type == "cpu"
    if not kept or not torch.backends.mkldnn.is_available():
        return False
    with torch.no_grad():
        laid_out = torch.ops.mkldnn._reorder_linear_weight(weight.t().contiguous(), None)
    key = id(weight)
    reference = weakref.ref(weight, lambda _: _packed.pop(key, None))
    _packed[key] = _Packed(laid_out, reference, weight._version, weight.data_ptr())
    return True


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor | None:
    """x weight + bias with the packed weight; None: there is none, or it is of no use here."""
    if not _packed or torch.compiler.is_compiling() or torch.is_grad_enabled():
        return None
    found = _packed.get(id(weight))
    if found is None or found.of() is not weight:
        return None
    if found.version != weight._version or found.address != weight.data_ptr():
        return None
    rows = x.numel() // max(x.shape[-1], 1)
    if not 0 < rows <= _MOST_ROWS or x.dtype != weight.dtype or torch.is_autocast_enabled("cpu"):
        return None
    return torch.ops.mkldnn._linear_pointwise(x.contiguous(), found.weight, bias, "none", [], "")
