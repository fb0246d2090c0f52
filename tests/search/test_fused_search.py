"""Searches with n-gram models and hotwords: against all label sequences, scored as wholes."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import pytest
from oracles import arpa, label_search, phrases
from oracles import transducer_search as oracle
from oracles.lattices import log_softmax
from small_transducer import Parts, batch, feature, frames, read, time, wrapped

import seqfront as sf
from seqfront.search.scorers.scorer import Fusion

WORDS = ["<blank>", "a", "b", "<unk>"]
IN_MODEL = ["a", "b", "c", "<unk>", "<s>", "</s>"]
LISTS: list[Any] = [[([1, 2], 1.5), ([2, 3, 1], 0.5)], [([3], 0.75), ([3, 3], -0.5)]]
WEIGHTS = {"ngram": 0.6, "internal": -0.25, "hotwords": 0.8}
LENGTHS = (3, 2)


def _ngram(classes: sf.Dim, seed: int) -> tuple[arpa.Model, sf.search.NGram]:
    text = arpa.random_model(np.random.default_rng(seed), IN_MODEL, 2 + seed % 2)
    labels = {word: label for label, word in enumerate(WORDS) if label}
    return arpa.parse(text), sf.search.NGram.from_arpa(
        io.StringIO(text), classes=classes, labels=labels
    )


def _scorers(classes: sf.Dim, seed: int) -> tuple[dict[str, Any], Any]:
    """Scorers with weights; and what each gives the labels of a row, from the definitions."""
    large, ngram = _ngram(classes, seed)
    small, internal = _ngram(classes, seed + 50)
    hotwords = sf.search.Hotwords(LISTS, classes=classes, streams=batch)
    scorers = {"ngram": ngram, "internal": internal, "hotwords": hotwords}

    def wanted(row: int, labels: tuple[int, ...]) -> dict[str, float]:
        sums: dict[str, float] = {}
        for name, model in (("ngram", large), ("internal", small)):
            rows, ends = arpa.rows(model, ["<unk>", *WORDS[1:]], labels)
            sums[name] = sum(float(rows[i, label]) for i, label in enumerate(labels)) + ends[-1]
        sums["hotwords"] = phrases.worth(
            labels, [(tuple(phrase), bonus) for phrase, bonus in LISTS[row]]
        )
        return sums

    return {name: (scorer, WEIGHTS[name]) for name, scorer in scorers.items()}, wanted


def _total(sums: dict[str, float]) -> float:
    return sum(WEIGHTS[name] * value for name, value in sums.items())


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_fusion_keeps_scores_apart(backend: str) -> None:
    """Step by step, hypotheses without a label in between, and another order of the beam."""
    classes, steps, beam = sf.Dim("classes", 4), sf.Dim("steps", 5), sf.Dim("beam", 3)
    scorers, wanted = _scorers(classes, 4)
    fusion = Fusion("search", scorers, classes)
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 4, (2, 3, 5)).astype(np.int32)
    grows = rng.random((2, 3, 5)) < 0.7
    convert = sf.backends.get(backend).convert
    like = sf.wrap(convert(np.zeros((2, 3))), (batch, beam))
    label, there = [sf.wrap(convert(x), (batch, beam, steps)) for x in (labels, grows)]
    state = fusion.initial_state((batch, beam), like=like)
    for step in range(5):
        rows = fusion.rows(state)
        now = sf.gather(label, indices=step, axis=steps).labels_of(classes)
        where = sf.gather(there, indices=step, axis=steps)
        state = fusion.advance(state, now, rows, where)
    turned = sf.wrap(convert(np.array([2, 0, 1], np.int32)), (beam,), sparse_dim=beam)
    found = fusion.end(fusion.gathered(state, turned, beam))
    for row, place in itertools.product(range(2), range(3)):
        source = (2, 0, 1)[place]
        said = tuple(labels[row, source][grows[row, source]].tolist())
        for name, value in wanted(row, said).items():
            scores = found[name].numpy(batch, beam)
            np.testing.assert_allclose(scores[row, place], value, atol=1e-12)


@pytest.mark.parametrize("kind", [sf.search.TransducerBeam, sf.search.AlignmentBeam])
@pytest.mark.parametrize("seed", range(3))
def test_transducer_searches_find_everything(kind: Any, seed: int) -> None:
    classes, backend = sf.Dim("classes", 4), ("numpy", "torch")[seed % 2]
    scorers, wanted = _scorers(classes, seed)
    parts = Parts(classes, seed, backend)
    search = kind(
        parts.prediction, parts.joiner, blank_index=0, beam=130, max_symbols=1, scorers=scorers
    )
    found = read(search(wrapped(frames(seed, LENGTHS), LENGTHS, backend), axis=time)[0])
    arrays = Parts(classes, seed, "numpy").arrays()
    for row, length in enumerate(LENGTHS):
        model = oracle.model(arrays, frames(seed, LENGTHS)[row], 0)
        said = oracle.enumerate_all(model, length, 0, 1)
        totals = {labels: said[labels].total + _total(wanted(row, labels)) for labels in said}
        assert [f.labels for f in found[row]] == sorted(totals, key=lambda x: -totals[x])
        for f in found[row]:
            assert f.score == pytest.approx(totals[f.labels], abs=1e-9)
            assert f.scores == pytest.approx(
                {"model": said[f.labels].total, **wanted(row, f.labels)}, abs=1e-9
            )


@pytest.mark.parametrize("seed", range(2))
def test_ctc_search_finds_everything(seed: int) -> None:
    scorers, wanted = _scorers(feature, seed)
    search = sf.search.CtcPrefixBeam(classes=feature, blank_index=0, beam=60, scorers=scorers)
    found = read(search(wrapped(frames(seed, LENGTHS), LENGTHS, "numpy"), axis=time)[0])
    for row, length in enumerate(LENGTHS):
        log_probs = log_softmax(frames(seed, LENGTHS)[row, :length])
        said = {labels: np.log(p) for labels, p in label_search.ctc(log_probs, 0).items()}
        totals = {labels: said[labels] + _total(wanted(row, labels)) for labels in said}
        assert [f.labels for f in found[row]] == sorted(totals, key=lambda x: -totals[x])
        for f in found[row]:
            assert f.score == pytest.approx(totals[f.labels], abs=1e-9)
            assert f.scores == pytest.approx(
                {"model": said[f.labels], **wanted(row, f.labels)}, abs=1e-9
            )


def test_transducer_search_in_parts() -> None:
    """Phrases go on from one part to the next, and end only with the last."""
    classes = sf.Dim("classes", 4)
    scorers, _ = _scorers(classes, 3)
    parts = Parts(classes, 3, "numpy")
    search = sf.search.TransducerBeam(
        parts.prediction, parts.joiner, blank_index=0, beam=6, scorers=scorers
    )
    x = frames(3, (6, 6))
    whole = read(search(wrapped(x, (6, 6), "numpy"), axis=time)[0])
    state, found = None, None
    for begin, end in ((0, 1), (1, 4), (4, 6)):
        part = wrapped(x[:, begin:end], (end - begin,) * 2, "numpy")
        found, state = search(part, axis=time, state=state, is_last=end == 6)
    assert found is not None
    for one, other in zip(whole, read(found), strict=True):
        assert [f.labels for f in one] == [f.labels for f in other]
        assert [f.score for f in one] == pytest.approx([f.score for f in other], abs=1e-9)


def test_streams_with_phrases_of_their_own_come_and_go() -> None:
    """One goes on with its list, another takes its neighbour's place, with a list of its own."""
    classes, lists = sf.Dim("classes", 4), [*LISTS, [([1], 2.0), ([2, 1], -1.0)]]
    hotwords = sf.search.Hotwords(lists, classes=classes, streams=sf.wrap([0, 1], (batch,)))
    parts, x = Parts(classes, 7, "numpy"), frames(7, (6, 6))

    def made(scorer: sf.search.Hotwords) -> sf.search.TransducerBeam:
        return sf.search.TransducerBeam(
            parts.prediction, parts.joiner, blank_index=0, beam=5, scorers={"h": (scorer, 1.0)}
        )

    search = made(hotwords)
    _, state = search(wrapped(x[:, :3], (3, 3), "numpy"), axis=time, is_last=False)
    hotwords.streams = sf.wrap([0, 2], (batch,))
    state = search.reset(state, sf.wrap([False, True], (batch,)))
    found = read(search(wrapped(x[:, 3:], (3, 3), "numpy"), axis=time, state=state)[0])
    for row, own, begin in ((0, 0, 0), (1, 2, 3)):
        alone = made(sf.search.Hotwords(lists[own], classes=classes))
        y = wrapped(x[row : row + 1, begin:], (6 - begin,), "numpy")
        wanted = read(alone(y, axis=time)[0])[0]
        assert [f.labels for f in found[row]] == [f.labels for f in wanted]
        assert [f.score for f in found[row]] == pytest.approx([f.score for f in wanted], abs=1e-9)


