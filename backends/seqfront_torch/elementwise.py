"""Elementwise functions and reductions."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from seqfront.backend import (
    ArgReduceName,
    BinaryName,
    BitwiseName,
    CumulativeName,
    ReduceName,
    UnaryName,
)
from seqfront_torch.inspection import greatest, least


def _sign(x: torch.Tensor) -> torch.Tensor:
    """PyTorch takes the sign of NaN for 0."""
    return torch.where(torch.isnan(x), x, torch.sign(x)) if x.is_floating_point() else torch.sign(x)


def _maximum(a: Any, b: Any) -> torch.Tensor:
    return torch.maximum(*_tensors(a, b))


def _minimum(a: Any, b: Any) -> torch.Tensor:
    return torch.minimum(*_tensors(a, b))


def _tensors(a: Any, b: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """A number as a tensor: `clamp` would give a tie the whole gradient instead of half."""
    if not isinstance(b, torch.Tensor):
        return a, a.new_full((), b)
    return (a, b) if isinstance(a, torch.Tensor) else (b.new_full((), a), b)


_UNARY: Mapping[UnaryName, Callable[[torch.Tensor], torch.Tensor]] = {
    "neg": torch.neg,
    "abs": torch.abs,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "erf": torch.erf,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round": torch.round,
    "sign": _sign,
    "is_finite": torch.isfinite,
    "is_nan": torch.isnan,
    "not": torch.logical_not,
}

_BINARY: Mapping[BinaryName, Callable[[Any, Any], torch.Tensor]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floor_div": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
    "max": _maximum,
    "min": _minimum,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
}

_BITWISE: Mapping[BitwiseName, Callable[[Any, Any], torch.Tensor]] = {
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "shift_left": operator.lshift,
    "shift_right": operator.rshift,
}


class Elementwise:
    """Groups *elementwise* and *reduce* of the seam."""

    def unary(self, name: UnaryName, x: torch.Tensor) -> torch.Tensor:
        """One of `UnaryName`."""
        return _UNARY[name](x)

    def binary(self, name: BinaryName, a: Any, b: Any) -> torch.Tensor:
        """One of `BinaryName`."""
        return _BINARY[name](a, b)

    def bitwise(self, name: BitwiseName, a: Any, b: Any) -> torch.Tensor:
        """One of `BitwiseName`."""
        return _BITWISE[name](a, b)

    def where(self, condition: torch.Tensor, a: Any, b: Any) -> torch.Tensor:
        """`a` where true, else `b`."""
        return torch.where(condition, a, b)

    def reduce(
        self, name: ReduceName, x: torch.Tensor, axes: Sequence[int], keepdims: bool = False
    ) -> torch.Tensor:
        """Reduce some axes."""
        axes = tuple(axes)
        if not axes:  # PyTorch would reduce all
            return x
        return _REDUCE[name](x, axes, keepdims)

    def arg_reduce(self, name: ArgReduceName, x: torch.Tensor, axis: int) -> torch.Tensor:
        """Index of the greatest or least; the first of equals."""
        return (torch.argmax if name == "argmax" else torch.argmin)(x, axis)

    def cumulative(self, name: CumulativeName, x: torch.Tensor, axis: int) -> torch.Tensor:
        """Inclusive cumulative sum, product or maximum."""
        if name == "max":
            return torch.cummax(x, axis).values
        return (torch.cumsum if name == "sum" else torch.cumprod)(x, axis, dtype=x.dtype)


def _sum(x: torch.Tensor, axes: tuple[int, ...], keepdims: bool) -> torch.Tensor:
    return torch.sum(x, axes, keepdims, dtype=x.dtype)


def _mean(x: torch.Tensor, axes: tuple[int, ...], keepdims: bool) -> torch.Tensor:
    return _sum(x, axes, keepdims) if _is_empty(x, axes) else torch.mean(x, axes, keepdims)


def _max(x: torch.Tensor, axes: tuple[int, ...], keepdims: bool) -> torch.Tensor:
    if _is_empty(x, axes):
        return _sum(x, axes, keepdims) + least(x.dtype)
    return torch.amax(x, axes, keepdims)


def _min(x: torch.Tensor, axes: tuple[int, ...], keepdims: bool) -> torch.Tensor:
    if _is_empty(x, axes):
        return _sum(x, axes, keepdims) + greatest(x.dtype)
    return torch.amin(x, axes, keepdims)


def _prod(x: torch.Tensor, axes: tuple[int, ...], keepdims: bool) -> torch.Tensor:
    for axis in sorted(axes, reverse=True):
        x = torch.prod(x, axis, keepdims, dtype=x.dtype)
    return x


def _is_empty(x: torch.Tensor, axes: tuple[int, ...]) -> bool:
    return x.numel() == 0 and math.prod([x.shape[axis] for axis in axes]) == 0


_REDUCE: Mapping[ReduceName, Callable[[torch.Tensor, tuple[int, ...], bool], torch.Tensor]] = {
    "sum": _sum,
    "mean": _mean,
    "max": _max,
    "min": _min,
    "prod": _prod,
    "any": torch.any,
    "all": torch.all,
}
