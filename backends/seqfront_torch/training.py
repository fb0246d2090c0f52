"""Training with PyTorch: eager, autograd's own accumulation, `torch.optim`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from seqfront import backends, training
from seqfront.training import clipping
from seqfront_torch.module import module
from seqfront_torch.optimizer import Optimizer


class Trainer(training.Trainer):
    """See `seqfront.training.Trainer`."""

    _backend = "torch"

    def _adopt(self) -> None:
        self.module = module(self.model)

    def _optimizer(self, parameters: Mapping[str, Any], rule: training.Rule) -> Optimizer:
        return Optimizer(parameters, rule)

    def _run(self, arrays: Sequence[Any], last: bool, rate: float) -> training.Losses:
        raws = [p.raw for p in self.optimizer.parameters.values()]
        values = self.losses(*(_sent(x, raws[0].device) for x in arrays))
        if self.pending == 0:
            for raw in raws:
                raw.grad = None
        loss = values["loss"].raw
        (loss if self.accumulate == 1 else loss / self.accumulate).backward()
        if last:
            grads = [torch.zeros_like(raw) if raw.grad is None else raw.grad for raw in raws]
            if math.isfinite(self.clip_norm):
                grads, _ = clipping.clipped(backends.get("torch"), grads, self.clip_norm)
            self.optimizer.update(grads, rate)
        return training.Losses({name: value.raw.detach().clone() for name, value in values.items()})

    def _gradients(self) -> dict[str, Any]:
        return {
            name: backends.get("torch").to_numpy(p.raw.grad).copy()
            for name, p in self.optimizer.parameters.items()
            if p.raw.grad is not None
        }

    def _set_gradients(self, arrays: Mapping[str, Any]) -> None:
        for name, parameter in self.optimizer.parameters.items():
            raw = parameter.raw
            known = name in arrays
            raw.grad = torch.tensor(arrays[name]).to(raw) if known else torch.zeros_like(raw)

    def _random_state(self) -> dict[str, Any]:
        cpu, cuda = backends.get("torch").random_state()
        states: list[torch.Tensor] = [cpu, *(cuda or [])]
        return {str(i): state.numpy() for i, state in enumerate(states)}

    def _set_random_state(self, arrays: Mapping[str, Any]) -> None:
        cpu, *cuda = [torch.from_numpy(arrays[str(i)]) for i in range(len(arrays))]
        here = len(cuda) == torch.cuda.device_count()  # else they were of another machine
        backends.get("torch").set_random_state((cpu, cuda if cuda and here else None))


def _sent(array: Any, device: torch.device) -> torch.Tensor:
    """A batch's array on a device; to a GPU while that still computes."""
    x = torch.from_numpy(np.ascontiguousarray(array))
    return x.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else x.to(device)
