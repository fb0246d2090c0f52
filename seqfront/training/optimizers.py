"""Optimizers: one rule, the same updates on every framework.

A *rule* (`SGD`, `Adam`, `AdamW`) is hyperparameters. The `Optimizer` of a backend applies it:
PyTorch's own on PyTorch; on TensorFlow the same formulas on plain variables, as those of Keras
place epsilon and decay elsewhere. Its state is arrays by name, and moves between frameworks.

    optimizer = sf.training.optimizer(model, sf.training.AdamW(weight_decay=0.01))
    loss, gradients = sf.value_and_grad(lambda: loss_of(batch), model.parameters())
    optimizer.apply(gradients, rate=1e-3)
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np

from seqfront import backends, errors
from seqfront.backend import Backend, Raw
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.tensor import Tensor


@dataclass(frozen=True)
class SGD:
    """Gradient descent: v = momentum * v + g; p -= rate * v (Nesterov: rate * (g + momentum * v)).

    Args:
        momentum: In [0, 1).
        nesterov: Look ahead (Sutskever et al. 2013).
        weight_decay: Added to the gradient times the parameter (L2), for those of two or more dims.
    """

    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check("SGD", momentum=self.momentum)
        _check_decay("SGD", self.weight_decay)
        if self.nesterov and not self.momentum:
            fix = "give a momentum, as 0.9."
            raise errors.bad_argument("SGD", "nesterov", True, "a momentum to look ahead", fix)

    @property
    def slots(self) -> tuple[str, ...]:
        """What is kept for each parameter."""
        return ("velocity",) if self.momentum else ()


@dataclass(frozen=True)
class Adam:
    """Adaptive moments (Kingma & Ba 2015, algorithm 1): p -= rate * m' / (sqrt(v') + epsilon).

    Args:
        beta1: Decay of the first moment, in [0, 1).
        beta2: Decay of the second moment, in [0, 1).
        epsilon: Added to the root.
        weight_decay: Added to the gradient times the parameter (L2), for those of two or more dims.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check(type(self).__name__, beta1=self.beta1, beta2=self.beta2)
        _check_decay(type(self).__name__, self.weight_decay)

    @property
    def slots(self) -> tuple[str, ...]:
        """What is kept for each parameter."""
        return ("first", "second")


@dataclass(frozen=True)
class AdamW(Adam):
    """`Adam` with decoupled decay (Loshchilov & Hutter 2019): p -= rate * weight_decay * p before
    the step, for parameters of two or more dims."""

    weight_decay: float = 0.01


Rule: TypeAlias = SGD | Adam
"""Any of the above."""


class Optimizer(abc.ABC):
    """A rule at work on parameters of one backend.

    Args:
        parameters: Trainable ones, by name.
        rule: What to do with their gradients.
    """

    def __init__(self, parameters: Mapping[str, Parameter], rule: Rule) -> None:
        self.parameters = dict(parameters)
        self.rule = rule
        self.steps = 0

    def apply(self, gradients: Sequence[Tensor], rate: float) -> None:
        """One update.

        Args:
            gradients: One for each parameter, in their order, as `sf.value_and_grad` gives them.
            rate: The learning rate of this update.
        """
        if len(gradients) != len(self.parameters):
            raise errors.bad_argument(
                "apply",
                "gradients",
                f"{len(gradients)} tensors",
                f"one for each of {len(self.parameters)} parameters",
                "sf.value_and_grad(fn, model.parameters()) gives them.",
            )
        pairs = zip(gradients, self.parameters.values(), strict=True)
        self.update([grad.raw_in(parameter.dims) for grad, parameter in pairs], rate)

    def update(self, gradients: Sequence[Raw], rate: float) -> None:
        """`apply` for raw gradients, with axes as those of the parameters."""
        self._update(gradients, rate)
        self.steps += 1

    def state(self) -> dict[str, Any]:
        """NumPy arrays by name, and the number of updates."""
        state: dict[str, Any] = {"steps": np.array(self.steps)}
        for slot in self.rule.slots:
            state.update({f"{slot}.{name}": self._slot(slot, name) for name in self.parameters})
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, of whichever backend.

        Raises:
            CheckpointError: It is that of another rule or model; nothing is changed then.
        """
        wanted = [f"{slot}.{name}" for slot in self.rule.slots for name in self.parameters]
        missing = [key for key in ("steps", *wanted) if key not in state]
        if missing:
            raise errors.optimizer_misfit(type(self.rule).__name__, missing)
        slots = {s: {n: state[f"{s}.{n}"] for n in self.parameters} for s in self.rule.slots}
        self.steps = int(state["steps"])
        self._restore(slots)

    @abc.abstractmethod
    def _update(self, gradients: Sequence[Raw], rate: float) -> None:
        """Change the variables; `self.steps` updates were made before."""

    @abc.abstractmethod
    def _slot(self, slot: str, name: str) -> Any:
        """A copy of what is kept, as a NumPy array."""

    @abc.abstractmethod
    def _restore(self, slots: Mapping[str, Mapping[str, Any]]) -> None:
        """Overwrite what is kept, by slot and name."""


def optimizer(model: Module, rule: Rule) -> Optimizer:
    """The optimizer of the backend that a model's parameters are on."""
    if not isinstance(model, Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_module("optimizer", model)
    named = {name: p for name, p in model.named_parameters().items() if p.trainable}
    backend = next((p.backend for p in named.values()), backends.default())
    return package_of("optimizer", backend, "optimizer").Optimizer(named, rule)


def package_of(op: str, backend: Backend, module: str) -> Any:
    """A module of a backend's package."""
    if not backend.has_gradients:
        raise errors.no_gradients(op, backend.name)
    return import_module(f"{type(backend).__module__.partition('.')[0]}.{module}")


def _check(rule: str, **fractions: float) -> None:
    for name, value in fractions.items():
        if not 0.0 <= value < 1.0:
            fix = "it is the part of the past that is kept."
            raise errors.bad_argument(rule, name, value, "at least 0 and below 1", fix)


def _check_decay(rule: str, decay: float) -> None:
    if not decay >= 0.0:
        fix = "0 is no decay."
        raise errors.bad_argument(rule, "weight_decay", decay, "a number of at least 0", fix)
