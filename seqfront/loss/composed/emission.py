"""Log-probs of classes."""

from __future__ import annotations

import math

from seqfront.backend import Backend, Raw
from seqfront.native import lattice_dtype


def log_probs(
    backend: Backend, logits: Raw, valid: Raw, *, normalized: bool, hat: int | None = None
) -> Raw:
    """[..., classes] in the dtype of the lattice; zeros where `valid` [...] is false.

    `hat` is the blank of a factorised distribution (Variani et al. 2020, arXiv:2003.07705): its own
    logit says by a sigmoid whether it comes, all the others are a softmax of what comes else.
    """
    axis = len(backend.static_shape(valid))
    x = backend.cast(logits, lattice_dtype(backend.dtype(logits)))
    x = backend.where(backend.expand_dims(valid, (axis,)), x, 0.0)
    if normalized:
        return x
    if hat is None:
        return backend.log_softmax(x, axis)
    blank = backend.slice(x, axis, hat, hat + 1)
    classes = backend.arange(backend.size(x, axis), "int32", backend.device(x))
    is_blank = backend.broadcast_to(backend.binary("eq", classes, hat), backend.shape(x))
    labels = backend.log_softmax(backend.where(is_blank, -math.inf, x), axis)
    some_label = backend.unary("neg", backend.softplus(blank))
    no_label = backend.unary("neg", backend.softplus(backend.unary("neg", blank)))
    return backend.where(is_blank, no_label, backend.binary("add", labels, some_label))


def of_class(backend: Backend, x: Raw, index: int) -> Raw:
    """[..., classes] -> [...]: one class."""
    axis = len(backend.static_shape(x)) - 1
    return backend.squeeze(backend.slice(x, axis, index, index + 1), (axis,))


def of_classes(backend: Backend, x: Raw, indices: Raw) -> Raw:
    """[*rows, classes], int [*rows, n] -> [*rows, n]; indices lie in range."""
    axis = len(backend.static_shape(x)) - 1
    return backend.gather(x, indices, axis, axis)
