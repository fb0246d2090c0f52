"""Memory for time: results computed again when their gradient is wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqfront import errors, randomness
from seqfront.backend import Raw
from seqfront.ops.structure import Form, runs_apart


def checkpoint(fn: Callable[..., Any], *xs: Any) -> Any:
    """`fn(*xs)`, of which only `xs` are kept for the gradient; the rest is computed again for it
    (Chen et al. 2016, arXiv:1604.06174).

    Args:
        fn: A layer, or any function of Tensors. It gives any structure of Tensors. Its parameters
            get their gradients; dropout draws the same numbers again.
        xs: Arguments: any structures of Tensors, and anything else. With TensorFlow, no other
            tensors than these and parameters get a gradient: pass them all.

    Returns:
        What `fn` gave.

    Example:
        >>> import seqfront as sf
        >>> time, mel, out = sf.Dim("time", 5), sf.Dim("mel", 80), sf.Dim("out", 8)
        >>> sf.checkpoint(sf.nn.Linear(mel, out), sf.zeros((time, mel)))
        float32[time:5, out:8] numpy:cpu
    """
    if not callable(fn):
        raise errors.bad_argument(
            "checkpoint", "fn", fn, "a function or a layer", "sf.checkpoint(layer, x)."
        )
    inputs = Form("checkpoint", "xs", errors.recomputed_differently, arrays=False)
    raws = inputs.take(xs)
    results = Form("checkpoint", "the result", errors.recomputed_differently, arrays=False)
    backend = inputs.backend
    repeated = randomness.repeated(lambda *raws: fn(*inputs.put(raws)))
    if runs_apart(backend):
        results.take(repeated(*raws))

    def run(*raws: Raw) -> list[Raw]:
        return results.take(repeated(*raws))

    return results.put(backend.checkpoint(run, *raws))
