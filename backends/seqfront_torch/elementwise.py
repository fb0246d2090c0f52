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


def _atan2(a: Any, b: Any) -> torch.Tensor:
    return torch.atan2(*_tensors(a, b))


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
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "asinh": torch.asinh,
    "acosh": torch.acosh,
    "atanh": torch.atanh,
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
    "atan2": _atan2,
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
        """One of `CumulativeName`."""
        return _CUMULATIVE[name](x, axis)


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


def _logcumsumexp(x: torch.Tensor, axis: int) -> torch.Tensor:
    """PyTorch's own has NaN for gradients as long as all before are -inf."""
    impossible = torch.isneginf(x)
    low = torch.finfo(x.dtype).min / 2
    total = torch.logcumsumexp(torch.where(impossible, low, x), axis)
    nothing = torch.cumsum(torch.logical_not(impossible), axis) == 0
    return torch.where(nothing, -math.inf, total)


_CUMULATIVE: Mapping[CumulativeName, Callable[[torch.Tensor, int], torch.Tensor]] = {
    "sum": lambda x, axis: torch.cumsum(x, axis, dtype=x.dtype),
    "prod": lambda x, axis: torch.cumprod(x, axis, dtype=x.dtype),
    "max": lambda x, axis: torch.cummax(x, axis).values,
    "min": lambda x, axis: torch.cummin(x, axis).values,
    "logsumexp": _logcumsumexp,
}


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
