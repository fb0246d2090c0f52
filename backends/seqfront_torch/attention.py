"""Attention on PyTorch's fused kernels, which never have the energies of all pairs in memory.

On the CPU that is the flash kernel (Dao et al. 2022, arXiv:2205.14135): it gives zeros, and
gradients of zero, for a query that sees no key. Eager, its gradient is differentiable again: it is
then that of the definition in `seqfront.composed`. On a GPU PyTorch chooses among its kernels, not
all of which bear a query without keys; so there it sees all of them, and the result is put right.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional

from seqfront.composed import ComposedOps

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default


class Attention(ComposedOps):
    """Override of `attention`."""

    def attention(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
        bias: torch.Tensor | None,
        scale: float,
    ) -> torch.Tensor:
        """As composed."""
        if not _has_kernel(query, key, value, bias):
            return super().attention(query, key, value, mask, bias, scale)
        lead = query.ndim - 2
        if lead < 2:
            query, key, value = (x[(None,) * (2 - lead)] for x in (query, key, value))
        if query.device.type == "cpu":
            found = self._on_cpu(query, key, value, _added(mask, bias, query.dtype), scale)
        else:
            found = _on_gpu(query, key, value, mask, bias, scale)
        return found if lead == 2 else found[(0,) * (2 - lead)]

    def _on_cpu(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        added: torch.Tensor | None,
        scale: float,
    ) -> torch.Tensor:
        query, key, value = _dense(query), _dense(key), _dense(value)
        if not torch.compiler.is_compiling() and torch.is_grad_enabled():
            return _Flash.apply(super().attention, query, key, value, added, scale)[0]
        return _flash(query, key, value, attn_mask=added, scale=scale)[0]


def _has_kernel(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor | None
) -> bool:
    """Whether the shapes and dtypes are what the kernels are made for."""
    return (
        query.ndim <= 4
        and query.shape[-1] == value.shape[-1]
        and query.dtype == key.dtype == value.dtype
        and (bias is None or _can_be_added(bias, query.dtype))
        and query.numel() > 0
        and key.numel() > 0
    )


def _can_be_added(bias: torch.Tensor, dtype: torch.dtype) -> bool:
    """The kernels have no gradient for a bias, and read one of another dtype as if it were theirs.
    (What is exported may run with a gradient later.)"""
    alike = bias.dtype == dtype or (bias.dtype == torch.float32 and dtype.itemsize == 2)
    return alike and not bias.requires_grad and not torch.compiler.is_exporting()


def _dense(x: torch.Tensor) -> torch.Tensor:
    """The kernel reads rows."""
    return x if x.stride(-1) == 1 else x.contiguous()


def _added(
    mask: torch.Tensor | None, bias: torch.Tensor | None, dtype: torch.dtype
) -> torch.Tensor | None:
    """What is added to the energies: the bias, and -inf where the mask is false."""
    if mask is not None:
        zero = torch.zeros((), dtype=dtype, device=mask.device) if bias is None else bias
        bias = torch.where(mask, zero, -math.inf)
    if bias is None:
        return None
    return bias[(None,) * (4 - bias.ndim)]


def _on_gpu(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    bias: torch.Tensor | None,
    scale: float,
) -> torch.Tensor:
    added = _added(mask, bias, query.dtype)
    if added is None:
        return functional.scaled_dot_product_attention(query, key, value, scale=scale)
    seen = (added > -math.inf).any(-1, keepdim=True)
    added = torch.where(seen, added, 0.0).to(query.dtype)
    found = functional.scaled_dot_product_attention(query, key, value, added, scale=scale)
    return torch.where(seen, found, 0.0)


class _Flash(torch.autograd.Function):
    """The kernel of the CPU, with a gradient that has one itself."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        definition: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        added: torch.Tensor | None,
        scale: float,
    ) -> Any:
        return _flash(query, key, value, attn_mask=added, scale=scale)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.definition, *tensors, ctx.scale = inputs
        ctx.save_for_backward(*tensors, *output)
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        grad = grads[0]
        if grad is None:
            return (None,) * 6
        *inputs, added, found, normaliser = ctx.saved_tensors
        if not torch.is_grad_enabled():
            made = _flash_backward(
                grad, *inputs, found, normaliser, 0.0, False, attn_mask=added, scale=ctx.scale
            )
            return None, *made, None, None
        wanted = [x for x in inputs if x.requires_grad]
        again = ctx.definition(*inputs, None, added, ctx.scale)
        made = iter(torch.autograd.grad(again, wanted, grad, create_graph=True))
        return None, *(next(made) if x.requires_grad else None for x in inputs), None, None
