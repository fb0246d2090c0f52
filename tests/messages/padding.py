"""Messages of padding, bounds and statistics."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from messages.message import Message
from seqfront import DimError

batch, time = sf.Dim("batch"), sf.Dim("time")
mirror: Any = "mirror"

MESSAGES = [
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.pad(w.zeros(batch, time), axis=time, left=1, mode=mirror),
        (
            "pad: mode cannot be 'mirror'.\n"
            "  needed  one of 'constant', 'reflect', 'replicate', 'circular'\n"
            "  fix: 'replicate' repeats both ends."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.clip(w.zeros(time)),
        ("clip: low cannot be None.\n  needed  a bound, or else high\n  fix: sf.clip(x, 0, 1)."),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.variance(w.zeros(time), axis=time, correction=-1),
        (
            "variance: correction cannot be -1.\n"
            "  needed  an int of at least 0\n"
            "  fix: correction=1 gives the unbiased estimate."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.argmax(w.zeros(time), axis=()),
        "argmax: axis cannot be ().\n  needed  at least one dim\n  fix: axis=vocab.",
    ),
]
