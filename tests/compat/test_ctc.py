"""The drop-in for PyTorch's CTC loss: against PyTorch and TensorFlow, and by enumeration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracles import lattices

from compat.running import DIFFERENTIABLE, MODES, value, value_and_grad
from seqfront.compat.torch import CTCLoss, ctc_loss

FRAMES, BATCH, LABELS, CLASSES = 5, 4, 3, 5
BLANK = 2
FRAME_LENGTHS = np.array([5, 4, 2, 3])
LABEL_LENGTHS = np.array([3, 0, 2, 1])
TARGETS = np.array([[1, 1, 3], [-7, 99, 2], [4, 0, 2], [3, 2, 2]])
FLAT = np.array([1, 1, 3, 4, 0, 3])
INTS = (TARGETS, FRAME_LENGTHS, LABEL_LENGTHS)
REDUCTIONS = ("none", "mean", "sum")


def logits(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(FRAMES, BATCH, CLASSES)) * 2


def log_probs(seed: int = 0) -> np.ndarray:
    return lattices.log_softmax(logits(seed))


def oracle(x: np.ndarray) -> np.ndarray:
    """Losses of log-probs by enumeration [batch]."""
    found = [
        lattices.ctc(x[:t, b], TARGETS[b, :u], blank=BLANK, normalized=True)
        for b, (t, u) in enumerate(zip(FRAME_LENGTHS, LABEL_LENGTHS, strict=True))
    ]
    return np.array(found)


def reduced(losses: np.ndarray, reduction: str) -> Any:
    if reduction == "mean":
        return (losses / np.maximum(LABEL_LENGTHS, 1)).mean()
    return losses.sum() if reduction == "sum" else losses


def differences(fn: Callable[[np.ndarray], Any], x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    grad = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        ends: list[float] = []
        for sign in (1, -1):
            moved = x.copy()
            moved[place] += sign * step
            ends.append(float(fn(moved)))
        grad[place] = (ends[0] - ends[1]) / (2 * step)
    return grad


@pytest.mark.parametrize("targets", [TARGETS, FLAT], ids=["padded", "concatenated"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("mode", MODES)
def test_values_and_honest_gradients(mode: str, reduction: str, targets: np.ndarray) -> None:
    """The gradient of the log-probs is that of the function, by differences."""
    loss = CTCLoss(BLANK, reduction)  # type: ignore[arg-type]
    ints = (targets, FRAME_LENGTHS, LABEL_LENGTHS)
    found, grad = value_and_grad(mode, loss, log_probs(), *ints)
    np.testing.assert_allclose(found, reduced(oracle(log_probs()), reduction), rtol=1e-10)
    if mode in DIFFERENTIABLE:
        wanted = differences(lambda x: np.sum(reduced(oracle(x), reduction)), log_probs())
        np.testing.assert_allclose(grad, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("concatenated", [False, True])
@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_torch_through_log_softmax(
    dtype: str, reduction: str, zero_infinity: bool, concatenated: bool
) -> None:
    torch = pytest.importorskip("torch")
    ints = [torch.from_numpy(np.asarray(i)) for i in INTS]
    ints[0] = torch.from_numpy(FLAT) if concatenated else ints[0].clamp(0, CLASSES - 1)
    losses = torch.nn.functional.ctc_loss, ctc_loss
    found: list[Any] = []
    for fn in losses:
        x = torch.from_numpy(logits().astype(dtype)).requires_grad_()
        loss = fn(x.log_softmax(2), *ints, BLANK, reduction, zero_infinity)
        (grad,) = torch.autograd.grad(loss.sum(), x)
        found.append((loss.detach(), grad))
    for theirs, ours in zip(*found, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_torch_gradient_of_log_probs_is_that_of_logits() -> None:
    """As the docstring says: PyTorch gives softmax minus occupancy, we minus occupancy."""
    torch = pytest.importorskip("torch")
    ints = [torch.from_numpy(i) for i in (FLAT, FRAME_LENGTHS, LABEL_LENGTHS)]
    x = torch.from_numpy(log_probs()).requires_grad_()
    theirs, ours = (
        torch.autograd.grad(fn(x, *ints, BLANK, "sum"), x)[0]
        for fn in (torch.nn.functional.ctc_loss, ctc_loss)
    )
    data = torch.arange(FRAMES)[:, None, None] < ints[1][None, :, None]
    torch.testing.assert_close(theirs, torch.where(data, x.detach().exp() + ours, 0.0))


def test_equals_tensorflow() -> None:
    """`tf.nn.ctc_loss` on logits, whose gradient comes back through our log-softmax."""
    tf = pytest.importorskip("tensorflow")
    targets = tf.constant(np.clip(TARGETS, 0, CLASSES - 1))
    x = tf.constant(logits().astype("float32"))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        theirs = tf.nn.ctc_loss(
            targets, x, LABEL_LENGTHS, FRAME_LENGTHS, blank_index=BLANK, logits_time_major=True
        )
        ours = ctc_loss(tf.nn.log_softmax(x), targets, FRAME_LENGTHS, LABEL_LENGTHS, BLANK, "none")
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(ours, x), tape.gradient(theirs, x), atol=2e-5)


@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_sequences_without_alignments(mode: str, zero_infinity: bool) -> None:
    """Their gradient is zero; no frames and no labels cost 0."""
    frames = np.array([3, 0, 0, 3])
    loss = CTCLoss(BLANK, "none", zero_infinity)
    found, grad = value_and_grad(mode, loss, log_probs(), TARGETS, frames, LABEL_LENGTHS)
    impossible = 0 if zero_infinity else np.inf
    assert found[:3].tolist() == [impossible, 0, impossible]
    assert not grad[:, :3].any()
    assert np.isfinite(grad).all()
    mean = CTCLoss(BLANK, "mean", zero_infinity)
    total = value(mode, mean, log_probs(), TARGETS, frames, LABEL_LENGTHS)
    np.testing.assert_allclose(total, found[3] / 4 if zero_infinity else np.inf)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("mode", MODES)
def test_one_sequence_without_a_batch(mode: str, reduction: str) -> None:
    x, targets = log_probs()[:, 0], TARGETS[0]
    wanted = oracle(log_probs())[0] / (3 if reduction == "mean" else 1)
    scalars = np.asarray(5), np.asarray(3)
    for lengths in (scalars, (np.array([5]), np.array([3])), ((5,), (3,)), (5, 3)):
        for labels in (targets, targets[None]):
            found = value(mode, CTCLoss(BLANK, reduction), x, labels, *lengths)  # type: ignore[arg-type]
            assert found.shape == ()
            np.testing.assert_allclose(found, wanted, rtol=1e-10)
        if mode.endswith(("compiled", "graph")):
            break


@pytest.mark.parametrize("mode", MODES)
def test_lengths_as_tuples_of_ints(mode: str) -> None:
    lengths = [tuple(int(n) for n in x) for x in (FRAME_LENGTHS, LABEL_LENGTHS)]
    for targets in (TARGETS, FLAT):
        found = value(mode, CTCLoss(BLANK, "none"), log_probs(), targets, *lengths)
        np.testing.assert_allclose(found, oracle(log_probs()), rtol=1e-10)


@pytest.mark.parametrize("mode", MODES)
def test_strides_and_padding(mode: str) -> None:
    """A batch-major tensor seen time-major, NaN in the padding, blank counted from the end."""
    x = np.full((BATCH, FRAMES + 2, CLASSES), np.nan)
    for b, t in enumerate(FRAME_LENGTHS):
        x[b, :t] = log_probs()[:t, b]
    x = x.transpose(1, 0, 2)
    loss = CTCLoss(BLANK - CLASSES, "none")
    found, grad = value_and_grad(mode, loss, x, *INTS)
    np.testing.assert_allclose(found, oracle(log_probs()), rtol=1e-10)
    assert np.isfinite(grad).all()
    assert not grad[np.isnan(x)].any()


def test_time_major_tensors_are_not_copied() -> None:
    """The native op reads the strides of the tensor, and the gradient takes them."""
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(log_probs()).requires_grad_()
    loss = ctc_loss(x, torch.from_numpy(TARGETS), FRAME_LENGTHS, LABEL_LENGTHS, BLANK)
    node = loss.grad_fn
    while "seqfront" not in node.name().lower() and "ctc" not in node.name().lower():
        node = node.next_functions[0][0]
    read = node.saved_tensors[0]
    assert read.data_ptr() == x.data_ptr()
    assert read.stride() == (CLASSES, BATCH * CLASSES, 1)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("mode", MODES)
def test_floating_dtypes(mode: str, dtype: str) -> None:
    x = log_probs().astype(dtype)
    found, grad = value_and_grad(mode, CTCLoss(BLANK, "none"), x, *INTS)
    assert found.dtype == ("float64" if dtype == "float64" else "float32")
    assert grad.dtype == dtype
    np.testing.assert_allclose(found, oracle(x.astype("float64")), rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_nothing(mode: str) -> None:
    """No sequences, no frames, no labels."""
    none = np.zeros((FRAMES, 0, CLASSES))
    empty = np.zeros(0, np.int32)
    for targets in (np.zeros((0, LABELS), np.int32), empty):
        assert value(mode, CTCLoss(reduction="none"), none, targets, empty, empty).shape == (0,)
    no_frames, zeros = np.zeros((0, 2, CLASSES)), np.zeros(2, np.int32)
    for targets in (np.zeros((2, 0), np.int32), empty):
        assert value(mode, CTCLoss(), no_frames, targets, zeros, zeros) == 0


def test_attributes_and_repr() -> None:
    loss = CTCLoss(1, "sum", True)
    assert (loss.blank, loss.reduction, loss.zero_infinity) == (1, "sum", True)
    assert repr(CTCLoss()) == "CTCLoss(blank=0, reduction='mean', zero_infinity=False)"
