"""What cases of transducer alignments cannot say: ties, invalid logits, larger lattices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf

batch, time, labels = sf.Dim("batch"), sf.Dim("time"), sf.Dim("labels")


def _call(x: Any, y: Any, function: Any = sf.rnnt_alignment, **options: Any) -> Any:
    classes = sf.Dim("classes", x.shape[-1])
    found = function(
        logits=sf.wrap(x, (batch, time, labels + 1, classes)),
        targets=sf.wrap(np.asarray(y, np.int32), (batch, labels)),
        input_spatial_dim=time,
        targets_spatial_dim=labels,
        blank_index=0,
        **options,
    )
    return type(found)(*(part.numpy() for part in found))


@pytest.mark.parametrize(
    ("topology", "frames"), [("regular", [0, 0]), ("modified", [0, 1]), ("constrained", [0, 1])]
)
def test_ties_go_to_the_blank_that_comes_last(topology: Any, frames: list[int]) -> None:
    """From the end, blanks are taken as long as they can be: so labels come early."""
    x = np.zeros((1, 4, 3, 3))
    found = _call(x, [[1, 2]], topology=topology, logits_normalized=True)
    assert found.label_frames[0].tolist() == frames


def test_ties_between_durations_go_to_the_shortest() -> None:
    """Two symbols are best. From the end: a blank of one frame, so the label has the other."""
    lasting = sf.Dim("lasting", 3)
    found = sf.tdt_alignment(
        logits=sf.wrap(np.zeros((1, 2, 2, 3)), (batch, time, labels + 1, sf.Dim("classes", 3))),
        duration_logits=sf.wrap(np.zeros((1, 2, 2, 3)), (batch, time, labels + 1, lasting)),
        durations=(0, 1, 2),
        targets=sf.wrap(np.array([[1]], np.int32), (batch, labels)),
        input_spatial_dim=time,
        targets_spatial_dim=labels,
        blank_index=0,
        logits_normalized=True,
    )
    assert found.label_frames.numpy().tolist() == [[0]]
    assert found.label_durations.numpy().tolist() == [[1]]
    assert found.score.numpy()[0] == pytest.approx(-2 * np.log(3))


def _viterbi(log_probs: np.ndarray, targets: np.ndarray) -> tuple[float, list[int]]:
    """The textbook recursion: score, and the frame of each label."""
    frames, count = len(log_probs), len(targets)
    score = np.full((frames, count + 1), -np.inf)
    by_label = np.zeros((frames, count + 1), bool)
    score[0, 0] = 0
    for t in range(frames):
        for u in range(count + 1):
            blank = score[t - 1, u] + log_probs[t - 1, u, 0] if t else -np.inf
            label = score[t, u - 1] + log_probs[t, u - 1, targets[u - 1]] if u else -np.inf
            by_label[t, u] = label > blank
            score[t, u] = max(blank, label, score[t, u] if t == u == 0 else -np.inf)
    t, u, found = frames - 1, count, []
    while u:
        if by_label[t, u]:
            u -= 1
            found.append(t)
        else:
            t -= 1
    return float(score[-1, -1] + log_probs[-1, -1, 0]), found[::-1]


def test_larger_lattices() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60, 26, 7)), rng.integers(1, 7, (2, 25))
    found = _call(x, y, logits_normalized=True)
    for row in range(2):
        score, frames = _viterbi(x[row], y[row])
        assert found.score[row] == pytest.approx(score, rel=1e-12)
        assert found.label_frames[row].tolist() == frames
        scores = [x[row, t, u, y[row, u]] for u, t in enumerate(frames)]
        np.testing.assert_allclose(found.label_scores[row], scores)


@pytest.mark.parametrize("topology", ["regular", "modified"])
def test_posteriors_add_up(topology: Any) -> None:
    """Each label is emitted once; each frame is left once (by a blank, or by its one symbol)."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 40, 16, 7)), rng.integers(1, 7, (2, 15))
    found = _call(x, y, sf.rnnt_posteriors, topology=topology)
    np.testing.assert_allclose(found.labels.sum(1), 1)
    leaving = found.blanks.sum(2) + (found.labels.sum(2) if topology == "modified" else 0)
    np.testing.assert_allclose(leaving, 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_invalid_logits_spoil_their_own_sequence_only(bad: float) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 4, 3, 4)), [[1, 2], [3, 1]]
    wanted = _call(x, y), _call(x, y, sf.rnnt_posteriors)
    x[0, 2, 1, 3] = bad
    found, posteriors = _call(x, y), _call(x, y, sf.rnnt_posteriors)
    assert np.isnan(found.score[0])
    assert np.isnan(found.label_scores[0]).all()
    assert (found.label_frames[0] == -1).all()
    assert all(np.isnan(part[0]).all() for part in posteriors)
    for mine, other in zip((*found, *posteriors), (*wanted[0], *wanted[1]), strict=True):
        np.testing.assert_array_equal(mine[1], other[1])


def test_alignments_take_no_gradient() -> None:
    torch = pytest.importorskip("torch")
    found = sf.rnnt_alignment(
        logits=sf.wrap(
            torch.zeros(1, 3, 2, 2, requires_grad=True),
            (batch, time, labels + 1, sf.Dim("classes", 2)),
        ),
        targets=sf.wrap(torch.ones(1, 1, dtype=torch.int32), (batch, labels)),
        input_spatial_dim=time,
        targets_spatial_dim=labels,
        blank_index=0,
    )
    assert not any(part.raw.requires_grad for part in found)
