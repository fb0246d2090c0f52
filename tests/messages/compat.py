# ruff: noqa: E501  (texts are as long as they are)
"""Messages of the drop-ins for plain tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from messages.message import Make, Message
from seqfront import BackendError, DimError, DTypeError
from seqfront.compat import espnet, torch, torchaudio

VALUES = "values are not looked at"
SEARCH = "it searches with lists"

RNNT = (
    "  logits          float32[2, 4, 3, 5] for [batch, frames, labels+1, classes]\n"
    "  targets         int32[2, 2] for [batch, labels]\n"
    "  logit_lengths   int32[2] for [batch]\n"
    "  target_lengths  int32[2] for [batch]\n"
)
CTC = (
    "  log_probs       float32[4, 2, 5] for [frames, batch, classes]\n"
    "  targets         int32[2, 2] for [batch, labels]\n"
    "  input_lengths   int32[2] for [batch]\n"
    "  target_lengths  int32[2] for [batch]\n"
)
"""The arguments of the calls below, where they fit together."""


def rnnt(
    w: Make,
    logits: Any = (2, 4, 3, 5),
    targets: Any = ((1, 2), (1, 1)),
    frames: Any = (4, 3),
    labels: Any = (2, 1),
    **options: Any,
) -> Any:
    tensors = [w.raw(x) for x in (np.zeros(logits), targets, frames, labels)]
    return torchaudio.rnnt_loss(*tensors, **options)


def ctc(
    w: Make,
    log_probs: Any = (4, 2, 5),
    targets: Any = ((1, 2), (1, 1)),
    frames: Any = (4, 3),
    labels: Any = (2, 1),
    **options: Any,
) -> Any:
    tensors = [w.raw(x) for x in (np.zeros(log_probs), targets, frames)]
    return torch.ctc_loss(*tensors, labels, **options)


MESSAGES = [
    Message(
        "unknown_choice",
        DimError,
        lambda w: rnnt(w, reduction="batchmean"),
        (
            "rnnt_loss: reduction is 'batchmean'.\n"
            "  known  'none', 'mean', 'sum'\n"
            "  fix: give one of these."
        ),
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: torch.CTCLoss(reduction="average")(w.raw([1.0]), 1, 1, 1),  # type: ignore[arg-type]
        (
            "ctc_loss: reduction is 'average'.\n"
            "  known  'none', 'mean', 'sum'\n"
            "  fix: give one of these."
        ),
    ),
    Message(
        "argument_framework",
        BackendError,
        lambda w: ctc(w, labels="21"),
        (
            "ctc_loss: target_lengths is no tensor of the framework of log_probs.\n"
            "  target_lengths  builtins.str\n"
            "  fix: pass tensors of one framework; NumPy arrays and lists of integers go with all."
        ),
    ),
    Message(
        "argument_dtype",
        DTypeError,
        lambda w: rnnt(w, targets=((1.0, 2.0), (1.0, 1.0))),
        (
            "rnnt_loss: targets has to be integers.\n"
            "  logits          float32[2, 4, 3, 5] for [batch, frames, labels+1, classes]\n"
            "  targets         float32[2, 2] for [batch, labels]\n"
            "  logit_lengths   int32[2] for [batch]\n"
            "  target_lengths  int32[2] for [batch]\n"
            "  fix: convert targets."
        ),
    ),
    Message(
        "argument_rank",
        DimError,
        lambda w: rnnt(w, logits=(2, 4, 5)),
        (
            "rnnt_loss: logits has 3 axes, needed 4.\n"
            "  logits          float32[2, 4, 5] for [batch, frames, labels+1, classes]\n"
            "  targets         int32[2, 2] for [batch, labels]\n"
            "  logit_lengths   int32[2] for [batch]\n"
            "  target_lengths  int32[2] for [batch]\n"
            "  fix: reshape logits to this layout."
        ),
    ),
    Message(
        "argument_rank",
        DimError,
        lambda w: ctc(w, frames=4),
        (
            "ctc_loss: input_lengths has 0 axes, needed 1.\n"
            "  log_probs       float32[4, 2, 5] for [frames, batch, classes]\n"
            "  targets         int32[2, 2] for [batch, labels]\n"
            "  input_lengths   int32[] for [batch]\n"
            "  target_lengths  int32[2] for [batch]\n"
            "  fix: reshape input_lengths to this layout."
        ),
    ),
    Message(
        "argument_size",
        DimError,
        lambda w: rnnt(w, targets=((1, 2, 3), (1, 1, 1))),
        (
            "rnnt_loss: axis 1 of targets is 3 long, needed 2.\n"
            "  logits          float32[2, 4, 3, 5] for [batch, frames, labels+1, classes]\n"
            "  targets         int32[2, 3] for [batch, labels]\n"
            "  logit_lengths   int32[2] for [batch]\n"
            "  target_lengths  int32[2] for [batch]\n"
            "  fix: the same word stands for the same size; cut or pad to it."
        ),
        eager="extents of raw tensors may be unknown",
    ),
    Message(
        "argument_value",
        DimError,
        lambda w: rnnt(w, frames=(4, 5)),
        (
            "rnnt_loss: logit_lengths[1] is 5, needed 0 to 4.\n"
            f"{RNNT}"
            "  fix: lengths count positions of the padded tensors."
        ),
        eager=VALUES,
    ),
    Message(
        "argument_value",
        DimError,
        lambda w: rnnt(w, labels=(-1, 2)),
        (
            "rnnt_loss: target_lengths[0] is -1, needed 0 to 2.\n"
            f"{RNNT}"
            "  fix: lengths count positions of the padded tensors."
        ),
        eager=VALUES,
    ),
    Message(
        "argument_value",
        DimError,
        lambda w: rnnt(w, targets=((1, 2), (4, 0))),
        (
            "rnnt_loss: targets[1, 0] is 4, needed 0 to 4 and not the blank 4.\n"
            f"{RNNT}"
            "  fix: check the labels against the classes, and which of them is the blank."
        ),
        eager=VALUES,
    ),
    Message(
        "argument_value",
        DimError,
        lambda w: ctc(w, targets=(1, 2, 7)),
        (
            "ctc_loss: targets[2] is 7, needed 0 to 4 and not the blank 0.\n"
            "  log_probs       float32[4, 2, 5] for [frames, batch, classes]\n"
            "  targets         int32[3] for [total]\n"
            "  input_lengths   int32[2] for [batch]\n"
            "  target_lengths  int32[2] for [batch]\n"
            "  fix: check the labels against the classes, and which of them is the blank."
        ),
        eager=VALUES,
    ),
    Message(
        "argument_value",
        DimError,
        lambda w: ctc(w, targets=(1, 2, 3, 4)),
        (
            "ctc_loss: the sum of target_lengths is 3, needed 4.\n"
            "  log_probs       float32[4, 2, 5] for [frames, batch, classes]\n"
            "  targets         int32[4] for [total]\n"
            "  input_lengths   int32[2] for [batch]\n"
            "  target_lengths  int32[2] for [batch]\n"
            "  fix: targets of one axis are the labels of all sequences, one after another."
        ),
        eager=VALUES,
    ),
    Message(
        "argument_value",
        DimError,
        lambda w: ctc(w, blank=5),
        (
            "ctc_loss: blank is 5, needed -5 to 4.\n"
            f"{CTC}"
            "  fix: the index of the blank among the classes; negative counts from the end."
        ),
    ),
    Message(
        "argument_value",
        DimError,
        lambda w: ctc(w, blank=0.5),
        (
            "ctc_loss: blank is 0.5, needed an integer.\n"
            f"{CTC}"
            "  fix: the index of the blank among the classes; negative counts from the end."
        ),
    ),
    Message(
        "argument_value",
        DimError,
        lambda w: espnet.rnnt_loss(w.raw([1.0]), 1, 1, 1, clamp=-1.0),
        (
            "rnnt_loss: clamp is -1.0, needed 0 or more.\n"
            "  fix: 0 leaves the gradient as it is; RNNTLossNumba takes any number below 0 for that."
        ),
    ),
    Message(
        "search_input",
        DimError,
        lambda w: torchaudio.RNNTBeamSearch(None, 0)(w.raw(np.zeros((2, 5, 3))), 5, 4),
        (
            "RNNTBeamSearch: input has to be [time, features] or [1, time, features].\n"
            "  input  [2, 5, 3]\n"
            "  fix: it searches one utterance at a time; sf.search.TransducerBeam takes batches."
        ),
        eager=SEARCH,
    ),
    Message(
        "search_input",
        DimError,
        lambda w: torchaudio.RNNTBeamSearch(None, 0)(w.raw(np.zeros((5, 3))), w.raw((5, 5)), 4),
        (
            "RNNTBeamSearch: length has to be [] or [1].\n"
            "  length  [2]\n"
            "  fix: it searches one utterance at a time; sf.search.TransducerBeam takes batches."
        ),
        eager=SEARCH,
    ),
]
