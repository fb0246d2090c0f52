"""Modules: models as plain Python.

A module is a class whose `__init__` makes parameters and other modules as attributes, and whose
`__call__` computes. There is nothing else to it: no registration, no build step. Parameters are
found by looking at the attributes, also inside lists, tuples and dicts, and go by their path:
`encoder.layers.0.weight`.

    class Classifier(sf.nn.Module):
        def __init__(self, mel: sf.Dim, labels: sf.Dim) -> None:
            hidden = sf.Dim("hidden", 128)
            self.encoder = sf.nn.LSTM(mel, hidden)
            self.output = sf.nn.Linear(hidden, labels)

        def __call__(self, x: sf.Tensor, *, axis: sf.Dim) -> sf.Tensor:
            y, _ = self.encoder(x, axis=axis)
            return self.output(y)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from typing_extensions import Self

from seqfront import backends
from seqfront.nn import show
from seqfront.nn.parameter import Parameter


class Module:
    """Base of layers and models. Subclasses give `__init__` and `__call__`."""

    training: bool = True
    """Whether the model is being trained: dropout and the like are active."""

    def named_parameters(self) -> dict[str, Parameter]:
        """Parameters by attribute path, each once, in order of the attributes."""
        return {path: item for path, item in walk(self) if isinstance(item, Parameter)}

    def parameters(self) -> list[Parameter]:
        """All trainable parameters."""
        return [p for p in self.named_parameters().values() if p.trainable]

    def named_modules(self) -> dict[str, Module]:
        """This module (path "") and all inside it, by attribute path, each once."""
        found = {path: item for path, item in walk(self) if isinstance(item, Module)}
        return {"": self, **found}

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call a function on every module inside, the inner ones first, and on this one."""
        for module in reversed(list(self.named_modules().values())):
            fn(module)
        return self

    def parameter_count(self, *, trainable: bool = False) -> int:
        """How many numbers the parameters are; with `trainable` those that are trained."""
        found = self.parameters() if trainable else self.named_parameters().values()
        return sum(math.prod(dim.size or 0 for dim in p.dims) for p in found)

    def freeze(self, frozen: bool = True) -> Self:
        """Leave all parameters as they are, or let them be trained again. Before a framework's
        module takes the model; running statistics of `BatchNorm` follow `train` and `eval`.

        Example:
            >>> import seqfront as sf
            >>> layer = sf.nn.Linear(sf.Dim("mel", 3), sf.Dim("out", 2)).freeze()
            >>> layer.parameters(), layer.parameter_count()
            ([], 8)
        """
        for parameter in self.named_parameters().values():
            parameter.freeze(frozen)
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all inside it to training, or out of it."""
        for module in self.named_modules().values():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to inference: no dropout."""
        return self.train(False)

    def to_backend(self, name: str) -> Self:
        """Make all parameters variables of another framework, with the same values.

        For a framework's own module around the model (optimizers, distribution), see
        `seqfront_torch.module` and `seqfront_tensorflow.module`.
        """
        backend = backends.get(name)
        for parameter in self.named_parameters().values():
            parameter.move_to(backend)
        return self

    def held(self) -> Mapping[str, Any]:
        """By name, what this holds directly: parameters and modules, and lists, tuples and dicts of
        them; anything else is passed over."""
        return vars(self)

    def __repr__(self) -> str:
        return show.tree(self, children)

    def _repr_html_(self) -> str:
        return show.html(self, children)

    def __rich__(self) -> Any:
        return show.rich(self, children)


def children(item: object) -> Iterator[tuple[str, Any]]:
    """Names and values of what a module, list, tuple or dict holds directly."""
    if isinstance(item, Module):
        yield from item.held().items()
    elif isinstance(item, (list, tuple)):
        for i, value in enumerate(cast("Sequence[Any]", item)):
            yield str(i), value
    elif isinstance(item, Mapping):
        for key, value in cast("Mapping[Any, Any]", item).items():
            yield str(key), value


def walk(module: Module) -> Iterator[tuple[str, Any]]:
    """Modules and parameters inside a module, each once, by their attribute paths."""
    return _walk(module, "", {id(module)})


def _walk(item: object, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    for name, value in children(item):
        inner = f"{path}.{name}" if path else name
        if isinstance(value, (Parameter, Module)):
            if id(value) in seen:
                continue
            seen.add(id(value))
            yield inner, value
        if isinstance(value, (Module, list, tuple, Mapping)):
            yield from _walk(cast("object", value), inner, seen)
