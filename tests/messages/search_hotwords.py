"""Messages about phrases to favour."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from messages.message import Message
from seqfront import DimError

batch, beam = sf.Dim("batch"), sf.Dim("beam", 2)
classes = sf.Dim("classes", 4)


def _made(phrases: Any, **options: Any) -> Any:
    return sf.search.Hotwords(phrases, classes=classes, **options)


def _refused(phrases: Any, *lines: str, **options: Any) -> Message:
    text = "\n  ".join(lines)
    return Message("bad_argument", DimError, lambda w: _made(phrases, **options), text, only="any")


_FORM = "fix: a phrase is a sequence of labels, or a pair of that and its bonus."

MESSAGES = [
    _refused([[1, 4]], "Hotwords: a label cannot be 4.", "needed  0 to 3", _FORM),
    _refused([["ab"]], "Hotwords: a label cannot be 'ab'.", "needed  0 to 3", _FORM),
    _refused([[[1, 2]]], "Hotwords: a label cannot be [1, 2].", "needed  0 to 3", _FORM),
    _refused(
        [[]],
        "Hotwords: a phrase cannot be [].",
        "needed  at least one label",
        "fix: leave it out.",
    ),
    _refused(
        ["new york"],
        "Hotwords: a phrase cannot be 'new york'.",
        "needed  a sequence",
        "fix: texts are labels first: Hotwords([tokenize(text) for text in texts], ...).",
    ),
    _refused(
        [1, 2],
        "Hotwords: a phrase cannot be 1.",
        "needed  a sequence",
        "fix: texts are labels first: Hotwords([tokenize(text) for text in texts], ...).",
    ),
    _refused(
        [([1, 2], float("nan"))],
        "Hotwords: a bonus cannot be nan.",
        "needed  a finite number",
        "fix: bonus=1.0.",
    ),
    _refused(
        [[[1, 2]]],
        "Hotwords: streams cannot be 1.",
        "needed  a Dim, a Tensor or None",
        "fix: streams=batch.",
        streams=1,
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _made([[[1]], []], streams=batch).initial_state(
            (batch, beam), like=w.zeros(batch)
        ),
        (
            "Hotwords: the number of lists cannot be 2.\n"
            "  needed  3, one for each of batch\n"
            "  fix: streams= may also be a tensor that says which list each stream has."
        ),
        eager="sizes are not known while tracing",
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: _made([[[1]]], streams=batch).initial_state((beam,), like=w.zeros(beam)),
        (
            "Hotwords: dim batch is not in the hypotheses.\n"
            "  the hypotheses  int32[beam:2] numpy:cpu\n"
            "  fix: name one of [beam:2]."
        ),
    ),
    Message(
        "index_out_of_range",
        DimError,
        lambda w: _made([[[1]], []], streams=w([0, 1, 2], batch)).initial_state(
            (batch,), like=w.zeros(batch)
        ),
        (
            "gather: an index lies outside of phrase_lists:2.\n"
            "  x        int32[phrase_lists:2] numpy:cpu\n"
            "  indices  0 to 2\n"
            "  needed   0 to 1\n"
            "  fix: positions start at 0; labels have to be made with the vocabulary of this dim."
        ),
        eager="values of indices are not looked at",
    ),
]
