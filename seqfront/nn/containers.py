"""Modules made of modules."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast, overload

from seqfront import errors
from seqfront.dim import Dim
from seqfront.nn.module import Module
from seqfront.nn.stateful import Stateful, wrong_state
from seqfront.tensor import Tensor


class Sequential(Stateful):
    """One after another: modules, or any functions from tensor to tensor.

    Options of a call go to the modules that take them; where a layer makes other positions of
    `axis` (strides), the layers after it get that dim. Given a state, it carries those of its
    layers.

    Example:
        >>> import seqfront as sf
        >>> mel, hidden, out = sf.Dim("mel", 80), sf.Dim("hidden", 64), sf.Dim("out", 10)
        >>> net = sf.nn.Sequential(sf.nn.Linear(mel, hidden), sf.relu, sf.nn.Linear(hidden, out))
        >>> net(sf.zeros((mel,)))
        float32[out:10] numpy:cpu
        >>> time = sf.Dim("time", 5)
        >>> conv = sf.nn.Conv1d(mel, hidden, 3, stride=2, padding="same")
        >>> net = sf.nn.Sequential(conv, sf.relu, sf.nn.LSTM(hidden, out))
        >>> net(sf.zeros((time, mel)), axis=time)
        float32[⌈time/2⌉:3, out:10] numpy:cpu
    """

    def __init__(self, *layers: Callable[..., Any]) -> None:
        self.layers = list(layers)
        self._options = [_options(layer) for layer in layers]

    def initial_state(
        self, batch: Sequence[Dim] = (), *, like: Tensor, capacity: int | Dim | None = None
    ) -> tuple[Any, ...]:
        """The states of the layers; None for those that look at each position by itself."""
        states: list[Any] = []
        for layer, known in zip(self.layers, self._options, strict=True):
            if isinstance(layer, Stateful):
                state = layer.initial_state(batch, like=like, capacity=capacity)
                states.append(state)
            elif "axis" in known:
                name = type(layer).__name__
                needed = "layers that look back only, with an initial_state"
                fix = "run it on whole sequences, or use a causal layer."
                raise errors.bad_argument("Sequential", "a layer with a state", name, needed, fix)
            else:
                states.append(None)
        return tuple(states)

    @overload
    def __call__(self, x: Tensor, *, state: None = None, **options: Any) -> Tensor: ...
    @overload
    def __call__(
        self, x: Tensor, *, state: tuple[Any, ...], **options: Any
    ) -> tuple[Tensor, tuple[Any, ...]]: ...
    def __call__(
        self, x: Tensor, *, state: tuple[Any, ...] | None = None, **options: Any
    ) -> Tensor | tuple[Tensor, tuple[Any, ...]]:
        """`x` through all layers, and their states, if there are any.

        Args:
            x: What the first layer takes.
            state: Of the layers; without one, a layer starts anew, and its last state is dropped.
            options: What layers are to be told: `axis`, ...
        """
        self._check(state, options)
        after: list[Any] = []
        for i, (layer, known) in enumerate(zip(self.layers, self._options, strict=True)):
            call: Callable[..., Any] = layer
            chosen = {name: value for name, value in options.items() if name in known}
            if state is not None and isinstance(layer, Stateful):
                chosen["state"] = state[i]
            y, last = _pair(call(x, **chosen), layer)
            if isinstance(options.get("axis"), Dim):
                options["axis"] = _moved(options["axis"], x, y)
            x = y
            after.append(last)
        return x if state is None else (x, tuple(after))

    def _check(self, state: tuple[Any, ...] | None, options: Mapping[str, Any]) -> None:
        count = len(self.layers)
        if state is not None and (not isinstance(state, tuple) or len(state) != count):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise wrong_state("Sequential", state, f"a tuple of {count}, one for each layer")
        for name in options:
            if not any(name in known for known in self._options):
                kinds = ", ".join(type(layer).__name__ for layer in self.layers)
                fix = "leave it out."
                raise errors.bad_argument("Sequential", "an option", name, f"one of {kinds}", fix)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Callable[..., Any]:
        return self.layers[index]


def _pair(result: Any, layer: object) -> tuple[Tensor, Any]:
    """What a layer gave, and its state if it gave one."""
    if isinstance(layer, Stateful) and isinstance(result, tuple):
        return cast("tuple[Tensor, Any]", result)
    return cast("Tensor", result), None


class _Any(frozenset[str]):
    """Holds every name."""

    def __contains__(self, name: object) -> bool:
        return True


def _options(layer: object) -> frozenset[str]:
    """What a module is told in a call; functions are told nothing."""
    if not isinstance(layer, Module):
        return frozenset()
    parameters = inspect.signature(type(layer).__call__).parameters
    named = [p.name for p in parameters.values() if p.kind is not p.VAR_KEYWORD]
    return frozenset(named) if len(named) == len(parameters) else _Any()


def _moved(axis: Dim, x: Tensor, y: Tensor) -> Dim:
    """Where `axis` of `x` went in `y`: itself, or the one dim that comes from it."""
    if axis in y.dims:
        return axis
    found = [dim for dim in y.dims if dim not in x.dims and _comes_from(dim, axis)]
    return found[0] if len(found) == 1 else axis


def _comes_from(dim: Dim, axis: Dim) -> bool:
    if dim is axis:
        return True
    return dim.expr is not None and any(_comes_from(inner, axis) for inner in dim.expr.dims)


class ModuleList(Module):
    """Modules by number; parameters go by `0.weight`, `1.weight`, ..."""

    def __init__(self, modules: Sequence[Module] = ()) -> None:
        for i, module in enumerate(modules):
            setattr(self, str(i), module)

    def append(self, module: Module) -> None:
        """Add a module at the end."""
        setattr(self, str(len(self)), module)

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, str(i)) for i in range(len(self)))

    def __len__(self) -> int:
        return sum(name.isdigit() for name in vars(self))

    def __getitem__(self, index: int) -> Any:
        return getattr(self, str(range(len(self))[index]))


class ModuleDict(Module):
    """Modules by name; parameters go by `name.weight`.

    Args:
        modules: Names without dots, and modules.

    Example:
        >>> import seqfront as sf
        >>> mel, out = sf.Dim("mel", 3), sf.Dim("out", 2)
        >>> heads = sf.nn.ModuleDict({"ctc": sf.nn.Linear(mel, out)})
        >>> list(heads.named_parameters()), "ctc" in heads
        (['ctc.weight', 'ctc.bias'], True)
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        for name, module in (modules or {}).items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        """Add or replace a module."""
        if not isinstance(name, str) or "." in name or name in ("", "training"):  # pyright: ignore[reportUnnecessaryIsInstance]
            needed = "a name without dots, and not 'training'"
            fix = "parameters go by these names."
            raise errors.bad_argument("ModuleDict", "a name", name, needed, fix)
        if not isinstance(module, Module):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.not_a_module("ModuleDict", module)
        vars(self)[name] = module

    def __getitem__(self, name: str) -> Any:
        return vars(self)[name]

    def __contains__(self, name: str) -> bool:
        return isinstance(vars(self).get(name), Module)

    def __iter__(self) -> Iterator[str]:
        return (name for name, value in vars(self).items() if isinstance(value, Module))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Names and modules, in the order they were added."""
        return ((name, vars(self)[name]) for name in self)
