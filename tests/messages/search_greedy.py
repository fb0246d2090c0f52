"""Messages of the greedy transducer search."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from messages.message import Make, Message
from seqfront.errors import DimError

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)
vocab, durations = sf.Dim("vocab", 5), sf.Dim("durations", 2)


def _predict(x: sf.Tensor, *, axis: Any, state: Any = None) -> Any:
    features = sf.zeros((*x.dims, mel), like=x, dtype="float32")
    return features, features


def _search(join: Any = sf.add, **options: Any) -> Any:
    options = {"blank_index": 0, "classes": vocab, "in_dim": mel, **options}
    return sf.search.TransducerGreedy(_predict, join, **options)


def _read(w: Make, join: Any, **options: Any) -> Any:
    return _search(join, **options)(w.zeros(batch, time, mel), axis=time)


def _wide(frame: sf.Tensor, features: sf.Tensor, last: sf.Dim) -> Any:
    dims = [dim for dim in frame.dims if dim is not mel]
    return tuple(sf.zeros((*dims, dim), like=frame) for dim in (vocab, last))


MESSAGES = [
    Message(
        "bad_argument",
        DimError,
        lambda w: _search(max_symbols=0),
        (
            "TransducerGreedy: max_symbols cannot be 0.\n"
            "  needed  an int of at least 1\n"
            "  fix: max_symbols=4."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _search(temperature=0.0),
        (
            "TransducerGreedy: temperature cannot be 0.0.\n"
            "  needed  a finite number above 0\n"
            "  fix: 1.0 changes nothing."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _search(durations=(2, 1)),
        (
            "TransducerGreedy: durations cannot be (2, 1).\n"
            "  needed  ascending numbers of frames, not only 0\n"
            "  fix: (0, 1, 2, 4), say: in the order of the duration logits."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _search(big_blanks=[3]),
        (
            "TransducerGreedy: big_blanks cannot be [3].\n"
            "  needed  a mapping from classes to frames, or None\n"
            "  fix: {class: frames, ...}."
        ),
        only="any",
    ),
    Message(
        "bad_big_blank",
        DimError,
        lambda w: _search(big_blanks={3: 2, -2: 4}),
        (
            "TransducerGreedy: a big blank is a class of its own that lasts 2 frames or more.\n"
            "  big blank  class -2 for 4 frames\n"
            "  classes    vocab:5, -5 to 4\n"
            "  blanks     0, 3\n"
            "  fix: big_blanks={class: frames, ...}, without the blank."
        ),
        only="any",
    ),
    Message(
        "cannot_combine",
        DimError,
        lambda w: _search(durations=(0, 1), big_blanks={3: 2}),
        (
            "TransducerGreedy: durations does not go with big_blanks.\n"
            "  because  durations already say how far a blank goes\n"
            "  fix: choose one of the two."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _read(w, lambda x, y: 3, durations=(0, 1)),
        (
            "TransducerGreedy: what join gave cannot be 3.\n"
            "  needed  a pair, as there are durations\n"
            "  fix: join gives logits of the classes, and logits of the durations."
        ),
    ),
    Message(
        "wrong_durations",
        DimError,
        lambda w: _read(w, lambda x, y: _wide(x, y, durations), durations=(0, 1, 2)),
        (
            "TransducerGreedy: the duration logits need one dim besides those of the lattice, with "
            "a position for each duration.\n"
            "  duration_logits  float32[rows≤3, block≤3, durations:2] numpy:cpu\n"
            "  besides          [durations:2]\n"
            "  durations        3\n"
            "  fix: project to Dim('durations', len(durations))."
        ),
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: _read(w, lambda x, y: x),
        (
            "TransducerGreedy: dim vocab:5 is not in what join gave.\n"
            "  what join gave  float32[rows≤3, block≤3, mel:4] numpy:cpu\n"
            "  fix: name one of [rows, block, mel:4]."
        ),
    ),
]
