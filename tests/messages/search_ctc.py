"""Messages of the CTC searches."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from messages.message import Message
from seqfront.errors import DimError, DTypeError

batch, time = sf.Dim("batch"), sf.Dim("time")
vocab, unknown = sf.Dim("vocab", 5), sf.Dim("unknown")


def _beam(**options: Any) -> sf.search.CtcPrefixBeam:
    return sf.search.CtcPrefixBeam(**{"classes": vocab, "blank_index": 0, **options})


def _greedy(**options: Any) -> sf.search.CtcGreedy:
    return sf.search.CtcGreedy(**{"classes": vocab, "blank_index": 0, **options})


MESSAGES = [
    Message(
        "bad_argument",
        DimError,
        lambda w: _beam(beam=0),
        "CtcPrefixBeam: beam cannot be 0.\n  needed  an int of at least 1\n  fix: 8 is common.",
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _beam(token_beam=2.5),
        "CtcPrefixBeam: token_beam cannot be 2.5.\n  needed  an int of at least 1\n  fix: None.",
        only="any",
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: _beam(merge="mean"),
        ("CtcPrefixBeam: merge is 'mean'.\n  known  'sum', 'max'\n  fix: give one of these."),
        only="any",
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: _beam(implementation="fast"),
        (
            "CtcPrefixBeam: implementation is 'fast'.\n"
            "  known  'native', 'composed'\n"
            "  fix: give one of these."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _beam(blank_skip=1.5),
        (
            "CtcPrefixBeam: blank_skip cannot be 1.5.\n"
            "  needed  a probability above 0\n"
            "  fix: 0.999 skips frames of silence; None skips none."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _beam(temperature=0.0),
        (
            "CtcPrefixBeam: temperature cannot be 0.0.\n"
            "  needed  above 0\n"
            "  fix: 1.0 changes nothing."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _greedy(blank_index=5),
        (
            "CtcGreedy: blank_index cannot be 5.\n"
            "  needed  an int in -5 .. 4\n"
            "  fix: negative counts from the end."
        ),
        only="any",
    ),
    Message(
        "size_unknown",
        DimError,
        lambda w: _greedy(classes=unknown),
        (
            "CtcGreedy: the size of unknown is not known.\n"
            "  unknown  dynamic, made at search_ctc.py:LINE\n"
            "  fix: give a tensor that has it, as in like=x; or a static size, Dim('unknown', 120)."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _greedy()(w.zeros(batch, time, vocab), axis=time, is_last=1),
        (
            "CtcGreedy: is_last cannot be 1.\n"
            "  needed  a bool, or a bool Tensor over the streams\n"
            "  fix: is_last=False."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: _beam()(w.zeros(batch, time, vocab), axis=time, is_last=w.ints(batch)),
        (
            "CtcPrefixBeam: is_last has to be bool.\n"
            "  is_last  int32[batch≤3] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: _beam()(w.ints(batch, time, vocab), axis=time),
        (
            "CtcPrefixBeam: encoded has to be floating point.\n"
            "  encoded  int32[batch≤3, time≤3, vocab:5] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: _beam()(w.zeros(batch, vocab), axis=time),
        (
            "CtcPrefixBeam: dim time is not in encoded.\n"
            "  encoded  float32[batch≤3, vocab:5] numpy:cpu\n"
            "  fix: name one of [batch, vocab:5]."
        ),
    ),
]
