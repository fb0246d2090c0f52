"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from seqfront import errors
from seqfront.nn.module import Module
from seqfront.tensor import Tensor


class Sequential(Module):
    """One after another: modules, or any functions from tensor to tensor.

    Example:
        >>> import seqfront as sf
        >>> mel, hidden, out = sf.Dim("mel", 80), sf.Dim("hidden", 64), sf.Dim("out", 10)
        >>> net = sf.nn.Sequential(sf.nn.Linear(mel, hidden), sf.relu, sf.nn.Linear(hidden, out))
        >>> net(sf.zeros((mel,)))
        float32[out:10] numpy:cpu
    """

    def __init__(self, *layers: Callable[..., Tensor]) -> None:
        self.layers = list(layers)

    def __call__(self, x: Tensor, **options: Any) -> Tensor:
        """`x` through all layers; options go to every *module* among them."""
        for layer in self.layers:
            x = layer(x, **(options if isinstance(layer, Module) else {}))
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Callable[..., Tensor]:
        return self.layers[index]


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
