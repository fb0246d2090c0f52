"""Messages of mixed precision."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from messages.message import Make, Message
from seqfront import DTypeError

mel = sf.Dim("mel", 4)


def eight_bits(w: Make) -> Any:
    with sf.autocast("int8"):  # type: ignore[arg-type]
        return sf.dot(w.zeros(mel), w.zeros(mel), reduce=mel)


MESSAGES = [
    Message(
        "unknown_dtype",
        DTypeError,
        eight_bits,
        (
            "autocast: the dtype cannot be 'int8'.\n"
            "  known  bfloat16, float16\n"
            "  fix: give one of these, by name."
        ),
    ),
]
