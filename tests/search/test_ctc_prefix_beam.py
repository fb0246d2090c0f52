"""CTC prefix beam search: exact where nothing is dropped, and the same whoever computes it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from oracles.ctc_search import every_reading, textbook
from search.ctc_problem import batch, in_parts, logits_of, nbest, time, wrapped

import seqfront as sf
from seqfront import backends

IMPLEMENTATIONS = ["native", "composed"]
small, large = sf.Dim("small", 3), sf.Dim("large", 7)
LENGTHS = [5, 3, 0, 1]
LONG = [13, 9, 0, 4]


def _search(implementation: str, classes: sf.Dim, **options: Any) -> sf.search.CtcPrefixBeam:
    kind: Any = implementation
    return sf.search.CtcPrefixBeam(classes=classes, implementation=kind, **options)


def _same(a: list, b: list, tolerance: float = 1e-9) -> None:
    assert [[s[:3] for s in row] for row in a] == [[s[:3] for s in row] for row in b]
    for x, y in zip(itertools.chain(*a), itertools.chain(*b), strict=True):
        np.testing.assert_allclose(x.log_probs, y.log_probs, atol=tolerance)
        np.testing.assert_allclose(x.score, y.score, atol=tolerance)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("name", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize(("merge", "blank"), [("sum", 0), ("sum", -1), ("max", 1)])
def test_every_reading(implementation: str, name: str, merge: str, blank: int) -> None:
    """A beam that holds all prefixes: all label sequences, in order, with exact scores."""
    x = logits_of(blank + 3, LENGTHS, 3)
    search = _search(implementation, small, blank_index=blank, beam=90, merge=merge)
    found, _ = search(wrapped(x, LENGTHS, small, name), axis=time)
    for row, frames, length in zip(nbest(found), x, LENGTHS, strict=True):
        expected = every_reading(frames[:length], blank=blank % 3, merge=merge)
        assert [s.labels for s in row] == [e.labels for e in expected]
        np.testing.assert_allclose([s.score for s in row], [e.score for e in expected], atol=1e-9)
        for s, e in zip(row, expected, strict=True):
            assert (s.start, s.end) == (e.start, e.end)
            np.testing.assert_allclose(s.log_probs, e.log_probs, atol=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_native_and_composed_agree(seed: int) -> None:
    """Also where much is dropped; and parts give what the whole gives, to the last bit."""
    rng = np.random.default_rng(seed)
    x = logits_of(seed, LONG, 7, scale=float(rng.choice([0.5, 2.0, 5.0])))
    options = {
        "blank_index": int(rng.integers(7)),
        "beam": int(rng.choice([1, 2, 3, 6])),
        "merge": str(rng.choice(["sum", "max"])),
        "token_beam": [None, 1, 4][seed % 3],
        "temperature": [1.0, 1.7][seed % 2],
        "blank_skip": [None, 0.6][seed % 2],
    }
    native, composed = [_search(kind, large, **options) for kind in IMPLEMENTATIONS]
    encoded = wrapped(x, LONG, large, "numpy")
    whole = nbest(native(encoded, axis=time)[0])
    _same(whole, nbest(composed(encoded, axis=time)[0]))
    sizes = [[1] * 13, [5, 0, 8], [3, 4, 6]][seed % 3]
    assert nbest(in_parts(native, x, LONG, sizes)[0][-1]) == whole
    _same(nbest(in_parts(composed, x, LONG, sizes)[0][-1]), whole)


@pytest.mark.parametrize("beam", [1, 2, 5, 9])
def test_what_a_dictionary_gives(beam: int) -> None:
    """Where most prefixes are dropped."""
    x = logits_of(beam, [40, 31], 7, scale=1.0)
    search = _search("native", large, blank_index=3, beam=beam)
    found, _ = search(wrapped(x, [40, 31], large, "numpy"), axis=time)
    for row, frames, length in zip(nbest(found), x, [40, 31], strict=True):
        expected = textbook(frames[:length], blank=3, beam=beam)
        assert [s.labels for s in row] == [labels for labels, _ in expected]
        np.testing.assert_allclose([s.score for s in row], [s for _, s in expected], atol=1e-9)


@pytest.mark.parametrize("merge", ["sum", "max"])
def test_scores_are_at_most_those_of_the_loss(merge: str) -> None:
    x = logits_of(1, [11], 7, scale=2.0)
    encoded = wrapped(x, [11], large, "numpy")
    for beam in (1, 2, 5, 40):
        search = _search("native", large, blank_index=0, beam=beam, merge=merge)
        found, _ = search(encoded, axis=time)
        hypotheses = nbest(found)[0]
        assert len({s.labels for s in hypotheses}) == len(hypotheses) == beam
        label = sf.Dim("label")
        losses = [
            sf.ctc_loss(
                logits=encoded, targets=sf.wrap([list(s.labels)], (batch, label), sparse_dim=large),
                input_spatial_dim=time, targets_spatial_dim=label, blank_index=0,
                max_approx=merge == "max",
            ).numpy().item()
            for s in hypotheses if s.labels
        ]  # fmt: skip
        scores = [s.score for s in hypotheses if s.labels]
        assert all(a <= -b + 1e-9 for a, b in zip(scores, losses, strict=True))


def test_times_are_those_of_the_alignment() -> None:
    """Of the best label sequence, when all of its alignments are there."""
    x = logits_of(4, [5], 3, scale=1.0)
    encoded = wrapped(x, [5], small, "numpy")
    found, _ = _search("native", small, blank_index=0, beam=99)(encoded, axis=time)
    checked = 0
    for said in nbest(found)[0][:20]:
        if not said.labels:
            continue
        label = sf.Dim("label")
        targets = sf.wrap([list(said.labels)], (batch, label), sparse_dim=small)
        problem: Any = {"logits": encoded, "targets": targets, "input_spatial_dim": time,
                        "targets_spatial_dim": label, "blank_index": 0}  # fmt: skip
        best = sf.ctc_alignment(**problem)
        np.testing.assert_allclose(sf.ctc_loss(**problem).numpy(), [-said.score], atol=1e-9)
        assert best.starts.numpy()[0].tolist() == list(said.start)
        assert best.ends.numpy()[0].tolist() == list(said.end)
        spans = best.ends.numpy()[0] - best.starts.numpy()[0]
        np.testing.assert_allclose(best.label_scores.numpy()[0] / spans, said.log_probs, atol=1e-9)
        checked += 1
    assert checked > 15


def test_equal_scores() -> None:
    """Classes that are all alike: the lower place in the beam first, then the lower label."""
    found = {}
    for kind in IMPLEMENTATIONS:
        for frames in (1, 4):
            search = _search(kind, large, blank_index=2, beam=6, merge="max")
            encoded = wrapped(np.zeros((1, frames, 7)), [frames], large, "numpy")
            found[kind, frames] = [s.labels for s in nbest(search(encoded, axis=time)[0])[0]]
    assert found["native", 1] == [(), (0,), (1,), (3,), (4,), (5,)]
    assert found["composed", 1] == found["native", 1]
    assert found["composed", 4] == found["native", 4]


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_frames_of_silence(implementation: str) -> None:
    """A frame that is skipped counts as the blank, also between two labels that are the same."""
    x = np.full((1, 3, 3), -2.0)
    x[0, [0, 1, 2], [1, 0, 1]] = 2.0
    options = {"blank_index": 0, "beam": 4}
    found, _ = _search(implementation, small, blank_skip=0.9, **options)(
        wrapped(x, [3], small, "numpy"), axis=time
    )
    said = nbest(found)[0]
    assert said[0].labels == (1, 1)
    assert (said[0].start, said[0].end) == ((0, 2), (1, 3))
    encoded = wrapped(x[:, :2], [2], small, "numpy")
    scores = [
        nbest(_search(implementation, small, **options, blank_skip=skip)(encoded, axis=time)[0])[0]
        for skip in (0.9, None)
    ]
    assert scores[0][0].labels == scores[1][0].labels == (1,)
    assert scores[0][0].score < scores[1][0].score  # without the label's alignments of two frames


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_what_is_no_number_is_impossible(implementation: str) -> None:
    x = logits_of(0, [4, 4], 3)
    x[0, 1, 0] = np.nan
    x[1, :, 1] = -np.inf
    found, _ = _search(implementation, small, blank_index=0, beam=8)(
        wrapped(x, [4, 4], small, "numpy"), axis=time
    )
    nothing, rest = nbest(found)
    assert nothing == []
    assert {label for said in rest for label in said.labels} == {2}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_dtypes(dtype: str) -> None:
    x = sf.cast(wrapped(np.round(logits_of(2, LENGTHS, 3), 1), LENGTHS, small, "torch"), dtype)
    native, composed = [
        _search(kind, small, blank_index=0, beam=6)(x, axis=time)[0] for kind in IMPLEMENTATIONS
    ]
    assert native.score.dtype == composed.score.dtype == "float32"
    _same(nbest(native), nbest(composed), tolerance=2e-5)


def test_what_has_gradients() -> None:
    encoded = wrapped(logits_of(2, LENGTHS, 3), LENGTHS, small, "torch")
    encoded.raw.requires_grad_(True)
    for kind in IMPLEMENTATIONS:
        found, state = _search(kind, small, blank_index=0, beam=3)(encoded, axis=time)
        assert not found.score.raw.requires_grad
        assert not state.run.raw.requires_grad


def test_any_batch_dims() -> None:
    group = sf.Dim("group")
    x = logits_of(3, [4] * 6, 3).reshape(2, 3, 4, 3)
    for implementation in IMPLEMENTATIONS:
        search = _search(implementation, small, blank_index=0, beam=5)
        whole, _ = search(sf.wrap(x, (group, batch, time, small)), axis=time)
        single, _ = search(sf.wrap(x[1, 2], (time, small)), axis=time)
        beam, label = search.beam_dim, search.label_dim
        np.testing.assert_array_equal(
            whole.score.numpy(group, batch, beam)[1, 2], single.score.numpy(beam)
        )
        count = int(single.labels.lengths(label).numpy(beam)[0])
        best = single.best().labels.numpy(label)[:count]
        assert (whole.best().labels.numpy(group, batch, label)[1, 2, :count] == best).all()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_streams_come_and_go(implementation: str) -> None:
    """A state selected, joined and made new goes on as each stream does alone."""
    search = _search(implementation, large, blank_index=0, beam=4)
    x = logits_of(6, [4, 4, 4], 7)
    encoded = wrapped(x, [4, 4, 4], large, "numpy")
    _, state = search(encoded, axis=time, is_last=False)
    chosen = search.select(state, sf.wrap([2, 0], (batch,)), axis=batch)
    more, streams = sf.Dim("more"), sf.Dim("streams")
    other = sf.nested_map(lambda t: t.rename(batch, more) if batch in t.dims else t, chosen)
    joined = search.concat((chosen, batch), (other, more), out_dim=streams)
    joined = search.reset(joined, sf.wrap([False, False, True, False], (streams,)))
    y = logits_of(7, [4] * 4, 7)
    found, _ = search(sf.wrap(y, (streams, time, large)), axis=time, state=joined)
    sources = [x[2], x[0], None, x[0]]
    for row, before in enumerate(sources):
        frames = y[row] if before is None else np.concatenate([before, y[row]])
        alone, _ = search(sf.wrap(frames, (time, large)), axis=time)
        np.testing.assert_array_equal(
            found.score.numpy(streams, search.beam_dim)[row], alone.score.numpy(search.beam_dim)
        )


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_committed_labels_are_those_of_the_whole(implementation: str) -> None:
    lengths, size = [40, 33], 4
    x = logits_of(8, lengths, 7, scale=5.0)
    search = _search(implementation, large, blank_index=0, beam=2)
    whole = nbest(search(wrapped(x, lengths, large, "numpy"), axis=time)[0])
    state, settled, widest = None, [[], []], 0
    for start in range(0, 40, size):
        counts = np.clip(np.asarray(lengths) - start, 0, size).tolist()
        encoded = wrapped(x[:, start : start + size], counts, large, "numpy")
        found, state = search(encoded, axis=time, state=state, is_last=False)
        said, state = search.commit(state)
        widest = max(widest, state.said.labels.size(search.label_dim))
        for row, count in enumerate(said.labels.lengths(search.label_dim).numpy(batch)):
            labels = said.labels.numpy(batch, search.label_dim)[row, :count]
            starts = said.start.numpy(batch, search.label_dim)[row, :count]
            settled[row] += list(zip(labels.tolist(), starts.tolist(), strict=True))
    found, _ = search(wrapped(x[:, :0], [0, 0], large, "numpy"), axis=time, state=state)
    for row, (rest, expected) in enumerate(zip(nbest(found), whole, strict=True)):
        labels = tuple(label for label, _ in settled[row])
        assert [labels + s.labels for s in rest] == [s.labels for s in expected]
        assert [s.score for s in rest] == [s.score for s in expected]
        assert len(labels) > 5
    assert widest < max(len(s.labels) for row in whole for s in row)


class _Bigram(sf.search.Scorer):
    """p(label | label before), from a table; and of the end."""

    def __init__(self, table: np.ndarray, classes: sf.Dim) -> None:
        self.table, self.classes, self.before = table, classes, classes.clone("before")

    def initial_state(self, batch: Any, *, like: sf.Tensor) -> Any:
        return sf.zeros(tuple(batch), dtype="int32", like=like)

    def score(self, state: Any) -> sf.Tensor:
        table = sf.wrap(state.backend.convert(self.table), (self.before, self.classes))
        return sf.gather(table, indices=state.labels_of(None), axis=self.before)

    def advance(self, state: Any, labels: sf.Tensor) -> Any:
        return labels.labels_of(None)

    def final(self, state: Any) -> sf.Tensor:
        rows = self.score(state)
        return sf.gather(rows, indices=0, axis=self.classes)

    def by_hand(self, labels: tuple[int, ...]) -> tuple[float, float]:
        """Of the labels, and of ending there."""
        pairs = zip((0, *labels), labels, strict=False)
        return sum(self.table[a, b] for a, b in pairs), self.table[(0, *labels)[-1], 0]


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_scorers(name: str) -> None:
    """Against all label sequences, each with what the scorer says of it."""
    rng = np.random.default_rng(0)
    scorer = _Bigram(rng.standard_normal((3, 3)), small)
    x = logits_of(9, [5, 3], 3)
    search = sf.search.CtcPrefixBeam(
        classes=small, blank_index=0, beam=90, scorers={"bigram": (scorer, 0.7)}
    )
    sizes = [2, 3]
    results, _ = in_parts(search, x, [5, 3], sizes, name)
    for ended, length, found in ((True, [5, 3], results[1]), (False, [2, 2], results[0])):
        for row, hypotheses in enumerate(nbest(found)):
            expected = {}
            for reading in every_reading(x[row, : length[row]], blank=0):
                so_far, end = scorer.by_hand(reading.labels)
                lm = so_far + (end if ended else 0.0)
                expected[reading.labels] = (reading.score + 0.7 * lm, reading.score, lm)
            order = sorted(expected, key=lambda labels: -expected[labels][0])
            assert [s.labels for s in hypotheses] == order
            parts = [found.score, found.scores["model"], found.scores["bigram"]]
            tables = [t.numpy(batch, search.beam_dim)[row, : len(order)] for t in parts]
            wanted = np.array([expected[labels] for labels in order])
            np.testing.assert_allclose(np.stack(tables, 1), wanted, atol=1e-9)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_parts_in_a_graph(implementation: str) -> None:
    """Compiled for all sizes, with the state going through; what eager calls give."""
    backend = backends.get("tensorflow")
    search = _search(implementation, large, blank_index=0, beam=3)
    x = logits_of(11, [6, 5], 7)
    expected = nbest(search(wrapped(x, [6, 5], large, "numpy"), axis=time)[0])

    def both(first: Any, second: Any, lengths: Any) -> Any:
        a = sf.wrap(first, (batch, time, large))
        _, state = search(a, axis=time, is_last=False)
        axis = _SECOND
        b = sf.wrap(second, (batch, axis, large), {axis: lengths})
        found, _ = search(b, axis=axis, state=state)
        beam, label = search.beam_dim, search.label_dim
        tables = [t.raw_in((batch, beam, label)) for t in (found.labels, found.start)]
        return [*tables, found.labels.lengths(label).raw_in((batch, beam)), found.score.raw]

    compiled = backend.compile(both)
    convert = backend.convert
    arguments = [convert(x[:, :2]), convert(np.nan_to_num(x[:, 2:])),
                 convert(np.array([4, 3], np.int32))]  # fmt: skip
    labels, starts, counts, scores = map(backend.to_numpy, compiled(*arguments))
    for row, hypotheses in enumerate(expected):
        for k, said in enumerate(hypotheses):
            assert tuple(labels[row, k, : counts[row, k]].tolist()) == said.labels
            assert tuple(starts[row, k, : counts[row, k]].tolist()) == said.start
            np.testing.assert_allclose(scores[row, k], said.score, atol=1e-9)


_SECOND = sf.Dim("second")
