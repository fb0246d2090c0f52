"""Messages about language models: files that are damaged, and labels that do not fit."""

from __future__ import annotations

import io
from typing import Any

import seqfront as sf
from messages.message import Message
from seqfront import DimError, DTypeError
from seqfront.errors import CheckpointError

classes = sf.Dim("classes", 4)
RIGHT = [
    "\\data\\",
    "ngram 1=3",
    "ngram 2=2",
    "",
    "\\1-grams:",
    "-1 <s> -0.5",
    "-1 </s>",
    "-1 a -0.5",
    "",
    "\\2-grams:",
    "-0.5 <s> a",
    "-0.5 a a",
    "",
    "\\end\\",
]


def _read(changes: dict[int, str | None], **options: Any) -> Any:
    """The file with some lines, counted from 1, changed or taken away."""
    lines = [changes.get(number, line) for number, line in enumerate(RIGHT, 1)]
    file = io.StringIO("\n".join([line for line in lines if line is not None]))
    options.setdefault("labels", {"a": 1})
    return sf.search.NGram.from_arpa(file, classes=classes, **options)


def _damaged(changes: dict[int, str | None], *lines: str) -> Message:
    fix = "write the file again with the tool that made it: it is damaged, or no ARPA file."
    text = "\n  ".join([f"NGram.from_arpa: {lines[0]}.", *lines[1:], f"fix: {fix}"])
    return Message("malformed_arpa", CheckpointError, lambda w: _read(changes), text, only="any")


DAMAGED = [
    _damaged(
        {1: None},
        "the file has no data section",
        "file    an open file",
        "at      the end of the file",
        "needed  \\data\\",
    ),
    _damaged(
        {2: None, 3: None},
        "the data section announces nothing",
        "file    an open file",
        "line 3  '\\\\1-grams:'",
        "needed  ngram 1=<how many>",
    ),
    _damaged(
        {3: "ngram 3=2"},
        "the data section leaves out an order, or says something else",
        "file    an open file",
        "line 3  'ngram 3=2'",
        "needed  ngram 2=<how many>",
    ),
    _damaged(
        {10: "\\3-grams:"},
        "the 2-grams are missing",
        "file     an open file",
        "line 10  '\\\\3-grams:'",
        "needed   \\2-grams:",
    ),
    _damaged(
        {7: None},
        "there are too few 1-grams",
        "file    an open file",
        "line 9  '\\\\2-grams:'",
        "needed  3, as the data section says",
        "came    2",
    ),
    _damaged(
        {13: "-0.5 a </s>"},
        "there are too many 2-grams",
        "file     an open file",
        "line 13  '-0.5 a </s>'",
        "needed   2, as the data section says",
    ),
    _damaged(
        {14: None},
        "the file does not end with its n-grams",
        "file    an open file",
        "at      the end of the file",
        "needed  \\end\\",
    ),
    _damaged(
        {11: "-0.5 a"},
        "this is no 2-gram",
        "file     an open file",
        "line 11  '-0.5 a'",
        "needed   a log10 probability, 2 words, and at most a backoff weight",
    ),
    _damaged(
        {8: "minus a -0.5"},
        "this is no 1-gram",
        "file    an open file",
        "line 8  'minus a -0.5'",
        "needed  a log10 probability, 1 word, and at most a backoff weight",
    ),
    _damaged(
        {7: "nan </s>"},
        "this is no 1-gram",
        "file    an open file",
        "line 7  'nan </s>'",
        "needed  a log10 probability, 1 word, and at most a backoff weight",
    ),
    _damaged(
        {11: "0.5 <s> a"},
        "this is no 2-gram",
        "file     an open file",
        "line 11  '0.5 <s> a'",
        "needed   a log10 probability, 2 words, and at most a backoff weight",
    ),
    _damaged(
        {8: "-1 <s>"},
        "a word is there twice",
        "file    an open file",
        "line 8  '-1 <s>'",
        "needed  1-grams that differ",
    ),
    _damaged(
        {12: "-0.5 a b"},
        "the word 'b' is no 1-gram",
        "file     an open file",
        "line 12  '-0.5 a b'",
        "needed   words of the 1-grams",
    ),
    _damaged(
        {12: "-0.75 <s> a"},
        "a 2-gram is there twice",
        "file     an open file",
        "line 12  '<s> a'",
        "needed   2-grams that differ",
    ),
    _damaged(
        {3: "ngram 2=2\nngram 3=1", 13: "\\3-grams:\n-0.1 a </s> a\n"},
        "the context of a 3-gram is missing",
        "file     an open file",
        "line 15  'a </s> a'",
        "needed   its first words among the 2-grams",
    ),
]

MESSAGES = [
    *DAMAGED,
    Message(
        "no_such_word",
        CheckpointError,
        lambda w: _read({}, end="<eos>"),
        (
            "NGram.from_arpa: the end word is not in the model.\n"
            "  file  an open file\n"
            "  end   '<eos>'\n"
            "  fix: give the word that the model has for it, or end=None."
        ),
        only="any",
    ),
    Message(
        "no_label_known",
        CheckpointError,
        lambda w: _read({}, labels=["<blank>", "A", "B"]),
        (
            "NGram.from_arpa: none of the labels is a word of the model.\n"
            "  file    an open file\n"
            "  labels  '<blank>', 'A', 'B'\n"
            "  words   '<s>', '</s>', 'a'\n"
            "  fix: train the model on the labels of the search (its word pieces or characters)."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _read({}, labels={"a": 4}),
        (
            "NGram.from_arpa: labels['a'] cannot be 4.\n"
            "  needed  0 to 3\n"
            "  fix: give each class at most one word, each word one class."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _read({}, labels={"a": 1, "b": 1}),
        (
            "NGram.from_arpa: the word of class 1 cannot be ('a', 'b').\n"
            "  needed  one word\n"
            "  fix: give each class at most one word, each word one class."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _read({}, labels=["a", None, "a"]),
        (
            "NGram.from_arpa: the class of 'a' cannot be (0, 2).\n"
            "  needed  one class\n"
            "  fix: give each class at most one word, each word one class."
        ),
        only="any",
    ),
    Message(
        "not_a_dim",
        DTypeError,
        lambda w: sf.search.NGram.from_arpa(io.StringIO(), classes=4, labels={}),  # type: ignore[arg-type]
        "NGram.from_arpa: dims are given as Dim objects.\n"
        "  came  int 4\n"
        '  fix: make a dim once, time = sf.Dim("time"), and pass that object; several as a tuple.',
        only="any",
    ),
    Message(
        "size_unknown",
        DimError,
        lambda w: sf.search.NGram.from_arpa(io.StringIO(), classes=sf.Dim("classes"), labels={}),
        (
            "NGram.from_arpa: the size of classes is not known.\n"
            "  classes  dynamic, made at search_ngram.py:LINE\n"
            "  fix: give a tensor that has it, as in like=x; or a static size, Dim('classes', 120)."
        ),
        only="any",
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: _read({}, implementation="fast"),
        (
            "NGram.from_arpa: implementation is 'fast'.\n"
            "  known  'native', 'composed'\n"
            "  fix: give one of these."
        ),
        only="any",
    ),
]
