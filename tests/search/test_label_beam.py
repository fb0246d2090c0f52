"""Label-synchronous beam search: against brute force, with every scorer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED
from oracles import label_search
from oracles.label_parts import (
    BLANK,
    END,
    LABELS,
    LENGTHS,
    START,
    Models,
    batch,
    encoded,
    parts,
    scorer,
    vocab,
)  # fmt: skip

import seqfront as sf
from seqfront import backends

MIXTURES: Mapping[str, Mapping[str, float]] = {
    "lm": {"lstm": 1.0},
    "transformer": {"transformer": 1.0, "bonus": 0.8},
    "attention": {"attention": 1.0},
    "hybrid": {"attention": 0.7, "ctc": 0.3, "lstm": 0.4, "bonus": 0.1},
    "subtracted": {"attention": 1.0, "lstm": 0.5, "internal": -0.4, "ctc": 0.0},
    "ctc": {"ctc": 1.0, "bonus": -0.3},
}


class _Counting:
    """A language model whose calls are counted."""

    def __init__(self, model: Any) -> None:
        self.model, self.projection, self.calls = model, model.projection, 0

    def __call__(self, labels: sf.Tensor, **options: Any) -> Any:
        self.calls += 1
        return self.model(labels, **options)


def _found(
    weights: Mapping[str, float], models: Models, x: sf.Tensor, **options: Any
) -> sf.search.Hypotheses:
    limits, bounds = options.pop("limits", None), options.pop("bounds", None)
    search = sf.search.LabelBeam(
        classes=vocab, start_index=START, end_index=END, blank_index=BLANK,
        **{"beam": 16, "max_labels": 3, **options},
    )  # fmt: skip
    scorers = {name: (scorer(name, models, x), weight) for name, weight in weights.items()}
    for one, _ in scorers.values():
        one.bounds = one.bounds if bounds is None else bounds
    return search(scorers, (batch,), like=x, max_labels=limits)


def _same(found: sf.search.Hypotheses, row: int, expected: Any) -> None:
    """The n-best of a row: labels, order, scores, and what each scorer gave."""
    beam, label = found.beam_dim, found.label_dim
    valid = found.valid.numpy(batch, beam)[row]
    counts = found.labels.lengths(label).numpy(batch, beam)[row]
    labels = found.labels.numpy(batch, beam, label)[row]
    expected = expected[: len(valid)]
    assert valid.tolist() == [i < len(expected) for i in range(len(valid))]
    read = [tuple(labels[i, :n].tolist()) for i, n in enumerate(counts)]
    assert read == [item[1] for item in expected] + [()] * (len(read) - len(expected))
    scores = {"": found.score, **found.scores}
    for name, values in scores.items():
        wanted = [item[2][name] if name else item[0] for item in expected]
        wanted += [-np.inf] * (len(read) - len(expected))
        np.testing.assert_allclose(values.numpy(batch, beam)[row], wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("backend", INSTALLED)
@pytest.mark.parametrize("mixture", MIXTURES)
def test_wide_beam_is_exact(mixture: str, backend: str) -> None:
    weights, seed = MIXTURES[mixture], len(mixture)
    found = _found(weights, Models(seed, backend), encoded(seed, backend))
    models, x = Models(seed, "numpy"), encoded(seed, "numpy").numpy()
    for row, length in enumerate(LENGTHS):
        given = parts(weights, models, x[row, :length])
        _same(found, row, label_search.ranked(given, LABELS, most=3))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("length_norm", [0.0, 0.6, 1.0])
def test_bounds_on_lengths_and_normalisation(seed: int, length_norm: float) -> None:
    weights = {"lstm": 1.0, "ctc": 0.2, "bonus": 2.0 * (seed - 1)}
    models, x = Models(seed, "numpy"), encoded(seed, "numpy")
    limits = sf.wrap(np.array([4, 1, 9], np.int64), (batch,))
    options = {"min_labels": seed, "max_labels": 4, "length_norm": length_norm}
    found = _found(weights, models, x, limits=limits, beam=31, **options)
    for row, length in enumerate(LENGTHS):
        given = parts(weights, models, x.numpy()[row, :length])
        most = min(4, int(limits.numpy()[row]))
        expected = label_search.ranked(
            given, LABELS, most=most, fewest=seed, length_norm=length_norm
        )
        _same(found, row, expected)


def test_narrow_beam_finds_what_a_plain_search_finds() -> None:
    weights = MIXTURES["hybrid"]
    for seed in range(4):
        models, x = Models(seed, "numpy"), encoded(seed, "numpy")
        found = _found(weights, models, x, beam=2, max_labels=4, bounds=(-math.inf, math.inf))
        for row, length in enumerate(LENGTHS):
            given = parts(weights, models, x.numpy()[row, :length])
            _same(found, row, label_search.pruned(given, LABELS, beam=2, most=4))


def test_ends_when_nothing_can_overtake() -> None:
    """With fewer steps than there could be; the result is that of all steps."""
    weights, x = {"lstm": 1.0, "bonus": 0.1}, encoded(0, "numpy")
    calls: list[int] = []
    scores: list[np.ndarray] = []
    for bounds in (None, (-math.inf, math.inf)):
        models = Models(2, "numpy")
        counting = _Counting(models.lstm)
        models.lstm = counting
        found = _found(weights, models, x, beam=4, max_labels=12, bounds=bounds)
        scores.append(found.score.numpy(batch, found.beam_dim))
        calls.append(counting.calls)
    np.testing.assert_array_equal(*scores)
    assert calls[0] < calls[1] == 13


@pytest.mark.parametrize("backend", INSTALLED)
def test_one_utterance_and_none(backend: str) -> None:
    """Without any batch dim; and a batch that is empty."""
    x = encoded(0, backend)
    models, bonus = Models(2, backend), sf.search.LengthBonus(vocab)
    search = sf.search.LabelBeam(
        classes=vocab, start_index=START, end_index=END, blank_index=BLANK, beam=4, max_labels=3
    )
    scorers = {"lm": (scorer("lstm", models, x), 1.0), "bonus": (bonus, 0.5)}
    one = search(scorers, (), like=sf.gather(x, indices=0, axis=batch))
    all_of_them = search(scorers, (batch,), like=x)
    wanted = all_of_them.labels.numpy(batch, all_of_them.beam_dim, all_of_them.label_dim)[0]
    np.testing.assert_array_equal(one.labels.numpy(one.beam_dim, one.label_dim), wanted)
    empty = sf.wrap(backends.get(backend).convert(np.zeros(0)), (batch,))
    none = search(scorers, (batch,), like=empty)
    assert none.score.numpy(batch, none.beam_dim).shape == (0, 4)


def test_positions_stand_for_frames_and_nothing_is_recorded() -> None:
    """Labels have no frames here; and log-probabilities are those of the first scorer."""
    models, x = Models(2, "torch"), encoded(0, "torch")
    found = _found({"lstm": 1.0, "bonus": 1.0}, models, x, beam=4, min_labels=2).best()
    count = int(found.labels.lengths(found.label_dim).numpy(batch)[0])
    start, end = (
        part.numpy(batch, found.label_dim)[0, :count] for part in (found.start, found.end)
    )
    assert start.tolist() == list(range(count))
    assert end.tolist() == list(range(1, count + 1))
    lm = scorer("lstm", models, x)
    state = lm.initial_state((batch,), like=x)
    for i in range(count):
        label = sf.gather(found.labels, indices=i, axis=found.label_dim)
        row = sf.gather(lm.score(state), indices=label, axis=vocab).numpy(batch)[0]
        assert row == pytest.approx(found.log_probs.numpy(batch, found.label_dim)[0, i], rel=1e-12)
        state = lm.advance(state, label)
    assert count > 0
    assert not found.score.raw.requires_grad
