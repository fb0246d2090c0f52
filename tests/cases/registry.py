"""All cases, in one list."""

from __future__ import annotations

import itertools

from cases import (
    alignments,
    arithmetic,
    attention,
    contracting,
    creating,
    ctc,
    elementwise,
    emformer,
    fused,
    indexing,
    lattices,
    layers,
    losses,
    metrics,
    moving,
    nesting,
    norms,
    ordering,
    pooling,
    pruned,
    recurrent,
    reducing,
    rnnt,
    scattering,
    selecting,
    transducers,
    transformers,
    wrappers,
)
from seqfront.testing import Case

MODULES = (
    elementwise,
    arithmetic,
    reducing,
    contracting,
    indexing,
    ordering,
    scattering,
    moving,
    selecting,
    nesting,
    creating,
    ctc,
    losses,
    lattices,
    transducers,
    pruned,
    fused,
    layers,
    recurrent,
    norms,
    pooling,
    wrappers,
    attention,
    transformers,
    emformer,
    rnnt,
    metrics,
    alignments,
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
