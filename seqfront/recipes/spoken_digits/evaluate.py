"""Hearing held-out strings as streams on several backends, and comparing what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import seqfront as sf
from seqfront import backends
from seqfront.recipes.spoken_digits import data
from seqfront.recipes.spoken_digits.model import Listener, frame, mel, string
from seqfront.recipes.streaming import chunks, labels_of, read_streams


class Hearing(NamedTuple):
    """What one backend heard."""

    backend: str
    error_rate: float
    """Word error rate of all strings, heard as streams."""
    same_as_whole: bool
    """Whether whole strings at once give the same labels."""
    milliseconds: Any
    """NumPy: of each chunk of one stream alone."""
    encoded: Any
    """NumPy [string, frame, joint]: what the encoder gives, chunk by chunk; in the padding zero."""


def load_listener(checkpoint: Path, backend: str, **options: int) -> Listener:
    """The model of a checkpoint, for inference on a backend."""
    listener = Listener(**options)
    sf.load(listener, checkpoint)
    return listener.to_backend(backend).eval()


def hear(listener: Listener, strings: data.Strings, backend: str, alone: int = 10) -> Hearing:
    """Hear all strings side by side, and the first of them one at a time to take the time."""
    heard = _streams(listener, backend, strings.frames, strings.frame_counts)
    rate = error_rate(heard.labels, strings)
    convert = backends.get(backend).convert
    x = sf.wrap(
        convert(strings.frames), (string, frame, mel), {frame: convert(strings.frame_counts)}
    )
    whole = labels_of(listener.read(x, axis=frame), string)
    seconds: list[float] = []
    for i in range(-1, min(alone, len(strings.counts))):  # the first once more: it warms up
        row = slice(max(i, 0), max(i, 0) + 1)
        count = strings.frame_counts[row]
        one = _streams(listener, backend, strings.frames[row, : count[0]], count)
        seconds += one.seconds if i >= 0 else []
    encoded = encode(listener, strings, backend)
    return Hearing(backend, rate, heard.labels == whole, 1e3 * np.array(seconds), encoded)


def error_rate(heard: list[list[int]], strings: data.Strings) -> float:
    """Word error rate of all strings."""
    truth = [row[:n].tolist() for row, n in zip(strings.labels, strings.counts, strict=True)]
    return sf.metrics.word_error_rate(_words(heard), _words(truth)).rate


def encode(listener: Listener, strings: data.Strings, backend: str) -> Any:
    """What the encoder gives, chunk by chunk: NumPy [string, frame, joint]."""
    convert, encoder = backends.get(backend).convert, listener.encoder
    state: Any = None
    parts: list[Any] = []
    for part, there in chunks(encoder, strings.frames, strings.frame_counts):
        x = sf.wrap(convert(part), (string, encoder.chunk, mel), {encoder.chunk: convert(there)})
        y, state = encoder.stream(x, state, axis=encoder.chunk)
        y = sf.mask_padding(y)
        parts.append(y.numpy(string, encoder.segment, y.dims[-1]))
    return np.concatenate(parts, 1)


def largest_difference(hearings: list[Hearing]) -> float:
    """Between what the encoders of any two backends give."""
    return max(float(np.abs(a.encoded - b.encoded).max()) for a in hearings for b in hearings)


def _streams(listener: Listener, backend: str, frames: Any, counts: Any) -> Any:
    return read_streams(listener, backend, frames, counts, batch=string, feature=mel)


def _words(rows: list[list[int]]) -> list[str]:
    return [" ".join(map(str, row)) for row in rows]
