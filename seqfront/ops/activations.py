"""Functions of single values that are made of others: what networks put between their layers.

Integers become float where a function needs it. Where one has a kink, its gradient there is that of
PyTorch, on every backend.
"""

from __future__ import annotations

import math

from seqfront import align, dtypes
from seqfront.ops.elementwise import abs as absolute
from seqfront.ops.elementwise import binary, ceil, expm1, floor, log, tanh, where
from seqfront.ops.mask import clean
from seqfront.tensor import Tensor

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _composed(method: str, x: Tensor) -> Tensor:
    align.check(method, x)
    backend, raw = x.backend, clean(x).raw
    if not dtypes.is_float(x.dtype):
        raw = backend.cast(raw, dtypes.DEFAULT_FLOAT)
    return Tensor(getattr(backend, method)(raw), x.dims, x.lengths_table, backend=backend)


def silu(x: Tensor) -> Tensor:
    """x * sigmoid(x), also called swish (Elfwing et al. 2018)."""
    return _composed("silu", x)


def gelu(x: Tensor) -> Tensor:
    """x * Phi(x), with the exact normal distribution (Hendrycks & Gimpel 2016)."""
    return _composed("gelu", x)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), without overflow."""
    return _composed("softplus", x)


def mish(x: Tensor) -> Tensor:
    """x * tanh(softplus(x)) (Misra 2019)."""
    align.check("mish", x)
    return x * tanh(softplus(x))


def log_sigmoid(x: Tensor) -> Tensor:
    """log(sigmoid(x)), without overflow.

    Example:
        >>> import seqfront as sf
        >>> print(sf.log_sigmoid(sf.wrap([-100.0, 0.0], (sf.Dim("time"),))).numpy().round(3))
        [-100.      -0.693]
    """
    align.check("log_sigmoid", x)
    return -softplus(-x)


def softsign(x: Tensor) -> Tensor:
    """x / (1 + abs(x))."""
    align.check("softsign", x)
    return x / (absolute(x) + 1)


def leaky_relu(x: Tensor, slope: float = 0.01) -> Tensor:
    """x, or `slope * x` where that is not positive (Maas et al. 2013).

    Example:
        >>> import seqfront as sf
        >>> sf.leaky_relu(sf.wrap([-2.0, 3.0], (sf.Dim("time"),)), 0.5).raw
        array([-1.,  3.], dtype=float32)
    """
    align.check("leaky_relu", x)
    return where(x > 0, x, x * float(slope))


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x, or `alpha * (exp(x) - 1)` where that is not positive (Clevert et al. 2016).

    Example:
        >>> import seqfront as sf
        >>> sf.elu(sf.wrap([-1.0, 3.0], (sf.Dim("time"),))).numpy().round(3)
        array([-0.632,  3.   ], dtype=float32)
    """
    align.check("elu", x)
    positive = x > 0
    return where(positive, x, expm1(where(positive, 0, x)) * float(alpha))


def selu(x: Tensor) -> Tensor:
    """`elu` scaled such that a normalised input stays so (Klambauer et al. 2017)."""
    align.check("selu", x)
    return elu(x, _SELU_ALPHA) * _SELU_SCALE


def hard_tanh(x: Tensor, low: float = -1.0, high: float = 1.0) -> Tensor:
    """x between two numbers; unlike that of `clip`, the gradient at these is 0."""
    align.check("hard_tanh", x)
    below, above = binary("le", x, low), binary("ge", x, high)
    return where(below, low, where(above, high, x))


def relu6(x: Tensor) -> Tensor:
    """min(max(x, 0), 6) (Krizhevsky 2010); at 0 and 6 the gradient is 0."""
    align.check("relu6", x)
    return hard_tanh(x, 0, 6)


def hard_sigmoid(x: Tensor) -> Tensor:
    """x / 6 + 1/2 between 0 and 1 (as in MobileNetV3, Howard et al. 2019).

    Example:
        >>> import seqfront as sf
        >>> sf.hard_sigmoid(sf.wrap([-4.0, 0.0, 1.5], (sf.Dim("time"),))).raw
        array([0.  , 0.5 , 0.75], dtype=float32)
    """
    align.check("hard_sigmoid", x)
    return hard_tanh(x / 6 + 0.5, 0.0, 1.0)


def hard_silu(x: Tensor) -> Tensor:
    """x * hard_sigmoid(x), also called hard swish (Howard et al. 2019)."""
    align.check("hard_silu", x)
    return where(x < -3, 0.0, where(x > 3, x, x * (x / 6 + 0.5)))


def square(x: Tensor) -> Tensor:
    """x * x."""
    align.check("square", x)
    return x * x


def reciprocal(x: Tensor) -> Tensor:
    """1 / x."""
    align.check("reciprocal", x)
    return 1 / x


def log2(x: Tensor) -> Tensor:
    """Logarithm to base 2."""
    align.check("log2", x)
    return log(x) / math.log(2)


def log10(x: Tensor) -> Tensor:
    """Logarithm to base 10."""
    align.check("log10", x)
    return log(x) / math.log(10)


def trunc(x: Tensor) -> Tensor:
    """The whole part: rounded towards zero."""
    align.check("trunc", x)
    return where(x < 0, ceil(x), floor(x))


def is_inf(x: Tensor) -> Tensor:
    """Infinite, with any sign."""
    align.check("is_inf", x)
    return binary("eq", absolute(x), math.inf)
