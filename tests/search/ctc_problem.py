"""Small CTC problems, and what searches found, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import seqfront as sf
from seqfront import backends

batch, time, part = sf.Dim("batch"), sf.Dim("time"), sf.Dim("part")


class Said(NamedTuple):
    """One label sequence."""

    labels: tuple[int, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]
    log_probs: tuple[float, ...]
    score: float


def logits_of(seed: int, lengths: Sequence[int], classes: int, scale: float = 1.5) -> np.ndarray:
    """[batch, time, classes], NaN beyond the lengths."""
    rng = np.random.default_rng(seed)
    x = scale * rng.standard_normal((len(lengths), max([1, *lengths]), classes))
    for row, length in enumerate(lengths):
        x[row, length:] = np.nan
    return x


def wrapped(
    x: np.ndarray, lengths: Sequence[int], classes: sf.Dim, name: str, axis: sf.Dim = time
) -> sf.Tensor:
    backend = backends.get(name)
    counts = backend.convert(np.asarray(lengths, np.int32))
    return sf.wrap(backend.convert(x), (batch, axis, classes), {axis: counts})


def sequences(found: Any, dims: tuple[sf.Dim, ...]) -> list[Said]:
    """Those of a transcript or of hypotheses, one after another; invalid ones left out."""
    columns = (found.labels, found.start, found.end, found.log_probs)
    scores = found.score.numpy(*dims).reshape(-1)
    counts = found.labels.lengths(found.label_dim).numpy(*dims).reshape(-1)
    shape = (len(scores), found.labels.size(found.label_dim))
    tables = [x.numpy(*dims, found.label_dim).reshape(shape) for x in columns]
    rows = zip(*tables, counts, scores, strict=True)
    return [
        Said(*[tuple(column[:count].tolist()) for column in row], float(score))
        for *row, count, score in rows
    ]


def nbest(found: Any) -> list[list[Said]]:
    """Of each row, the valid hypotheses."""
    width = found.beam_dim.size
    valid = found.valid.numpy(batch, found.beam_dim)
    flat = sequences(found, (batch, found.beam_dim))
    rows = [flat[i * width : (i + 1) * width] for i in range(len(valid))]
    assert all(np.isneginf(s.score) and s.labels == () for row, v in zip(rows, valid, strict=True)
               for s, there in zip(row, v, strict=True) if not there)  # fmt: skip
    return [row[: int(there.sum())] for row, there in zip(rows, valid, strict=True)]


def in_parts(
    search: Any, x: np.ndarray, lengths: Sequence[int], sizes: Sequence[int], name: str = "numpy"
) -> tuple[list[Any], Any]:
    """What each call gives for frames that come in parts of these sizes; and the last state."""
    state, start, results = None, 0, []
    for i, size in enumerate(sizes):
        counts = np.clip(np.asarray(lengths) - start, 0, size)
        frames = x[:, start : start + size]
        encoded = wrapped(frames, counts.tolist(), search.classes, name, part)
        last = i == len(sizes) - 1
        result, state = search(encoded, axis=part, state=state, is_last=last)
        results.append(result)
        start += size
    return results, state
