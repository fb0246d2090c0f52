"""Edit alignments and optimal completions, against brute force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oracles import edits

import seqfront as sf
from cases.dims import batch, group
from seqfront import Dim
from seqfront.testing import Case, Layout, Spec, integers, ragged

hypothesis, reference = Dim("hypothesis"), Dim("reference")
vocabulary = Dim("vocabulary", 4)

RAGGED = Layout(
    {batch: 4, group: 2, hypothesis: 4, reference: 3},
    {hypothesis: ragged(batch, [4, 0, 3, 2]), reference: ragged(batch, [2, 3, 0, 3])},
)
FULL = Layout({batch: 3, group: 2, hypothesis: 4, reference: 3})
TWO = Layout(
    {batch: 3, group: 2, hypothesis: 4, reference: 3},
    {
        hypothesis: ragged((batch, group), [[4, 2], [0, 3], [1, 1]]),
        reference: ragged(batch, [2, 3, 0]),
    },
)


def _tokens(*dims: Dim) -> Spec:
    return integers(*dims, high=3)


_ROWS = {
    "ragged": (_tokens(batch, hypothesis), _tokens(batch, reference), RAGGED, (batch,)),
    "full": (_tokens(batch, hypothesis), _tokens(reference, batch), FULL, (batch,)),
    "labels": (
        integers(batch, hypothesis, of=vocabulary),
        integers(batch, reference, of=vocabulary),
        RAGGED,
        (batch,),
    ),
    "one-reference": (_tokens(batch, hypothesis), _tokens(reference), FULL, (batch,)),
    "no-batch": (_tokens(hypothesis), _tokens(reference), FULL, ()),
    "two-batch-dims": (
        _tokens(group, hypothesis, batch),
        _tokens(batch, reference),
        TWO,
        (batch, group),
    ),
}


def _cases(name: str, call: Callable[..., Any], oracle: Callable[..., Any]) -> list[Case]:
    return [
        Case(
            f"metrics-{name.replace('_', '-')}-{kind}",
            lambda h, r: call(
                hypothesis=h,
                hypothesis_spatial_dim=hypothesis,
                reference=r,
                reference_spatial_dim=reference,
            ),
            {"hypothesis": h, "reference": r},
            layout,
            covers=(f"metrics.{name}",),
            batch=rows,
            oracle=oracle,
            no_gradient="integers have none",
        )
        for kind, (h, r, layout, rows) in _ROWS.items()
    ]


CASES = [
    *_cases("edit_distance", sf.metrics.edit_distance, edits.alignment),
    *_cases("optimal_completion", sf.metrics.optimal_completion, edits.completion),
]
