"""Layers whose weight is computed from other parameters, or changed at random.

A wrapper computes the value at each call and lends it to the layer for the time of the call; the
layer itself knows nothing of it. (So one layer is not called from two threads at once.)
"""

from __future__ import annotations

from typing import Any

from seqfront import errors
from seqfront.dim import Dim
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.ops import elementwise, noise, reduce
from seqfront.tensor import Tensor


class WeightNorm(Module):
    """A layer whose weight is `magnitude * direction / |direction|`
    (Salimans & Kingma 2016, arXiv:1602.07868).

    The direction is the layer's own weight; magnitudes start as its norms, so that at first nothing
    changes.

    Args:
        layer: Any layer with a parameter of that name.
        axis: The dim of the weight that each have a magnitude: the output features.
        name: The parameter.

    Example:
        >>> import seqfront as sf
        >>> mel, out = sf.Dim("mel", 3), sf.Dim("out", 2)
        >>> layer = sf.nn.WeightNorm(sf.nn.Linear(mel, out), out)
        >>> list(layer.named_parameters())
        ['layer.weight', 'layer.bias', 'magnitude']
    """

    def __init__(self, layer: Module, axis: Dim, name: str = "weight") -> None:
        self.layer: Any = layer
        self.name = name
        weight = _parameter("WeightNorm", layer, name)
        if axis not in weight.dims:
            raise errors.missing_dim("WeightNorm", weight, axis, name)
        self.magnitude = Parameter((axis,), 0.0, dtype=weight.dtype)
        self.magnitude.move_to(weight.backend)
        self.magnitude.assign(self._norm(weight))

    def __call__(self, *args: Any, **options: Any) -> Any:
        """What the layer gives with the normalised weight."""
        weight = _parameter("WeightNorm", self.layer, self.name)
        value = weight * (self.magnitude / self._norm(weight))
        with weight.lent(value.raw_in(weight.dims)):
            return self.layer(*args, **options)

    def _norm(self, weight: Tensor) -> Tensor:
        """The norm of each direction; at least the square root of the least float32."""
        others = [dim for dim in weight.dims if dim not in self.magnitude.dims]
        return elementwise.sqrt(
            elementwise.maximum(reduce.sum(weight * weight, axis=others), 1e-38)
        )


class WeightDropout(Module):
    """A layer that drops entries of a weight at random while training, the same for all steps of a
    sequence (DropConnect, Wan et al. 2013; on hidden weights: Merity et al. 2017,
    arXiv:1708.02182).

    Args:
        layer: Any layer with a parameter of that name.
        rate: Probability of zero, in [0, 1].
        name: The parameter.

    Example:
        >>> import seqfront as sf
        >>> time, mel, out = sf.Dim("time", 5), sf.Dim("mel", 3), sf.Dim("out", 2)
        >>> layer = sf.nn.WeightDropout(sf.nn.LSTM(mel, out), 0.5)
        >>> layer(sf.zeros((time, mel)), axis=time)[0]
        float32[time:5, out:2] numpy:cpu
    """

    def __init__(self, layer: Module, rate: float, name: str = "hidden_weight") -> None:
        noise.check_rate("WeightDropout", rate)
        _parameter("WeightDropout", layer, name)
        self.layer: Any = layer
        self.rate = rate
        self.name = name

    def __call__(self, *args: Any, **options: Any) -> Any:
        """What the layer gives with what is left of the weight."""
        if not self.training:
            return self.layer(*args, **options)
        weight = _parameter("WeightDropout", self.layer, self.name)
        left = noise.dropout(weight, self.rate)
        with weight.lent(left.raw_in(weight.dims)):
            return self.layer(*args, **options)


def _parameter(op: str, layer: Module, name: str) -> Parameter:
    if not isinstance(layer, Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_module(op, layer)
    parameter = getattr(layer, name, None)
    if not isinstance(parameter, Parameter):
        needed = f"a parameter of {type(layer).__name__}"
        names = ", ".join(layer.named_parameters())
        raise errors.bad_argument(op, "name", name, needed, f"one of {names}.")
    return parameter
