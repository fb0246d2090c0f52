"""Products of few rows with a large weight, as steps of decoders are: native ops read the weight
once, where it lies, and need no other layout of it.

They have no gradient, so they serve where none is wanted.
"""

from __future__ import annotations

import torch

from seqfront import errors, native

MOST_ROWS = 128
"""Up to these the native product was about twice as fast as PyTorch's, with one thread and two."""
_LEAST_WEIGHT = 1 << 16
"""Elements; below, a call of an operator takes longer than the product."""


def serves(x: torch.Tensor, weight: torch.Tensor, *others: torch.Tensor) -> bool:
    """Whether the native ops serve for x [..., in] and a weight [in, out], and all others."""
    if torch.is_grad_enabled() or torch.compiler.is_compiling():
        return False
    if torch._C._get_tracing_state() is not None:
        return False
    level = torch._C._functorch.maybe_current_level()  # pyright: ignore[reportAttributeAccessIssue]
    if level is not None:  # vmap knows no other operators
        return False
    if weight.ndim != 2 or weight.numel() < _LEAST_WEIGHT or not weight.is_contiguous():
        return False
    rows = x.numel() // max(x.shape[-1], 1)
    if not 0 < rows <= MOST_ROWS or x.dtype not in (torch.float32, torch.float64):
        return False
    if torch.is_autocast_enabled("cpu") or not _has_native():
        return False
    return all(y.dtype is x.dtype and y.device.type == "cpu" for y in (x, weight, *others))


def _has_native() -> bool:
    try:
        return "few_rows" in native.ops()
    except errors.NativeError:
        return False


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor | None:
    """x weight + bias; None where this does not serve."""
    if not serves(x, weight, *(() if bias is None else (bias,))):
        return None
    rows = x.reshape(-1, x.shape[-1])
    y = torch.ops.seqfront.few_rows(rows, weight, bias)
    return y.view(*x.shape[:-1], weight.shape[1])
