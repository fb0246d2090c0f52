"""One call of a drop-in, on every framework and in every mode, with its gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from frameworks import INSTALLED

from seqfront import backends

MODES = tuple(
    mode
    for mode in ("numpy", "torch", "torch compiled", "tensorflow", "tensorflow graph")
    if mode.split()[0] in INSTALLED
)
DIFFERENTIABLE = tuple(mode for mode in MODES if mode != "numpy")


def value(mode: str, fn: Callable[..., Any], x: np.ndarray, *ints: Any) -> np.ndarray:
    """`fn(x, *ints)` as an array."""
    return value_and_grad(mode, fn, x, *ints)[0]


def value_and_grad(
    mode: str, fn: Callable[..., Any], x: np.ndarray, *ints: Any, weights: Any = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """`fn(x, *ints)`, and the gradient of sum(weights * fn) with respect to `x`.

    Arrays become tensors of the framework; other values are passed as they are. NumPy has no
    gradients: zeros.
    """
    run = {"numpy": _numpy, "torch": _torch, "tensorflow": _tensorflow}[mode.split()[0]]
    return run(fn, x, ints, weights, mode.endswith(("compiled", "graph")))


def _numpy(
    fn: Callable[..., Any], x: np.ndarray, ints: Sequence[Any], weights: Any, compiled: bool
) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(fn(x, *ints)), np.zeros_like(x)


def _torch(
    fn: Callable[..., Any], x: np.ndarray, ints: Sequence[Any], weights: Any, compiled: bool
) -> tuple[np.ndarray, np.ndarray]:
    import torch

    backends.get("torch")  # none can be loaded within a trace
    if compiled:
        torch._dynamo.reset()
        fn = torch.compile(fn, fullgraph=True, dynamic=True, backend="eager")
    # from_numpy keeps strides
    leaf = torch.from_numpy(x).requires_grad_()
    tensors = [torch.from_numpy(i) if isinstance(i, np.ndarray) else i for i in ints]
    loss = fn(leaf, *tensors)
    (loss * torch.as_tensor(weights, dtype=loss.dtype)).sum().backward()
    assert leaf.grad is not None
    return loss.detach().numpy(), leaf.grad.numpy()


def _tensorflow(
    fn: Callable[..., Any], x: np.ndarray, ints: Sequence[Any], weights: Any, compiled: bool
) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow as tf

    leaf = tf.constant(x)
    tensors = [tf.constant(i) if isinstance(i, np.ndarray) else i for i in ints]
    with tf.GradientTape() as tape:
        tape.watch(leaf)
        loss = _graph(fn, leaf, tensors) if compiled else fn(leaf, *tensors)
        total = tf.reduce_sum(loss * tf.cast(weights, loss.dtype))
    grad = tape.gradient(total, leaf)
    return loss.numpy(), tf.convert_to_tensor(grad).numpy()


def _graph(fn: Callable[..., Any], x: Any, ints: Sequence[Any]) -> Any:
    """In a graph that knows ranks and the number of classes only."""
    import tensorflow as tf

    tensors = [x, *(i for i in ints if isinstance(i, tf.Tensor))]
    shapes = [[None] * t.shape.rank for t in tensors]
    shapes[0][-1] = x.shape[-1]
    signature = [tf.TensorSpec(s, t.dtype) for s, t in zip(shapes, tensors, strict=True)]

    @tf.function(input_signature=signature, autograph=False)
    def graph(*given: Any) -> Any:
        rest = iter(given[1:])
        return fn(given[0], *[next(rest) if isinstance(i, tf.Tensor) else i for i in ints])

    return graph(*tensors)
