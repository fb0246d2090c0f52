"""Training steps, the same on every framework.

A `Trainer` takes a model and a function from raw arrays to losses, and improves the model by an
optimizer: under PyTorch eagerly, under TensorFlow as one `tf.function` with unknown sizes. Each
backend package implements it in its module `training`.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from seqfront import backends, errors
from seqfront.nn.module import Module
from seqfront.tensor import Tensor
from seqfront.training.average import Average
from seqfront.training.clipping import check_limit
from seqfront.training.optimizers import AdamW, Optimizer, Rule, package_of
from seqfront.training.schedule import Schedule, constant
from seqfront.training.values import Losses

LossFunction: TypeAlias = Callable[..., Mapping[str, Tensor]]
"""From raw tensors of the backend to scalars by name; the one called "loss" is minimised."""


class Trainer(abc.ABC):
    """A model being trained.

    Args:
        model: Its parameters become those of the framework.
        losses: Called with the arrays given to `step`, as raw tensors.
        learning_rate: By update, or one for all.
        optimizer: The rule; default AdamW.
        clip_norm: Largest norm of all gradients together.
        accumulate: Batches whose mean gradient makes one update.
        average: Decay of an `Average` of the parameters that is kept along; None: none.
    """

    _backend: ClassVar[str]
    optimizer: Optimizer
    average: Average | None
    pending: int
    """Batches whose gradients wait for an update."""

    def __init__(
        self,
        model: Module,
        losses: LossFunction,
        *,
        learning_rate: Schedule | float,
        optimizer: Rule | None = None,
        clip_norm: float = math.inf,
        accumulate: int = 1,
        average: float | None = None,
    ) -> None:
        check_limit("trainer", clip_norm)
        if type(accumulate) is not int or accumulate < 1:
            needed, fix = "an int of at least 1", "it is the number of batches for one update."
            raise errors.bad_argument("trainer", "accumulate", accumulate, needed, fix)
        self.model = model
        self.losses = losses
        fixed = isinstance(learning_rate, (int, float))
        self.learning_rate = constant(learning_rate) if fixed else learning_rate
        self.clip_norm = clip_norm
        self.accumulate = accumulate
        self.pending = 0
        self._adopt()
        named = {name: p for name, p in model.named_parameters().items() if p.trainable}
        self.optimizer = self._optimizer(named, AdamW() if optimizer is None else optimizer)
        self.average = None if average is None else Average(model, average)

    @property
    def steps(self) -> int:
        """Updates so far."""
        return self.optimizer.steps

    def step(self, *arrays: Any) -> Losses:
        """One step on one batch of NumPy arrays, which go to where the parameters are.

        Returns:
            The values of the losses before it, by name. On a GPU nothing waits until one is read.
        """
        last = self.pending + 1 == self.accumulate
        values = self._run(arrays, last, self.learning_rate(self.steps))
        self.pending = 0 if last else self.pending + 1
        if last and self.average is not None:
            self.average.update()
        return values

    def state(self) -> dict[str, Any]:
        """All that another trainer needs to go on, apart from the parameters, as NumPy arrays by
        name: the optimizer's state, the average, gradients that wait, random numbers."""
        state = {**self.optimizer.state(), "pending": np.array(self.pending)}
        if self.average is not None:
            state.update(_under("average", self.average.state()))
        if self.pending:
            state.update(_under("gradient", self._gradients()))
        return {**state, **_under(f"random.{self._backend}", self._random_state())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, of whichever backend; random numbers only from the same one."""
        self.optimizer.restore(state)
        if self.average is not None:
            self.average.restore(_inside("average", state))
        self.pending = int(state.get("pending", 0))
        if self.pending:
            self._set_gradients(_inside("gradient", state))
        random = _inside(f"random.{self._backend}", state)
        if random:
            self._set_random_state(random)

    @abc.abstractmethod
    def _adopt(self) -> None:
        """Make the parameters variables of the framework."""

    @abc.abstractmethod
    def _optimizer(self, parameters: Mapping[str, Any], rule: Rule) -> Optimizer:
        """The optimizer of the framework."""

    @abc.abstractmethod
    def _run(self, arrays: Sequence[Any], last: bool, rate: float) -> Losses:
        """Losses of a batch; its gradient is added to those that wait, and if `last`, used."""

    @abc.abstractmethod
    def _gradients(self) -> dict[str, Any]:
        """Gradients that wait, as NumPy arrays by parameter."""

    @abc.abstractmethod
    def _set_gradients(self, arrays: Mapping[str, Any]) -> None:
        """Go on from gradients that wait."""

    @abc.abstractmethod
    def _random_state(self) -> dict[str, Any]:
        """State of the framework's generators, as NumPy arrays."""

    @abc.abstractmethod
    def _set_random_state(self, arrays: Mapping[str, Any]) -> None:
        """Go on drawing from a state."""


def _under(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def _inside(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    start = f"{prefix}."
    return {n.removeprefix(start): array for n, array in arrays.items() if n.startswith(start)}


def trainer(backend: str, model: Module, losses: LossFunction, **options: Any) -> Trainer:
    """The trainer of a backend; options as for `Trainer`."""
    package = package_of("trainer", backends.get(backend), "training")
    if not isinstance(model, Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_module("trainer", model)
    return package.Trainer(model, losses, **options)
