"""Backends and modes that every case runs in."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from seqfront.testing.run import Compile


@dataclass(frozen=True)
class Mode:
    """A backend, and how functions are compiled for it."""

    backend: str
    name: str
    compile: Compile | None = None

    def __str__(self) -> str:
        return f"{self.backend}-{self.name}"


def _torch(fn: Callable[..., Any], specs: Any, backend: str) -> Callable[..., Any]:
    import torch

    torch._dynamo.reset()  # or functions of one code object would count as recompilations
    return torch.compile(fn, fullgraph=True, dynamic=True, backend=backend)


def _torch_traced(fn: Callable[..., Any], specs: Any) -> Callable[..., Any]:
    """The graph and its gradient as PyTorch traces them, without generating code."""
    return _torch(fn, specs, "aot_eager")


def _torch_captured(fn: Callable[..., Any], specs: Any) -> Callable[..., Any]:
    """The graph as TorchDynamo finds it, run as it is."""
    return _torch(fn, specs, "eager")


def _torch_compiled(fn: Callable[..., Any], specs: Any) -> Callable[..., Any]:
    """As users run it."""
    return _torch(fn, specs, "inductor")


def _tensorflow_function(
    fn: Callable[..., Any], specs: Sequence[tuple[str, tuple[int | None, ...]]]
) -> Callable[..., Any]:
    """With unknown batch and time."""
    import tensorflow as tf

    signature = [tf.TensorSpec(shape, dtype) for dtype, shape in specs]
    return tf.function(fn, input_signature=signature)


ALL = (
    Mode("numpy", "eager"),
    Mode("torch", "eager"),
    Mode("torch", "captured", _torch_captured),
    Mode("torch", "traced", _torch_traced),
    Mode("torch", "compile", _torch_compiled),
    Mode("tensorflow", "eager"),
    Mode("tensorflow", "function", _tensorflow_function),
)

INSTALLED = tuple(mode for mode in ALL if importlib.util.find_spec(mode.backend) is not None)
EAGER = tuple(mode for mode in INSTALLED if mode.compile is None)
COMPILED = tuple(mode for mode in INSTALLED if mode.compile is not None)
REFERENCE = next((mode.backend for mode in EAGER if mode.backend != "numpy"), "")
"""Whose gradients the others are compared with; its own are compared with differences."""
