"""Training steps, the same on every framework.

A `Trainer` takes a model and a function from raw arrays to losses, and improves the model with the
framework's own optimizer (AdamW): under PyTorch eagerly, under TensorFlow as one `tf.function` with
unknown sizes. Each backend package implements it in its module `training`.

    trainer = sf.training.trainer("torch", model, losses, learning_rate=schedule)
    values = trainer.step(images, lengths)        # {"loss": 0.31, "ctc": 0.29}
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeAlias

from seqfront import backends, errors
from seqfront.nn.module import Module
from seqfront.tensor import Tensor

LossFunction: TypeAlias = Callable[..., Mapping[str, Tensor]]
"""From raw tensors of the backend to scalars by name; the one called "loss" is minimised."""

Schedule: TypeAlias = Callable[[int], float]
"""Learning rate by step, from 0."""


class Trainer(abc.ABC):
    """A model being trained.

    Args:
        model: Its parameters become those of the framework.
        losses: Called with the arrays given to `step`, as raw tensors.
        learning_rate: By step.
        weight_decay: Decoupled (Loshchilov & Hutter 2019), for parameters of two or more dims.
        clip_norm: Largest norm of all gradients together.
    """

    def __init__(
        self,
        model: Module,
        losses: LossFunction,
        *,
        learning_rate: Schedule,
        weight_decay: float = 0.0,
        clip_norm: float = math.inf,
    ) -> None:
        self.model = model
        self.losses = losses
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.steps = 0

    @abc.abstractmethod
    def step(self, *arrays: Any) -> dict[str, float]:
        """One step on one batch of NumPy arrays; the values of the losses before it."""

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """State of the optimizer as NumPy arrays by name, and the number of steps."""

    @abc.abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, of whichever backend."""


def trainer(backend: str, model: Module, losses: LossFunction, **options: Any) -> Trainer:
    """The trainer of a backend; options as for `Trainer`."""
    package = type(backends.get(backend)).__module__.partition(".")[0]
    if not backends.get(backend).has_gradients:
        raise errors.no_gradients("trainer", backend)
    if not isinstance(model, Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_module("trainer", model)
    return import_module(f"{package}.training").Trainer(model, losses, **options)


def warmup_cosine(peak: float, warmup: int, total: int) -> Schedule:
    """Linearly up to `peak`, then down to zero along a cosine (Loshchilov & Hutter 2017)."""

    def rate(step: int) -> float:
        if step < warmup:
            return peak * (step + 1) / warmup
        done = min(1.0, (step - warmup) / max(1, total - warmup))
        return peak * 0.5 * (1.0 + math.cos(math.pi * done))

    return rate
