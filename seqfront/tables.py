"""The tables of a backend: names of operations that are one primitive, and what each keeps to."""

from __future__ import annotations

from typing import Literal

UnaryName = Literal[
    "neg", "abs", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid", "relu", "erf",
    "floor", "ceil", "round", "sign", "is_finite", "is_nan", "not",
]  # fmt: skip
"""`round` goes to the even neighbour; `sign(nan)` is nan; `relu(nan)` is nan."""

BinaryName = Literal[
    "add", "sub", "mul", "div", "floor_div", "mod", "pow", "atan2", "max", "min",
    "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "xor",
]  # fmt: skip
"""`div` is true division of floats; `floor_div` and `mod` round towards minus infinity, as Python
does; gradients of `pow` and `atan2` at (0, 0) are 0; `max` and `min` pass NaN on, and of two equal
values each gets half the gradient; comparisons give bool; `and`, `or`, `xor` take bools."""

BitwiseName = Literal["and", "or", "xor", "shift_left", "shift_right"]
"""`shift_right` repeats the sign; shifts are by less than the dtype has bits."""

ReduceName = Literal["sum", "mean", "max", "min", "prod", "any", "all"]
"""Over no element, `sum` is 0, `mean` 0 (not NaN), `prod` 1, `max` -inf or the dtype's least value,
`min` +inf or the greatest, `any` False, `all` True. `max` and `min` share the gradient equally
among ties."""

ArgReduceName = Literal["argmax", "argmin"]
"""The first of equals; int64."""

CumulativeName = Literal["sum", "prod", "max", "min", "logsumexp"]
"""`max` and `min` pass NaN on; `logsumexp` is of floats, -inf of -inf only, with zero gradients
there."""

ScatterName = Literal["add", "max", "min", "update"]

RandomName = Literal["uniform", "normal"]
