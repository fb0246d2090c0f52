"""All cases, in one list."""

from __future__ import annotations

import itertools

from cases import (
    arithmetic,
    contracting,
    creating,
    elementwise,
    fused,
    indexing,
    lattices,
    layers,
    losses,
    reducing,
)
from seqfront.testing import Case

MODULES = (
    elementwise,
    arithmetic,
    reducing,
    contracting,
    indexing,
    creating,
    losses,
    lattices,
    fused,
    layers,
)

CASES: tuple[Case, ...] = tuple(itertools.chain.from_iterable(m.CASES for m in MODULES))

COMPILED_FULLY = frozenset(
    {
        "softmax-over-time",
        "mean-over-time-feature",
        "concat-ragged",
        "conv-same-stride",
        "ctc-plain",
        "rnnt-of-joint-network",
        "cross-entropy-logits-sparse",
        "nn-lstm",
        "model-of-layers",
    }
)
"""Representative cases that are also compiled to machine code; the others are traced only."""
