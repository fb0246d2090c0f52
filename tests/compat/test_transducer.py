"""The drop-ins for torchaudio's and ESPnet's RNN-T loss, against brute force, on all frameworks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracles import lattices

from compat.running import DIFFERENTIABLE, MODES, value, value_and_grad
from seqfront.compat import espnet, torchaudio

BATCH, FRAMES, LABELS, CLASSES = 3, 4, 2, 5
BLANK = 3
FRAME_LENGTHS = np.array([4, 3, 2], np.int32)
LABEL_LENGTHS = np.array([2, 0, 1], np.int32)
TARGETS = np.array([[1, 1], [-7, 99], [4, 3]], np.int32)
INTS = (TARGETS, FRAME_LENGTHS, LABEL_LENGTHS)
REDUCE: dict[str, Callable[[np.ndarray], Any]] = {
    "none": lambda x: x,
    "mean": lambda x: x.mean(0),
    "sum": lambda x: x.sum(0),
}


def logits(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(BATCH, FRAMES, LABELS + 1, CLASSES)) * 2


def oracle(x: np.ndarray, normalized: bool = False) -> np.ndarray:
    """Losses by enumeration [batch]."""
    found = [
        lattices.rnnt(x[b, :t, : u + 1], TARGETS[b, :u], blank=BLANK, normalized=normalized)
        for b, (t, u) in enumerate(zip(FRAME_LENGTHS, LABEL_LENGTHS, strict=True))
    ]
    return np.array(found)


def oracle_grad(x: np.ndarray, normalized: bool = False, step: float = 1e-6) -> np.ndarray:
    """Gradient of each sequence's loss with respect to its logits, by differences."""
    grad = np.zeros_like(x)
    for place in np.ndindex(*x.shape[1:]):
        ends: list[np.ndarray] = []
        for sign in (1, -1):
            moved = x.copy()
            moved[(slice(None), *place)] += sign * step
            ends.append(oracle(moved, normalized))
        grad[(slice(None), *place)] = (ends[0] - ends[1]) / (2 * step)
    return grad


def occupancies(x: np.ndarray) -> np.ndarray:
    """Minus the probability of passing through each log-prob."""
    return oracle_grad(lattices.log_softmax(x), normalized=True)


def through_log_softmax(x: np.ndarray, grad: np.ndarray) -> np.ndarray:
    """A gradient of log-probs as one of logits."""
    return grad - np.exp(lattices.log_softmax(x)) * grad.sum(-1, keepdims=True)


def per_sequence(weights: Any) -> np.ndarray:
    return np.broadcast_to(weights, (BATCH,)).reshape(-1, 1, 1, 1)


# -- torchaudio -----------------------------------------------------------------------------------


def test_the_vector_of_the_documentation() -> None:
    """The example in torchaudio's documentation of `RNNTLoss`; its cost by enumeration."""
    x = np.array(
        [[[[0.1, 0.6, 0.1, 0.1, 0.1], [0.1, 0.1, 0.6, 0.1, 0.1], [0.1, 0.1, 0.2, 0.8, 0.1]],
          [[0.1, 0.6, 0.1, 0.1, 0.1], [0.1, 0.1, 0.2, 0.1, 0.1], [0.7, 0.1, 0.2, 0.1, 0.1]]]],
        np.float32,
    )  # fmt: skip
    targets = np.array([[1, 2]], np.int32)
    two = np.array([2], np.int32)
    wanted = lattices.rnnt(x[0], targets[0], blank=0)
    assert wanted == pytest.approx(4.495666, abs=1e-6)
    for mode in MODES:
        loss = value(mode, torchaudio.RNNTLoss(blank=0), x, targets, two, two)
        assert loss == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("reduction", REDUCE)
@pytest.mark.parametrize("mode", MODES)
def test_reductions(mode: str, reduction: str) -> None:
    loss = torchaudio.RNNTLoss(BLANK, reduction=reduction)  # type: ignore[arg-type]
    found = value(mode, loss, logits(), *INTS)
    np.testing.assert_allclose(found, REDUCE[reduction](oracle(logits())), rtol=1e-10)