def test_graph_of_tensorflow() -> None:
    """Traced once, before the tables were ever read, for any number of frames."""
    tf = pytest.importorskip("tensorflow")
    classes = sf.Dim("classes", 4)

    def made(backend: str) -> sf.search.TransducerBeam:
        scorers, _ = _scorers(classes, 5)
        parts = Parts(classes, 5, backend)
        return sf.search.TransducerBeam(
            parts.prediction, parts.joiner, blank_index=0, beam=4, max_symbols=1, scorers=scorers
        )

    search, eager = made("tensorflow"), made("numpy")

    @tf.function(input_signature=[tf.TensorSpec([2, None, 4], tf.float64)])
    def traced(x: Any) -> Any:
        found, _ = search(sf.wrap(x, (batch, time, feature)), axis=time)
        return found.score.raw_in((batch, found.beam_dim))

    for length in (2, 5):
        x = frames(5, (length, length))
        wanted, _ = eager(wrapped(x, (length, length), "numpy"), axis=time)
        expected = wanted.score.numpy(batch, wanted.beam_dim)
        np.testing.assert_allclose(traced(tf.constant(x)).numpy(), expected, atol=1e-9)
    assert traced.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("seed", range(3))
def test_label_search_finds_everything(seed: int) -> None:
    """And stops no sooner than it may."""
    classes = sf.Dim("classes", 4)
    scorers, wanted = _scorers(classes, seed)
    search = sf.search.LabelBeam(classes=classes, beam=40, max_labels=3, blank_index=0)
    like = sf.wrap(np.zeros(2), (batch,))
    hypotheses = search(scorers, (batch,), like=like)
    for row, found in enumerate(read(hypotheses)):
        said = [x for n in range(4) for x in itertools.product((1, 2, 3), repeat=n)]
        totals = {labels: _total(wanted(row, labels)) for labels in said}
        assert [f.labels for f in found] == sorted(totals, key=lambda x: -totals[x])
        for f in found:
            assert f.score == pytest.approx(totals[f.labels], abs=1e-9)
            assert f.scores == pytest.approx(wanted(row, f.labels), abs=1e-9)
