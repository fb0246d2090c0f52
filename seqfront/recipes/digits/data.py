"""Lines of handwritten digits, composed from single real ones.

The 1797 images are split before anything is composed: no image of a training line is ever seen in a
held-out line. A line has 4 to 10 digits with up to three empty columns around each, and a little
noise; a batch is padded to its longest line.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from seqfront import errors

HELD_OUT = 297
"""Images that training never sees."""

FEWEST, MOST = 4, 10
"""Digits in a line."""


class Digits(NamedTuple):
    """Single digits."""

    images: Any
    """float32 [image, row, column], 0 to 1."""
    labels: Any
    """int32 [image], 0 to 9."""


class Lines(NamedTuple):
    """A batch of lines, as plain arrays."""

    pixels: Any
    """float32 [line, column, pixel]."""
    columns: Any
    """int32 [line]: how many columns are of the line."""
    labels: Any
    """int32 [line, position]."""
    counts: Any
    """int32 [line]: how many labels are of the line."""


def load() -> tuple[Digits, Digits]:
    """Digits for training, and held-out ones; from scikit-learn, without any download."""
    try:
        datasets: Any = import_module("sklearn.datasets")
    except ModuleNotFoundError:
        raise errors.extra_missing("the digits recipe", "sklearn", "demo") from None
    bunch: Any = datasets.load_digits()
    images = (bunch.images / 16.0).astype(np.float32)
    labels = bunch.target.astype(np.int32)
    order = np.random.Generator(np.random.Philox(2012)).permutation(len(labels))
    held_out, train = order[:HELD_OUT], order[HELD_OUT:]
    return Digits(images[train], labels[train]), Digits(images[held_out], labels[held_out])


def compose(digits: Digits, lines: int, stream: np.random.Generator) -> Lines:
    """Compose lines of random digits, one stream of random numbers giving always the same."""
    chosen = [
        stream.integers(0, len(digits.labels), stream.integers(FEWEST, MOST + 1))
        for _ in range(lines)
    ]
    rows = [_line(digits, indices, stream) for indices in chosen]
    columns = np.array([len(row) for row in rows], np.int32)
    counts = np.array([len(indices) for indices in chosen], np.int32)
    pixels = np.zeros((lines, int(columns.max()), digits.images.shape[1]), np.float32)
    labels = np.zeros((lines, int(counts.max())), np.int32)
    for i, (row, indices) in enumerate(zip(rows, chosen, strict=True)):
        pixels[i, : len(row)] = row
        labels[i, : len(indices)] = digits.labels[indices]
    return Lines(pixels, columns, labels, counts)


def _line(digits: Digits, indices: Any, stream: np.random.Generator) -> Any:
    """[column, pixel] of one line."""
    height = digits.images.shape[1]
    parts = [np.zeros((int(stream.integers(0, 4)), height), np.float32)]
    for index in indices:
        parts.append(digits.images[index].T)
        parts.append(np.zeros((int(stream.integers(0, 4)), height), np.float32))
    line = np.concatenate(parts)
    return line + 0.05 * stream.standard_normal(line.shape).astype(np.float32)
