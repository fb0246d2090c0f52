"""Optimizers of PyTorch, from `torch.optim`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from seqfront.training import optimizers
from seqfront.training.optimizers import SGD, AdamW, Rule
from seqfront_torch.inspection import Inspection

_KEYS = {"velocity": "momentum_buffer", "first": "exp_avg", "second": "exp_avg_sq"}
"""What PyTorch calls the slots."""


class Optimizer(optimizers.Optimizer):
    """See `seqfront.training.Optimizer`."""

    def __init__(self, parameters: Mapping[str, Any], rule: Rule) -> None:
        super().__init__(parameters, rule)
        raws = self._raws()
        self._torch = _made(rule, raws)

    def _raws(self) -> list[torch.Tensor]:
        return [parameter.raw for parameter in self.parameters.values()]

    def _update(self, gradients: Sequence[torch.Tensor], rate: float) -> None:
        raws = self._raws()
        for raw, gradient in zip(raws, gradients, strict=True):
            raw.grad = gradient
        for group in self._torch.param_groups:
            group["lr"] = rate
        self._torch.step()
        for raw in raws:
            raw.grad = None

    def _slot(self, slot: str, name: str) -> Any:
        raw = self.parameters[name].raw
        kept = self._torch.state[raw].get(_KEYS[slot])
        value = torch.zeros_like(raw) if kept is None else kept
        return Inspection().to_numpy(value).copy()

    def _restore(self, slots: Mapping[str, Mapping[str, Any]]) -> None:
        for name, parameter in self.parameters.items():
            raw = parameter.raw
            kept: dict[str, Any] = {
                _KEYS[slot]: torch.tensor(arrays[name], dtype=raw.dtype, device=raw.device)
                for slot, arrays in slots.items()
            }
            if not isinstance(self.rule, SGD):
                kept["step"] = torch.tensor(float(self.steps))
            self._torch.state[raw] = kept


def _made(rule: Rule, raws: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [
        {"params": [p for p in raws if p.ndim >= 2], "weight_decay": rule.weight_decay},
        {"params": [p for p in raws if p.ndim < 2], "weight_decay": 0.0},
    ]
    if isinstance(rule, SGD):
        return torch.optim.SGD(groups, lr=0.0, momentum=rule.momentum, nesterov=rule.nesterov)
    kind = torch.optim.AdamW if isinstance(rule, AdamW) else torch.optim.Adam
    return kind(groups, lr=0.0, betas=(rule.beta1, rule.beta2), eps=rule.epsilon)
