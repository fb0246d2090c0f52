"""Messages of what takes dims apart."""

from __future__ import annotations

import seqfront as sf
from messages.message import Message
from seqfront import DimError, DTypeError

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)
one, two = sf.Dim("one", 1), sf.Dim("two", 2)

MESSAGES = [
    Message(
        "cannot_part",
        DimError,
        lambda w: sf.split(w.zeros(batch, mel), axis=mel, parts=(one, two)),
        (
            "split: mel:4 cannot be cut into (one:1, two:2).\n"
            "  x       float32[batch≤3, mel:4] numpy:cpu\n"
            "  ragged  no\n"
            "  fix: sizes add up to that of the dim; one part may be dynamic, of a ragged dim one "
            "has to be."
        ),
    ),
    Message(
        "size_unknown",
        DimError,
        lambda w: sf.unstack(w.zeros(time), axis=time),
        (
            "unstack: the size of time is not known.\n"
            "  time  dynamic, made at parting.py:LINE\n"
            "  fix: give a tensor that has it, as in like=x; or a static size, Dim('time', 120)."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.slice(w.zeros(batch, time), axis=time, start=w.ints(batch)),
        (
            "slice: out_dim cannot be None.\n"
            "  needed  a Dim, for such bounds\n"
            '  fix: out_dim=sf.Dim("part"), made once.'
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: sf.slice(w.zeros(batch, time), axis=time, end=w.zeros(batch), out_dim=two),
        (
            "slice: end has to be an integer type.\n"
            "  end  float32[batch≤3] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.slice(w.zeros(batch, mel), axis=mel, end=w.ints(mel), out_dim=two),
        (
            "slice: end cannot be int32[mel:4] numpy:cpu.\n"
            "  needed  a Tensor without mel:4\n"
            "  fix: one bound for each sequence, not for each of its positions."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: sf.nested_mask((), mask=w.zeros(mel)),
        (
            "nested_mask: mask has to be bool.\n"
            "  mask  float32[mel:4] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
]
