"""Messages of contractions."""

from __future__ import annotations

import seqfront as sf
from messages.message import Message
from seqfront import DimError

batch, mel, vocab = sf.Dim("batch"), sf.Dim("mel", 4), sf.Dim("vocab", 5)

MESSAGES = [
    Message(
        "no_such_result",
        DimError,
        lambda w: sf.einsum(w.zeros(batch, mel), w.zeros(mel), out=(batch, vocab)),
        (
            "einsum: no tensor has vocab:5, a dim of the result.\n"
            "  1        float32[batch≤3, mel:4] numpy:cpu\n"
            "  2        float32[mel:4] numpy:cpu\n"
            "  made at  contractions.py:LINE\n"
            "  fix: sf.expand_dim repeats a tensor along a new dim."
        ),
    ),
    Message(
        "nothing_to_join",
        DimError,
        lambda w: sf.einsum(out=()),
        "einsum: no tensor is given.\n  fix: give at least one.",
        only="any",
    ),
]
