# ruff: noqa: E501  (texts are as long as they are)
"""Messages of `sf.checked` and of the annotations it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import seqfront as sf
from messages.message import Message
from seqfront import DimError, DTypeError
from seqfront.typing import Float, Float32, Int

if TYPE_CHECKING:
    from nowhere import Tensor as Unknown  # type: ignore[import-not-found]

batch, time, mel, vocab = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4), sf.Dim("vocab", 5)
other_time, loose_mel = sf.Dim("time"), sf.Dim("mel")
key_time = sf.Dim("key_time")
_IDENTITY = (
    "  fix: dims match by identity: pass the same Dim object, or rename one: x.rename(old, new)."
)


@sf.checked
def encode(
    x: Float[sf.Tensor, "*batch time mel:4"],
    y: Float[sf.Tensor, "*batch time"] | None = None,
    *,
    labels: Int[sf.Tensor, "*batch of vocab"] | None = None,
) -> Float[sf.Tensor, "*batch time//2"]:
    return sf.sum(x, axis=mel)


@sf.checked
def over(x: Float[sf.Tensor, "... axis"], axis: sf.Dim) -> sf.Tensor:
    return x


@sf.checked
def odd(x: Float[sf.Tensor, "time axis.size"], axis: sf.Dim) -> sf.Tensor:
    return x


@sf.checked
def either(x: Float[sf.Tensor, "time"] | Int[sf.Tensor, "batch"]) -> sf.Tensor:
    return x


@sf.checked
def pair(x: Any, parts: int) -> tuple[Float[sf.Tensor, "..."], Any]:
    return (x,) * parts if parts else x


@sf.checked
def unknown(x: Float[Unknown, "..."]) -> None: ...


@sf.checked
@dataclass
class Batch:
    frames: list[Float32[sf.Tensor, "batch time _:4"]]
    lengths: Int[sf.Tensor, "batch"]


MESSAGES = [
    Message(
        "annotated_dtype",
        DTypeError,
        lambda w: encode(w.ints(batch, time, mel)),
        (
            "encode: x is int32, which is not Float.\n"
            "  x          int32[batch≤3, time≤3, mel:4] numpy:cpu\n"
            '  annotated  Float "*batch time mel:4"\n'
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "annotated_missing",
        DimError,
        lambda w: encode(w.zeros(batch, mel)),
        (
            "encode: x has no dim time.\n"
            "  x          float32[batch≤3, mel:4] numpy:cpu\n"
            '  annotated  Float "*batch time mel:4"\n'
            "  fix: x.rename(old, new) gives a tensor another dim; annotations mean dims by name."
        ),
    ),
    Message(
        "annotated_missing",
        DimError,
        lambda w: encode(w.zeros(batch, time, mel)),
        (
            "encode: the result has no dim time//2.\n"
            "  the result  float32[batch≤3, time≤3] numpy:cpu\n"
            '  annotated   Float "*batch time//2"\n'
            "  fix: x.rename(old, new) gives a tensor another dim; annotations mean dims by name."
        ),
    ),
    Message(
        "annotated_missing",
        DimError,
        lambda w: Batch([w.zeros(batch, time, mel), w.zeros(batch, time, vocab)], w.ints(batch)),
        (
            "Batch: frames[1] has no dim _:4.\n"
            "  frames[1]  float32[batch≤3, time≤3, vocab:5] numpy:cpu\n"
            '  annotated  Float32 "batch time _:4"\n'
            "  fix: x.rename(old, new) gives a tensor another dim; annotations mean dims by name."
        ),
    ),
    Message(
        "annotated_argument",
        DimError,
        lambda w: over(w.zeros(batch, time), other_time),
        (
            "over: x has no dim time, which axis is.\n"
            "  x          float32[batch≤3, time≤3] numpy:cpu\n"
            '  annotated  Float "... axis"\n'
            "  axis       time made at annotations.py:LINE\n"
            "  another    time made at annotations.py:LINE\n"
            "  fix: axis is an argument of this call: pass a dim that x has."
        ),
    ),
    Message(
        "annotated_extra",
        DimError,
        lambda w: Batch([], w.ints(batch, mel)),
        (
            "Batch: lengths has dims that its annotation does not.\n"
            "  lengths    int32[batch≤3, mel:4] numpy:cpu\n"
            '  annotated  Int "batch"\n'
            "  too many   mel:4\n"
            "  fix: reduce them before the call; in an annotation ... stands for any other dims."
        ),
    ),
    Message(
        "annotated_size",
        DimError,
        lambda w: encode(w.zeros(time, loose_mel)),
        (
            "encode: mel of x is dynamic, not 4.\n"
            "  x          float32[time≤3, mel≤3] numpy:cpu\n"
            '  annotated  Float "*batch time mel:4"\n'
            '  fix: a static dim has its size from the start: sf.Dim("mel", 4).'
        ),
    ),
    Message(
        "annotated_no_dim",
        DimError,
        lambda w: odd(w.zeros(time, mel), mel),
        (
            "odd: axis.size in the annotation of x is no dim in this call.\n"
            '  annotated  Float "time axis.size"\n'
            "  fix: expressions are of dims seen in the call, of arguments, and of their attributes."
        ),
    ),
    Message(
        "annotated_labels",
        DimError,
        lambda w: encode(w.zeros(batch, time, mel), labels=w.ints(batch)),
        (
            "encode: the values of labels are not labels of vocab.\n"
            "  labels     int32[batch≤3] numpy:cpu\n"
            '  annotated  Int "*batch of vocab"\n'
            "  fix: x.labels_of(dim) says of integers what they are indices into."
        ),
    ),
    Message(
        "annotated_tuple",
        DTypeError,
        lambda w: pair(w.zeros(time), 3),
        (
            "pair: the result has to be a tuple of 2.\n"
            "  the result  tuple of 3\n"
            "  fix: give all that the annotation lists, in its order."
        ),
    ),
    Message(
        "annotated_tuple",
        DTypeError,
        lambda w: pair(w.zeros(time), 0),
        (
            "pair: the result has to be a tuple of 2.\n"
            "  the result  Tensor\n"
            "  fix: give all that the annotation lists, in its order."
        ),
    ),
    Message(
        "two_meanings",
        DimError,
        lambda w: encode(w.zeros(batch, time, mel), w.zeros(batch, other_time)),
        (
            "encode: time is not the same in x and y.\n"
            "  x    float32[batch≤3, time≤3, mel:4] numpy:cpu\n"
            "  y    float32[batch≤3, time≤3] numpy:cpu\n"
            "  x's  time made at annotations.py:LINE\n"
            "  y's  time made at annotations.py:LINE\n" + _IDENTITY
        ),
    ),
    Message(
        "two_meanings",
        DimError,
        lambda w: encode(w.zeros(batch, time, mel), w.zeros(time)),
        (
            "encode: *batch is not the same in x and y.\n"
            "  x    float32[batch≤3, time≤3, mel:4] numpy:cpu\n"
            "  y    float32[time≤3] numpy:cpu\n"
            "  x's  batch made at annotations.py:LINE\n"
            "  y's  no dims\n" + _IDENTITY
        ),
    ),
    Message(
        "ambiguous_name",
        DimError,
        lambda w: encode(w.zeros(time, mel, other_time)),
        (
            "encode: x has 2 dims called time.\n"
            "  x     float32[time≤3, mel:4, time≤3] numpy:cpu\n"
            "  time  made at annotations.py:LINE\n"
            "  time  made at annotations.py:LINE\n"
            '  fix: give one another name where it is made: dim.clone("key_time").'
        ),
    ),
    Message(
        "no_alternative",
        DimError,
        lambda w: either(w.zeros(batch)),
        (
            "either: x is none of what its annotation allows.\n"
            "  x             float32[batch≤3] numpy:cpu\n"
            '  Float "time"  x has no dim time.\n'
            '  Int "batch"   x is float32, which is not Int.\n'
            "  fix: change the tensor to be one of these, or annotate what it is."
        ),
    ),
    Message(
        "not_wrapped",
        DTypeError,
        lambda w: Batch([], 3),  # type: ignore[arg-type]
        (
            "Batch: lengths has to be a Tensor.\n"
            "  lengths  builtins.int\n"
            "  fix: wrap plain tensors with their dims first: sf.wrap(raw, dims)."
        ),
    ),
    Message(
        "bad_annotation",
        DTypeError,
        lambda w: Float[np.ndarray, "time"],
        (
            "Float: an annotation has a class of tensors and a text.\n"
            "  annotated  Float[ndarray, 'time']\n"
            '  fix: write Float[sf.Tensor, "batch time mel:80"]; plain tensors have no dims to name.'
        ),
        only="any",
    ),
    Message(
        "bad_annotation",
        DTypeError,
        lambda w: Float["time"],
        (
            "Float: an annotation has a class of tensors and a text.\n"
            "  annotated  Float['time']\n"
            '  fix: write Float[sf.Tensor, "batch time mel:80"]; plain tensors have no dims to name.'
        ),
        only="any",
    ),
    *[
        Message(
            "unreadable_annotation",
            DimError,
            lambda w, text=text: Int[sf.Tensor, text],
            (
                "typing: the dims of an annotation cannot be read.\n"
                f"  dims  {text}\n"
                f"        {mark}\n"
                "  fix: each once: name, name:size, arithmetic without spaces; _; ... or *name; last, of name."
            ),
            only="any",
        )
        for text, mark in (
            ("batch time: mel", "      ^^^^^"),
            ("batch batch", "      ^^^^^"),
            ("... *batch", "    ^^^^^^"),
            ("time :80", "     ^^^"),
            ("time/2", "^^^^^^"),
            ("time.clone()", "^^^^^^^^^^^^"),
            ("time +", "     ^"),
        )
    ],
    Message(
        "unresolved_annotation",
        DTypeError,
        lambda w: unknown(None),
        (
            "unknown: the annotation of x has names that are not known at run time.\n"
            "  x  Float[Unknown, '...']\n"
            "  fix: import them outside of `if TYPE_CHECKING:`; dims stand in quotes."
        ),
        only="any",
    ),
    Message(
        "cannot_check",
        DTypeError,
        lambda w: sf.checked(sf.nn.Linear),
        (
            "checked: this is neither a function nor a dataclass.\n"
            "  came  class Linear\n"
            "  fix: decorate functions and methods; of a dataclass, write @sf.checked above @dataclass."
        ),
        only="any",
    ),
]
