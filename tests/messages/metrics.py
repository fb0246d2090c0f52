"""Messages of the metrics."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from messages.message import Message
from seqfront import DimError, DTypeError

batch, hypothesis, reference = sf.Dim("batch"), sf.Dim("hypothesis", 3), sf.Dim("reference", 2)


def _align(h: Any, r: Any) -> Any:
    return sf.metrics.edit_distance(
        hypothesis=h,
        hypothesis_spatial_dim=hypothesis,
        reference=r,
        reference_spatial_dim=reference,
    )


MESSAGES = [
    Message(
        "transcripts_differ",
        DimError,
        lambda w: sf.metrics.word_error_rate(["a b"], ["a", "b"]),
        (
            "word_error_rate: there are not as many hypotheses as references.\n"
            "  hypotheses  1\n"
            "  references  2\n"
            "  fix: one hypothesis for each reference, in the same order; empty text if there is "
            "none."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.metrics.character_error_rate("abc", "abd"),
        (
            "character_error_rate: hypotheses cannot be 'abc'.\n"
            "  needed  a list of texts\n"
            "  fix: character_error_rate([hypothesis], [reference])."
        ),
        only="any",
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: _align(w.zeros(batch, hypothesis), w.ints(batch, reference)),
        (
            "edit_distance: hypothesis has to be an integer type.\n"
            "  hypothesis  float32[batch≤3, hypothesis:3] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
]
