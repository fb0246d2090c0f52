# ruff: noqa: E501  (texts are as long as they are)
"""Messages of the transducer family."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from messages.message import Make, Message
from seqfront import DimError, DTypeError, NativeError

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)
vocab, labels, cells = sf.Dim("vocab", 5), sf.Dim("labels", 2), sf.Dim("cells")
group, durations = sf.Dim("group", 2), sf.Dim("durations", 3)


def rnnt(w: Make, frames: Any = (3, 3, 3), targets: sf.Tensor | None = None, **options: Any) -> Any:
    return sf.rnnt_loss(
        logits=w.zeros(batch, time, labels + 1, vocab, lengths={time: list(frames)}),
        targets=w.ints(batch, labels, of=vocab) if targets is None else targets,
        input_spatial_dim=time, targets_spatial_dim=labels,
        **{"blank_index": 0, **options},
    )  # fmt: skip


def tdt(w: Make, lasting: sf.Tensor | None = None, frames: Any = (3, 3, 3), **options: Any) -> Any:
    rows = (batch, time, labels + 1)
    return sf.tdt_loss(
        logits=w.zeros(*rows, vocab, lengths={time: list(frames)}),
        duration_logits=w.zeros(*rows, durations) if lasting is None else lasting,
        targets=w.ints(batch, labels, of=vocab),
        input_spatial_dim=time, targets_spatial_dim=labels,
        **{"blank_index": 0, "durations": (0, 1, 2), **options},
    )  # fmt: skip


def packed(
    w: Make,
    logits: sf.Tensor | None = None,
    targets: sf.Tensor | None = None,
    frame_lengths: sf.Tensor | None = None,
) -> Any:
    return sf.rnnt_loss_packed(
        logits=w(np.zeros((18, 5)), cells, vocab) if logits is None else logits,
        targets=w.ints(batch, labels, of=vocab) if targets is None else targets,
        cells_dim=cells,
        frame_lengths=w([1, 2, 3], batch) if frame_lengths is None else frame_lengths,
        targets_spatial_dim=labels, blank_index=0,
    )  # fmt: skip


def windows(w: Make, *dims: sf.Dim) -> Any:
    return w.ints(*dims), w.ints(*dims)


MESSAGES: list[Message] = [
    *[
        Message(
            "unknown_choice",
            DimError,
            lambda w, name=name, value=value: rnnt(w, **{name: value}),
            (
                f"rnnt_loss: {name} is {value!r}.\n"
                f"  known  {known}\n"
                "  fix: give one of these."
            ),
        )
        for name, value, known in (
            ("topology", "rna", "'regular', 'modified', 'constrained'"),
            ("star", "both", "None, 'force_final', 'allow_ignore'"),
            ("implementation", "cuda", "'native', 'composed'"),
        )
    ],
    *[
        Message(
            "bad_argument",
            DimError,
            lambda w, name=name, value=value: rnnt(w, **{name: value}),
            (
                f"rnnt_loss: {name} cannot be {value!r}.\n"
                f"  needed  {needed}\n"
                f"  fix: {fix}"
            ),
        )
        for name, value, needed, fix in (
            ("clamp", -1.0, "a finite number above 0, or None", "None clamps nothing."),
            ("fastemit", -0.1, "a finite number, 0 or more", "0.0 switches it off."),
            ("sigma", float("nan"), "a finite number", "0.0 switches it off."),
            ("delay_penalty", "0.1", "a finite number", "0.0 switches it off."),
            ("star_weight", float("inf"), "a finite number", "0.0 switches it off."),
            ("big_blanks", [4], "a mapping from classes to frames, or None", "{class: frames, ...}."),
        )
    ],
    Message(
        "not_windows",
        DimError,
        lambda w: rnnt(w, windows=w.ints(batch, labels)),
        (
            "rnnt_loss: windows has to be two Tensors, the first and the last frame of each label.\n"
            "  windows  Tensor\n"
            "  fix: sf.alignment_windows(frames, left=..., right=...) makes them."
        ),
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: rnnt(w, windows=windows(w, batch, time)),
        (
            "rnnt_loss: dim labels:2 is not in windows.\n"
            "  windows  int32[batch≤3, time≤3] numpy:cpu\n"
            "  fix: name one of [batch, time]."
        ),
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: rnnt(w, windows=windows(w, group, labels)),
        (
            "rnnt_loss: dim group:2 is not in logits.\n"
            "  logits  float32[batch≤3, time≤3, labels+1:3, vocab:5] numpy:cpu\n"
            "  fix: name one of [batch, time, labels+1:3, vocab:5]."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: rnnt(w, windows=(w.zeros(batch, labels), w.ints(batch, labels))),
        (
            "rnnt_loss: windows has to be an integer type.\n"
            "  windows  float32[batch≤3, labels:2] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    *[
        Message(
            "bad_big_blank",
            DimError,
            lambda w, given=given: rnnt(w, big_blanks=given),
            (
                "rnnt_loss: a big blank is a class of its own that lasts 2 frames or more.\n"
                f"  big blank  {came}\n"
                "  classes    vocab:5, -5 to 4\n"
                f"  blanks     {taken}\n"
                "  fix: big_blanks={class: frames, ...}, without the blank."
            ),
        )
        for given, came, taken in (
            ({0: 2}, "class 0 for 2 frames", "0"),
            ({4: 2, -1: 3}, "class -1 for 3 frames", "0, 4"),
            ({4: 1}, "class 4 for 1 frames", "0"),
            ({5: 2}, "class 5 for 2 frames", "0"),
        )
    ],
    Message(
        "big_blank_among_labels",
        DimError,
        lambda w: rnnt(w, big_blanks={1: 2}),
        (
            "rnnt_loss: a big blank stands among the targets.\n"
            "  targets     int32[batch≤3, labels:2] of vocab:5 numpy:cpu\n"
            "  sequence 0  has the big blank 1\n"
            "  fix: check the labels against the vocabulary, and big_blanks."
        ),
        eager="values of labels are not looked at",
    ),
    Message(
        "cannot_combine",
        DimError,
        lambda w: rnnt(w, hat=True, logits_normalized=True),
        (
            "rnnt_loss: hat=True does not go with logits_normalized=True.\n"
            "  because  it makes log-probs of logits: a sigmoid for the blank, a softmax for the labels\n"
            "  fix: choose one of the two."
        ),
    ),
    Message(
        "cannot_combine",
        DimError,
        lambda w: rnnt(w, hat=True, big_blanks={4: 2}),
        (
            "rnnt_loss: hat=True does not go with big_blanks.\n"
            "  because  its sigmoid is of one blank\n"
            "  fix: choose one of the two."
        ),
    ),
    Message(
        "native_only",
        DimError,
        lambda w: rnnt(w, clamp=1.0, implementation="composed"),
        (
            'rnnt_loss: implementation="composed" has no clamp.\n'
            "  because  clamp changes the gradient of the logits, which the framework computes\n"
            '  fix: implementation="native", or no clamp.'
        ),
    ),
    Message(
        "infeasible",
        NativeError,
        lambda w: rnnt(w, frames=[3, 1, 2], topology="modified", infeasible="raise"),
        (
            "rnnt_loss: 1 of 3 sequences have fewer frames than their labels need.\n"
            "  sequence 1  1 frame, 2 labels need 2\n"
            '  fix: less subsampling, or infeasible="zero" to give them loss 0.'
        ),
        eager="the numbers are known when the graph runs only",
    ),
    *[
        Message(
            "bad_argument",
            DimError,
            lambda w, given=given: tdt(w, durations=given),
            (
                f"tdt_loss: durations cannot be {given!r}.\n"
                "  needed  ascending numbers of frames, not only 0\n"
                "  fix: (0, 1, 2, 4), say: in the order of the duration logits."
            ),
        )
        for given in ((0, 2, 1), (-1, 0, 1), (0,), (), (1, 1), (0.5, 1), 3)
    ],
    Message(
        "bad_rate",
        DimError,
        lambda w: tdt(w, omega=1.5),
        (
            "tdt_loss: the rate has to be between 0 and 1.\n"
            "  rate  1.5\n"
            "  fix: it is a probability: 0.1 for one in ten."
        ),
    ),
    Message(
        "wrong_durations",
        DimError,
        lambda w: tdt(w, durations=(0, 1)),
        (
            "tdt_loss: the duration logits need one dim besides those of the lattice, with a position for each duration.\n"
            "  duration_logits  float32[batch≤3, time≤3, labels+1:3, durations:3] numpy:cpu\n"
            "  besides          [durations:3]\n"
            "  durations        2\n"
            "  fix: project to Dim('durations', len(durations))."
        ),
    ),
    Message(
        "wrong_durations",
        DimError,
        lambda w: tdt(w, w.zeros(batch, time, labels + 1)),
        (
            "tdt_loss: the duration logits need one dim besides those of the lattice, with a position for each duration.\n"
            "  duration_logits  float32[batch≤3, time≤3, labels+1:3] numpy:cpu\n"
            "  besides          []\n"
            "  durations        3\n"
            "  fix: project to Dim('durations', len(durations))."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: tdt(w, w.ints(batch, time, labels + 1, durations)),
        (
            "tdt_loss: duration_logits has to be float32, as the logits are.\n"
            "  duration_logits  int32[batch≤3, time≤3, labels+1:3, durations:3] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "missing_label_states",
        DimError,
        lambda w: sf.pack_cells(
            w.zeros(batch, time, vocab), batch_dim=batch, input_spatial_dim=time,
            targets_spatial_dim=labels, cells_dim=cells,
        ),
        (
            "pack_cells: the logits have neither labels+1:3 nor 1+labels:3.\n"
            "  logits   float32[batch≤3, time≤3, vocab:5] numpy:cpu\n"
            "  targets  over labels:2 made at transducers.py:LINE\n"
            "  fix: a transducer predicts after 0, 1, ... all labels: run the prediction network on sf.pad(targets, axis=..., left=1)."
        ),
    ),
    Message(
        "one_batch_dim",
        DimError,
        lambda w: packed(w, targets=w.ints(batch, group, labels, of=vocab)),
        (
            "rnnt_loss_packed: packed sequences lie one after another along one batch dim.\n"
            "  targets     int32[batch≤3, group:2, labels:2] of vocab:5 numpy:cpu\n"
            "  batch dims  [batch, group:2]\n"
            "  fix: merge the batch dims first: sf.merge_dims."
        ),
    ),
    Message(
        "one_batch_dim",
        DimError,
        lambda w: packed(w, frame_lengths=w.ints(batch, group)),
        (
            "rnnt_loss_packed: packed sequences lie one after another along one batch dim.\n"
            "  frame_lengths  int32[batch≤3, group:2] numpy:cpu\n"
            "  batch dims     [batch, group:2]\n"
            "  fix: merge the batch dims first: sf.merge_dims."
        ),
    ),
    Message(
        "wrong_cells",
        DimError,
        lambda w: packed(w, logits=w(np.zeros((17, 5)), cells, vocab)),
        (
            "rnnt_loss_packed: the logits have another number of cells than the sequences.\n"
            "  logits  float32[cells≤17, vocab:5] numpy:cpu\n"
            "  came    17\n"
            "  needed  18: frames * (labels + 1) of all\n"
            "  fix: sf.pack_cells makes them; they go by frame_lengths and the lengths of the targets."
        ),
        eager="values of lengths are not looked at",
    ),
    *[
        Message(
            "bad_argument",
            DimError,
            lambda w, value=value: sf.alignment_windows(w.ints(batch, labels), left=value, right=0),
            (
                f"alignment_windows: left cannot be {value!r}.\n"
                "  needed  a number of frames, 0 or more\n"
                "  fix: 0 allows the frame of the alignment only."
            ),
        )
        for value in (-1, 0.5)
    ],
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: sf.alignment_windows(w.zeros(batch, labels), left=1, right=1),
        (
            "alignment_windows: frames has to be an integer type.\n"
            "  frames  float32[batch≤3, labels:2] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
]  # fmt: skip
