"""A seqfront model as a `torch.nn.Module`.

    net = seqfront_torch.module(model)
    optimizer = torch.optim.Adam(net.parameters())
    y = net(x, axis=time)  # seqfront tensors in and out

The `nn.Module` mirrors the tree of the model, and its `state_dict` has the keys of
`model.named_parameters()`. It owns the parameters: the model reads each one from the dictionaries
of the mirror at every use. So whatever PyTorch does to its parameters, in place or by replacing
them (`to`, `load_state_dict(assign=True)`, `functional_call`, DDP), is what the model computes
with.

A model has one mirror for as long as somebody holds it, and so has every module inside it:
`module(model)` called again gives the same object, `module(model.encoder)` gives
`module(model).encoder`.

One thing PyTorch finds only in plain results: DDP with `find_unused_parameters=True` looks for
tensors in tuples, dicts and dataclasses, so there the model has to return `loss.raw`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload
from weakref import WeakValueDictionary

import torch

import seqfront as sf
from seqfront import backends, errors
from seqfront.nn.module import children
from seqfront_torch.wrapped import WrappedModule


@overload
def module(model: WrappedModule) -> torch.nn.Module: ...  # pyright: ignore[reportOverlappingOverload]
@overload
def module(model: sf.nn.Module) -> Mirror: ...
def module(model: sf.nn.Module) -> torch.nn.Module:
    """The `nn.Module` of a model.

    Args:
        model: Any seqfront module. Parameters that are torch tensors are adopted as they are, so
            that an optimizer may hold them already; those of other backends are converted. Weights
            shared by several attributes stay shared, under the first path.

    Returns:
        A `torch.nn.Module` that takes and returns what the model does. Trainable parameters are
        `nn.Parameter`s, others buffers. Parameters that a model got since the last call are taken
        up by calling again. In the place of a layer that `wrap_module` wrapped stands the layer.
    """
    if not isinstance(model, sf.nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_module("seqfront_torch.module", model)
    if isinstance(model, WrappedModule):
        return model.layer
    return _Walk().mirror(model)


class Mirror(torch.nn.Module):
    """The `nn.Module` of a seqfront module; or, without one, of a list or dict of modules."""

    seqfront_module: sf.nn.Module | None
    """What this mirrors; None for a list or dict."""

    def __init__(self, mirrored: sf.nn.Module | None = None) -> None:
        super().__init__()
        self.seqfront_module = mirrored
        if mirrored is not None:
            self.training = mirrored.training
            _mirrors[id(mirrored)] = self

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the seqfront module gives."""
        if self.seqfront_module is None:
            raise errors.not_a_module("seqfront_torch.module", None)
        return self.seqfront_module(*args, **kwargs)  # pyright: ignore[reportCallIssue]

    def train(self, mode: bool = True) -> Mirror:
        """Switch to training or inference, the seqfront modules too."""
        super().train(mode)
        if self.seqfront_module is not None:
            self.seqfront_module.training = mode
        return self

    def _get_name(self) -> str:
        """For `print`."""
        return type(self.seqfront_module or self).__name__

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy mirrors the copied module."""
        super().__setstate__(state)
        if self.seqfront_module is not None:
            _mirrors[id(self.seqfront_module)] = self


_mirrors: WeakValueDictionary[int, Mirror] = WeakValueDictionary()
"""Living mirrors by the id of their module, which they keep alive."""


class _Walk:
    """One walk over a model, as `named_parameters` does it: each thing once, by its first path."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.converted: dict[int, tuple[Any, torch.nn.Parameter]] = {}

    def mirror(self, item: sf.nn.Module) -> Mirror:
        """The mirror of a module, up to date."""
        self.seen.add(id(item))
        known = _mirrors.get(id(item))
        return self.fill(Mirror(item) if known is None else known, item)

    def fill(self, node: Mirror, item: Any) -> Mirror:
        """Give a node what the module, list or dict holds now, and make it the owner."""
        modules: dict[str, torch.nn.Module | None] = {}
        parameters: dict[str, torch.nn.Parameter | None] = {}
        buffers: dict[str, torch.Tensor | None] = {}
        owned: list[tuple[sf.nn.Parameter, str]] = []
        wrapped: list[tuple[WrappedModule, str]] = []
        for name, value in children(item):
            if isinstance(value, sf.nn.Parameter | sf.nn.Module) and id(value) in self.seen:
                continue
            if isinstance(value, WrappedModule):
                self.seen.add(id(value))
                modules[name] = value.layer
                wrapped.append((value, name))
            elif isinstance(value, sf.nn.Module):
                modules[name] = self.mirror(value)
            elif isinstance(value, sf.nn.Parameter):
                self.seen.add(id(value))
                owned.append((value, name))
                if value.trainable:
                    parameters[name] = self.adopted(value)
                else:
                    raw = self.adopted(value) if value.backend.name != "torch" else value.raw
                    buffers[name] = raw.detach() if isinstance(raw, torch.nn.Parameter) else raw
            elif isinstance(value, list | tuple | Mapping):
                inner = self.fill(Mirror(), value)
                if inner._modules or inner._parameters or inner._buffers:
                    modules[name] = inner
        for held, found in (
            (node._modules, modules),
            (node._parameters, parameters),
            (node._buffers, buffers),
        ):
            held.clear()
            held.update(found)  # pyright: ignore[reportArgumentType, reportCallIssue]
        for parameter, name in owned:
            parameter.owned_by(node._parameters if name in parameters else node._buffers, name)
        for layer, name in wrapped:
            layer.owned_by(node._modules, name)
        return node

    def adopted(self, parameter: sf.nn.Parameter) -> torch.nn.Parameter:
        """The `nn.Parameter` that holds a value already, or a new one; the same for the same."""
        raw = parameter.raw
        if isinstance(raw, torch.nn.Parameter):
            return raw
        if id(raw) not in self.converted:
            self.converted[id(raw)] = (raw, parameter.variable_of(backends.get("torch")))
        return self.converted[id(raw)][1]
