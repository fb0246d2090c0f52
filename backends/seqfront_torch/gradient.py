"""Gradients, through autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.utils.checkpoint


class Gradient:
    """Group *gradient* of the seam."""

    def stop_gradient(self, x: torch.Tensor) -> torch.Tensor:
        """The same values, outside of what autograd records."""
        return x.detach()

    def custom_gradient(
        self,
        forward: Callable[..., torch.Tensor],
        backward: Callable[..., Sequence[torch.Tensor | None]],
        *xs: torch.Tensor,
    ) -> torch.Tensor:
        """`forward(*xs)` with `backward` as its gradient, which may be differentiated again."""
        return _Custom.apply(forward, backward, *xs)

    def value_and_grad(
        self, fn: Callable[[], tuple[torch.Tensor, Any]], wrt: Sequence[torch.Tensor]
    ) -> tuple[tuple[torch.Tensor, Any], list[torch.Tensor]]:
        """`fn()` and gradients of `wrt`; tensors that do not require one do so for this call."""
        frozen = [x for x in wrt if not x.requires_grad]
        for x in frozen:
            x.requires_grad_()
        try:
            with torch.enable_grad():
                value, rest = fn()
            if not value.requires_grad:
                return (value, rest), [torch.zeros_like(x) for x in wrt]
            grads = torch.autograd.grad(value, list(wrt), allow_unused=True)
        finally:
            for x in frozen:
                x.requires_grad_(False)
        zeroed = [torch.zeros_like(x) if g is None else g for x, g in zip(wrt, grads, strict=True)]
        return (value.detach(), rest), zeroed

    def no_grad(self, fn: Callable[[], Any]) -> Any:
        """`fn()` without recording."""
        with torch.no_grad():
            return fn()

    def checkpoint(self, fn: Callable[..., Any], *xs: torch.Tensor) -> Any:
        """`fn(*xs)`, run again for the gradient, with the same random numbers."""
        return torch.utils.checkpoint.checkpoint(fn, *xs, use_reentrant=False)


class _Custom(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, forward: Any, backward: Any, *xs: torch.Tensor) -> torch.Tensor:
        result = forward(*xs)
        ctx.save_for_backward(result, *xs)
        ctx.rule = backward
        return result

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        return None, None, *ctx.rule(grads[0], *ctx.saved_tensors)
