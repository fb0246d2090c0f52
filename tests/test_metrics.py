"""Error rates of text, and properties of alignments of any length."""

from __future__ import annotations

import numpy as np
import pytest

import seqfront as sf
from seqfront.metrics import character_error_rate, word_error_rate

batch, hypothesis, reference = sf.Dim("batch"), sf.Dim("hypothesis"), sf.Dim("reference")
LENGTHS = (0, 1, 63, 64, 65, 128, 129, 200, 256, 257, 300)
"""Around the strips of 64 rows."""


def _pairs(symbols: int) -> tuple[sf.Tensor, sf.Tensor]:
    """Pairs of related sequences of all lengths."""
    rng = np.random.default_rng(symbols)
    count, width = len(LENGTHS) ** 2, max(LENGTHS)
    right = rng.integers(0, symbols, (count, width)).astype(np.int32)
    noise = rng.integers(0, symbols, (count, width)).astype(np.int32)
    left = np.where(rng.random((count, width)) < 0.3, noise, np.roll(right, 2, axis=1))
    n, m = (x.ravel().tolist() for x in np.meshgrid(LENGTHS, LENGTHS))
    return (
        sf.wrap(left, (batch, hypothesis), {hypothesis: n}),
        sf.wrap(right, (batch, reference), {reference: m}),
    )


def _aligned(h: sf.Tensor, r: sf.Tensor) -> sf.metrics.EditAlignment:
    return sf.metrics.edit_distance(
        hypothesis=h,
        hypothesis_spatial_dim=hypothesis,
        reference=r,
        reference_spatial_dim=reference,
    )


@pytest.mark.parametrize("symbols", [1, 2, 4, 30, 5000])
def test_alignments_reproduce_the_hypothesis_at_the_least_cost(symbols: int) -> None:
    h, r = _pairs(symbols)
    found = _aligned(h, r)
    distance = sf.edit_distance(h, hypothesis, r, reference)
    assert (found.distance.numpy() == distance.numpy()).all()
    columns = [x.numpy(batch) for x in found[:3]]
    for row in range(len(LENGTHS) ** 2):
        n, m = int(h.lengths(hypothesis).numpy()[row]), int(r.lengths(reference).numpy()[row])
        left, right = h.numpy()[row, :n], r.numpy()[row, :m]
        of_reference = found.hypothesis_positions.numpy()[row, :m]
        of_hypothesis = found.reference_positions.numpy()[row, :n]
        _check_monotonic_and_mutual(of_reference, of_hypothesis)
        places = np.flatnonzero(of_reference >= 0)
        substituted = int((right[places] != left[of_reference[places]]).sum())
        counts = (substituted, int((of_reference < 0).sum()), int((of_hypothesis < 0).sum()))
        assert counts == tuple(int(column[row]) for column in columns)


def _check_monotonic_and_mutual(of_reference: np.ndarray, of_hypothesis: np.ndarray) -> None:
    places = np.flatnonzero(of_reference >= 0)
    assert (np.diff(of_reference[places]) > 0).all()
    assert (of_hypothesis[of_reference[places]] == places).all()
    assert (of_hypothesis >= 0).sum() == len(places)


def test_padding_of_positions_is_none() -> None:
    found = _aligned(
        sf.wrap(np.zeros((2, 3), np.int32), (batch, hypothesis), {hypothesis: [1, 3]}),
        sf.wrap(np.zeros((2, 2), np.int32), (batch, reference), {reference: [2, 0]}),
    )
    assert found.hypothesis_positions.numpy().tolist() == [[0, -1], [-1, -1]]
    assert found.reference_positions.numpy().tolist() == [[0, -1, -1], [-1, -1, -1]]


def test_long_pairs_need_no_matrix() -> None:
    """20,000 tokens: a matrix of bits alone would be 50 MB each for ups and downs."""
    rng = np.random.default_rng(0)
    right = rng.integers(0, 50, (1, 20_000)).astype(np.int32)
    left = np.delete(right, np.arange(0, 20_000, 100), axis=1)
    found = _aligned(sf.wrap(left, (batch, hypothesis)), sf.wrap(right, (batch, reference)))
    assert [int(x.numpy()[0]) for x in found[:3]] == [0, 200, 0]


def test_words() -> None:
    result = word_error_rate(["a x c", "", "b  b\n"], ["a b c d", "e", "b"])
    assert (result.substitutions, result.deletions, result.insertions) == (1, 2, 1)
    assert result.reference_length == 6
    assert result.errors == 4
    assert result.rate == pytest.approx(4 / 6)
    assert str(result) == "66.67% (1 S, 2 D, 1 I of 6)"
    assert [pair.edits for pair in result.pairs] == ["=S=D", "D", "=I"]
    assert result.alignment() == (
        "REF: a b c d\n"
        "HYP: a x c *\n"
        "       S   D\n"
        "\n"
        "REF: e\n"
        "HYP: *\n"
        "     D\n"
        "\n"
        "REF: b *\n"
        "HYP: b b\n"
        "       I"
    )


def test_alignment_of_equal_texts_has_no_line_of_edits() -> None:
    assert word_error_rate(["a b"], ["a b"]).alignment() == "REF: a b\nHYP: a b"


def test_characters() -> None:
    result = character_error_rate(["a bd"], ["a cb"])
    assert result.reference_length == 4
    assert result.alignment() == "REF: a ␣ c b\nHYP: a ␣ b d\n         S S"


def test_references_without_words() -> None:
    assert word_error_rate([], []).rate == 0
    assert word_error_rate([""], [" "]).rate == 0
    assert word_error_rate(["a"], [""]).rate == float("inf")
    corpus = word_error_rate(["a", "b"], ["", "b"])
    assert (corpus.errors, corpus.reference_length) == (1, 1)


def test_tokens_that_look_alike_are_not_the_same() -> None:
    assert word_error_rate(["Ä Caf\u00e9"], ["ä Cafe\u0301"]).substitutions == 2
