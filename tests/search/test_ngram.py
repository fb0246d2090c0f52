"""N-gram models: against the definition of the format, for all histories of some length."""

from __future__ import annotations

import gzip
import io
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED
from oracles import arpa

import seqfront as sf
from seqfront import backends

batch, beam = sf.Dim("batch"), sf.Dim("beam", 2)
classes = sf.Dim("classes", 6)
WORDS = ["<blank>", "a", "b", "<unk>", "c", "never"]
IN_MODEL = ["a", "b", "c", "d", "<unk>", "<s>", "</s>"]
AS_MODEL = ["<unk>", "a", "b", "<unk>", "c", "<unk>"]
"""What the classes are to the model: those without a word are unknown."""


def _model(seed: int, order: int, **options: Any) -> tuple[arpa.Model, sf.search.NGram]:
    text = arpa.random_model(np.random.default_rng(seed), IN_MODEL, order)
    ngram = sf.search.NGram.from_arpa(io.StringIO(text), classes=classes, labels=WORDS, **options)
    return arpa.parse(text), ngram


def _along(scorer: sf.search.Scorer, sequences: Any, backend: str = "numpy") -> tuple[Any, Any]:
    """Rows and final scores after each prefix: [sequences, prefixes, classes] and without."""
    raw = backends.get(backend).convert(np.asarray(sequences, np.int32))
    steps = sf.Dim("steps", raw.shape[1])
    labels = sf.wrap(raw, (batch, steps))
    like = sf.ones((batch,), dtype="float64", like=labels)
    state = scorer.initial_state((batch,), like=like)
    rows, finals = [], []
    for step in range(raw.shape[1] + 1):
        rows.append(scorer.score(state).numpy(batch, classes))
        final = scorer.final(state)
        assert final is not None
        finals.append(final.numpy(batch))
        if step < raw.shape[1]:
            label = sf.gather(labels, indices=step, axis=steps)
            state = scorer.advance(state, label)
    return np.stack(rows, 1), np.stack(finals, 1)


def _histories(length: int) -> list[tuple[int, ...]]:
    return list(itertools.product(range(1, 6), repeat=length))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_against_the_definition(order: int) -> None:
    """All label sequences that are longer by one than what the model looks at."""
    model, ngram = _model(order, order)
    assert ngram.order == order
    sequences = _histories(min(order, 3))
    rows, finals = _along(ngram, sequences)
    for labels, row, final in zip(sequences, rows, finals, strict=True):
        expected, ends = arpa.rows(model, AS_MODEL, labels)
        np.testing.assert_allclose(row, expected, atol=1e-12)
        np.testing.assert_allclose(final, ends, atol=1e-12)


@pytest.mark.parametrize("backend", INSTALLED)
@pytest.mark.parametrize("implementation", ["native", "composed"])
def test_backends_and_implementations_agree(backend: str, implementation: Any) -> None:
    """To the last bit."""
    sequences = _histories(3)[::7]
    expected = _along(_model(5, 3)[1], sequences)
    found = _along(_model(5, 3, implementation=implementation)[1], sequences, backend)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_start_no_end_no_unknown() -> None:
    text = arpa.random_model(np.random.default_rng(8), ["a", "b", "c"], 3)
    ngram = sf.search.NGram.from_arpa(
        io.BytesIO(text.encode()), classes=classes, labels={"a": 1, "b": 2, "c": 5},
        start=None, end=None,
    )  # fmt: skip
    sequences = list(itertools.product([1, 2, 5], repeat=3))
    rows, finals = _along(ngram, sequences)
    assert (finals == 0).all()
    words = ["?", "a", "b", "?", "?", "c"]
    for labels, row in zip(sequences, rows, strict=True):
        expected, _ = arpa.rows(arpa.parse(text), words, labels, start=None)
        np.testing.assert_allclose(row, expected, atol=1e-12)
        assert (row[:, [0, 3, 4]] == -math.inf).all()


