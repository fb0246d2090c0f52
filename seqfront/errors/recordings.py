"""Recordings that a recipe cannot learn from."""

from __future__ import annotations

from pathlib import Path

from seqfront.errors.base import SeqfrontError


def recordings_missing(path: Path | None, reason: str) -> SeqfrontError:
    """No recordings of spoken digits where they were to be."""
    return SeqfrontError(
        f"spoken_digits: it needs recordings, and {reason}.",
        [
            ("--data", "not given" if path is None else str(path)),
            ("wanted", "16-bit wave files called {digit}_{speaker}_{take}.wav"),
        ],
        "clone https://github.com/Jakobovski/free-spoken-digit-dataset (CC BY-SA 4.0), "
        "and pass --data that folder, or a tar archive of it.",
    )


def unreadable_recording(name: str, reason: str) -> SeqfrontError:
    """A file that is not what its name says."""
    return SeqfrontError(
        "spoken_digits: a recording is no 16-bit wave file.",
        [("file", name), ("reason", reason)],
        "convert it, or take it away.",
    )


def nothing_held_out(speaker: str | None, speakers: str, training: int, rest: int) -> SeqfrontError:
    """A split that leaves nothing to train on, or nothing to test with."""
    return SeqfrontError(
        "spoken_digits: takes must be left to train on, and others to be held out.",
        [
            ("to train on", training),
            ("held out", rest),
            ("--speaker", speaker or "not given: takes 0 to 9"),
            ("speakers", speakers),
        ],
        "hold out one of several speakers, or have more than ten takes of each.",
    )
