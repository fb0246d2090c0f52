"""All cases, in one list."""

from __future__ import annotations

import itertools

from cases import (
    alignments,
    arithmetic,
    attention,
    contracting,
    contractions,
    control_flow,
    creating,
    ctc,
    cumulating,
    elementwise,
    emformer,
    encoders,
    functions,
    fused,
    gradients,
    indexing,
    lattices,
    layers,
    losses,
    metrics,
    moments,
    moving,
    nesting,
    norms,
    ordering,
    padding,
    parting,
    pooling,
    pruned,
    randomness,
    recurrent,
    reducing,
    rnnt,
    scattering,
    search_ctc,
    search_graphs,
    search_labels,
    search_rescoring,
    search_synchronous,
    search_transducer,
    selecting,
    spatial,
    streaming,
    transducers,
    transformers,
    wrappers,
)
from seqfront.testing import Case

OPERATIONS = (
    elementwise,
    functions,
    arithmetic,
    reducing,
    moments,
    cumulating,
    contracting,
    contractions,
    indexing,
    padding,
    ordering,
    scattering,
    moving,
    parting,
    selecting,
    nesting,
    control_flow,
    gradients,
    creating,
)
"""One operation, or a few: of these PyTorch only captures the graph, whose pieces are its own."""

MODULES = (
    *OPERATIONS,
    randomness,
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
    spatial,
    wrappers,
    attention,
    streaming,
    transformers,
    encoders,
    emformer,
    rnnt,
    metrics,
    alignments,
    search_ctc,
    search_graphs,
    search_labels,
    search_rescoring,
    search_synchronous,
    search_transducer,
)

CASES: tuple[Case, ...] = tuple(itertools.chain.from_iterable(m.CASES for m in MODULES))
CAPTURED_ONLY = frozenset(
    case.name
    for module in (*OPERATIONS, search_labels, search_synchronous)
    for case in module.CASES
)

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
