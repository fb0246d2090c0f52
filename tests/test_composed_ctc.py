"""The composed form of CTC: against all paths, against the native gradient, and differentiated
twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from oracles import lattices

import seqfront as sf
from seqfront import backends
from seqfront.loss import composed

FRAMES = np.array([6, 4, 3, 5, 2, 0, 0], "int32")
COUNTS = np.array([3, 0, 2, 2, 2, 0, 1], "int32")
TARGETS = np.array(
    [[1, 1, 2], [9, 9, 9], [3, 2, 9], [2, 2, 9], [1, 1, 9], [9, 9, 9], [1, 9, 9]], "int32"
)
"""With repeats, with too few frames, with nothing at all; 9 is padding."""
LOGITS = np.random.default_rng(0).standard_normal((7, 6, 4)) * 1.5
OPTIONS: list[dict[str, Any]] = [{}, {"normalized": True}, {"label_loop": False}]

batch, time, labels, classes = sf.Dim("batch"), sf.Dim("time"), sf.Dim("labels"), sf.Dim("v", 4)


def poisoned() -> np.ndarray:
    """NaN where no frames are."""
    x = LOGITS.copy()
    x[np.arange(6) >= FRAMES[:, None]] = np.nan
    return x


def loss(x: Any, **options: Any) -> Any:
    b = backends.of(x)
    return composed.ctc(b, x, *map(b.convert, (TARGETS, FRAMES, COUNTS)), blank=0, **options)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("backend", ["numpy", "torch", "tensorflow"])
def test_against_all_paths(backend: str, options: dict[str, Any]) -> None:
    b = backends.get(backend)
    found = b.to_numpy(loss(b.convert(poisoned()), **options))
    for row, value in enumerate(found):
        x, y = LOGITS[row, : FRAMES[row]], TARGETS[row, : COUNTS[row]]
        assert value == pytest.approx(lattices.ctc(x, y, blank=0, **options), rel=1e-12, abs=1e-12)


def gradient(value: Any, x: Any, graph: bool = False) -> Any:
    finite = torch.where(torch.isfinite(value), value, 0.0)
    (grad,) = torch.autograd.grad(
        (finite * torch.arange(1, 8)).sum(), x, create_graph=graph, retain_graph=True
    )
    return grad


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_gradient_is_the_native_one(options: dict[str, Any]) -> None:
    x = torch.tensor(poisoned()).requires_grad_()
    found = gradient(loss(x, **options), x)
    native = sf.ctc_loss(
        logits=sf.wrap(x, (batch, time, classes), lengths={time: FRAMES}),
        targets=sf.wrap(torch.tensor(TARGETS), (batch, labels), lengths={labels: COUNTS}),
        input_spatial_dim=time, targets_spatial_dim=labels, blank_index=0, infeasible="zero",
        logits_normalized=options.get("normalized", False),
        label_loop=options.get("label_loop", True),
    ).raw  # fmt: skip
    assert torch.isfinite(found).all()
    np.testing.assert_allclose(found, gradient(native, x), 1e-11, 1e-12)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_second_derivative(options: dict[str, Any]) -> None:
    """The limit of differences of the first."""
    rng, step = np.random.default_rng(1), 1e-5
    along, move = (torch.tensor(rng.standard_normal(LOGITS.shape)) for _ in range(2))

    def slope(x: Any, graph: bool = False) -> Any:
        return (gradient(loss(x, **options), x, graph) * along).sum()

    x = torch.tensor(LOGITS).requires_grad_()
    (second,) = torch.autograd.grad(slope(x, graph=True), x)
    up, down = (
        slope((torch.tensor(LOGITS) + sign * step * move).requires_grad_()) for sign in (1, -1)
    )
    wanted = float(up - down) / (2 * step)
    assert float((second * move).sum()) == pytest.approx(wanted, rel=1e-6)
