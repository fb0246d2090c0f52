"""Which backends there are here, and how a case is run on one.

SEQFRONT_TEST_BACKENDS="numpy torch" runs the tests of these only.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seqfront.backend import Backend

_WANTED = os.environ.get("SEQFRONT_TEST_BACKENDS", "numpy torch tensorflow")

NAMES = tuple(
    name
    for name in _WANTED.split()
    if (name == "numpy" or importlib.util.find_spec(name) is not None)
    and importlib.util.find_spec(f"seqfront_{name}.backend") is not None
)


def as_arrays(backend: Backend, result: Any) -> list[tuple[str, np.ndarray]]:
    """Dtype and values of one raw tensor, or of each of several."""
    results: Sequence[Any] = result if isinstance(result, tuple | list) else [result]
    return [(backend.dtype(y), backend.to_numpy(y)) for y in results]


def trace(backend: Backend, fn: Callable[..., Any], graphs: list[Any] | None = None) -> Any:
    """`fn` as one graph. `graphs`, for PyTorch, receives every graph that is made.

    PyTorch's own code generator is left out: it takes seconds for each graph.
    """
    if backend.name != "torch":
        return backend.compile(fn)
    import torch
    from torch._dynamo.backends.registry import lookup_backend

    def keep(graph: Any, inputs: Any) -> Any:
        if graphs is not None:
            graphs.append(graph)
        return lookup_backend("aot_eager")(graph, inputs)

    torch._dynamo.reset()
    return torch.compile(fn, backend=keep, fullgraph=True, dynamic=True)
