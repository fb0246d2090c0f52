"""Elementwise functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from seqfront.backend import BinaryName, BitwiseName, Raw, UnaryName
from seqfront_tensorflow import values

Op = tf.raw_ops

_UNARY: Mapping[UnaryName, Callable[[Raw], Raw]] = {
    "neg": lambda x: Op.Neg(x=x),
    "abs": lambda x: Op.Abs(x=x),
    "exp": lambda x: Op.Exp(x=x),
    "expm1": lambda x: Op.Expm1(x=x),
    "log": lambda x: Op.Log(x=x),
    "log1p": lambda x: Op.Log1p(x=x),
    "sqrt": lambda x: Op.Sqrt(x=x),
    "rsqrt": lambda x: Op.Rsqrt(x=x),
    "sin": lambda x: Op.Sin(x=x),
    "cos": lambda x: Op.Cos(x=x),
    "tan": lambda x: Op.Tan(x=x),
    "asin": lambda x: Op.Asin(x=x),
    "acos": lambda x: Op.Acos(x=x),
    "atan": lambda x: Op.Atan(x=x),
    "sinh": lambda x: Op.Sinh(x=x),
    "cosh": lambda x: Op.Cosh(x=x),
    "tanh": lambda x: Op.Tanh(x=x),
    "asinh": lambda x: Op.Asinh(x=x),
    "acosh": lambda x: Op.Acosh(x=x),
    "atanh": lambda x: Op.Atanh(x=x),
    "sigmoid": lambda x: Op.Sigmoid(x=x),
    "relu": lambda x: Op.Relu(features=x),
    "erf": lambda x: Op.Erf(x=x),
    "floor": lambda x: Op.Floor(x=x),
    "ceil": lambda x: Op.Ceil(x=x),
    "round": lambda x: Op.Round(x=x),
    "sign": lambda x: Op.Sign(x=x),
    "is_finite": lambda x: Op.IsFinite(x=x),
    "is_nan": lambda x: Op.IsNan(x=x),
    "not": lambda x: Op.LogicalNot(x=x),
}

_OF_INTEGERS: Mapping[UnaryName, Callable[[Raw], Raw]] = {
    "floor": values.tensor,
    "ceil": values.tensor,
    "round": values.tensor,
    "is_finite": lambda x: Op.Equal(x=x, y=x),
    "is_nan": lambda x: Op.NotEqual(x=x, y=x),
}
"""Where TensorFlow has the function for floats only."""

_OF_UINT8: Mapping[UnaryName, Callable[[Raw], Raw]] = {
    "neg": lambda x: Op.Sub(x=tf.zeros((), x.dtype), y=x),
    "abs": values.tensor,
    "sign": lambda x: Op.Minimum(x=x, y=tf.ones((), x.dtype)),
}
"""Where TensorFlow has the function for signed integers only."""


def _floor_div(a: Any, b: Any) -> Raw:
    """As Python's: TensorFlow's own rounds the quotient first, and says 1.0 // 0.1 is 10."""
    dtype = (b if isinstance(a, values.NUMBERS) else a).dtype
    if not dtype.is_floating:
        return Op.FloorDiv(x=a, y=b)
    operands: tuple[Any, Any] = (a, b)
    a, b = (tf.convert_to_tensor(operand, dtype) for operand in operands)
    quotient = Op.Round(x=Op.RealDiv(x=Op.Sub(x=a, y=Op.FloorMod(x=a, y=b)), y=b))
    zero = Op.Equal(x=b, y=tf.zeros((), dtype))
    return Op.SelectV2(condition=zero, t=Op.FloorDiv(x=a, y=b), e=quotient)


def _pow(a: Any, b: Any) -> Raw:
    """With gradients of zero instead of NaN at 0 ** 0."""
    dtype = (b if isinstance(a, values.NUMBERS) else a).dtype
    if dtype == tf.uint8:
        operands: tuple[Any, Any] = (a, b)
        a, b = (tf.cast(operand, tf.int32) for operand in operands)
        return tf.cast(Op.Pow(x=a, y=b), dtype)
    if (
        not dtype.is_floating
        or isinstance(a, values.NUMBERS)
        or (isinstance(b, values.NUMBERS) and b != 0)
    ):
        return Op.Pow(x=a, y=b)
    zero = tf.zeros((), dtype)
    both = tf.logical_and(Op.Equal(x=a, y=zero), Op.Equal(x=b, y=zero))
    return Op.Pow(x=Op.SelectV2(condition=both, t=tf.ones((), dtype), e=a), y=b)


