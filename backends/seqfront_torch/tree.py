"""`seqfront.Tensor` as a node of PyTorch's pytrees.

PyTorch takes arguments and results apart into plain tensors: `torch.export`, `torch.func`,
`torch.utils.checkpoint`, DDP. Registered as a node, a `seqfront.Tensor` comes apart into its raw
tensor and its lengths; its dims are the static rest. What is put in their place may be anything
(PyTorch also maps trees to axes, shapes and specs), so nothing is checked on the way back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.utils import _pytree as pytree

from seqfront.nn import Parameter
from seqfront.tensor import Tensor


def register() -> None:
    """Make `seqfront.Tensor` a node; a `Parameter` becomes a tensor like any other."""
    for cls in (Tensor, Parameter):
        if cls not in pytree.SUPPORTED_NODES:
            pytree.register_pytree_node(
                cls, _flatten, _unflatten, flatten_with_keys_fn=_flatten_with_keys
            )


def _flatten(x: Tensor) -> tuple[list[Any], Any]:
    static, raws = x.__tf_flatten__()
    return list(raws), static


def _flatten_with_keys(x: Tensor) -> tuple[list[tuple[Any, Any]], Any]:
    """With names for messages and graphs, which have to be identifiers."""
    raws, static = _flatten(x)
    names = ["raw", *(f"lengths_{i}" for i in range(len(raws) - 1))]
    return list(zip(map(pytree.GetAttrKey, names), raws, strict=True)), static


def _unflatten(raws: Iterable[Any], static: Any) -> Tensor:
    return Tensor.__tf_unflatten__(static, tuple(raws))