def test_unknown_may_be_a_number() -> None:
    """In place of the 1-gram: weights of backoff count, and what comes after knows no history."""
    model, ngram = _model(2, 2, unknown=-7.0)
    state = ngram.initial_state((), like=sf.wrap(0.0))
    backoff = model[("<s>",)][1] * arpa.LN10
    np.testing.assert_allclose(float(ngram.score(state).numpy()[5]), backoff - 7.0, rtol=1e-6)
    after = ngram.advance(state, sf.wrap(5))
    expected = [arpa.log_prob(model, [], word) for word in ("a", "b", "c")]
    np.testing.assert_allclose(ngram.score(after).numpy()[[1, 2, 4]], expected, rtol=1e-6)
    assert ngram.score(after).dtype == "float32"


def test_shapes_follow_the_hypotheses() -> None:
    """No dims, several, in any order."""
    _, ngram = _model(3, 3)
    flat = ngram.advance(ngram.initial_state((), like=sf.wrap(0.0)), sf.wrap(2))
    like = sf.ones((batch, beam), like=sf.wrap(np.zeros((3, 2), np.float32), (batch, beam)))
    wide = ngram.initial_state((beam, batch), like=like)
    labels = sf.wrap(np.array([[1, 2], [2, 4], [3, 2]], np.int64), (batch, beam))
    row = ngram.score(ngram.advance(wide, labels)).numpy(batch, beam, classes)
    assert row.shape == (3, 2, 6)
    np.testing.assert_array_equal(row[2, 1], ngram.score(flat).numpy())


def test_files(tmp_path: Path) -> None:
    """Paths, compressed or not, give what open files give."""
    text = arpa.random_model(np.random.default_rng(1), IN_MODEL, 2)
    plain, packed = tmp_path / "lm.arpa", tmp_path / "lm.arpa.gz"
    plain.write_text(text.replace("\n", "\r\n"))
    packed.write_bytes(gzip.compress(text.encode()))
    sources = (plain, str(packed), io.StringIO(text))
    models = [
        sf.search.NGram.from_arpa(source, classes=classes, labels=WORDS) for source in sources
    ]
    for model in models[1:]:
        np.testing.assert_array_equal(model.automaton.arc_weight, models[0].automaton.arc_weight)
        np.testing.assert_array_equal(model.automaton.arc_target, models[0].automaton.arc_target)


def test_words_of_any_script() -> None:
    text = "\\data\\\nngram 1=2\n\\1-grams:\n-0.5 \u00e9\u00df\n-0.25\tx\u00a0y\n\\end\\\n"
    ngram = sf.search.NGram.from_arpa(
        io.StringIO(text), classes=classes, labels={"\u00e9\u00df": 1, "x\u00a0y": 2},
        start=None, end=None,
    )  # fmt: skip
    row = ngram.score(ngram.initial_state((), like=sf.wrap(0.0))).numpy()
    np.testing.assert_allclose(row[1:3], [-0.5 * arpa.LN10, -0.25 * arpa.LN10], rtol=1e-6)


def test_orders_without_ngrams() -> None:
    """And unigrams that are impossible."""
    text = (
        "\\data\\\nngram 1=3\nngram 2=0\nngram 3=0\n\\1-grams:\n-1 a -0.5\n-inf b\n-2 </s>\n"
        "\\2-grams:\n\\3-grams:\n\\end\\\n"
    )
    ngram = sf.search.NGram.from_arpa(
        io.StringIO(text), classes=classes, labels={"a": 1, "b": 2}, start=None
    )
    rows, finals = _along(ngram, [[1, 1]])
    expected = np.array([-1.0, -1.5, -1.5]) * arpa.LN10
    np.testing.assert_allclose(rows[0, :, 1], expected)
    np.testing.assert_allclose(finals[0], expected - arpa.LN10)
    assert (rows[0][:, [0, 2, 3, 4, 5]] == -math.inf).all()


def test_only_states_that_matter() -> None:
    """A history without n-grams and without a backoff weight is none."""
    text = (
        "\\data\\\nngram 1=3\nngram 2=1\n\\1-grams:\n-1 a -0.5\n-1 b\n-1 c 0.0\n"
        "\\2-grams:\n-0.5 a b\n\\end\\\n"
    )
    ngram = sf.search.NGram.from_arpa(
        io.StringIO(text), classes=classes, labels={"a": 1, "b": 2, "c": 3}, start=None, end=None
    )
    assert len(ngram.automaton.failure) == 2
    assert ngram.automaton.arc_label.tolist() == [1, 2]
