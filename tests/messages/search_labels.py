"""Messages of label-synchronous search and its scorers."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from messages.message import Make, Message
from seqfront import DimError, DTypeError

batch, time, beam = sf.Dim("batch"), sf.Dim("time"), sf.Dim("beam", 2)
vocab, other, mel = sf.Dim("vocab", 5), sf.Dim("other", 3), sf.Dim("mel", 4)

MODEL = sf.models.LSTMPrediction(vocab, mel, mel, vocab)


def _beam(**options: Any) -> sf.search.LabelBeam:
    return sf.search.LabelBeam(**{"classes": vocab, "beam": 2, "max_labels": 3, **options})


def _search(w: Make, scorers: Any = None, **options: Any) -> Any:
    if scorers is None:
        scorers = {"bonus": (sf.search.LengthBonus(vocab), 1.0)}
    return _beam()(scorers, (batch,), like=w.zeros(batch), **options)


def _lm(**options: Any) -> sf.search.LanguageModel:
    return sf.search.LanguageModel(MODEL, **{"start_index": 0, **options})


MESSAGES = [
    Message(
        "bad_argument",
        DimError,
        lambda w: _beam(beam=0),
        (
            "LabelBeam: beam cannot be 0.\n"
            "  needed  an int of at least 1\n"
            "  fix: LabelBeam(classes=vocab, end_index=0, beam=8, max_labels=100)."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _beam(max_labels=2.5),
        (
            "LabelBeam: max_labels cannot be 2.5.\n"
            "  needed  an int of at least 1\n"
            "  fix: LabelBeam(classes=vocab, end_index=0, beam=8, max_labels=100)."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _beam(min_labels=-1),
        (
            "LabelBeam: min_labels cannot be -1.\n"
            "  needed  an int of at least 0\n"
            "  fix: LabelBeam(classes=vocab, end_index=0, beam=8, max_labels=100)."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _beam(length_norm=-0.5),
        (
            "LabelBeam: length_norm cannot be -0.5.\n"
            "  needed  at least 0\n"
            "  fix: 0 ranks by the scores, 1 by their mean."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _beam(threshold=-1.0),
        (
            "LabelBeam: threshold cannot be -1.0.\n"
            "  needed  at least 0\n"
            "  fix: it is how far below the best, in nats."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _beam(end_index=5),
        (
            "LabelBeam: end_index cannot be 5.\n"
            "  needed  an int in -5 .. 4\n"
            "  fix: negative counts from the end."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _search(w, {}),
        (
            "LabelBeam: scorers cannot be {}.\n"
            "  needed  at least one\n"
            '  fix: scorers={"lm": (sf.search.LanguageModel(model), 1.0)}.'
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _search(w, {"lm": 1.0}),
        (
            "LabelBeam: scorers['lm'] cannot be 1.0.\n"
            "  needed  a pair of a Scorer and a weight\n"
            '  fix: scorers={"lm": (sf.search.LanguageModel(model), 0.3)}.'
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _search(w, {"lm": (sf.search.LengthBonus(other), 1.0)}),
        (
            "LabelBeam: the classes of scorers['lm'] cannot be other:3.\n"
            "  needed  those of the search, vocab:5\n"
            "  fix: dims match by identity: make both with the same Dim."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: _search(w, max_labels=w.zeros(batch)),
        (
            "LabelBeam: max_labels has to be an integer type.\n"
            "  max_labels  float32[batch≤3] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "wrong_dims",
        DimError,
        lambda w: _search(w, max_labels=w.ints(time)),
        (
            "LabelBeam: the dims named are not those of max_labels.\n"
            "  max_labels  int32[time≤3] numpy:cpu\n"
            "  named       [batch]\n"
            "  fix: name every dim of max_labels once, in the order you want."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _lm(start_index=7),
        (
            "LanguageModel: start_index cannot be 7.\n"
            "  needed  an int in -5 .. 4\n"
            "  fix: negative counts from the end."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _lm(temperature=0.0),
        (
            "LanguageModel: temperature cannot be 0.0.\n"
            "  needed  above 0\n"
            "  fix: 1.0 changes nothing."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _lm(search_classes=other, labels=[0, 1]),
        (
            "LanguageModel: labels cannot be [0, 1].\n"
            "  needed  a label of vocab:5, or -1, for each class of other:3\n"
            "  fix: labels[i] is what the model calls class i of the search."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _lm(search_classes=other),
        (
            "LanguageModel: labels cannot be None.\n"
            "  needed  a label of vocab:5, or -1, for each class of other:3\n"
            "  fix: labels[i] is what the model calls class i of the search."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.search.LanguageModel(lambda x: x, start_index=0),
        (
            "LanguageModel: classes cannot be None.\n"
            "  needed  a Dim, as the model does not tell what it gives\n"
            "  fix: classes=vocab."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.search.CtcPrefixScorer(
            w.zeros(time, vocab), time, classes=vocab, blank_index=5
        ),
        (
            "CtcPrefixScorer: blank_index cannot be 5.\n"
            "  needed  an int in -5 .. 4\n"
            "  fix: negative counts from the end."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: sf.search.CtcPrefixScorer(
            w.ints(time, vocab), time, classes=vocab, blank_index=0
        ),
        (
            "CtcPrefixScorer: logits has to be float.\n"
            "  logits  int32[time≤3, vocab:5] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.search.InternalLanguageModel(MODEL, lambda a, b: a, blank_index=0),
        (
            "InternalLanguageModel: classes cannot be None.\n"
            "  needed  a Dim, as join is no sf.models.Joiner\n"
            "  fix: classes=vocab; a sf.models.Joiner knows its own."
        ),
    ),
    Message(
        "size_unknown",
        DimError,
        lambda w: sf.search.LengthBonus(sf.Dim("labels")),
        (
            "LengthBonus: the size of labels is not known.\n"
            "  labels  dynamic, made at search_labels.py:LINE\n"
            "  fix: give a tensor that has it, as in like=x; or a static size, Dim('labels', 120)."
        ),
    ),
]
