"""Alignment-synchronous transducer search: against all alignments, tried one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import transducer_search as oracle
from small_transducer import Bigram, Found, Parts, batch, feature, frames, read, time, wrapped

import seqfront as sf

part = sf.Dim("part")
WEIGHT = 0.7
LENGTHS = (3, 2)


class Problem:
    """A small transducer, and frames for it."""

    def __init__(
        self, seed: int, lengths: Sequence[int], backend: str = "numpy", *, lm: bool = False
    ) -> None:
        self.seed, self.lengths, self.backend = seed, np.array(lengths, np.int32), backend
        self.classes, self.blank = sf.Dim("classes", 4 - seed % 2), seed % 3
        self.parts = Parts(self.classes, seed, backend)
        self.bigram = Bigram(self.classes, self.blank, seed, backend=backend)
        self.scorers = {"bigram": (self.bigram, WEIGHT)} if lm else None
        self.frames = frames(seed, lengths)

    def search(self, **options: Any) -> sf.search.AlignmentBeam:
        return sf.search.AlignmentBeam(
            self.parts.prediction, self.parts.joiner, blank_index=self.blank,
            scorers=self.scorers, **options,
        )  # fmt: skip

    def whole(self, **options: Any) -> list[list[Found]]:
        encoded = wrapped(self.frames, self.lengths, self.backend)
        return read(self.search(**options)(encoded, axis=time)[0])

    def all(self, row: int, max_symbols: int, **options: float) -> Any:
        """What there is to find, by labels."""
        model = oracle.model(self.parts.arrays(), self.frames[row], self.blank, **options)
        return oracle.enumerate_all(model, int(self.lengths[row]), self.blank, max_symbols)


def _check(found: Sequence[Found], wanted: Any, score: Any) -> None:
    order = sorted(wanted, key=lambda said: -score(said))
    assert [f.labels for f in found] == order
    for f in found:
        assert f.score == pytest.approx(score(f.labels), abs=1e-9)
        assert f.scores["model"] == pytest.approx(wanted[f.labels].total, abs=1e-9)
        assert f.start == wanted[f.labels].frames
        assert f.end == tuple(at + 1 for at in f.start)
        assert f.log_probs == pytest.approx(wanted[f.labels].log_probs, abs=1e-9)


@pytest.mark.parametrize("seed", range(9))
def test_wide_beam_finds_everything(seed: int) -> None:
    max_symbols, backend = 1 + seed % 2, ("numpy", "torch", "tensorflow")[seed % 3]
    options = {"temperature": 0.8, "blank_penalty": 0.4} if seed % 4 == 0 else {}
    problem = Problem(seed, LENGTHS, backend)
    found = problem.whole(beam=130, max_symbols=max_symbols, **options)
    for row in range(2):
        wanted = problem.all(row, max_symbols, **options)
        _check(found[row], wanted, lambda said, w=wanted: w[said].total)


@pytest.mark.parametrize("seed", range(4))
def test_scorers_count_with_their_end(seed: int) -> None:
    problem = Problem(seed, LENGTHS, lm=True)
    found = problem.whole(beam=130, max_symbols=1 + seed % 2)
    for row in range(2):
        wanted = problem.all(row, 1 + seed % 2)
        score = {s: wanted[s].total + WEIGHT * problem.bigram.of(s) for s in wanted}
        _check(found[row], wanted, score.__getitem__)
        for f in found[row]:
            assert f.scores["bigram"] == pytest.approx(problem.bigram.of(f.labels), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_number_of_labels_is_bounded(seed: int) -> None:
    """Alignments with at most so many labels, any number of them at a frame."""
    problem = Problem(seed, (2, 2))
    found = problem.whole(beam=130, max_symbols=None, max_labels=3)
    for row in range(2):
        wanted = {s: f for s, f in problem.all(row, 3).items() if len(s) <= 3}
        _check(found[row], wanted, lambda said, w=wanted: w[said].total)


@pytest.mark.parametrize("recombine", ["max", None])
def test_other_ways_to_recombine(recombine: Any) -> None:
    problem = Problem(1, LENGTHS)
    found = problem.whole(beam=400, max_symbols=2, recombine=recombine)
    for row in range(2):
        wanted = problem.all(row, 2)
        best: dict[Any, float] = {}
        for f in found[row]:
            best.setdefault(f.labels, f.score)
        assert best.keys() == wanted.keys()
        for labels, score in best.items():
            assert score == pytest.approx(wanted[labels].best, abs=1e-9)


def _in_parts(problem: Problem, cuts: Sequence[Sequence[int]], **options: Any) -> list[list[Found]]:
    """Each stream cut in its own places; streams end with the part that is their last."""
    search, state, found = problem.search(**options), None, None
    steps = len(cuts[0])
    ends = [max([i for i, n in enumerate(cut) if n], default=0) + row % 2
            for row, cut in enumerate(cuts)]  # fmt: skip
    for i in range(steps + 1):
        there = np.array([cut[i] if i < steps else 0 for cut in cuts], np.int32)
        chunk = np.full((len(cuts), 3, feature.size or 0), np.nan)
        for row, n in enumerate(there):
            first = sum(cuts[row][:i])
            chunk[row, :n] = problem.frames[row, first : first + n]
        x = wrapped(chunk, there, problem.backend, part)
        last = sf.wrap(x.backend.convert(np.array([i >= end for end in ends])), (batch,))
        found, state = search(x, axis=part, state=state, is_last=last)
        assert state is not None
        assert state.held.raw.shape[1] <= state.frames.numpy(batch).max()
    assert found is not None
    return read(found)


def _same(found: Sequence[Sequence[Found]], wanted: Sequence[Sequence[Found]]) -> None:
    for mine, theirs in zip(found, wanted, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert (a.labels, a.start, a.end) == (b.labels, b.start, b.end)
            np.testing.assert_allclose(a.score, b.score, rtol=1e-12)
            np.testing.assert_allclose(a.log_probs, b.log_probs, atol=1e-12)
            assert a.scores == pytest.approx(b.scores, rel=1e-12)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    st.integers(0, 10**6),
    st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=1, max_size=3),
    st.integers(1, 5),
    st.sampled_from([1, 2, None]),
    st.booleans(),
)
def test_parts_give_what_the_whole_gives(
    seed: int, cuts: list[list[int]], beam: int, max_symbols: int | None, lm: bool
) -> None:
    """However narrow the beam is."""
    problem = Problem(seed, [sum(cut) for cut in cuts], lm=lm)
    options = {"beam": beam, "max_symbols": max_symbols, "max_labels": 6}
    _same(_in_parts(problem, cuts, **options), problem.whole(**options))


@pytest.mark.parametrize("seed", range(4))
def test_batch_equals_single_sequences(seed: int) -> None:
    lengths = (5, 0, 3)
    problem = Problem(seed, lengths, lm=seed % 2 == 1)
    found = problem.whole(beam=3)
    for row in range(3):
        x = wrapped(problem.frames[row : row + 1], lengths[row : row + 1], "numpy")
        _same([found[row]], read(problem.search(beam=3)(x, axis=time)[0]))
    assert [f.labels for f in found[1]] == [()]
    assert found[1][0].scores["model"] == 0.0


@pytest.mark.parametrize("seed", range(6))
def test_score_is_a_lower_bound(seed: int) -> None:
    problem = Problem(seed, (4, 3))
    for row, found in enumerate(problem.whole(beam=2, max_symbols=2)):
        wanted = problem.all(row, 2)
        assert len(found) == 2
        for f in found:
            assert f.score <= wanted[f.labels].total + 1e-9


def test_blank_anywhere() -> None:
    """Classes in another order give the same labels, in that order."""
    x, lengths, order = frames(7, (5, 4)), (5, 4), [2, 0, 3, 1]
    found: list[Any] = []
    for own in (None, order):
        classes = sf.Dim("classes", 4)
        parts = Parts(classes, 7, "numpy", own)
        blank = 0 if own is None else order.index(0) - 4
        search = sf.search.AlignmentBeam(parts.prediction, parts.joiner, blank_index=blank, beam=3)
        found.append(read(search(wrapped(x, lengths, "numpy"), axis=time)[0]))
    for mine, theirs in zip(*found, strict=True):
        assert [f.labels for f in mine] == [tuple(order[i] for i in f.labels) for f in theirs]
        assert [f.score for f in mine] == pytest.approx([f.score for f in theirs], abs=1e-12)


def test_no_graph_of_gradients_stays() -> None:
    problem = Problem(1, (4,), "torch")
    x = wrapped(problem.frames, problem.lengths, "torch")
    _, state = problem.search(beam=2)(x, axis=time, is_last=False)
    leaves: list[Any] = []
    sf.nested_map(lambda one: leaves.append(one.raw) or one, state)
    assert leaves
    assert not any(raw.requires_grad for raw in leaves)


def test_one_call_of_each_network_for_a_step() -> None:
    problem = Problem(2, (6, 6))
    search = problem.search(beam=4, max_symbols=None, max_labels=5)
    found, _ = search(wrapped(problem.frames, problem.lengths, "numpy"), axis=time)
    assert search.calls.joiner <= 6 + 5
    assert search.calls.predictor <= 1 + search.calls.joiner
    assert found.valid.numpy().all()


@pytest.mark.parametrize("lm", [False, True])
def test_graph_of_tensorflow(lm: bool) -> None:
    """One trace for all sizes, and parts in it."""
    tf: Any = pytest.importorskip("tensorflow")
    problem = Problem(3, [5, 0, 4], "tensorflow", lm=lm)
    search, traces = problem.search(beam=3, max_symbols=2), []

    def two_parts(x: Any, n: Any, y: Any, m: Any) -> Any:
        traces.append(1)
        first = sf.wrap(x, (batch, time, feature), {time: n})
        second = sf.wrap(y, (batch, part, feature), {part: m})
        _, state = search(first, axis=time, is_last=False)
        found, _ = search(second, axis=part, state=state)
        return [*found[:2], found.scores, *found[3:7]]

    floats, ints = tf.TensorSpec([None, None, 4], tf.float64), tf.TensorSpec([None], tf.int32)
    run = tf.function(two_parts, input_signature=[floats, ints, floats, ints])
    wanted = Problem(3, [5, 0, 4], lm=lm).whole(beam=3, max_symbols=2)
    for rows, cut in ((3, 2), (2, 5)):
        x, n = problem.frames[:rows], problem.lengths[:rows]
        there = np.minimum(n, cut).astype(np.int32)
        later = np.full((rows, 5, 4), np.nan)
        for row in range(rows):
            later[row, : n[row] - there[row]] = x[row, there[row] : n[row]]
        found = run(x[:, :cut], there, later, (n - there).astype(np.int32))
        h = sf.search.Hypotheses(*found, search.beam_dim, search.label_dim)
        _same(read(h), wanted[:rows])
    assert len(traces) == 1


def test_streams_come_and_go() -> None:
    problem = Problem(4, (6, 6, 6))
    search, x = problem.search(beam=3), problem.frames
    whole = problem.whole(beam=3)
    _, state = search(wrapped(x[:, :3], [3, 3, 3], "numpy", part), axis=part, is_last=False)
    streams = sf.Dim("streams")
    chosen = search.select(state, sf.wrap(np.array([2, 0]), (streams,)), axis=batch)
    _, late = search(wrapped(x[1:2, :2], [2], "numpy", part), axis=part, is_last=False)
    both = search.concat((chosen, streams), (late, batch), out_dim=batch)
    both = search.reset(both, sf.wrap(np.array([False, True, False]), (batch,)))
    rest = np.full((3, 6, feature.size or 0), np.nan)
    rest[0, :3], rest[1], rest[2, :4] = x[2, 3:], x[1], x[1, 2:]
    found = search(wrapped(rest, [3, 6, 4], "numpy", part), axis=part, state=both)[0]
    _same(read(found), [whole[2], whole[1], whole[1]])


def test_a_stream_that_has_ended_reads_no_more() -> None:
    problem = Problem(5, (4,))
    search, x = problem.search(beam=3), wrapped(problem.frames, [4], "numpy")
    found, state = search(x, axis=time)
    again, after = search(x, axis=time, state=state)
    _same(read(again), read(found))
    assert after.frames.numpy(batch).tolist() == [4]


@pytest.mark.parametrize("streams", [(), (sf.Dim("speaker", 2), sf.Dim("take"))])
def test_any_number_of_batch_dims(streams: tuple[sf.Dim, ...]) -> None:
    problem = Problem(2, (5, 5))
    whole = problem.whole(beam=2)
    x = problem.frames[0] if not streams else problem.frames[:, None].transpose(3, 1, 2, 0)
    dims = (time, feature) if not streams else (feature, streams[1], time, streams[0])
    found, _ = problem.search(beam=2)(sf.wrap(x, dims), axis=time)
    scores = found.score.numpy(*streams, found.beam_dim).reshape(-1, 2)
    for row, wanted in zip(scores, whole, strict=False):
        np.testing.assert_allclose(row, [f.score for f in wanted])


def test_settled_labels_are_taken_out() -> None:
    """Committed labels and what is left are what there was."""
    taken = 0
    for seed in range(6):
        problem = Problem(seed, (6, 6))
        search, x = problem.search(beam=2), problem.frames
        _, state = search(wrapped(x[:, :5], [5, 5], "numpy", part), axis=part, is_last=False)
        settled, state = search.commit(state)
        found, _ = search(wrapped(x[:, 5:], [1, 1], "numpy", part), axis=part, state=state)
        counts = settled.labels.lengths(search.label_dim).numpy(batch)
        values = settled.labels.numpy(batch, search.label_dim)
        for row, wanted in enumerate(problem.whole(beam=2)):
            prefix = tuple(values[row, : counts[row]].tolist())
            assert [prefix + f.labels for f in read(found)[row]] == [f.labels for f in wanted]
        taken += int(counts.sum())
    assert taken > 0
