# ruff: noqa: E501  (texts are as long as they are)
"""Messages of the losses that hold the last layer."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from messages.message import Make, Message
from seqfront import DimError, DTypeError, NativeError

batch, time, group = sf.Dim("batch"), sf.Dim("time"), sf.Dim("group")
joint, vocab, nine = sf.Dim("joint", 4), sf.Dim("vocab", 5), sf.Dim("nine", 9)
labels, spoken = sf.Dim("labels", 2), sf.Dim("spoken")


def rnnt(
    w: Make,
    prediction: sf.Tensor | None = None,
    targets: sf.Tensor | None = None,
    blank: Any = 0,
    labels: sf.Dim = labels,
    **options: Any,
) -> sf.Tensor:
    return sf.fused_rnnt_loss(
        source=w.zeros(batch, time, joint, lengths={time: [3, 3, 3]}),
        prediction=w.zeros(batch, labels + 1, joint) if prediction is None else prediction,
        weight=w.zeros(joint, vocab), joint_dim=joint, classes=vocab,
        targets=w.ints(batch, labels, of=vocab) if targets is None else targets,
        input_spatial_dim=time, targets_spatial_dim=labels, blank_index=blank, **options,
    )  # fmt: skip


def ctc(w: Make, weight: Any = None, **options: Any) -> sf.Tensor:
    return sf.fused_ctc_loss(
        hidden=w.zeros(batch, time, joint, lengths={time: [3, 3, 1]}),
        weight=w.zeros(joint, vocab) if weight is None else weight,
        feature_dim=joint, classes=vocab, targets=w.ints(batch, labels, of=vocab),
        input_spatial_dim=time, targets_spatial_dim=labels, blank_index=0, **options,
    )  # fmt: skip


MESSAGES = [
    Message(
        "missing_prediction_states",
        DimError,
        lambda w: rnnt(w, w.zeros(batch, labels, joint)),
        (
            "fused_rnnt_loss: the prediction has neither labels+1:3 nor 1+labels:3.\n"
            "  prediction  float32[batch≤3, labels:2, joint:4] numpy:cpu\n"
            "  targets     over labels:2 made at fused.py:LINE\n"
            "  fix: a transducer predicts after 0, 1, ... all labels: run the prediction network on sf.pad(targets, axis=..., left=1)."
        ),
    ),
    Message(
        "wrong_prediction_states",
        DimError,
        lambda w: rnnt(
            w,
            w(np.zeros((3, 5, 4)), batch, spoken + 1, joint),
            w.ints(batch, spoken),
            labels=spoken,
        ),
        (
            "fused_rnnt_loss: the extent of spoken+1 has to be one more than that of the targets.\n"
            "  prediction  float32[batch≤3, spoken+1≤5, joint:4] numpy:cpu\n"
            "  targets     int32[batch≤3, spoken≤3] numpy:cpu\n"
            "  came        5\n"
            "  needed      4\n"
            "  fix: cut or pad prediction and targets to the same number of labels."
        ),
        eager="extents of raw tensors may be unknown",
    ),
    Message(
        "more_labels_than_classes",
        DimError,
        lambda w: rnnt(w, targets=w.ints(batch, labels, of=nine)),
        (
            "fused_rnnt_loss: the targets are labels of a larger vocabulary than there are classes.\n"
            "  targets  int32[batch≤3, labels:2] of nine:9 numpy:cpu\n"
            "  weight   float32[joint:4, vocab:5] numpy:cpu\n"
            "  classes  vocab:5\n"
            "  fix: the classes are the labels, and the blank if that is no label."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: rnnt(w, blank=5),
        (
            "fused_rnnt_loss: blank_index cannot be 5.\n"
            "  needed  an index into vocab:5, -5 to 4\n"
            "  fix: negative counts from the end."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: rnnt(w, skip_below=-1.0),
        (
            "fused_rnnt_loss: skip_below cannot be -1.0.\n"
            "  needed  a finite number, 0 or more\n"
            "  fix: 0.0 switches it off."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: rnnt(w, delay_penalty=float("inf")),
        (
            "fused_rnnt_loss: delay_penalty cannot be inf.\n"
            "  needed  a finite number\n"
            "  fix: 0.0 switches it off."
        ),
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: rnnt(w, activation="gelu"),
        (
            "fused_rnnt_loss: activation is 'gelu'.\n"
            "  known  None, 'tanh', 'relu'\n"
            "  fix: give one of these."
        ),
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: rnnt(w, topology="free"),
        (
            "fused_rnnt_loss: topology is 'free'.\n"
            "  known  'regular', 'modified', 'constrained'\n"
            "  fix: give one of these."
        ),
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: rnnt(w, w.zeros(group, labels + 1, joint)),
        (
            "fused_rnnt_loss: dim group is not in source.\n"
            "  source  float32[batch≤3, time≤3, joint:4] numpy:cpu\n"
            "  fix: name one of [batch, time, joint:4]."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: ctc(w, w.ints(joint, vocab)),
        (
            "fused_ctc_loss: weight has to be floating point.\n"
            "  weight  int32[joint:4, vocab:5] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "infeasible",
        NativeError,
        lambda w: ctc(w, infeasible="raise"),
        (
            "fused_ctc_loss: 1 of 3 sequences have fewer frames than their labels need.\n"
            "  sequence 2  1 frame, 2 labels with 1 repeat need 3\n"
            '  fix: less subsampling, or infeasible="zero" to give them loss 0.'
        ),
        eager="lengths and labels are values",
    ),
]
