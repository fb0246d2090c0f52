"""Differentiation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from seqfront import align, dtypes, errors
from seqfront.backend import Raw
from seqfront.tensor import Tensor


def stop_gradient(x: Tensor) -> Tensor:
    """The same values, a constant to differentiation."""
    align.check("stop_gradient", x)
    raw = x.backend.stop_gradient(x.raw)
    table, untrusted = x.lengths_table, x.untrusted
    return Tensor(raw, x.dims, table, x.sparse_dim, backend=x.backend, untrusted=untrusted)


def value_and_grad(
    fn: Callable[[], Tensor | tuple[Tensor, Any]], wrt: Sequence[Tensor]
) -> tuple[Tensor | tuple[Tensor, Any], list[Tensor]]:
    """Value of `fn()` and its gradients.

    Args:
        fn: Gives a scalar Tensor, or a pair of one and anything else.
        wrt: Parameters or tensors to differentiate by, at least one.

    Returns:
        What `fn` gave, and a gradient for each of `wrt`: zeros where the value does not depend
        on it.

    Example:
        value, grads = sf.value_and_grad(lambda: loss_of(batch), model.parameters())
    """
    if not callable(fn):
        raise errors.not_differentiable("fn", fn, "a function without arguments")
    if not isinstance(wrt, (tuple, list)):
        raise errors.not_differentiable("wrt", wrt, "a list of float Tensors")
    if not wrt:
        raise errors.nothing_to_differentiate()
    for x in wrt:
        if not isinstance(x, Tensor) or not dtypes.is_float(x.dtype):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.not_differentiable("wrt", x, "a list of float Tensors")
    backend = align.common_backend("value_and_grad", wrt)
    kept: list[Tensor] = []

    def raw_fn() -> tuple[Raw, Any]:
        result = fn()
        value, rest = result if isinstance(result, tuple) else (result, None)
        if not isinstance(value, Tensor) or not dtypes.is_float(value.dtype):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.not_differentiable("fn()", value, "a float scalar")
        if value.dims:
            raise errors.not_a_scalar("value_and_grad", value)
        if value.backend is not backend:
            raise errors.foreign_gradient(value, wrt[0])
        kept.append(value)
        return value.raw, rest if isinstance(result, tuple) else _NO_REST

    (raw, rest), grads = backend.value_and_grad(raw_fn, [x.raw for x in wrt])
    value = Tensor(raw, (), kept[-1].lengths_table, backend=backend)
    tensors = [
        Tensor(grad, x.dims, x.lengths_table, backend=backend)
        for grad, x in zip(grads, wrt, strict=True)
    ]
    return (value if rest is _NO_REST else (value, rest)), tensors


_NO_REST = object()
