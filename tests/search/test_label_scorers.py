"""Scorers of labels: against whole sequences, for hypotheses of different lengths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED
from oracles.label_parts import END, START, Models, batch, encoded, part, scorer, vocab
from oracles.label_parts import place as label

import seqfront as sf
from seqfront import backends
from seqfront.search.scorers.scorer import Fusion

beam = sf.Dim("beam", 3)


@pytest.mark.parametrize("backend", INSTALLED)
@pytest.mark.parametrize("capacity", [None, 4])
def test_hypotheses_of_different_lengths(backend: str, capacity: int | None) -> None:
    """Some get a label more and others stay, and change places; states that grow, and in a room."""
    models, x = Models(3, backend), encoded(3, backend)
    names = ("transformer", "attention", "ctc", "internal")
    rooms = {name: {"capacity": capacity} for name in names[:2]}
    scorers = {name: (scorer(name, models, x, **rooms.get(name, {})), 1.0) for name in names}
    fusion = Fusion("test", scorers, vocab)
    state = fusion.initial_state((batch, beam), like=x)
    said: list[Any] = [[(), (), ()] for _ in range(3)]
    rng = np.random.default_rng(0)
    for _ in range(3):
        source = rng.integers(0, 3, (3, 3))
        labels, where = rng.integers(1, 3, (3, 3)), rng.random((3, 3)) < 0.6
        raws = [backends.get(backend).convert(a) for a in (source, labels, where)]
        rows = fusion.gathered(state, sf.wrap(raws[0], (batch, beam), sparse_dim=beam), beam)
        chosen = sf.cast(sf.wrap(raws[1], (batch, beam), sparse_dim=vocab), "int32")
        mask = sf.wrap(raws[2], (batch, beam))
        state = fusion.advance(rows, chosen, fusion.rows(rows), mask)
        said = [[said[b][source[b, k]] for k in range(3)] for b in range(3)]
        said = [[(*said[b][k], int(labels[b, k])) if where[b, k] else said[b][k] for k in range(3)]
                for b in range(3)]  # fmt: skip
    reference, frames = Models(3, "numpy"), encoded(3, "numpy").numpy()
    for name, found in fusion.end(state).items():
        for row, length in enumerate((4, 2, 0)):
            given = part(name, reference, frames[row, :length])
            wanted = [given(labels, True) for labels in said[row]]
            values = found.numpy(batch, beam)[row]
            possible = np.isfinite(wanted)  # what is not gets NaN or -inf: no search follows it
            np.testing.assert_allclose(values[possible], np.array(wanted)[possible], rtol=1e-9)
            assert not np.isfinite(values[~possible]).any()


@pytest.mark.parametrize("backend", INSTALLED)
def test_ctc_prefix_scores_sum_to_the_loss(backend: str) -> None:
    """On problems that no enumeration reaches; with impossible classes, in float32, too."""
    time, classes = sf.Dim("time"), sf.Dim("classes", 6)
    rng = np.random.default_rng(1)
    logits = 3 * rng.standard_normal((2, 30, 6))
    logits[0, 3:9, 2] = -np.inf
    labels = np.array([[1, 1, 2, 5, 4, 4, 4, 1], [3, 2, 3, 2, 2, 1, 5, 5]], np.int32)
    for dtype, tolerance in (("float64", 1e-10), ("float32", 2e-5)):
        raw = backends.get(backend).convert(logits.astype(dtype))
        x = sf.wrap(raw, (batch, time, classes), {time: [30, 17]})
        ctc = sf.search.CtcPrefixScorer(x, time, classes=classes, blank_index=0)
        state = ctc.initial_state((batch,), like=x)
        y = sf.wrap(backends.get(backend).convert(labels), (batch, label), sparse_dim=classes)
        total = 0.0
        for i in range(8):
            one = sf.gather(y, indices=i, axis=label)
            row = ctc.score(state)
            rest = sf.logsumexp(row, axis=classes).numpy()
            whole = np.logaddexp(rest, ctc.final(state).numpy())
            np.testing.assert_allclose(whole, 0.0, atol=10 * tolerance)  # ends, or goes on
            total = total + sf.gather(row, indices=one, axis=classes)
            state = ctc.advance(state, one)
        loss = sf.ctc_loss(
            logits=x, targets=y, input_spatial_dim=time, targets_spatial_dim=label, blank_index=0
        )
        score = (total + ctc.final(state)).numpy()
        np.testing.assert_allclose(score, -loss.numpy(), rtol=tolerance)


def test_language_model_with_labels_of_its_own() -> None:
    """A search whose classes are others, and in another order."""
    models, x = Models(1, "numpy"), encoded(1, "numpy")
    mine, names = sf.Dim("mine", 5), [2, -1, 1, 2, 0]
    lm = sf.search.LanguageModel(
        models.lstm, start_index=START, end_index=END, search_classes=mine, labels=names
    )
    own = scorer("lstm", models, x)
    state, other = (s.initial_state((batch,), like=x) for s in (lm, own))
    for label_of_mine in (2, 0, 3):
        row, wanted = lm.score(state).numpy(batch, mine), own.score(other).numpy(batch, vocab)
        assert (row[:, 1] == -math.inf).all()
        np.testing.assert_array_equal(row[:, [0, 2, 3, 4]], wanted[:, [2, 1, 2, 0]])
        np.testing.assert_array_equal(lm.final(state).numpy(), wanted[:, END])
        chosen = sf.full((batch,), label_of_mine, dtype="int32", like=x)
        state = lm.advance(state, chosen)
        other = own.advance(other, sf.full((batch,), names[label_of_mine], dtype="int32", like=x))


@pytest.mark.parametrize("mean", [False, True])
def test_internal_language_model_of_a_mean_frame(mean: bool) -> None:
    """Probabilities of labels, by themselves; the frame counts."""
    models, x = Models(1, "numpy"), encoded(1, "numpy")
    joint = models.join.output.in_dim
    frame = sf.wrap(np.array([0.5, -1.0, 2.0]), (joint,)) if mean else None
    internal = sf.search.InternalLanguageModel(
        models.predict, models.join, blank_index=-4, frame=frame
    )
    row = internal.score(internal.initial_state((batch,), like=x)).numpy(batch, vocab)
    np.testing.assert_allclose(np.exp(row[:, 1:]).sum(1), 1.0)
    features = models.predict(sf.wrap(0, sparse_dim=vocab), axis=None)[0]
    hears = sf.zeros((joint,), like=features) if frame is None else frame
    logits = models.join(hears, features).numpy(vocab)
    wanted = logits[1:] - np.log(np.exp(logits[1:]).sum())
    np.testing.assert_allclose(row[:, 1:], np.tile(wanted, (3, 1)), rtol=1e-12)
