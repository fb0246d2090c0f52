"""Strings of spoken digits, joined from takes of one speaker.

Takes are split before anything is joined: none that is held out, and none of a held-out speaker, is
ever trained on. Takes are cut to where there is sound and scaled to one level, because speakers
differ by 20 dB; pauses between them have a little noise, because digital silence would give the
boundaries away.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqfront import errors
from seqfront.recipes.spoken_digits import features

HELD_OUT_TAKES = 10
"""Takes 0 to 9 of every speaker and digit are never trained on."""

FEWEST, MOST = 1, 7
"""Digits in a string."""

PAUSE = (0.02, 0.25)
"""Seconds between two digits, from and to."""

_NAME = re.compile(r"(\d)_([^_/]+)_(\d+)\.wav$")


class Take(NamedTuple):
    """One recording of one digit."""

    digit: int
    speaker: str
    number: int
    samples: Any
    """float32, at `features.RATE`."""


class Strings(NamedTuple):
    """A batch of strings, as plain arrays."""

    frames: Any
    """float32 [string, frame, mel]."""
    frame_counts: Any
    """int32 [string]."""
    labels: Any
    """int32 [string, position]."""
    counts: Any
    """int32 [string]."""


def load(path: Path) -> list[Take]:
    """All takes `{digit}_{speaker}_{number}.wav` in a folder, or in a tar archive."""
    if not path.exists():
        raise errors.recordings_missing(path, "there is no such file or folder")
    files = _folder(path) if path.is_dir() else _archive(path)
    takes = [
        Take(int(match[1]), match[2], int(match[3]), _sound(features.read_wave(data, name)))
        for name, data in files
        if (match := _NAME.search(name))
    ]
    takes = [take for take in takes if len(take.samples) >= features.WINDOW]
    if not takes:
        raise errors.recordings_missing(path, "no file there is called like 7_jackson_32.wav")
    return sorted(takes, key=lambda take: take[:3])


def split(takes: Sequence[Take], speaker: str | None = None) -> tuple[list[Take], list[Take]]:
    """Takes to train on, and held-out ones: those of a speaker, or the first of every speaker."""
    held_out = [
        take.number < HELD_OUT_TAKES if speaker is None else take.speaker == speaker
        for take in takes
    ]
    parts = (
        [take for take, out in zip(takes, held_out, strict=True) if out is wanted]
        for wanted in (False, True)
    )
    training, rest = parts
    if not training or not rest:
        names = ", ".join(sorted({take.speaker for take in takes}))
        raise errors.nothing_held_out(speaker, names, len(training), len(rest))
    return training, rest


def compose(takes: Sequence[Take], strings: int, stream: np.random.Generator) -> Strings:
    """Join random takes; one stream of random numbers gives always the same."""
    speakers = sorted({take.speaker for take in takes})
    by_speaker = {name: [take for take in takes if take.speaker == name] for name in speakers}
    rows: list[Any] = []
    digits: list[list[int]] = []
    for _ in range(strings):
        choice = by_speaker[speakers[int(stream.integers(len(speakers)))]]
        count = int(stream.integers(FEWEST, MOST + 1))
        chosen = [choice[int(stream.integers(len(choice)))] for _ in range(count)]
        rows.append(features.log_mel(_joined(chosen, stream)))
        digits.append([take.digit for take in chosen])
    return Strings(*_padded(rows, np.float32), *_padded(digits, np.int32))


def _joined(takes: Sequence[Take], stream: np.random.Generator) -> Any:
    """One string: pauses around all takes, and faint noise over everything."""
    parts: list[Any] = []
    for take in takes:
        parts += [_pause(stream), take.samples]
    whole = np.concatenate([*parts, _pause(stream)])
    return whole + 0.002 * stream.standard_normal(len(whole)).astype(np.float32)


def _pause(stream: np.random.Generator) -> Any:
    return np.zeros(int(features.RATE * stream.uniform(*PAUSE)), np.float32)


def _sound(samples: Any) -> Any:
    """From the first to the last 10 ms that are not 35 dB below the loudest, at one level."""
    blocks = len(samples) // features.HOP
    if not blocks:
        return samples
    power = np.square(samples[: blocks * features.HOP].reshape(blocks, -1)).mean(1)
    loud = np.flatnonzero(power > power.max() * 10**-3.5)
    if not loud.size:  # digital silence
        return samples[:0]
    return features.level(samples[loud[0] * features.HOP : (loud[-1] + 1) * features.HOP])


def _padded(rows: Sequence[Any], dtype: Any) -> tuple[Any, Any]:
    counts = np.array([len(row) for row in rows], np.int32)
    inner = np.asarray(rows[0]).shape[1:]
    table = np.zeros((len(rows), int(counts.max()), *inner), dtype)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table, counts


def _folder(path: Path) -> Iterator[tuple[str, bytes]]:
    return ((file.name, file.read_bytes()) for file in sorted(path.rglob("*.wav")))


def _archive(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.name.endswith(".wav") else None
                if file is not None:
                    yield member.name, file.read()
    except tarfile.TarError:
        raise errors.recordings_missing(path, "it is no tar archive") from None
