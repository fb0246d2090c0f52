# ruff: noqa: E501  (texts are as long as they are)
"""Messages of the losses."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from messages.message import Make, Message
from seqfront import DimError, DTypeError, NativeError

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)
nine, vocab, labels = sf.Dim("nine", 9), sf.Dim("vocab", 5), sf.Dim("labels", 2)
states = sf.Dim("states")


def ctc(
    w: Make,
    targets: sf.Tensor | None = None,
    blank: int = 0,
    infeasible: Any = "inf",
    frames: Any = (3, 3, 3),
) -> sf.Tensor:
    return sf.ctc_loss(
        logits=w.zeros(batch, time, vocab, lengths={time: list(frames)}),
        targets=w.ints(batch, labels, of=vocab) if targets is None else targets,
        input_spatial_dim=time, targets_spatial_dim=labels, blank_index=blank,
        infeasible=infeasible,
    )  # fmt: skip


def cross_entropy(w: Make, target: sf.Tensor | None = None, kind: Any = "logits") -> sf.Tensor:
    return sf.cross_entropy(
        estimated=w.zeros(batch, vocab),
        target=w.ints(batch, of=vocab) if target is None else target,
        axis=vocab,
        estimated_type=kind,
    )


MESSAGES = [
    Message(
        "unknown_choice",
        DimError,
        lambda w: cross_entropy(w, kind="probabilities"),
        (
            "cross_entropy: estimated_type is 'probabilities'.\n"
            "  known  'probs', 'log-probs', 'logits'\n"
            "  fix: give one of these."
        ),
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: ctc(w, infeasible="ignore"),
        (
            "ctc_loss: infeasible is 'ignore'.\n"
            "  known  'inf', 'zero', 'raise'\n"
            "  fix: give one of these."
        ),
    ),
    Message(
        "ambiguous_classes",
        DimError,
        lambda w: sf.ctc_loss(
            logits=w.zeros(batch, time, vocab, mel),
            targets=w.ints(batch, labels),
            input_spatial_dim=time,
            targets_spatial_dim=labels,
            blank_index=0,
        ),
        (
            "ctc_loss: it is not clear which dim of the logits is that of the classes.\n"
            "  logits   float32[batch≤3, time≤3, vocab:5, mel:4] numpy:cpu\n"
            "  targets  int32[batch≤3, labels:2] numpy:cpu\n"
            "  left     [vocab:5, mel:4]\n"
            "  fix: say what the targets are labels of: targets.labels_of(classes)."
        ),
    ),
    Message(
        "vocabularies_differ",
        DimError,
        lambda w: ctc(w, targets=w.ints(batch, labels, of=nine)),
        (
            "ctc_loss: the targets are labels of a larger vocabulary than the logits have classes.\n"
            "  logits   float32[batch≤3, time≤3, vocab:5] numpy:cpu\n"
            "  targets  int32[batch≤3, labels:2] of nine:9 numpy:cpu\n"
            "  classes  vocab:5\n"
            "  fix: the classes are the labels, and the blank if that is no label."
        ),
    ),
    Message(
        "bad_blank",
        DimError,
        lambda w: ctc(w, blank=5),
        (
            "ctc_loss: blank_index 5 is no class of vocab:5.\n"
            "  logits  float32[batch≤3, time≤3, vocab:5] numpy:cpu\n"
            "  needed  -5 to 4\n"
            "  fix: the index of the blank among the classes; negative counts from the end."
        ),
    ),
    Message(
        "bad_label",
        DimError,
        lambda w: ctc(w, targets=w([[1, 2], [1, 0], [1, 1]], batch, labels, of=vocab)),
        (
            "ctc_loss: the blank stands among the targets.\n"
            "  targets     int32[batch≤3, labels:2] of vocab:5 numpy:cpu\n"
            "  sequence 1  label 1 is 0\n"
            "  needed      0 to 4, without the blank 0\n"
            "  fix: check the labels against the vocabulary, and blank_index."
        ),
        eager="values of labels are not looked at",
    ),
    Message(
        "bad_label",
        DimError,
        lambda w: ctc(w, targets=w([[1, 2], [1, 2], [1, 9]], batch, labels, of=vocab)),
        (
            "ctc_loss: a label is out of range.\n"
            "  targets     int32[batch≤3, labels:2] of vocab:5 numpy:cpu\n"
            "  sequence 2  label 1 is 9\n"
            "  needed      0 to 4, without the blank 0\n"
            "  fix: check the labels against the vocabulary, and blank_index."
        ),
        eager="values of labels are not looked at",
    ),
    Message(
        "missing_label_states",
        DimError,
        lambda w: sf.rnnt_loss(
            logits=w.zeros(batch, time, vocab),
            targets=w.ints(batch, labels),
            input_spatial_dim=time,
            targets_spatial_dim=labels,
            blank_index=0,
        ),
        (
            "rnnt_loss: the logits have neither labels+1:3 nor 1+labels:3.\n"
            "  logits   float32[batch≤3, time≤3, vocab:5] numpy:cpu\n"
            "  targets  over labels:2 made at losses.py:LINE\n"
            "  fix: a transducer predicts after 0, 1, ... all labels: run the prediction network on sf.pad(targets, axis=..., left=1)."
        ),
    ),
    Message(
        "infeasible",
        NativeError,
        lambda w: ctc(w, infeasible="raise", frames=[3, 1, 0]),
        (
            "ctc_loss: 2 of 3 sequences have fewer frames than their labels need.\n"
            "  sequence 1  1 frame, 2 labels with 1 repeat need 3\n"
            "  sequence 2  0 frames, 2 labels with 1 repeat need 3\n"
            '  fix: less subsampling, or infeasible="zero" to give them loss 0.'
        ),
        eager="the numbers are known when the graph runs only",
    ),
    Message(
        "foreign_labels",
        DimError,
        lambda w: cross_entropy(w, target=w.ints(batch, of=mel)),
        (
            "cross_entropy: the indices are labels of mel:4, not of vocab:5.\n"
            "  indices  int32[batch≤3] of mel:4 numpy:cpu\n"
            "  axis     vocab:5 made at losses.py:LINE\n"
            "  fix: if they mean the same, say so: indices.labels_of(axis)."
        ),
    ),
    Message(
        "no_labels",
        DimError,
        lambda w: cross_entropy(w, target=w.ints(batch)),
        (
            "cross_entropy: it is not said which dim the values are labels of.\n"
            "  x  int32[batch≤3] numpy:cpu\n"
            "  fix: sf.wrap(..., sparse_dim=vocab), or x.labels_of(vocab)."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: ctc(w, targets=w.zeros(batch, labels)),
        (
            "ctc_loss: targets has to be an integer type.\n"
            "  targets  float32[batch≤3, labels:2] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "wrong_label_states",
        DimError,
        lambda w: sf.rnnt_loss(
            logits=w(np.zeros((3, 3, 5, 5)), batch, time, states + 1, vocab),
            targets=w(np.ones((3, 2), np.int32), batch, states),
            input_spatial_dim=time,
            targets_spatial_dim=states,
            blank_index=0,
        ),
        (
            "rnnt_loss: the extent of states+1 has to be one more than that of the targets.\n"
            "  logits   float32[batch≤3, time≤3, states+1≤5, vocab:5] numpy:cpu\n"
            "  targets  int32[batch≤3, states≤2] numpy:cpu\n"
            "  came     5\n"
            "  needed   3\n"
            "  fix: cut or pad logits and targets to the same number of labels."
        ),
        eager="extents of raw tensors may be unknown",
    ),
]