def _atan2(a: Any, b: Any) -> Raw:
    """With gradients of zero instead of NaN at (0, 0)."""
    dtype = (b if isinstance(a, values.NUMBERS) else a).dtype
    angle, zero = Op.Atan2(y=a, x=b), tf.zeros((), dtype)
    origin = tf.logical_and(Op.Equal(x=a, y=zero), Op.Equal(x=b, y=zero))
    elsewhere = Op.Atan2(y=a, x=Op.SelectV2(condition=origin, t=tf.ones((), dtype), e=b))
    return Op.SelectV2(condition=origin, t=tf.stop_gradient(angle), e=elsewhere)


def _halved_ties(chosen: Raw, a: Raw, b: Raw) -> Raw:
    """`chosen`; where both are equal each gets half the gradient, which TensorFlow gives to one."""
    if not chosen.dtype.is_floating:
        return chosen
    half = tf.constant(0.5, chosen.dtype)
    middle = Op.AddV2(x=Op.Mul(x=a, y=half), y=Op.Mul(x=b, y=half))
    return Op.SelectV2(condition=Op.Equal(x=a, y=b), t=middle, e=chosen)


_BINARY: Mapping[BinaryName, Callable[[Any, Any], Raw]] = {
    "add": lambda a, b: Op.AddV2(x=a, y=b),
    "sub": lambda a, b: Op.Sub(x=a, y=b),
    "mul": lambda a, b: Op.Mul(x=a, y=b),
    "div": lambda a, b: Op.RealDiv(x=a, y=b),
    "floor_div": _floor_div,
    "mod": lambda a, b: Op.FloorMod(x=a, y=b),
    "pow": _pow,
    "atan2": _atan2,
    "max": lambda a, b: _halved_ties(Op.Maximum(x=a, y=b), a, b),
    "min": lambda a, b: _halved_ties(Op.Minimum(x=a, y=b), a, b),
    "eq": lambda a, b: Op.Equal(x=a, y=b),
    "ne": lambda a, b: Op.NotEqual(x=a, y=b),
    "lt": lambda a, b: Op.Less(x=a, y=b),
    "le": lambda a, b: Op.LessEqual(x=a, y=b),
    "gt": lambda a, b: Op.Greater(x=a, y=b),
    "ge": lambda a, b: Op.GreaterEqual(x=a, y=b),
    "and": lambda a, b: Op.LogicalAnd(x=a, y=b),
    "or": lambda a, b: Op.LogicalOr(x=a, y=b),
    "xor": lambda a, b: Op.NotEqual(x=a, y=b),
}

_BITWISE: Mapping[BitwiseName, Callable[[Raw, Any], Raw]] = {
    "and": lambda a, b: Op.BitwiseAnd(x=a, y=b),
    "or": lambda a, b: Op.BitwiseOr(x=a, y=b),
    "xor": lambda a, b: Op.BitwiseXor(x=a, y=b),
    "shift_left": lambda a, b: Op.LeftShift(x=a, y=b),
    "shift_right": lambda a, b: Op.RightShift(x=a, y=b),
}


class Elementwise:
    """Group *elementwise* of the seam."""

    def unary(self, name: UnaryName, x: Raw) -> Raw:
        """One of `UnaryName`."""
        if x.dtype == tf.uint8 and name in _OF_UINT8:
            return _OF_UINT8[name](x)
        if name in _OF_INTEGERS and x.dtype.is_integer:
            return _OF_INTEGERS[name](x)
        return _UNARY[name](x)

    def binary(self, name: BinaryName, a: Raw, b: Raw) -> Raw:
        """One of `BinaryName`."""
        if isinstance(a, values.NUMBERS):
            a = values.number(a, b.dtype)
        elif isinstance(b, values.NUMBERS):
            if name == "pow" and b == 2:
                return Op.Square(x=a)
            b = values.number(b, a.dtype)
        return _BINARY[name](a, b)

    def bitwise(self, name: BitwiseName, a: Raw, b: Raw) -> Raw:
        """One of `BitwiseName`."""
        return _BITWISE[name](a, values.number(b, a.dtype) if isinstance(b, int) else b)

    def where(self, condition: Raw, a: Raw, b: Raw) -> Raw:
        """`a` where true, else `b`."""
        if isinstance(a, values.NUMBERS):
            a = values.number(a, b.dtype)
        elif isinstance(b, values.NUMBERS):
            b = values.number(b, a.dtype)
        return Op.SelectV2(condition=condition, t=a, e=b)

    def softplus(self, x: Raw) -> Raw:
        """log(1 + exp(x)), without overflow."""
        return Op.Softplus(features=x)
