"""Messages of frame-synchronous transducer search."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from messages.message import Make, Message
from seqfront import DimError, DTypeError

batch, time, joint = sf.Dim("batch"), sf.Dim("time"), sf.Dim("joint", 5)
vocab, group = sf.Dim("vocab", 5), sf.Dim("group", 2)


def predict(labels: sf.Tensor, *, axis: Any, state: Any = None) -> Any:
    return sf.zeros((*labels.dims, joint), dtype="float32", like=labels), labels


def join(x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
    return sf.add(x, y, allow_broadcast=True).rename(joint, vocab)


def beam(**options: Any) -> sf.search.TransducerBeam:
    options = {"blank_index": 0, "beam": 2, "classes": vocab, "in_dim": joint, **options}
    return sf.search.TransducerBeam(predict, join, **options)


def frames(w: Make) -> sf.Tensor:
    return w.zeros(batch, time, joint, lengths={time: [3, 2, 1]})


def other_state(w: Make) -> Any:
    search = beam()
    _, state = search(w.zeros(group, time, joint), axis=time)
    return search(frames(w), axis=time, state=state)


MESSAGES: list[Message] = [
    *[
        Message(
            "bad_argument",
            DimError,
            lambda w, name=name, value=value: beam(**{name: value}),
            (f"TransducerBeam: {name} cannot be {value!r}.\n  needed  {needed}\n  fix: {fix}"),
            only="any",
        )
        for name, value, needed, fix in (
            ("beam", 0, "an int of at least 1", "beam=4."),
            ("beam", 2.0, "an int of at least 1", "beam=4."),
            ("max_symbols", 0, "an int of at least 1", "max_symbols=4."),
            ("temperature", 0.0, "a finite number above 0", "1.0 changes nothing."),
            ("temperature", "1", "a finite number above 0", "1.0 changes nothing."),
            ("blank_penalty", float("inf"), "a finite number", "0.0 changes nothing."),
            ("length_norm", -0.5, "a finite number, 0 or more", "0.0 changes nothing."),
            ("margin", 0, "a finite number above 0, or None", "None drops nothing."),
            ("blank_index", 5, "an int in -5 .. 4", "negative counts from the end."),
        )
    ],
    Message(
        "unknown_choice",
        DimError,
        lambda w: beam(recombine="mean"),
        (
            "TransducerBeam: recombine is 'mean'.\n"
            "  known  'sum', 'max', None\n"
            "  fix: give one of these."
        ),
        only="any",
    ),
    Message(
        "cannot_combine",
        DimError,
        lambda w: beam(prune_norm=True, length_norm=1.0),
        (
            "TransducerBeam: prune_norm=True does not go with length_norm=1.0.\n"
            "  because  both say by what hypotheses are ranked in the end\n"
            "  fix: choose one of the two."
        ),
        only="any",
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: beam()(w.ints(batch, time, joint), axis=time),
        (
            "TransducerBeam: encoded has to be a floating-point type.\n"
            "  encoded  int32[batch≤3, time≤3, joint:5] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        other_state,
        (
            "TransducerBeam: state cannot be TransducerBeamState.\n"
            "  needed  a state of this search over [batch, beam:2]\n"
            "  fix: pass on what the search gave."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: beam()(frames(w), axis=time, is_last=1),
        (
            "TransducerBeam: is_last cannot be 1.\n"
            "  needed  a bool or a Tensor of them\n"
            "  fix: is_last=False while there are frames to come."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: beam()(frames(w), axis=time, is_last=w.ints(batch)),
        (
            "TransducerBeam: is_last has to be bool.\n"
            "  is_last  int32[batch≤3] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: beam()(w.zeros(batch, joint), axis=time),
        (
            "TransducerBeam: dim time is not in encoded.\n"
            "  encoded  float32[batch≤3, joint:5] numpy:cpu\n"
            "  fix: name one of [batch, joint:5]."
        ),
    ),
]
