"""What cases of alignments cannot say: ties, long sequences, invalid logits, stars and priors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracles import alignments

import seqfront as sf

batch, time, labels = sf.Dim("batch"), sf.Dim("time"), sf.Dim("labels")


def _align(x: Any, y: Any, function: Any = sf.ctc_alignment, **options: Any) -> Any:
    classes = sf.Dim("classes", x.shape[-1])
    found = function(
        logits=sf.wrap(x, (batch, time, classes)),
        targets=sf.wrap(np.asarray(y, np.int32), (batch, labels)),
        input_spatial_dim=time,
        targets_spatial_dim=labels,
        blank_index=0,
        **options,
    )
    return type(found)(*(part.numpy() for part in found))


@pytest.mark.parametrize("targets", [[1], [1, 2], [1, 1], [1, 1, 2]])
@pytest.mark.parametrize("frames", [1, 3, 4, 6])
@pytest.mark.parametrize("label_loop", [True, False])
def test_ties_are_broken_as_documented(frames: int, targets: list[int], label_loop: bool) -> None:
    x = np.zeros((1, frames, 4))
    found = _align(x, [targets], label_loop=label_loop)
    wanted = alignments.ctc_alignment(x[0], np.array(targets), blank=0, label_loop=label_loop)
    for name, mine, other in zip(found._fields, found, wanted, strict=True):
        np.testing.assert_allclose(mine[0], other, err_msg=name)


def _viterbi(log_probs: np.ndarray, targets: np.ndarray) -> tuple[float, list[int]]:
    """The textbook recursion over all states at once: score, and state in each frame."""
    symbols = np.zeros(2 * len(targets) + 1, int)
    symbols[1::2] = targets
    skip = np.zeros(len(symbols), bool)
    skip[3::2] = targets[1:] != targets[:-1]
    score = np.full(len(symbols), -np.inf)
    score[0] = 0
    back = np.zeros((len(log_probs), len(symbols)), np.int8)
    for t, row in enumerate(log_probs):
        one = np.concatenate([[-np.inf], score[:-1]])
        two = np.where(skip, np.concatenate([[-np.inf, -np.inf], score[:-2]]), -np.inf)
        options = np.stack([score, one, two])
        back[t] = options.argmax(0)
        score = options.max(0) + row[symbols]
    state = len(symbols) - 1 - int(score[-2] > score[-1])
    total, path = float(score[state]), [state]
    for t in range(len(log_probs) - 1, 0, -1):
        path.append(path[-1] - int(back[t, path[-1]]))
    return total, path[::-1]


def test_long_sequences_run_block_by_block() -> None:
    """Back-pointers and scores of 3000 x 700 need more than what is kept at once."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3000, 50)), rng.integers(1, 50, (2, 700))
    found = _align(x, y, logits_normalized=True)
    for row in range(2):
        score, path = _viterbi(x[row], y[row])
        assert found.score[row] == pytest.approx(score, rel=1e-12)
        states = np.array(path)
        wanted = np.where(states % 2 == 1, states // 2, -1)
        np.testing.assert_array_equal(found.positions[row], wanted)
        np.testing.assert_array_equal(found.frame_labels[row], np.append(y[row], 0)[wanted])
    _check_spans(found)


def _check_spans(found: Any) -> None:
    """Starts, ends and scores are those of the frames."""
    for row, positions in enumerate(found.positions):
        for k, (start, end) in enumerate(zip(found.starts[row], found.ends[row], strict=True)):
            np.testing.assert_array_equal(np.flatnonzero(positions == k), np.arange(start, end))
            span = found.frame_scores[row, start:end].sum()
            assert found.label_scores[row, k] == pytest.approx(span)
    np.testing.assert_allclose(found.frame_scores.sum(1), found.score)


def test_posteriors_are_the_gradient_of_free_log_probs() -> None:
    """Of long sequences too: 3000 x 200 states are not kept at once."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 3000, 300)), np.stack([rng.permutation(299)[:200] + 1] * 2)
    found = _align(x, y, sf.ctc_posteriors, logits_normalized=True)
    classes = sf.Dim("classes", 300)
    logits = torch.tensor(x, requires_grad=True)
    loss = sf.ctc_loss(
        logits=sf.wrap(logits, (batch, time, classes)),
        targets=sf.wrap(torch.tensor(y, dtype=torch.int32), (batch, labels)),
        input_spatial_dim=time,
        targets_spatial_dim=labels,
        blank_index=0,
        logits_normalized=True,
    ).raw
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    np.testing.assert_allclose(found.score, -loss.detach().numpy())
    np.testing.assert_allclose(found.blank, -gradient[:, :, 0].numpy(), atol=1e-9)
    for row in range(2):
        wanted = -gradient[row][:, y[row]].numpy()
        np.testing.assert_allclose(found.labels[row], wanted, atol=1e-9)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_invalid_logits_spoil_their_own_sequence_only(bad: float) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 5, 4)), [[1, 2], [3, 1]]
    wanted = _align(x, y), _align(x, y, sf.ctc_posteriors)
    x[0, 3, 2] = bad
    found, posteriors = _align(x, y), _align(x, y, sf.ctc_posteriors)
    assert np.isnan(found.score[0])
    assert np.isnan(found.label_scores[0]).all()
    assert (found.positions[0] == -1).all()
    assert np.isnan(posteriors.score[0])
    assert np.isnan(posteriors.blank[0]).all()
    assert np.isnan(posteriors.labels[0]).all()
    for mine, other in zip((*found, *posteriors), (*wanted[0], *wanted[1]), strict=True):
        np.testing.assert_array_equal(mine[1], other[1])


def test_impossible_classes() -> None:
    x = np.zeros((1, 4, 3))
    x[0, :2, 1] = x[0, 3, 1] = -np.inf
    assert _align(x, [[1]]).positions[0].tolist() == [-1, -1, 0, -1]
    posteriors = _align(x, [[1]], sf.ctc_posteriors)
    np.testing.assert_allclose(posteriors.labels[0, :, 0], [0, 0, 1, 0])
    x[0, 2, 1] = -np.inf
    found = _align(x, [[1]])
    assert found.score[0] == -np.inf
    assert found.label_scores[0].tolist() == [-np.inf]
    assert (found.starts[0], found.ends[0]) == (0, 0)


def test_stars_take_what_the_labels_do_not_say() -> None:
    """Frames of class 3, which the targets leave out, belong to the star."""
    x = np.full((1, 6, 4), -8.0)
    for frame, symbol in enumerate([1, 3, 3, 0, 2, 2]):
        x[0, frame, symbol] = 8.0
    found = _align(x, [[1, -1, 2]], star_index=-1)
    assert found.frame_labels[0].tolist() == [1, -1, -1, 0, 2, 2]
    assert found.positions[0].tolist() == [0, 1, 1, -1, 2, 2]
    posteriors = _align(x, [[1, -1, 2]], sf.ctc_posteriors, star_index=-1)
    np.testing.assert_allclose(posteriors.labels[0, 1:3, 1], 1, atol=1e-3)


def test_priors_weigh_alignments() -> None:
    """Divided by its prior, the blank is no longer what most frames are."""
    x = np.log(np.array([[[0.6, 0.4], [0.6, 0.4], [0.6, 0.4]]]))
    assert _align(x, [[1]]).positions[0].tolist() == [0, -1, -1]
    classes = sf.Dim("classes", 2)
    found = sf.ctc_alignment(
        logits=sf.wrap(x, (batch, time, classes)),
        targets=sf.wrap(np.array([[1]]), (batch, labels)),
        input_spatial_dim=time,
        targets_spatial_dim=labels,
        blank_index=0,
        log_prior=sf.wrap(np.log(np.array([0.8, 0.2])), (classes,)),
    )
    assert found.positions.numpy()[0].tolist() == [0, 0, 0]


def test_alignments_take_no_gradient() -> None:
    torch = pytest.importorskip("torch")
    x = torch.zeros(1, 3, 2, requires_grad=True)
    classes = sf.Dim("classes", 2)
    found = sf.ctc_alignment(
        logits=sf.wrap(x, (batch, time, classes)),
        targets=sf.wrap(torch.ones(1, 1, dtype=torch.int32), (batch, labels)),
        input_spatial_dim=time,
        targets_spatial_dim=labels,
        blank_index=0,
    )
    assert not any(part.raw.requires_grad for part in found)
