"""Messages of the alignment-synchronous beam search."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from messages.message import Message
from seqfront.errors import DimError, DTypeError

batch, mel, vocab = sf.Dim("batch"), sf.Dim("mel", 4), sf.Dim("vocab", 5)


def _predict(x: sf.Tensor, *, axis: Any, state: Any = None) -> Any:
    features = sf.zeros((*x.dims, mel), like=x, dtype="float32")
    return features, features


def _search(**options: Any) -> Any:
    options = {"blank_index": 0, "classes": vocab, "in_dim": mel, **options}
    return sf.search.AlignmentBeam(_predict, sf.add, **options)


def _reset(w: Any) -> Any:
    search = _search()
    state = search.initial_state((batch,), like=w.zeros(batch, mel))
    return search.reset(state, w.ints(batch))


MESSAGES = [
    Message(
        "bad_argument",
        DimError,
        lambda w: _search(max_symbols=None),
        (
            "AlignmentBeam: max_symbols cannot be None.\n"
            "  needed  given, or max_labels\n"
            "  fix: max_symbols=3."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _search(beam=0),
        ("AlignmentBeam: beam cannot be 0.\n  needed  an int of at least 1\n  fix: beam=4."),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _search(max_labels=0),
        (
            "AlignmentBeam: max_labels cannot be 0.\n"
            "  needed  an int of at least 1\n"
            "  fix: max_labels=4."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _search(temperature=0.0),
        (
            "AlignmentBeam: temperature cannot be 0.0.\n"
            "  needed  a finite number above 0\n"
            "  fix: 1.0 changes nothing."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _search(blank_penalty=float("inf")),
        (
            "AlignmentBeam: blank_penalty cannot be inf.\n"
            "  needed  a finite number\n"
            "  fix: 0.0 changes nothing."
        ),
        only="any",
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: _search(recombine="mean"),
        (
            "AlignmentBeam: recombine is 'mean'.\n"
            "  known  'sum', 'max', None\n"
            "  fix: give one of these."
        ),
        only="any",
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        _reset,
        (
            "reset: streams has to be bool.\n"
            "  streams  int32[batch≤3] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
]
