# ruff: noqa: E501  (texts are as long as they are)
"""Messages of alignments and posteriors, which check what the losses check."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from messages.message import Make, Message
from seqfront import DimError

batch, time, vocab, labels = (
    sf.Dim("batch"),
    sf.Dim("time"),
    sf.Dim("vocab", 5),
    sf.Dim("labels", 2),
)


def _aligned(w: Make, function: Any, *rows: sf.Dim, **options: Any) -> Any:
    return function(
        logits=w.zeros(batch, time, *rows, vocab),
        targets=options.pop("targets", w.ints(batch, labels, of=vocab)),
        input_spatial_dim=time,
        targets_spatial_dim=labels,
        blank_index=0,
        **options,
    )


MESSAGES = [
    Message(
        "bad_label",
        DimError,
        lambda w: _aligned(
            w, sf.ctc_alignment, targets=w([[1, 2], [1, 0], [1, 1]], batch, labels, of=vocab)
        ),
        (
            "ctc_alignment: the blank stands among the targets.\n"
            "  targets     int32[batch≤3, labels:2] of vocab:5 numpy:cpu\n"
            "  sequence 1  label 1 is 0\n"
            "  needed      0 to 4, without the blank 0\n"
            "  fix: check the labels against the vocabulary, and blank_index."
        ),
        eager="values of labels are not looked at",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _aligned(w, sf.ctc_posteriors, prior_scale=float("nan")),
        (
            "ctc_posteriors: prior_scale cannot be nan.\n"
            "  needed  a finite number\n"
            "  fix: 0.0 switches it off."
        ),
    ),
    Message(
        "missing_label_states",
        DimError,
        lambda w: _aligned(w, sf.rnnt_alignment),
        (
            "rnnt_alignment: the logits have neither labels+1:3 nor 1+labels:3.\n"
            "  logits   float32[batch≤3, time≤3, vocab:5] numpy:cpu\n"
            "  targets  over labels:2 made at alignments.py:LINE\n"
            "  fix: a transducer predicts after 0, 1, ... all labels: run the prediction network on "
            "sf.pad(targets, axis=..., left=1)."
        ),
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: _aligned(w, sf.rnnt_posteriors, labels + 1, topology="monotonic"),
        (
            "rnnt_posteriors: topology is 'monotonic'.\n"
            "  known  'regular', 'modified', 'constrained'\n"
            "  fix: give one of these."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _aligned(
            w,
            sf.tdt_alignment,
            labels + 1,
            duration_logits=w.zeros(batch, time, labels + 1, sf.Dim("durations", 2)),
            durations=(2, 1),
        ),
        (
            "tdt_alignment: durations cannot be (2, 1).\n"
            "  needed  ascending numbers of frames, not only 0\n"
            "  fix: (0, 1, 2, 4), say: in the order of the duration logits."
        ),
    ),
]
