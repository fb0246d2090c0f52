"""A `torch.nn.Module` as a layer of a seqfront model.

    class Recognizer(sf.nn.Module):
        def __init__(self):
            self.front = seqfront_torch.wrap_module(
                torch.nn.Conv1d(80, 256, 3, padding=1),
                in_dims=(..., mel, time),
                out_dims=(..., hidden, time),
            )
            self.encoder = sf.models.Conformer(hidden, ...)

        def __call__(self, x):
            return self.encoder(self.front(x), axis=time)

Its parameters and buffers are parameters of the model, by the same paths as in `state_dict`. In
`seqfront_torch.module(model)` the layer itself stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch

from seqfront import errors
from seqfront.nn.foreign import Axes, DerivedLengths, Foreign


def wrap_module(
    layer: torch.nn.Module,
    *,
    in_dims: Axes | Sequence[Axes],
    out_dims: Any,
    lengths: DerivedLengths | None = None,
    call: Callable[..., Any] | None = None,
) -> WrappedModule:
    """A seqfront module that runs a `torch.nn.Module`.

    Args:
        layer: Any module. What is frozen (`requires_grad=False`) is not trainable.
        in_dims: Dims of the axes that the layer takes, in order; for several inputs a list of
            them. `...` stands for all other dims of the input, as one axis; with it the layer
            works for any batch.
        out_dims: The same for what it gives; nested as the result is, None for parts that are not
            used. `...` are the dims that it was on the way in.
        lengths: For ragged dims of the result, a function of the inputs (Tensors) that gives their
            lengths. Dims of the inputs keep theirs, and dims derived from these follow them:
            `time.ceil_div(2)` needs nothing.
        call: How to run the layer, if not as `layer(*inputs)`: a function of it and the inputs as
            plain tensors.

    Returns:
        A module that takes Tensors, one for each of `in_dims`, in any order of axes. Padding is
        zero on the way in, as most layers know of none. A layer that mixes positions may still
        see those zeros; one that takes a mask can have it, as another input: `x.mask(time)`.

    Raises:
        BackendError: This is no `torch.nn.Module`, or it has parameters not made yet; later, if
            the model is run on another framework.

    Example:
        >>> import torch, seqfront as sf, seqfront_torch
        >>> batch, time = sf.Dim("batch"), sf.Dim("time")
        >>> mel, hidden = sf.Dim("mel", 4), sf.Dim("hidden", 6)
        >>> half = time.ceil_div(2)
        >>> front = seqfront_torch.wrap_module(
        ...     torch.nn.Conv1d(4, 6, 3, stride=2, padding=1),
        ...     in_dims=(..., mel, time),
        ...     out_dims=(..., hidden, half),
        ... )
        >>> x = sf.wrap(torch.zeros(3, 9, 4), (batch, time, mel), lengths={time: [9, 6, 2]})
        >>> front(x).lengths(half).raw.tolist(), list(front.named_parameters())
        ([5, 3, 1], ['weight', 'bias'])
    """
    if not isinstance(layer, torch.nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_layer("wrap_module", layer, "torch.nn.Module")
    return WrappedModule(layer, in_dims, out_dims, lengths, call)


class WrappedModule(Foreign):
    """The module that `wrap_module` makes."""

    framework: ClassVar[str] = "torch"
    op: ClassVar[str] = "wrap_module"

    def __init__(
        self,
        layer: torch.nn.Module,
        in_dims: Axes | Sequence[Axes],
        out_dims: Any,
        lengths: DerivedLengths | None,
        call: Callable[..., Any] | None,
    ) -> None:
        super().__init__(in_dims, out_dims, lengths, call)
        self._modules: Mapping[str, Any] = {"layer": layer}
        self._key = "layer"
        for path, parameter in layer.named_parameters():
            if torch.nn.parameter.is_lazy(parameter):
                raise errors.unbuilt_layer(self.op, self.kind, f"{path} is lazy")

    @property
    def layer(self) -> torch.nn.Module:
        """The PyTorch module, as its owner has it now."""
        return self._modules[self._key]

    def owned_by(self, modules: Mapping[str, Any], key: str) -> None:
        """Run `modules[key]` from now on: the module around it may replace its parts."""
        self._modules, self._key = modules, key

    @property
    def training(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the layer is in training mode."""
        return self.layer.training

    @training.setter
    def training(self, mode: bool) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self.layer.train(mode)

    @property
    def kind(self) -> str:
        """Class of the layer."""
        cls = type(self.layer)
        return f"{cls.__module__}.{cls.__name__}"

    def runner(self) -> Callable[..., Any]:
        """The layer itself."""
        return self.layer

    def variables(self) -> Iterator[tuple[str, Any, bool]]:
        """Parameters and buffers that are in the `state_dict`, each once."""
        for path, parameter in self.layer.named_parameters():
            yield path, parameter, parameter.requires_grad
        for prefix, module in self.layer.named_modules():
            for name, buffer in module.named_buffers(recurse=False):
                if name not in module._non_persistent_buffers_set:
                    yield f"{prefix}.{name}" if prefix else name, buffer, False

    def variable(self, path: str) -> torch.Tensor:
        """A parameter or buffer."""
        prefix, _, name = path.rpartition(".")
        module = self.layer.get_submodule(prefix)
        found = module._parameters.get(name)
        found = module._buffers.get(name) if found is None else found
        if found is None:
            raise KeyError(path)
        return found
