"""Searches behind an encoder that streams: what a chunk knows of its own frames is not kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends

batch, time = sf.Dim("batch"), sf.Dim("time")
feature, vocab = sf.Dim("feature", 8), sf.Dim("vocab", 5)
LENGTHS = np.array([11, 4, 8], np.int32)


class _Model(sf.nn.Module):
    def __init__(self) -> None:
        sf.set_seed(8)
        self.encoder = sf.models.Emformer(
            feature, layers=1, heads=2, inner=sf.Dim("inner", 8), segment=4, left=4, right=2
        )
        self.predict = sf.models.LSTMPrediction(vocab, sf.Dim("e", 4), sf.Dim("h", 6), feature)
        self.joiner = sf.models.Joiner(feature, vocab)
        self.head = sf.nn.Linear(feature, vocab)


def _searches(model: _Model) -> dict[str, Any]:
    parts = (model.predict, model.joiner)
    return {
        "greedy": sf.search.TransducerGreedy(*parts, blank_index=0),
        "frames": sf.search.TransducerBeam(*parts, blank_index=0, beam=3),
        "alignments": sf.search.AlignmentBeam(*parts, blank_index=0, beam=3),
        "ctc-greedy": sf.search.CtcGreedy(classes=vocab, blank_index=0),
        "ctc": sf.search.CtcPrefixBeam(classes=vocab, blank_index=0, beam=3),
        "ctc-composed": sf.search.CtcPrefixBeam(
            classes=vocab, blank_index=0, beam=3, implementation="composed"
        ),
    }


@pytest.mark.parametrize("name", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize("kind", list(_searches(_Model())))
def test_chunks_of_an_encoder(name: str, kind: str) -> None:
    model = _Model().to_backend(name).eval()
    search, encoder = _searches(model)[kind], model.encoder
    raw = 3 * np.random.default_rng(2).normal(size=(3, 14, 8)).astype(np.float32)
    raw[np.arange(14) >= LENGTHS[:, None]] = 0
    convert = backends.get(name).convert
    x = sf.wrap(convert(raw), (batch, time, feature), {time: convert(LENGTHS)})
    whole, _ = search(_scored(model, kind, encoder(x, axis=time)), axis=time)
    past = state = found = None
    heard: list[list[int]] = [[], [], []]
    for start in (0, 4, 8):
        part = convert(raw[:, start : start + 6])
        there = convert(np.clip(LENGTHS - start, 0, 6).astype(np.int32))
        chunk = sf.wrap(part, (batch, encoder.chunk, feature), {encoder.chunk: there})
        y, past = encoder.stream(chunk, past, axis=encoder.chunk)
        found, state = search(
            _scored(model, kind, y), axis=encoder.segment, state=state, is_last=start == 8
        )
        if kind.endswith("greedy"):
            for row, new in zip(heard, _labels(found), strict=True):
                row += new
    if kind.endswith("greedy"):
        assert heard == _labels(whole)
        return
    assert found is not None
    assert _labels(found.best()) == _labels(whole.best())
    np.testing.assert_allclose(
        found.score.numpy(batch, search.beam_dim), whole.score.numpy(batch, search.beam_dim),
        rtol=1e-4,
    )  # fmt: skip


def _scored(model: _Model, kind: str, encoded: sf.Tensor) -> sf.Tensor:
    return model.head(encoded) if kind.startswith("ctc") else encoded


def _labels(found: Any) -> list[list[int]]:
    counts = found.labels.lengths(found.label_dim).numpy(batch)
    rows = found.labels.numpy(batch, found.label_dim)
    return [row[:n].tolist() for row, n in zip(rows, counts, strict=True)]
