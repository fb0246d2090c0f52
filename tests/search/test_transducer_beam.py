"""Frame-synchronous transducer search: against all alignments, and against a search with lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from oracles import transducer_search as oracle
from small_transducer import Bigram, Found, Parts, feature, frames, read, time, wrapped

import seqfront as sf

WEIGHT = 0.7
LENGTHS = (3, 2)
LONG = (8, 6)


class Problem:
    """A transducer, frames, and maybe a scorer."""

    def __init__(
        self, seed: int, lengths: Any = LENGTHS, size: int = 3, *, scorer: bool = False
    ) -> None:
        self.seed, self.lengths, self.blank = seed, lengths, seed % 3
        self.classes = sf.Dim("classes", size)
        self.encoded = frames(seed, lengths)
        self.bigram = Bigram(self.classes, self.blank, seed) if scorer else None

    def search(self, backend: str = "numpy", **options: Any) -> list[list[Found]]:
        """What is found in each utterance."""
        parts = Parts(self.classes, self.seed, backend)
        scorers = None if self.bigram is None else {"bigram": (self.bigram, WEIGHT)}
        search = sf.search.TransducerBeam(
            parts.prediction,
            parts.joiner,
            blank_index=self.blank,
            scorers=scorers,
            **options,
        )
        encoded = wrapped(self.encoded, self.lengths, backend)
        return read(search(encoded, axis=time)[0])

    def model(self, row: int, **options: float) -> oracle.LogProbs:
        """Log-probabilities of one utterance."""
        arrays = Parts(self.classes, self.seed, "numpy").arrays()
        return oracle.model(arrays, self.encoded[row], self.blank, **options)

    def everything(self, row: int, max_symbols: int, **options: float) -> Any:
        """All that can be said in one utterance."""
        model = self.model(row, **options)
        return oracle.enumerate_all(model, self.lengths[row], self.blank, max_symbols)

    def by_lists(self, row: int, **options: Any) -> list[oracle.Hypothesis]:
        """The same search, with lists."""
        extra: Callable[[Any], float] = lambda labels: 0.0  # noqa: E731
        if self.bigram is not None:
            bigram = self.bigram
            extra = lambda labels: WEIGHT * bigram.of(labels, ends=False)  # noqa: E731
        return oracle.beam_search(
            self.model(row), self.lengths[row], self.blank, extra=extra, **options
        )


@pytest.mark.parametrize("seed", range(20))
def test_wide_beam_finds_everything(seed: int) -> None:
    """Sums over all alignments, the order, and frames and log-probabilities of the best one."""
    max_symbols, size = (2, 3) if seed % 2 else (1, 4)
    problem = Problem(seed, size=size)
    found = problem.search(("numpy", "torch")[seed % 2], beam=130, max_symbols=max_symbols)
    for row in range(2):
        wanted = problem.everything(row, max_symbols)
        assert [f.labels for f in found[row]] == sorted(wanted, key=lambda y: -wanted[y].total)
        for f in found[row]:
            assert f.score == f.scores["model"] == pytest.approx(wanted[f.labels].total, abs=1e-9)
            assert f.start == wanted[f.labels].frames
            assert f.end == tuple(at + 1 for at in f.start)
            assert f.log_probs == pytest.approx(wanted[f.labels].log_probs, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_scores_of_scorers_are_added_and_kept_apart(seed: int) -> None:
    problem = Problem(seed, scorer=True)
    found = problem.search(beam=130, max_symbols=2)
    for row in range(2):
        wanted = problem.everything(row, 2)
        assert problem.bigram is not None
        extra = {said: problem.bigram.of(said) for said in wanted}
        order = sorted(wanted, key=lambda y: -(wanted[y].total + WEIGHT * extra[y]))
        assert [f.labels for f in found[row]] == order
        for f in found[row]:
            assert f.scores["model"] == pytest.approx(wanted[f.labels].total, abs=1e-9)
            assert f.scores["bigram"] == pytest.approx(extra[f.labels], abs=1e-9)
            assert f.score == pytest.approx(f.scores["model"] + WEIGHT * f.scores["bigram"])


@pytest.mark.parametrize(
    "options",
    [{"temperature": 2.5}, {"blank_penalty": 1.5}, {"temperature": 0.5, "blank_penalty": -1.0}],
)
def test_temperature_and_penalty(options: dict[str, float]) -> None:
    problem = Problem(5)
    for row, found in enumerate(problem.search(beam=130, max_symbols=2, **options)):
        wanted = problem.everything(row, 2, **options)
        assert {f.labels for f in found} == set(wanted)
        for f in found:
            assert f.score == pytest.approx(wanted[f.labels].total, abs=1e-9)


def test_penalty_brings_labels() -> None:
    problem = Problem(5, LONG)
    counts = [
        [len(row[0].labels) for row in problem.search(beam=6, blank_penalty=penalty)]
        for penalty in (-2.0, 0.0, 4.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] < counts[1] < counts[2]


def test_best_alignments() -> None:
    """With "max" a score is that of the best alignment."""
    problem = Problem(2)
    for row, found in enumerate(problem.search(beam=130, max_symbols=2, recombine="max")):
        wanted = problem.everything(row, 2)
        assert [f.labels for f in found] == sorted(wanted, key=lambda y: -wanted[y].best)
        for f in found:
            assert f.score == pytest.approx(wanted[f.labels].best, abs=1e-9)
            assert f.start == wanted[f.labels].frames


def test_alignments_apart() -> None:
    """With None every alignment is a hypothesis."""
    problem = Problem(4)
    found = problem.search(beam=400, max_symbols=2, recombine=None)
    for row in range(2):
        every = oracle.alignments(problem.model(row), problem.lengths[row], problem.blank, 2)
        wanted = {(said, at): score for said, at, _, score in every}
        assert len(wanted) == len(found[row]) > 40
        for f in found[row]:
            assert f.score == pytest.approx(wanted[f.labels, f.start], abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "options",
    [
        {"beam": 1},
        {"beam": 4},
        {"beam": 3, "max_symbols": 1},
        {"beam": 4, "recombine": "max"},
        {"beam": 5, "recombine": None},
        {"beam": 4, "prune_norm": True},
        {"beam": 6, "margin": 2.0},
    ],
    ids=str,
)
def test_narrow_beams_keep_what_lists_keep(options: dict[str, Any], seed: int) -> None:
    options = {"max_symbols": 3, **options}
    problem = Problem(seed, LONG, 5, scorer=seed % 3 == 2)
    found = problem.search(**options)
    for row in range(2):
        wanted = problem.by_lists(row, **options)
        if problem.bigram is None:
            assert [f.labels for f in found[row]] == [h.labels for h in wanted]
            assert [f.start for f in found[row]] == [h.frames for h in wanted]
        assert sorted((f.labels, f.start) for f in found[row]) == sorted(
            (h.labels, h.frames) for h in wanted
        )
        totals = sorted(f.scores["model"] for f in found[row])
        assert totals == pytest.approx(sorted(h.model for h in wanted), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_no_score_is_too_good(seed: int) -> None:
    problem = Problem(seed)
    for beam in (1, 2, 5, 20):
        for row, found in enumerate(problem.search(beam=beam, max_symbols=2)):
            wanted = problem.everything(row, 2)
            for f in found:
                assert f.score <= wanted[f.labels].total + 1e-9


def test_beam_of_one_is_greedy() -> None:
    """Of a model that is sure of itself, where a blank ends every frame. (Else the two differ:
    greedy search takes the best class whatever has to follow.)"""
    sure, compared = {"temperature": 1e-3, "blank_penalty": -1e3}, 0
    for seed in range(16):
        problem = Problem(seed, LONG, 5)
        parts = Parts(problem.classes, seed, "numpy")
        search = sf.search.TransducerBeam(
            parts.prediction, lambda x, y, join=parts.joiner: join(x * 0.5, y * 6.0),
            blank_index=problem.blank, classes=problem.classes, in_dim=feature, beam=1,
            max_symbols=6, recombine=None, **sure,
        )  # fmt: skip
        found = read(search(wrapped(problem.encoded, LONG, "numpy"), axis=time)[0])
        arrays = parts.arrays()
        for name in ("weight", "bias"):
            arrays[f"prediction.projection.{name}"] = 6.0 * arrays[f"prediction.projection.{name}"]
        for row in range(2):
            model = oracle.model(arrays, 0.5 * problem.encoded[row], problem.blank, **sure)
            labels, at = oracle.greedy(model, LONG[row], problem.blank, 6)
            if max(map(at.count, at), default=6) < 6:
                assert (found[row][0].labels, found[row][0].start) == (labels, at)
                compared += 1
    assert compared >= 8


@pytest.mark.parametrize("norm", [0.5, 1.0])
def test_length_norm_ranks_in_the_end(norm: float) -> None:
    problem = Problem(1, LONG, 5)
    plain = problem.search(beam=6)
    for before, after in zip(plain, problem.search(beam=6, length_norm=norm), strict=True):
        wanted = {f.labels: f.score / (len(f.labels) + 1) ** norm for f in before}
        assert [f.labels for f in after] == sorted(wanted, key=lambda y: -wanted[y])
        for f in after:
            assert f.score == pytest.approx(wanted[f.labels], abs=1e-12)
            assert f.scores["model"] in [g.score for g in before]


def test_no_frames() -> None:
    problem = Problem(0, (0, 2, 0))
    found = problem.search(beam=4)
    assert found[0] == found[2] == [Found((), 0.0, {"model": 0.0}, (), (), ())]
    assert len(found[1]) == 4
