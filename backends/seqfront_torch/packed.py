"""Linear maps of few rows at a time, as a stream has them, with weights laid out for them.

PyTorch lays the weights of a product out anew in every call. For many rows that is nothing; for the
five of a chunk it takes longer than the product. oneDNN can do so once:

    model.eval()
    seqfront_torch.pack(model)
    with torch.no_grad():
        y, state = model.stream(chunk, state, axis=model.chunk)
"""

from __future__ import annotations

import weakref
from typing import NamedTuple

import torch

import seqfront as sf
from seqfront import errors

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


def pack(model: sf.nn.Module) -> int:
    """Lay the weights of all linear maps out for few rows, for inference on the CPU.

    It takes as much memory again as the weights do, and changes nothing but the time: as long as
    no gradient is recorded, products of up to 32 rows read the new layout. A weight that changes
    (an optimizer, `assign`, `load_state_dict`) is read as it is again, until the next call; only
    what is written past autograd, into `weight.data`, goes unnoticed.

    Args:
        model: Any module, with parameters on PyTorch, CPU, in float32 or bfloat16.

    Returns:
        How many weights were laid out.
    """
    if not isinstance(model, sf.nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_module("seqfront_torch.pack", model)
    count = 0
    for module in model.named_modules().values():
        if isinstance(module, sf.nn.Linear):
            count += module.weight.backend.name == "torch" and _pack(module.weight.raw)
    return count


def _pack(weight: torch.Tensor) -> bool:
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
