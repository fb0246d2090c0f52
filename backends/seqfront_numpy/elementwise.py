"""Elementwise functions and reductions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from seqfront.backend import (
    ArgReduceName,
    BinaryName,
    BitwiseName,
    CumulativeName,
    ReduceName,
    UnaryName,
)
from seqfront_numpy.inspection import like

_erf = np.frompyfunc(math.erf, 1, 1)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + decay), decay / (1 + decay))


_UNARY: Mapping[UnaryName, Callable[[np.ndarray], Any]] = {
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "erf": _erf,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "sign": np.sign,
    "is_finite": np.isfinite,
    "is_nan": np.isnan,
    "not": np.logical_not,
}

_BINARY: Mapping[BinaryName, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.true_divide,
    "floor_div": np.floor_divide,
    "mod": np.mod,
    "pow": np.power,
    "atan2": np.arctan2,
    "max": np.maximum,
    "min": np.minimum,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "xor": np.logical_xor,
}

_CUMULATIVE: Mapping[CumulativeName, np.ufunc] = {
    "sum": np.add,
    "prod": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "logsumexp": np.logaddexp,
}

_BITWISE: Mapping[BitwiseName, Callable[[Any, Any], Any]] = {
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "shift_left": np.left_shift,
    "shift_right": np.right_shift,
}

_TO_BOOL = {"is_finite", "is_nan", "not", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "xor"}


def least(dtype: np.dtype[Any]) -> Any:
    """-inf, or an integer dtype's least value."""
    return np.iinfo(dtype).min if dtype.kind in "iu" else -math.inf


def greatest(dtype: np.dtype[Any]) -> Any:
    """+inf, or an integer dtype's greatest value."""
    return np.iinfo(dtype).max if dtype.kind in "iu" else math.inf


class Elementwise:
    """Groups *elementwise* and *reduce* of the seam."""

    def unary(self, name: UnaryName, x: np.ndarray) -> np.ndarray:
        """One of `UnaryName`."""
        with np.errstate(all="ignore"):
            y = np.asarray(_UNARY[name](x))
        return y if name in _TO_BOOL else y.astype(x.dtype, copy=False)

    def binary(self, name: BinaryName, a: Any, b: Any) -> np.ndarray:
        """One of `BinaryName`."""
        a, b = (a, like(b, a)) if isinstance(a, np.ndarray) else (like(a, b), b)
        with np.errstate(all="ignore"):
            y = np.asarray(_BINARY[name](a, b))
        return y if name in _TO_BOOL else y.astype(a.dtype, copy=False)

    def bitwise(self, name: BitwiseName, a: np.ndarray, b: Any) -> np.ndarray:
        """One of `BitwiseName`."""
        return np.asarray(_BITWISE[name](a, like(b, a)))

    def where(self, condition: np.ndarray, a: Any, b: Any) -> np.ndarray:
        """`a` where true, else `b`."""
        a, b = (a, like(b, a)) if isinstance(a, np.ndarray) else (like(a, b), b)
        return np.where(condition, a, b)

    @np.errstate(all="ignore")
    def reduce(
        self, name: ReduceName, x: np.ndarray, axes: Sequence[int], keepdims: bool = False
    ) -> np.ndarray:
        """Reduce some axes."""
        axes = tuple(axes)
        if name == "mean":
            count = math.prod(x.shape[axis] for axis in axes)
            total = np.sum(x, axis=axes, keepdims=keepdims, dtype=_accumulator(x.dtype))
            y = total / max(count, 1)
        elif name in ("sum", "prod"):
            run = np.sum if name == "sum" else np.prod
            y = run(x, axis=axes, keepdims=keepdims, dtype=_accumulator(x.dtype))
        elif name == "max":
            y = np.max(x, axis=axes, keepdims=keepdims, initial=least(x.dtype))
        elif name == "min":
            y = np.min(x, axis=axes, keepdims=keepdims, initial=greatest(x.dtype))
        else:
            y = (np.any if name == "any" else np.all)(x, axis=axes, keepdims=keepdims)
        return np.asarray(y).astype(x.dtype, copy=False)

    def arg_reduce(self, name: ArgReduceName, x: np.ndarray, axis: int) -> np.ndarray:
        """Index of the greatest or least; the first of equals."""
        run = np.argmax if name == "argmax" else np.argmin
        return np.asarray(run(x, axis=axis)).astype(np.int64, copy=False)

    @np.errstate(all="ignore")
    def cumulative(self, name: CumulativeName, x: np.ndarray, axis: int) -> np.ndarray:
        """One of `CumulativeName`."""
        return _CUMULATIVE[name].accumulate(x, axis=axis, dtype=x.dtype)


def _accumulator(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float32 for the two short floats, whose rounding errors would add up."""
    return np.dtype(np.float32) if dtype.name in ("float16", "bfloat16") else dtype
