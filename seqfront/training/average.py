"""Averages of parameters over the course of training."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from seqfront import errors
from seqfront.backend import Raw
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter


class Average:
    """Exponential moving average of the trainable parameters (Polyak & Juditsky 1992).

    `average = decay * average + (1 - decay) * parameter` after each update. In the first ones the
    decay is at most (1 + n) / (10 + n), so that the random start is soon forgotten.

    Args:
        model: On any backend; averages live beside its parameters, in their dtype.
        decay: In [0, 1).

    Example:
        >>> import seqfront as sf
        >>> one, two = sf.Dim("one", 1), sf.Dim("two", 2)
        >>> model = sf.nn.Linear(one, two, bias=False)
        >>> average = sf.training.Average(model, 0.9)
        >>> model.weight.assign([[1.0, 1.0]])
        >>> average.update()
        >>> with average.applied():
        ...     y = model(sf.ones((one,)))
        >>> model.weight.numpy()
        array([[1., 1.]], dtype=float32)
    """

    def __init__(self, model: Module, decay: float = 0.999) -> None:
        if not isinstance(model, Module):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.not_a_module("Average", model)
        if not 0.0 <= decay < 1.0:
            fix = "it is the part of the average that is kept."
            raise errors.bad_argument("Average", "decay", decay, "at least 0 and below 1", fix)
        self.decay = decay
        self.updates = 0
        named = model.named_parameters().items()
        self._parameters = {name: p for name, p in named if p.trainable}
        self._averages = {name: _copy(p) for name, p in self._parameters.items()}

    def update(self) -> None:
        """Take in the parameters as they are now."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for name, parameter in self._parameters.items():
            parameter.backend.no_grad(lambda p=parameter, n=name: self._move(n, p, decay))

    def _move(self, name: str, parameter: Parameter, decay: float) -> None:
        backend, old = parameter.backend, self._averages[name]
        change = backend.binary("mul", backend.binary("sub", parameter.raw, old), 1.0 - decay)
        backend.assign(old, backend.binary("add", old, change))

    @contextlib.contextmanager
    def applied(self) -> Generator[None]:
        """The model computes with the averages inside a `with` block, and is as before after it.
        Values are exchanged, not variables; so not while a graph is traced."""
        before = {name: p.numpy() for name, p in self._parameters.items()}
        kept = {name: np.array(values) for name, values in before.items()}
        try:
            for name, parameter in self._parameters.items():
                parameter.backend.assign(parameter.raw, self._averages[name])
            yield
        finally:
            for name, parameter in self._parameters.items():
                parameter.assign(kept[name])

    def state(self) -> dict[str, Any]:
        """Averages as NumPy arrays by parameter, and the number of updates."""
        arrays = {
            name: np.array(self._parameters[name].backend.to_numpy(raw))
            for name, raw in self._averages.items()
        }
        return {"updates": np.array(self.updates), **arrays}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, of whichever backend."""
        missing = [key for key in ("updates", *self._parameters) if key not in state]
        if missing:
            raise errors.optimizer_misfit("Average", missing)
        self.updates = int(state["updates"])
        for name, parameter in self._parameters.items():
            backend, raw = parameter.backend, self._averages[name]
            backend.assign(raw, backend.convert(state[name], parameter.dtype, parameter.device))


def _copy(parameter: Parameter) -> Raw:
    """A variable of its own with the same value."""
    backend = parameter.backend
    return backend.parameter(parameter.raw, parameter.device, trainable=False)
