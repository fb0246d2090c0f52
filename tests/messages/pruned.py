# ruff: noqa: E501  (texts are as long as they are)
"""Messages of pruned transducer training."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from messages.message import Make, Message
from seqfront import DimError, DTypeError, NativeError

batch, time, vocab = sf.Dim("batch"), sf.Dim("time"), sf.Dim("vocab", 5)
labels = sf.Dim("labels", 4)
dynamic, states = sf.Dim("dynamic_band"), sf.Dim("states")
band, wide, empty = sf.Dim("band", 2), sf.Dim("wide", 4), sf.Dim("empty", 0)


def simple(
    w: Make,
    prediction: sf.Tensor | None = None,
    frames: Any = (3, 3, 3),
    counts: Any = (1, 1, 1),
    **options: Any,
) -> Any:
    return sf.rnnt_loss_simple(
        source=w.zeros(batch, time, vocab, lengths={time: list(frames)}),
        prediction=w.zeros(batch, labels + 1, vocab) if prediction is None else prediction,
        targets=w.ints(batch, labels, of=vocab, lengths={labels: list(counts)}),
        input_spatial_dim=time, targets_spatial_dim=labels, blank_index=0, **options,
    )  # fmt: skip


def pruned(w: Make, starts: sf.Tensor, **options: Any) -> sf.Tensor:
    return sf.rnnt_loss_pruned(
        logits=w.zeros(batch, time, band, vocab), starts=starts,
        targets=w.ints(batch, labels, of=vocab), band_dim=band,
        input_spatial_dim=time, targets_spatial_dim=labels, blank_index=0, **options,
    )  # fmt: skip


MESSAGES = [
    Message(
        "missing_prediction_states",
        DimError,
        lambda w: simple(w, prediction=w.zeros(batch, labels, vocab)),
        (
            "rnnt_loss_simple: the prediction has neither labels+1:5 nor 1+labels:5.\n"
            "  prediction  float32[batch≤3, labels:4, vocab:5] numpy:cpu\n"
            "  targets     over labels:4 made at pruned.py:LINE\n"
            "  fix: a transducer predicts after 0, 1, ... all labels: run the prediction network on sf.pad(targets, axis=..., left=1)."
        ),
    ),
    Message(
        "wrong_prediction_states",
        DimError,
        lambda w: sf.rnnt_loss_simple(
            source=w.zeros(batch, time, vocab),
            prediction=w(np.zeros((3, 5, 5)), batch, states + 1, vocab),
            targets=w(np.ones((3, 2), np.int32), batch, states),
            input_spatial_dim=time,
            targets_spatial_dim=states,
            blank_index=0,
        ),
        (
            "rnnt_loss_simple: the extent of states+1 has to be one more than that of the targets.\n"
            "  prediction  float32[batch≤3, states+1≤5, vocab:5] numpy:cpu\n"
            "  targets     int32[batch≤3, states≤2] numpy:cpu\n"
            "  came        5\n"
            "  needed      3\n"
            "  fix: cut or pad prediction and targets to the same number of labels."
        ),
        eager="extents of raw tensors may be unknown",
    ),
    Message(
        "bad_smoothing",
        DimError,
        lambda w: simple(w, lm_only_scale=0.75, am_only_scale=0.5),
        (
            "rnnt_loss_simple: lm_only_scale and am_only_scale have to be shares of 1.\n"
            "  lm_only_scale  0.75\n"
            "  am_only_scale  0.5\n"
            "  fix: each is at least 0 and their sum at most 1: 0.25 and 0.0, say."
        ),
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: simple(w, topology="constrained"),
        (
            "rnnt_loss_simple: topology is 'constrained'.\n"
            "  known  'regular', 'modified'\n"
            "  fix: give one of these."
        ),
    ),
    Message(
        "size_unknown",
        DimError,
        lambda w: simple(w, band_dim=dynamic),
        (
            "rnnt_loss_simple: the size of dynamic_band is not known.\n"
            "  dynamic_band  dynamic, made at pruned.py:LINE\n"
            "  fix: give a tensor that has it, as in like=x; or a static size, Dim('dynamic_band', 120)."
        ),
    ),
    Message(
        "empty_band",
        DimError,
        lambda w: simple(w, band_dim=empty),
        (
            "rnnt_loss_simple: the band has no positions.\n"
            "  band  empty:0 made at pruned.py:LINE\n"
            '  fix: give it some: sf.Dim("band", 5).'
        ),
    ),
    Message(
        "narrow_band",
        NativeError,
        lambda w: simple(w, band_dim=band, frames=[3, 1, 0], counts=[4, 3, 2]),
        (
            "rnnt_loss_simple: no path fits in the band of 2 of 3 sequences.\n"
            "  band        band:2\n"
            "  sequence 0  frames 3, labels 4, needed 3\n"
            "  sequence 1  frames 1, labels 3, needed 4\n"
            "  fix: a band of 4, less subsampling, or leave such sequences out."
        ),
        eager="the numbers are known when the graph runs only",
    ),
    Message(
        "infeasible",
        NativeError,
        lambda w: simple(
            w, infeasible="raise", topology="modified", band_dim=wide, counts=[4, 3, 2]
        ),
        (
            "rnnt_loss_simple: 1 of 3 sequences have fewer frames than their labels need.\n"
            "  sequence 0  3 frames, 4 labels need 4\n"
            '  fix: less subsampling, or infeasible="zero" to give them loss 0.'
        ),
        eager="the numbers are known when the graph runs only",
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: pruned(w, starts=w.zeros(batch, time)),
        (
            "rnnt_loss_pruned: starts has to be an integer type.\n"
            "  starts  float32[batch≤3, time≤3] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: sf.prune(
            w.zeros(batch, labels + 1, vocab),
            starts=w.zeros(batch, time),
            axis=labels + 1,
            band_dim=band,
        ),
        (
            "prune: starts has to be an integer type.\n"
            "  starts  float32[batch≤3, time≤3] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
]
