"""Hearing held-out strings with a beam: chunk by chunk, then rescored by all alignments."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import seqfront as sf
from seqfront import backends
from seqfront.recipes.spoken_digits import data
from seqfront.recipes.spoken_digits.evaluate import error_rate
from seqfront.recipes.spoken_digits.model import Listener, frame, mel, string
from seqfront.recipes.streaming import chunks


class Searched(NamedTuple):
    """What a beam search found in streams."""

    backend: str
    error_rate: float
    """Word error rate of the best hypotheses."""
    rescored_rate: float
    """That of the best ones by the exact probability of their labels."""
    missed: float
    """By how much, in nats, the exact log-probability of a best hypothesis exceeds its score, at
    most: what the alignments weigh that the beam has not met."""
    seconds: float
    """Of searching, for all strings."""
    hypotheses: sf.search.Hypotheses
    """Of all strings, as rescored."""


def search(listener: Listener, strings: data.Strings, backend: str, *, beam: int) -> Searched:
    """Search all strings side by side, as streams."""
    convert, encoder = backends.get(backend).convert, listener.encoder
    searching = sf.search.TransducerBeam(
        listener.prediction, listener.joiner, blank_index=listener.blank, beam=beam
    )
    past: Any = None
    state: Any = None
    found: Any = None
    seconds = 0.0
    for part, there in chunks(encoder, strings.frames, strings.frame_counts):
        x = sf.wrap(convert(part), (string, encoder.chunk, mel), {encoder.chunk: convert(there)})
        encoded, past = encoder.stream(x, past, axis=encoder.chunk)
        started = time.perf_counter()
        found, state = searching(encoded, axis=encoder.segment, state=state, is_last=False)
        seconds += time.perf_counter() - started
    exact = _exact(listener, strings, convert, found)
    rescored = found.rescored({"exact": exact}, weights={"exact": 1.0})
    missed = sf.gather(exact - found.score, indices=0, axis=found.beam_dim).numpy()
    rates = [error_rate(_best(one), strings) for one in (found, rescored)]
    return Searched(backend, rates[0], rates[1], float(missed.max()), seconds, rescored)


def _exact(listener: Listener, strings: data.Strings, convert: Any, found: Any) -> sf.Tensor:
    """log p(labels | frames) of each hypothesis, over all alignments."""
    counts = convert(strings.frame_counts)
    x = sf.wrap(convert(strings.frames), (string, frame, mel), {frame: counts})
    encoded, axis = listener.encoder(x, axis=frame)
    return sf.search.transducer_log_probs(
        found, encoded, axis=axis, predict=listener.prediction, join=listener.joiner,
        blank_index=listener.blank,
    )  # fmt: skip


def _best(found: sf.search.Hypotheses) -> list[list[int]]:
    best = found.best()
    values = best.labels.numpy(string, found.label_dim)
    counts = best.labels.lengths(found.label_dim).numpy(string)
    return [row[:n].tolist() for row, n in zip(values, counts, strict=True)]
