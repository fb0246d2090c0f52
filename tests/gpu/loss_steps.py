"""Loss and gradient of transducers and CTC as a function of logits alone, on a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import seqfront as sf

batch, time, label = sf.Dim("batch"), sf.Dim("time"), sf.Dim("label")
DURATIONS = (0, 1, 2, 4)
duration = sf.Dim("duration", len(DURATIONS))
KINDS = ["rnnt", "multi_blank", "tdt", "ctc"]


def problem(kind: str, device: str, size: int = 1, seed: int = 0) -> tuple[Any, Callable[..., Any]]:
    """Logits, and their losses: ragged, in float32, everything on the device."""
    generator = torch.Generator().manual_seed(seed)
    count, frames, labels, classes = 4, 24 * size, 7, 33 * size
    rows = (count, frames) if kind == "ctc" else (count, frames, labels + 1)
    logits = torch.randn((*rows, classes), generator=generator).to(device)
    raw = torch.randint(3, classes, (count, labels), dtype=torch.int32, generator=generator)
    lengths = torch.tensor([frames, frames - 3, frames // 2, 9], dtype=torch.int32).to(device)
    counts = torch.tensor([labels, 3, 0, labels], dtype=torch.int32).to(device)
    raw, symbol = raw.to(device), sf.Dim("symbol", classes)
    dims = (batch, time, symbol) if kind == "ctc" else (batch, time, label + 1, symbol)

    def losses(x: torch.Tensor) -> torch.Tensor:
        loss, more = _loss(kind, x)
        found = loss(
            logits=sf.wrap(x, dims, {time: lengths}),
            targets=sf.wrap(raw, (batch, label), {label: counts}, sparse_dim=symbol),
            input_spatial_dim=time,
            targets_spatial_dim=label,
            blank_index=0,
            **more,
        )
        return found.raw

    return logits, losses


def _loss(kind: str, logits: torch.Tensor) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function, and what it takes besides."""
    if kind == "ctc":
        return sf.ctc_loss, {}
    if kind == "rnnt":
        return sf.rnnt_loss, {}
    if kind == "multi_blank":
        return sf.rnnt_loss, {"big_blanks": {1: 2, 2: 4}}
    raw = logits[..., : len(DURATIONS)].sin()
    lasting = sf.wrap(raw, (batch, time, label + 1, duration))
    return sf.tdt_loss, {"duration_logits": lasting, "durations": DURATIONS}


def step(losses: Callable[..., Any], logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses, and the gradient of their sum."""
    x = logits.detach().requires_grad_()
    loss = losses(x)
    (grad,) = torch.autograd.grad(loss.sum(), x)
    return loss.detach(), grad
