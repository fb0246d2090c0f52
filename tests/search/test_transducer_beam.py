"""Frame-synchronous transducer search: against all alignments, tried one by one."""

from __future__ import annotations

from typing import Any

import pytest
from oracles import transducer_search as oracle
from small_transducer import Bigram, Found, Parts, frames, read, time, wrapped

import seqfront as sf

WEIGHT = 0.7
LENGTHS = (3, 2)


def _searched(seed: int, backend: str, lengths: Any = LENGTHS, **options: Any) -> list[list[Found]]:
    classes, blank = sf.Dim("classes", 4 - seed % 2), seed % 3
    parts = Parts(classes, seed, backend)
    scorers = None
    if options.pop("weight", 0.0):
        scorers = {"bigram": (Bigram(classes, blank, seed), WEIGHT)}
    search = sf.search.TransducerBeam(
        parts.prediction, parts.joiner, blank_index=blank, scorers=scorers, **options
    )
    encoded = wrapped(frames(seed, lengths), lengths, backend)
    return read(search(encoded, axis=time)[0])


def _all(seed: int, row: int, max_symbols: int, lengths: Any = LENGTHS, **options: float) -> Any:
    """What there is to find, by labels."""
    classes, blank = sf.Dim("classes", 4 - seed % 2), seed % 3
    arrays = Parts(classes, seed, "numpy").arrays()
    model = oracle.model(arrays, frames(seed, lengths)[row], blank, **options)
    return oracle.enumerate_all(model, lengths[row], blank, max_symbols)


@pytest.mark.parametrize("seed", range(20))
def test_wide_beam_finds_everything(seed: int) -> None:
    max_symbols, backend = 1 + seed % 2, ("numpy", "torch")[seed % 2]
    found = _searched(seed, backend, beam=130, max_symbols=max_symbols)
    for row in range(2):
        wanted = _all(seed, row, max_symbols)
        order = sorted(wanted, key=lambda said: -wanted[said].total)
        assert [f.labels for f in found[row]] == order
        for f in found[row]:
            assert f.score == f.scores["model"] == pytest.approx(wanted[f.labels].total, abs=1e-9)
            assert f.start == wanted[f.labels].frames
            assert f.end == tuple(at + 1 for at in f.start)
            assert f.log_probs == pytest.approx(wanted[f.labels].log_probs, abs=1e-9)
