"""From the plain arrays that alignment ops give back to named tensors."""

from __future__ import annotations

from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.loss.lattice import Problem
from seqfront.tensor import Tensor


def over_batch(p: Problem, logits: Tensor, raw: Raw, *rest: Dim) -> Tensor:
    """A result [count, *rest] over the batch dims and `rest`."""
    backend = p.backend
    if len(p.batch) != 1:
        sizes = [logits.size(dim) for dim in p.batch]
        raw = backend.reshape(raw, [*sizes, *backend.shape(raw)[1:]])
    return Tensor(raw, (*p.batch, *rest), p.table, backend=backend)
