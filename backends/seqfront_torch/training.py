"""Training with PyTorch: eager, torch.optim.AdamW."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from seqfront import training
from seqfront_torch.module import module


class Trainer(training.Trainer):
    """See `seqfront.training.Trainer`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.module = module(self.model)
        named = [(name, p) for name, p in self.module.named_parameters() if p.requires_grad]
        self._names = [name for name, _ in named]
        self._parameters = [p for _, p in named]
        groups = [
            {"params": [p for p in self._parameters if p.ndim >= 2]},
            {"params": [p for p in self._parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, lr=0.0, weight_decay=self.weight_decay)

    def step(self, *arrays: Any) -> dict[str, float]:
        """One step on one batch of NumPy arrays; the values of the losses before it."""
        values = self.losses(*(torch.from_numpy(np.ascontiguousarray(x)) for x in arrays))
        self._optimizer.zero_grad(set_to_none=True)
        values["loss"].raw.backward()
        if math.isfinite(self.clip_norm):
            torch.nn.utils.clip_grad_norm_(self._parameters, self.clip_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate(self.steps)
        self._optimizer.step()
        self.steps += 1
        return {name: float(value.raw.detach()) for name, value in values.items()}

    def state(self) -> dict[str, Any]:
        """State of the optimizer as NumPy arrays by name, and the number of steps."""
        state: dict[str, Any] = {"steps": np.array(self.steps)}
        for name, parameter in zip(self._names, self._parameters, strict=True):
            for moment, key in (("first", "exp_avg"), ("second", "exp_avg_sq")):
                kept = self._optimizer.state[parameter].get(key, torch.zeros_like(parameter))
                state[f"{moment}.{name}"] = kept.detach().numpy().copy()
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, of whichever backend."""
        self.steps = int(state["steps"])
        for name, parameter in zip(self._names, self._parameters, strict=True):
            self._optimizer.state[parameter] = {
                "step": torch.tensor(float(self.steps)),
                "exp_avg": torch.from_numpy(np.array(state[f"first.{name}"])),
                "exp_avg_sq": torch.from_numpy(np.array(state[f"second.{name}"])),
            }