@pytest.mark.parametrize("mode", DIFFERENTIABLE)
def test_gradient_of_the_mean(mode: str) -> None:
    found = value_and_grad(mode, torchaudio.RNNTLoss(BLANK), logits(), *INTS)[1]
    np.testing.assert_allclose(found, oracle_grad(logits()) / BATCH, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("blank", [BLANK, BLANK - CLASSES])
@pytest.mark.parametrize("mode", MODES)
def test_positional_arguments_in_their_order(mode: str, blank: int) -> None:
    """blank, clamp, reduction, fused_log_softmax."""
    x = lattices.log_softmax(logits())

    def loss(*args: Any) -> Any:
        return torchaudio.rnnt_loss(*args, blank, -1, "none", False)

    found, grad = value_and_grad(mode, loss, x, *INTS)
    np.testing.assert_allclose(found, oracle(x, normalized=True), rtol=1e-10)
    if mode in DIFFERENTIABLE:
        np.testing.assert_allclose(grad, occupancies(logits()), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("mode", DIFFERENTIABLE)
def test_clamp_comes_before_the_upstream_gradient_and_limits_both_sides(
    mode: str, fused: bool
) -> None:
    x = logits() if fused else lattices.log_softmax(logits())
    weights = np.array([3.0, -20.0, 1.0])
    loss = torchaudio.RNNTLoss(BLANK, 0.125, "none", fused)
    found = value_and_grad(mode, loss, x, *INTS, weights=weights)[1]
    single = oracle_grad(x) if fused else occupancies(logits())
    assert single.min() < -0.2
    if fused:
        assert single.max() > 0.2
    clamped = np.clip(single, -0.125, 0.125)
    np.testing.assert_allclose(found, clamped * per_sequence(weights), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("clamp", [0, -1, -0.5])
def test_no_clamp(clamp: float) -> None:
    for mode in DIFFERENTIABLE:
        loss = torchaudio.RNNTLoss(BLANK, clamp, "sum")
        found = value_and_grad(mode, loss, logits(), *INTS)[1]
        np.testing.assert_allclose(found, oracle_grad(logits()), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("mode", DIFFERENTIABLE)
def test_reusing_the_logits_gives_the_same_gradient(mode: str) -> None:
    """The logits here are the result of an operation: their memory may go."""

    def loss(reuse: bool) -> Callable[..., Any]:
        options = {"blank": BLANK, "reduction": "sum", "reuse_logits_for_grads": reuse}
        return lambda x, *ints: torchaudio.rnnt_loss(x * 1.5, *ints, **options)

    kept, reused = (value_and_grad(mode, loss(reuse), logits(), *INTS) for reuse in (False, True))
    for a, b in zip(kept, reused, strict=True):
        np.testing.assert_array_equal(a, b)


def test_numpy_takes_the_reuse_option() -> None:
    loss = torchaudio.RNNTLoss(BLANK, reduction="none", reuse_logits_for_grads=True)
    np.testing.assert_allclose(value("numpy", loss, logits(), *INTS), oracle(logits()), rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("mode", MODES)
def test_floating_dtypes(mode: str, dtype: str) -> None:
    x = logits().astype(dtype)
    loss, grad = value_and_grad(mode, torchaudio.RNNTLoss(BLANK, reduction="none"), x, *INTS)
    assert loss.dtype == ("float64" if dtype == "float64" else "float32")
    assert grad.dtype == dtype
    np.testing.assert_allclose(loss, oracle(x), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
@pytest.mark.parametrize("mode", MODES)
def test_integer_dtypes(mode: str, dtype: str) -> None:
    ints = [np.abs(x).astype(dtype) for x in INTS]
    loss = value(mode, torchaudio.RNNTLoss(BLANK, reduction="none"), logits(), *ints)
    np.testing.assert_allclose(loss, oracle(logits()), rtol=1e-10)


@pytest.mark.parametrize("mode", MODES)
def test_lengths_of_other_kinds(mode: str) -> None:
    """Lists and tuples go with every framework, and arrays: except while PyTorch traces, which
    takes them for tensors of its own."""
    kinds = (list, tuple) if mode == "torch compiled" else (list, tuple, np.asarray)
    for kind in kinds:
        lengths = [kind([int(n) for n in x]) for x in (FRAME_LENGTHS, LABEL_LENGTHS)]

        def loss(x: Any, targets: Any, lengths: Any = lengths) -> Any:
            return torchaudio.rnnt_loss(x, targets, *lengths, BLANK, reduction="none")

        np.testing.assert_allclose(value(mode, loss, logits(), TARGETS), oracle(logits()))


@pytest.mark.parametrize("mode", MODES)
def test_strides_and_padding(mode: str) -> None:
    """Padded beyond the longest, time-major, and with NaN in the padding."""
    x = np.full((FRAMES + 2, BATCH, LABELS + 3, CLASSES), np.nan)
    for b, (t, u) in enumerate(zip(FRAME_LENGTHS, LABEL_LENGTHS, strict=True)):
        x[:t, b, : u + 1] = logits()[b, :t, : u + 1]
    x = x.transpose(1, 0, 2, 3)
    targets = np.pad(TARGETS, ((0, 0), (0, 2)), constant_values=-1)
    loss = torchaudio.RNNTLoss(BLANK, reduction="none")
    found, grad = value_and_grad(mode, loss, x, targets, FRAME_LENGTHS, LABEL_LENGTHS)
    np.testing.assert_allclose(found, oracle(logits()), rtol=1e-10)
    assert np.isfinite(grad).all()
    assert not grad[np.isnan(x)].any()


@pytest.mark.parametrize("mode", MODES)
def test_sequences_without_alignments(mode: str) -> None:
    """No frames but labels, and a blank that cannot be: +inf with zero gradients; no frames and no
    labels: 0. The others of the batch do not notice."""
    x = logits()
    x[2, :, :, BLANK] = -np.inf
    frames, labels = np.array([0, 0, 2], np.int32), np.array([1, 0, 1], np.int32)
    loss = torchaudio.RNNTLoss(BLANK, reduction="none")
    found, grad = value_and_grad(mode, loss, x, TARGETS, frames, labels)
    assert found.tolist() == [np.inf, 0, np.inf]
    assert not grad.any()


@pytest.mark.parametrize("mode", MODES)
def test_empty_batch_and_empty_targets(mode: str) -> None:
    none = np.zeros((0, FRAMES, LABELS + 1, CLASSES))
    ints = np.zeros((0, LABELS), np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32)
    assert value(mode, torchaudio.RNNTLoss(reduction="none"), none, *ints).shape == (0,)
    assert value(mode, torchaudio.RNNTLoss(), none, *ints) == 0
    no_labels = np.zeros((BATCH, 0), np.int32), FRAME_LENGTHS, np.zeros(BATCH, np.int32)
    found = value(
        mode, torchaudio.RNNTLoss(BLANK, reduction="none"), logits()[:, :, :1], *no_labels
    )
    blanks = lattices.log_softmax(logits())[:, :, 0, BLANK]
    wanted = [-blanks[b, :t].sum() for b, t in enumerate(FRAME_LENGTHS)]
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_attributes_and_repr() -> None:
    loss = torchaudio.RNNTLoss(1, 2.0, "sum", False)
    found = loss.blank, loss.clamp, loss.reduction, loss.fused_log_softmax
    assert found == (1, 2.0, "sum", False)
    assert repr(torchaudio.RNNTLoss()) == (
        "RNNTLoss(blank=-1, clamp=-1.0, reduction='mean', fused_log_softmax=True, "
        "reuse_logits_for_grads=False)"
    )


# -- ESPnet ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", REDUCE)
@pytest.mark.parametrize("mode", MODES)
def test_fastemit_scales_value_and_label_gradients(mode: str, reduction: str) -> None:
    emit = 0.25
    loss = espnet.RNNTLossNumba(BLANK, reduction, fastemit_lambda=emit)  # type: ignore[arg-type]
    found, grad = value_and_grad(mode, loss, logits(), *INTS)
    wanted = (1 + emit) * REDUCE[reduction](oracle(logits()))
    assert found.shape == ((BATCH,) if reduction == "none" else (1,))
    np.testing.assert_allclose(found, np.reshape(wanted, found.shape), rtol=1e-7)
    if mode in DIFFERENTIABLE:
        passed = occupancies(logits())
        passed[..., np.arange(CLASSES) != BLANK] *= 1 + emit
        single = through_log_softmax(logits(), passed)
        weight = 1 / BATCH if reduction == "mean" else 1
        np.testing.assert_allclose(grad, single * weight, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("mode", DIFFERENTIABLE)
def test_espnet_clamps_before_the_mean(mode: str) -> None:
    loss = espnet.RNNTLossNumba(BLANK, clamp=0.125)
    grad = value_and_grad(mode, loss, logits(), *INTS)[1]
    wanted = np.clip(oracle_grad(logits()), -0.125, 0.125) / BATCH
    np.testing.assert_allclose(grad, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("mode", MODES)
def test_espnet_function_in_its_order(mode: str) -> None:
    """blank, reduction, fastemit_lambda, clamp."""
    found = value(mode, lambda *a: espnet.rnnt_loss(*a, BLANK, "none", 0.5, 0.0), logits(), *INTS)
    np.testing.assert_allclose(found, 1.5 * oracle(logits()), rtol=1e-10)


def test_espnet_attributes() -> None:
    loss = espnet.RNNTLossNumba(2, "sum", 0.01, -1)
    assert (loss.blank, loss.reduction, loss.fastemit_lambda, loss.clamp) == (2, "sum", 0.01, 0.0)
    assert repr(loss) == (
        "RNNTLossNumba(blank=2, reduction='sum', fastemit_lambda=0.01, clamp=0.0)"
    )
