# ruff: noqa: E501  (texts are as long as they are)
"""Messages of CTC."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from messages.message import Make, Message
from seqfront import DimError, DTypeError, NativeError

batch, time = sf.Dim("batch"), sf.Dim("time")
vocab, labels, flat = sf.Dim("vocab", 5), sf.Dim("labels", 2), sf.Dim("flat")


def ctc(w: Make, targets: sf.Tensor | None = None, **options: Any) -> Any:
    return sf.ctc_loss(
        logits=w.zeros(batch, time, vocab, lengths={time: [3, 3, 1]}),
        targets=w.ints(batch, labels, of=vocab) if targets is None else targets,
        input_spatial_dim=time, targets_spatial_dim=labels, blank_index=0, **options,
    )  # fmt: skip


def concatenated(
    w: Make, targets: Any = (1, 2, 3, 3), counts: Any = (1, 1, 2), **options: Any
) -> Any:
    values = targets if isinstance(targets, sf.Tensor) else w(list(targets), flat)
    return sf.ctc_loss(
        logits=w.zeros(batch, time, vocab, lengths={time: [3, 3, 1]}),
        targets=values, target_lengths=w(list(counts), batch),
        input_spatial_dim=time, targets_spatial_dim=flat, blank_index=0, **options,
    )  # fmt: skip


_VALUES = "values of labels are not looked at"

MESSAGES: list[Message] = [
    Message(
        "not_concatenated",
        DimError,
        lambda w: ctc(w, target_lengths=w([1, 2, 2], batch)),
        (
            "ctc_loss: with target_lengths, all targets stand one after another over one dim.\n"
            "  targets         int32[batch≤3, labels:2] of vocab:5 numpy:cpu\n"
            "  needed          [labels:2]\n"
            "  target_lengths  int32[batch≤3] numpy:cpu\n"
            "  fix: leave target_lengths out: targets over batch dims carry their lengths with them."
        ),
    ),
    Message(
        "bad_target_lengths",
        DimError,
        lambda w: concatenated(w, counts=(2, 1, 2)),
        (
            "ctc_loss: target_lengths do not fit the targets.\n"
            "  targets         int32[flat≤4] numpy:cpu\n"
            "  target_lengths  int32[batch≤3] numpy:cpu\n"
            "  their sum       5\n"
            "  needed          0 or more each, up to 4 in all\n"
            "  fix: target_lengths say how many of the targets belong to each sequence, in order."
        ),
        eager="values of lengths are not looked at",
    ),
    Message(
        "bad_label",
        DimError,
        lambda w: concatenated(w, targets=(1, 2, 3, 0)),
        (
            "ctc_loss: the blank stands among the targets.\n"
            "  targets     int32[flat≤4] numpy:cpu\n"
            "  sequence 2  label 1 is 0\n"
            "  needed      0 to 4, without the blank 0\n"
            "  fix: check the labels against the vocabulary, and blank_index."
        ),
        eager=_VALUES,
    ),
    Message(
        "infeasible",
        NativeError,
        lambda w: concatenated(w, infeasible="raise"),
        (
            "ctc_loss: 1 of 3 sequences have fewer frames than their labels need.\n"
            "  sequence 2  1 frame, 2 labels with 1 repeat need 3\n"
            '  fix: less subsampling, or infeasible="zero" to give them loss 0.'
        ),
        eager="the numbers are known when the graph runs only",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: ctc(w, star_index=4),
        (
            "ctc_loss: star_index cannot be 4.\n"
            "  needed  an integer below 0, or 5 or more\n"
            "  fix: it must not be a class."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: ctc(w, star_index=5, star_score=float("nan")),
        (
            "ctc_loss: star_score cannot be nan.\n"
            "  needed  a finite number, or None\n"
            "  fix: 0.0 costs nothing; None is the log-probability of all classes but the blank."
        ),
    ),
    Message(
        "wrong_prior",
        DimError,
        lambda w: ctc(w, log_prior=w.zeros(time)),
        (
            "ctc_loss: log_prior has to be over the classes alone.\n"
            "  log_prior  float32[time≤3] numpy:cpu\n"
            "  logits     float32[batch≤3, time≤3, vocab:5] numpy:cpu\n"
            "  classes    vocab:5\n"
            "  fix: one prior for all frames: average over batch and time."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: ctc(w, log_prior=w.ints(vocab)),
        (
            "ctc_loss: log_prior has to be floating point.\n"
            "  log_prior  int32[vocab:5] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "cannot_combine",
        DimError,
        lambda w: ctc(w, max_approx=True, implementation="composed"),
        (
            'ctc_loss: implementation="composed" does not go with max_approx=True.\n'
            "  because  it sums over all alignments\n"
            "  fix: choose one of the two."
        ),
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: ctc(w, implementation="fast"),
        (
            "ctc_loss: implementation is 'fast'.\n"
            "  known  'native', 'composed'\n"
            "  fix: give one of these."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: sf.ctc_feasible(
            input_lengths=w.zeros(batch), targets=w.ints(batch, labels), targets_spatial_dim=labels
        ),
        (
            "ctc_feasible: input_lengths has to be an integer type.\n"
            "  input_lengths  float32[batch≤3] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
]
