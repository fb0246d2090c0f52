"""Greedy transducer search: against a plain loop over single sequences, however frames come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import greedy as oracle
from oracles import transducer_search
from small_transducer import Parts, batch, feature, frames, time, wrapped

import seqfront as sf
from seqfront import backends

part = sf.Dim("part")
DURATIONS = (0, 1, 2, 4)
BIG = {-1: 3, 1: 2}


class Kind(NamedTuple):
    """A kind of transducer."""

    durations: Sequence[int] | None = None
    big_blanks: Mapping[int, int] | None = None


KINDS = (Kind(), Kind(DURATIONS), Kind((1, 3)), Kind(None, BIG))


class Problem:
    """A transducer of some kind with random numbers, and frames."""

    def __init__(self, kind: Kind, seed: int, lengths: Sequence[int], backend: str) -> None:
        self.kind, self.lengths, self.backend = kind, np.array(lengths, np.int32), backend
        self.classes = sf.Dim("classes", 5 + (kind.big_blanks is not None))
        self.blank = seed % 3 if kind.big_blanks is None else 0
        self.parts = Parts(self.classes, seed, backend)
        self.lasting = None
        if kind.durations is not None:
            durations = sf.Dim("durations", len(kind.durations))
            self.lasting = Parts(durations, seed + 50, backend)
        self.frames = frames(seed, lengths)

    def join(self, frame: sf.Tensor, features: sf.Tensor) -> Any:
        logits = self.parts.joiner(frame, features)
        return logits if self.lasting is None else (logits, self.lasting.joiner(frame, features))

    def search(self, **options: Any) -> sf.search.TransducerGreedy:
        return sf.search.TransducerGreedy(
            self.parts.prediction, self.join, blank_index=self.blank, classes=self.classes,
            in_dim=feature, **self.kind._asdict(), **options,
        )  # fmt: skip

    def expected(self, row: int, max_symbols: int, temperature: float = 1.0) -> oracle.Found:
        """What one sequence says, one step at a time."""
        arrays = self.parts.arrays()
        model = transducer_search.model(
            arrays, self.frames[row], self.blank, temperature=temperature
        )

        def logits(t: int, said: list[int]) -> Any:
            classes = model(t, tuple(said))
            return classes if lasting is None else (classes, lasting(t, tuple(said)))

        lasting = None
        if self.lasting is not None:
            own = {**arrays, **{k: v for k, v in self.lasting.arrays().items() if "joiner" in k}}
            lasting = transducer_search.model(
                own, self.frames[row], self.blank, temperature=temperature
            )
        size = self.classes.size or 0
        big = {index % size: n for index, n in (self.kind.big_blanks or {}).items()}
        return oracle.greedy(
            logits, int(self.lengths[row]), blank=self.blank, max_symbols=max_symbols,
            durations=self.kind.durations, big_blanks=big,
        )  # fmt: skip


def _rows(found: sf.search.Transcript, streams: sf.Dim = batch) -> list[oracle.Found]:
    counts = found.labels.lengths(found.label_dim).numpy(streams)
    tables = [x.numpy(streams, found.label_dim) for x in found[:4]]
    return [
        oracle.Found(*[x[row, :n].tolist() for x in tables], score)
        for row, (n, score) in enumerate(zip(counts, found.score.numpy(streams), strict=True))
    ]


def _check(found: Sequence[oracle.Found], expected: Sequence[oracle.Found]) -> None:
    for mine, wanted in zip(found, expected, strict=True):
        assert mine.labels == wanted.labels
        assert (mine.start, mine.end) == (wanted.start, wanted.end)
        np.testing.assert_allclose(mine.log_probs, wanted.log_probs, atol=1e-9)
        np.testing.assert_allclose(mine.score, wanted.score, atol=1e-9)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    st.sampled_from(KINDS),
    st.integers(0, 10**6),
    st.lists(st.integers(0, 8), min_size=1, max_size=4),
    st.integers(1, 3),
    st.sampled_from([1.0, 0.6]),
    st.sampled_from(["numpy", "numpy", "torch"]),
)
def test_batch_equals_single_sequences(
    kind: Kind, seed: int, lengths: list[int], max_symbols: int, temperature: float, backend: str
) -> None:
    problem = Problem(kind, seed, lengths, backend)
    search = problem.search(max_symbols=max_symbols, temperature=temperature)
    found, _ = search(wrapped(problem.frames, problem.lengths, backend), axis=time)
    expected = [problem.expected(i, max_symbols, temperature) for i in range(len(lengths))]
    _check(_rows(found), expected)
    assert search.calls.predictor == 1 + max(len(one.labels) for one in expected)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    st.sampled_from(KINDS),
    st.integers(0, 10**6),
    st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=1, max_size=3),
)
def test_parts_give_what_the_whole_gives(kind: Kind, seed: int, cuts: list[list[int]]) -> None:
    """Every stream is cut in its own places; durations reach into later parts."""
    lengths = [sum(cut) for cut in cuts]
    problem = Problem(kind, seed, lengths, "numpy")
    search, state = problem.search(max_symbols=2), None
    heard = [oracle.Found([], [], [], [], 0.0) for _ in cuts]
    for i in range(4):
        there = np.array([cut[i] for cut in cuts], np.int32)
        before = [sum(cut[:i]) for cut in cuts]
        chunk = np.full((len(cuts), 4, feature.size or 0), np.nan)
        for row, (first, n) in enumerate(zip(before, there, strict=True)):
            chunk[row, :n] = problem.frames[row, first : first + n]
        found, state = search(
            wrapped(chunk, there, "numpy", part), axis=part, state=state, is_last=i == 3
        )
        heard = [
            oracle.Found(*[a + b for a, b in zip(old[:4], new[:4], strict=True)], new.score)
            for old, new in zip(heard, _rows(found), strict=True)
        ]
    _check(heard, [problem.expected(i, 2) for i in range(len(cuts))])


@pytest.mark.parametrize("kind", KINDS)
def test_graph_of_tensorflow(kind: Kind) -> None:
    """One trace for all sizes, and parts in it."""
    tf: Any = pytest.importorskip("tensorflow")
    problem = Problem(kind, 3, [8, 0, 5], "tensorflow")
    search, traces = problem.search(max_symbols=2), []

    def two_parts(x: Any, n: Any, y: Any, m: Any) -> Any:
        traces.append(1)
        first = sf.wrap(x, (batch, time, feature), {time: n})
        second = sf.wrap(y, (batch, part, feature), {part: m})
        found, state = search(first, axis=time)
        more, _ = search(second, axis=part, state=state)
        return [*found[:5]], [*more[:5]]

    floats, ints = tf.TensorSpec([None, None, 4], tf.float64), tf.TensorSpec([None], tf.int32)
    run = tf.function(two_parts, input_signature=[floats, ints, floats, ints])
    for rows, cut in ((3, 3), (2, 8)):
        x, n = problem.frames[:rows], problem.lengths[:rows]
        there = np.minimum(n, cut).astype(np.int32)
        later = np.full((rows, 8, 4), np.nan)
        for row in range(rows):
            later[row, : n[row] - there[row]] = x[row, there[row] : n[row]]
        parts = run(x[:, :cut], there, later, (n - there).astype(np.int32))
        first, second = [_rows(sf.search.Transcript(*p, search.label_dim)) for p in parts]
        both = [
            oracle.Found(*[list(a) + list(b) for a, b in zip(old[:4], new[:4], strict=True)], end)
            for old, new in zip(first, second, strict=True)
            for end in [new.score]
        ]
        _check(both, [problem.expected(i, 2) for i in range(rows)])
    assert len(traces) == 1


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_same_on_every_backend(backend: str) -> None:
    problem = Problem(KINDS[1], 5, [7, 4], "numpy")
    wanted, _ = problem.search()(wrapped(problem.frames, problem.lengths, "numpy"), axis=time)
    other = Problem(KINDS[1], 5, [7, 4], backend)
    found, _ = other.search()(wrapped(other.frames, other.lengths, backend), axis=time)
    _check(_rows(found), _rows(wanted))


def test_streams_come_and_go() -> None:
    problem = Problem(KINDS[1], 11, [6, 6, 6], "numpy")
    search = problem.search()
    x = problem.frames
    whole = _rows(search(wrapped(x, problem.lengths, "numpy"), axis=time)[0])
    _, state = search(wrapped(x[:, :3], [3, 3, 3], "numpy", part), axis=part)
    streams = sf.Dim("streams")
    order = sf.wrap(np.array([2, 0]), (streams,))
    chosen = search.select(state, order, axis=batch)
    _, late = search(wrapped(x[1:2, :3], [3], "numpy", part), axis=part)
    both = search.concat((chosen, streams), (late, batch), out_dim=batch)
    assert both.frames.numpy(batch).tolist() == [3, 3, 3]
    anew = sf.wrap(np.array([False, True, False]), (batch,))
    both = search.reset(both, anew)
    rest = np.stack([x[2, 3:], x[0, :3], x[1, 3:]])
    heard = _rows(search(wrapped(rest, [3, 3, 3], "numpy", part), axis=part, state=both)[0])
    ends = [[at for at in one.start if at >= 3] for one in whole]
    assert heard[0].start == ends[2]
    assert heard[0].score == pytest.approx(whole[2].score, abs=1e-9)
    assert heard[1].start == [at for at in whole[0].start if at < 3]
    assert heard[2].labels == whole[1].labels[len(whole[1].labels) - len(ends[1]) :]


@pytest.mark.parametrize("streams", [(), (sf.Dim("speaker", 2), sf.Dim("take"))])
def test_any_number_of_batch_dims(streams: tuple[sf.Dim, ...]) -> None:
    problem = Problem(KINDS[0], 2, [5, 5], "numpy")
    whole = _rows(problem.search()(wrapped(problem.frames, problem.lengths, "numpy"), axis=time)[0])
    x = problem.frames[0] if not streams else problem.frames[:, None].transpose(3, 1, 2, 0)
    dims = (time, feature) if not streams else (feature, streams[1], time, streams[0])
    found, state = problem.search()(sf.wrap(x, dims), axis=time)
    labels = found.labels.numpy(*streams, found.label_dim).reshape(-1, found.labels.raw.shape[-1])
    for row, wanted in zip(labels, whole, strict=False):
        assert row[: len(wanted.labels)].tolist() == wanted.labels
    assert {*found.score.dims} == {*state.frames.dims} == {*streams}


def test_no_graph_of_gradients_stays() -> None:
    """A stream without end keeps no past."""
    problem = Problem(KINDS[0], 1, [4], "torch")
    _, state = problem.search()(wrapped(problem.frames, problem.lengths, "torch"), axis=time)
    leaves: list[Any] = []
    sf.nested_map(lambda x: leaves.append(x.raw) or x, state)
    assert not any(raw.requires_grad for raw in leaves)


def test_frames_without_labels_are_read_in_blocks() -> None:
    """Few calls of the joiner where few labels are."""
    classes, blank = sf.Dim("classes", 4), 0
    parts = Parts(classes, 0, "numpy")
    bias = parts.joiner.output.bias
    value = bias.numpy().copy()
    value[blank] += 100
    target = backends.get("numpy")
    bias.owned_by({"value": target.parameter(target.convert(value))}, "value")
    search = sf.search.TransducerGreedy(parts.prediction, parts.joiner, blank_index=blank)
    x = np.random.default_rng(0).standard_normal((2, 64, feature.size or 0))
    found, _ = search(sf.wrap(x, (batch, time, feature), {time: [64, 40]}), axis=time)
    assert (search.calls.predictor, search.calls.joiner) == (1, 4)
    assert not found.labels.lengths(found.label_dim).numpy().any()
