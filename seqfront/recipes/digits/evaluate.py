"""Reading held-out lines from one checkpoint on several backends, and comparing what comes out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import seqfront as sf
from seqfront import backends
from seqfront.recipes.digits import data
from seqfront.recipes.digits.model import Batch, DigitReader, batch_of, line, pixel, position
from seqfront.recipes.streaming import read_streams


class Reading(NamedTuple):
    """What one backend made of the held-out lines."""

    backend: str
    error_rate: float
    """Edits for each label."""
    seconds: float
    transcripts: list[str]
    logits: Any
    """NumPy [line, frame, 1 + position, symbol], in the padding zero."""


def load_reader(checkpoint: Path, backend: str, encoder: str = "lstm") -> DigitReader:
    """The model of a checkpoint, for inference on a backend."""
    reader = DigitReader(encoder)
    sf.load(reader, checkpoint)
    return reader.to_backend(backend).eval()


def read(reader: DigitReader, lines: data.Lines, backend: str) -> Reading:
    """Transcribe lines greedily."""
    batch = raw_batch(lines, backend)
    started = time.perf_counter()
    transcript = reader.transcribe(batch.pixels)
    seconds = time.perf_counter() - started
    edits = sf.edit_distance(transcript.labels, transcript.label_dim, batch.labels, position)
    error_rate = float(edits.numpy().sum()) / float(np.sum(lines.counts))
    joint, _, frame = reader.logits(batch)
    joint = sf.mask_padding(joint)
    values = joint.numpy(line, frame, 1 + position, joint.dims[-1])
    texts = texts_of(transcript.labels.numpy(line, transcript.label_dim),
                     transcript.labels.lengths(transcript.label_dim).numpy())  # fmt: skip
    return Reading(backend, error_rate, seconds, texts, values)


def read_as_streams(reader: DigitReader, lines: data.Lines, backend: str) -> list[str]:
    """Transcribe lines side by side, a few columns at a time."""
    found = read_streams(reader, backend, lines.pixels, lines.columns, batch=line, feature=pixel)
    return ["".join(map(str, labels)) for labels in found.labels]


def raw_batch(lines: data.Lines, backend: str) -> Batch:
    """Lines as tensors of a backend."""
    convert = backends.get(backend).convert
    return batch_of(*(convert(array) for array in lines))


def texts_of(labels: Any, lengths: Any) -> list[str]:
    """Labels as text, for people."""
    return ["".join(map(str, row[:n])) for row, n in zip(labels, lengths, strict=True)]


def largest_difference(readings: Sequence[Reading]) -> float:
    """Between the logits of any two backends."""
    return max(
        (float(np.abs(a.logits - b.logits).max()) for a in readings for b in readings), default=0.0
    )
