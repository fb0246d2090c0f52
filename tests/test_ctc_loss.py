"""What a case cannot say of CTC: low precision, the two implementations side by side, second
derivatives, gradients over the logits, extreme logits, and sizes that a graph does not know."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch

import seqfront as sf
from seqfront import backends

batch, time, labels, flat = (sf.Dim(name) for name in ("batch", "time", "labels", "flat"))
classes = sf.Dim("classes", 7)

FRAMES, COUNTS = [6, 4, 5, 1, 2], [3, 0, 2, 1, 2]
"""The last sequence is infeasible: its labels are equal."""
_RNG = np.random.default_rng(0)
LOGITS = _RNG.standard_normal((5, 6, 7))
TARGETS = np.array([[2, 9, 2], [0, 0, 0], [9, 4, 0], [1, 0, 0], [5, 5, 0]], "int32")
LOG_PRIOR = np.log(np.array([0.1, 0.05, 0.1, 0.4, 0.05, 0.2, 0.1]))
UPSTREAM = np.array([1.0, -0.5, 2.0, -0.25, 3.0])

VARIANTS: dict[str, dict[str, Any]] = {
    "any label": {},
    "constant": {"star_score": -0.5},
    "prior": {"prior_scale": 0.75},
    "normalized": {"logits_normalized": True},
    "constant, normalized": {"logits_normalized": True, "star_score": 0.0},
    "no loop": {"label_loop": False},
}


def ctc(x: Any, star: int = 9, targets: np.ndarray = TARGETS, **options: Any) -> Any:
    """Raw losses [batch]."""
    b = backends.of(x)
    if "prior_scale" in options:
        options["log_prior"] = sf.wrap(b.convert(LOG_PRIOR, b.dtype(x)), (classes,))
    return sf.ctc_loss(
        logits=sf.wrap(x, (batch, time, classes), lengths={time: FRAMES}),
        targets=sf.wrap(b.convert(targets), (batch, labels), lengths={labels: COUNTS}),
        input_spatial_dim=time, targets_spatial_dim=labels, blank_index=6, star_index=star,
        **{"infeasible": "zero", **options},
    ).raw  # fmt: skip


def gradient(fn: Callable[..., Any], x: np.ndarray, dtype: str = "float64") -> Any:
    """Losses and the gradient of sum(UPSTREAM * loss), as float64 arrays."""
    raw = torch.tensor(x, dtype=getattr(torch, dtype)).requires_grad_()
    loss = fn(raw)
    (loss * torch.tensor(UPSTREAM, dtype=loss.dtype)).sum().backward()
    assert raw.grad is not None
    return loss.detach().double().numpy(), raw.grad.double().numpy()


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [("float64", 1e-12), ("float32", 2e-6), ("float16", 2e-3), ("bfloat16", 2e-2)],
)
def test_native_equals_composed(name: str, dtype: str, tolerance: float) -> None:
    """Both compute on the same rounded logits."""
    found = gradient(lambda x: ctc(x, **VARIANTS[name]), LOGITS, dtype)
    options = {**VARIANTS[name], "implementation": "composed"}
    wanted = gradient(lambda x: ctc(x, **options), LOGITS, dtype)
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, tolerance, tolerance)


@pytest.mark.parametrize("name", ["any label", "prior"])
def test_second_derivative(name: str) -> None:
    """Of the composed loss: the limit of differences of the native gradient."""
    rng = np.random.default_rng(3)
    along, move = rng.standard_normal(LOGITS.shape), rng.standard_normal(LOGITS.shape)
    x = torch.tensor(LOGITS).requires_grad_()
    loss = ctc(x, implementation="composed", **VARIANTS[name]) * torch.tensor(UPSTREAM)
    (grad,) = torch.autograd.grad(loss.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad((grad * torch.tensor(along)).sum(), x)

    def slope(sign: float) -> float:
        _, grad = gradient(lambda x: ctc(x, **VARIANTS[name]), LOGITS + sign * 1e-5 * move)
        return float((grad * along).sum())

    assert bool(torch.isfinite(second).all())
    found = float((second.numpy() * move).sum())
    assert found == pytest.approx((slope(1) - slope(-1)) / 2e-5, rel=1e-6)


@pytest.mark.parametrize("name", VARIANTS)
def test_reused_logits_hold_their_gradient(name: str) -> None:
    _, wanted = gradient(lambda x: ctc(x, **VARIANTS[name]), LOGITS, "float32")
    leaf = torch.tensor(LOGITS, dtype=torch.float32).requires_grad_()
    logits = leaf * 1.0
    memory = logits.detach()
    loss = ctc(logits, reuse_logits=True, **VARIANTS[name])
    (loss * torch.tensor(UPSTREAM, dtype=torch.float32)).sum().backward()
    assert leaf.grad is not None
    np.testing.assert_array_equal(leaf.grad.numpy(), wanted)
    np.testing.assert_array_equal(memory.numpy(), wanted)


def test_infeasible_sequences_have_no_gradient() -> None:
    """Peers give such a sequence loss 0 with the gradient of a softmax, or NaN."""
    for policy, expected in (("inf", math.inf), ("zero", 0.0)):
        loss, grad = gradient(lambda x, policy=policy: ctc(x, infeasible=policy), LOGITS)
        assert loss[4] == expected
        assert not grad[4].any()
        assert np.isfinite(loss[:4]).all()


@pytest.mark.parametrize("scale", [1e3, 1e30])
def test_extreme_logits(scale: float) -> None:
    """The alignment that logits are sure of costs nothing; all others cost what they are short."""
    x = np.zeros((5, 6, 7))
    path = [2, 6, 1, 6, 2, 6]
    x[0, range(6), path] = scale
    targets = TARGETS.copy()
    targets[0] = [2, 1, 2]
    loss, grad = gradient(lambda x: ctc(x, targets=targets), x, "float32")
    assert loss[0] == 0.0
    assert not grad[0].any()
    targets[0] = [3, 3, 3]
    loss, grad = gradient(lambda x: ctc(x, targets=targets), x, "float32")
    assert loss[0] == pytest.approx(3 * scale, rel=1e-6)
    assert np.isfinite(grad).all()
    assert np.abs(grad[0].sum(-1)).max() < 1e-6


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["any label", "constant", "prior"])
def test_nan_stays_in_its_sequence(name: str, bad: float) -> None:
    clean = gradient(lambda x: ctc(x, **VARIANTS[name]), LOGITS, "float32")
    x = LOGITS.copy()
    x[0, 3, 4] = bad
    loss, grad = gradient(lambda x: ctc(x, **VARIANTS[name]), x, "float32")
    assert np.isnan(loss[0])
    assert np.isnan(grad[0]).all()
    np.testing.assert_array_equal(loss[1:], clean[0][1:])
    np.testing.assert_array_equal(grad[1:], clean[1][1:])


# -- targets one after another, in graphs ----------------------------------------------------------


def in_a_row(x: Any, targets: Any, counts: Any, frames: Any) -> Any:
    """Raw losses [batch] of targets that stand one after another."""
    return sf.ctc_loss(
        logits=sf.wrap(x, (batch, time, classes), lengths={time: frames}),
        targets=sf.wrap(targets, (flat,)), target_lengths=sf.wrap(counts, (batch,)),
        input_spatial_dim=time, targets_spatial_dim=flat, blank_index=6,
    ).raw  # fmt: skip


def _problem(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(size)
    counts = rng.integers(0, 4, size).astype("int32")
    frames = np.full(size, 2 * size + 3, "int32")
    targets = rng.integers(0, 6, counts.sum()).astype("int32")
    return rng.standard_normal((size, 2 * size + 3, 7)), targets, counts, frames


def _in_rows(x: np.ndarray, targets: np.ndarray, counts: np.ndarray, frames: np.ndarray) -> Any:
    """The same with padded targets, on NumPy."""
    rows = np.zeros((len(counts), max(1, *counts)), "int32")
    for row, part in zip(rows, np.split(targets, np.cumsum(counts)[:-1]), strict=True):
        row[: len(part)] = part
    return sf.ctc_loss(
        logits=sf.wrap(x, (batch, time, classes), lengths={time: frames}),
        targets=sf.wrap(rows, (batch, labels), lengths={labels: counts}),
        input_spatial_dim=time, targets_spatial_dim=labels, blank_index=6,
    ).raw  # fmt: skip


def test_one_trace_for_all_sizes() -> None:
    traces: list[int] = []

    def loss(*arrays: Any) -> Any:
        traces.append(1)
        return in_a_row(*arrays)

    ints = tf.TensorSpec([None], "int32")
    signature = [tf.TensorSpec([None, None, 7], "float64"), ints, ints, ints]
    graph = tf.function(loss, input_signature=signature)
    for size in (2, 5, 3):
        problem = _problem(size)
        np.testing.assert_allclose(graph(*map(tf.constant, problem)), _in_rows(*problem))
    assert len(traces) == 1


def test_one_compilation_for_all_sizes() -> None:
    torch._dynamo.reset()
    backends.get("torch")  # a trace cannot load it
    compiled = torch.compile(in_a_row, fullgraph=True, dynamic=True, backend="aot_eager")
    for size in (2, 5, 3):
        problem = _problem(size)
        loss = compiled(*map(torch.tensor, problem))
        np.testing.assert_allclose(loss.numpy(), _in_rows(*problem))
