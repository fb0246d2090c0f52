"""Mixed precision: products in half the bits, everything that adds up in float32."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Literal

from seqfront import errors

if TYPE_CHECKING:
    from seqfront.backend import Backend

HALVES = ("bfloat16", "float16")

_products: str | None = None
"""A global of the process: TorchDynamo does not read context variables."""


@contextlib.contextmanager
def autocast(
    dtype: Literal["bfloat16", "float16"] = "bfloat16", *, enabled: bool = True
) -> Generator[None]:
    """Compute products in half precision, inside a `with` block; one behaviour on all frameworks.

    - Products (`dot`, `linear`, `conv`, `conv_transpose`, and with them the layers and attention)
      take float32 operands as `dtype`, and their results have it.
    - What adds up many numbers (`sum`, `mean`, `prod`, `cumsum`, `logsumexp`, `softmax`, mean
      pooling, normalisation, cross-entropy) takes half precision as float32, and gives float32.
      The lattice losses compute in float32 from logits of any dtype.
    - Recurrent layers stay in float32: their state adds up over the whole sequence.
    - Elementwise operations follow the usual promotion, so that a bias or a residual in float32
      makes the result float32.
    - Parameters stay float32, and so do their gradients. float64 stays float64.

    The NumPy backend, which has no half precision worth the name, computes as without it. With
    float16, scale the loss so that gradients do not vanish; bfloat16 needs nothing.

    The switch is the process's, not the thread's. `torch.compile` sees it outside and inside of
    what it compiles; `tf.function` keeps what was traced first, so enter it inside. Backward
    passes need not be in the block.

    Args:
        dtype: "bfloat16" or "float16".
        enabled: False: as outside of any block, to keep a part in float32.

    Example:
        >>> import seqfront as sf
        >>> time, mel, out = sf.Dim("time", 5), sf.Dim("mel", 3), sf.Dim("out", 2)
        >>> with sf.autocast("bfloat16"):
        ...     sf.nn.Linear(mel, out)(sf.zeros((time, mel)))  # on torch: bfloat16
        float32[time:5, out:2] numpy:cpu
    """
    global _products
    if dtype not in HALVES:
        raise errors.unknown_dtype("autocast", dtype, HALVES)
    before = _products
    _products = dtype if enabled else None
    try:
        yield
    finally:
        _products = before


def product_dtype(backend: Backend, dtype: str) -> str:
    """The dtype to multiply and add up operands in, which promote to `dtype`."""
    if _products is None or not backend.has_half_products:
        return dtype
    return _products if dtype == "float32" or dtype in HALVES else dtype


def sum_dtype(dtype: str) -> str:
    """The dtype to add up numbers in."""
    return "float32" if _products is not None and dtype in HALVES else dtype
