"""Fused losses where cases do not reach: sizes of many tiles, half precision, threads, NaN."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import seqfront as sf

batch, time, labels = sf.Dim("batch"), sf.Dim("time"), sf.Dim("labels")
joint, classes = sf.Dim("joint", 33), sf.Dim("classes", 4200)
FRAMES, LABELS = [60, 41, 8], [19, 0, 12]
Grads = list[torch.Tensor]


def _arguments(dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    """source, prediction, weight, bias, in numbers that half precision has too."""
    g = torch.Generator().manual_seed(1)
    count = classes.size or 0
    source, prediction = torch.randn(3, 60, 33, generator=g), torch.randn(3, 20, 33, generator=g)
    weight, bias = (
        torch.randn(33, count or 0, generator=g) / 3,
        torch.randn(count or 0, generator=g),
    )
    raws = [x.to(torch.bfloat16 if dtype is torch.bfloat16 else torch.float16) for x in
            (source, prediction, weight, bias)]  # fmt: skip
    return [x.to(dtype).requires_grad_() for x in raws]


def _targets() -> sf.Tensor:
    g = torch.Generator().manual_seed(2)
    raw = torch.randint(1, classes.size or 0, (3, 19), generator=g, dtype=torch.int32)
    return sf.wrap(raw, (batch, labels), {labels: torch.tensor(LABELS)}, sparse_dim=classes)


def _rnnt(x: list[torch.Tensor], **options: Any) -> sf.Tensor:
    source, prediction, weight, bias = x
    return sf.fused_rnnt_loss(
        source=sf.wrap(source, (batch, time, joint), {time: torch.tensor(FRAMES)}),
        prediction=sf.wrap(prediction, (batch, labels + 1, joint)),
        weight=sf.wrap(weight, (joint, classes)),
        bias=sf.wrap(bias, (classes,)),
        joint_dim=joint,
        classes=classes,
        targets=_targets(),
        input_spatial_dim=time,
        targets_spatial_dim=labels,
        blank_index=0,
        **options,
    )


def _full_rnnt(x: list[torch.Tensor], **options: Any) -> sf.Tensor:
    source, prediction, weight, bias = x
    raw = torch.tanh(source[:, :, None] + prediction[:, None]) @ weight + bias
    logits = sf.wrap(raw, (batch, time, labels + 1, classes), {time: torch.tensor(FRAMES)})
    return sf.rnnt_loss(
        logits=logits,
        targets=_targets(),
        input_spatial_dim=time,
        targets_spatial_dim=labels,
        blank_index=0,
        **options,
    )


def _ctc(x: list[torch.Tensor]) -> sf.Tensor:
    return sf.fused_ctc_loss(
        hidden=sf.wrap(x[0], (batch, time, joint), {time: torch.tensor(FRAMES)}),
        weight=sf.wrap(x[2], (joint, classes)),
        bias=sf.wrap(x[3], (classes,)),
        feature_dim=joint,
        classes=classes,
        targets=_targets(),
        input_spatial_dim=time,
        targets_spatial_dim=labels,
        blank_index=0,
        infeasible="zero",
    )


def _full_ctc(x: list[torch.Tensor]) -> sf.Tensor:
    frames = {time: torch.tensor(FRAMES)}
    return sf.ctc_loss(
        logits=sf.wrap(x[0] @ x[2] + x[3], (batch, time, classes), frames),
        targets=_targets(),
        input_spatial_dim=time,
        targets_spatial_dim=labels,
        blank_index=0,
        infeasible="zero",
    )


def _values(loss: sf.Tensor, x: list[torch.Tensor]) -> Grads:
    """The losses, and the gradients of their weighted sum."""
    raw = loss.raw
    total = (raw * torch.tensor([1.0, -0.5, 2.0], dtype=raw.dtype)).sum()
    used = [a for a in x if a.requires_grad]
    grads = torch.autograd.grad(total, used, allow_unused=True)
    return [raw.detach(), *[torch.zeros(1) if g is None else g for g in grads]]


def _agree(a: Grads, b: Grads, tolerance: float) -> None:
    for mine, wanted in zip(a, b, strict=True):
        scale = 1.0 + float(wanted.double().abs().max())
        assert float((mine.double() - wanted.double()).abs().max()) <= tolerance * scale


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 4e-3), (torch.float16, 5e-4)],
    ids=["float64", "float32", "bfloat16", "float16"],
)
@pytest.mark.parametrize(
    ("fused", "full"), [(_rnnt, _full_rnnt), (_ctc, _full_ctc)], ids=["rnnt", "ctc"]
)
def test_many_tiles_are_the_full_loss(
    fused: Any, full: Any, dtype: torch.dtype, tolerance: float
) -> None:
    x = _arguments(dtype)
    exact = [a.detach().double().requires_grad_() for a in x]
    _agree(_values(fused(x), x), _values(full(exact), exact), tolerance)


@pytest.mark.parametrize("options", [
    {"topology": "modified", "delay_penalty": 0.125, "infeasible": "zero"},
    {"topology": "constrained", "fastemit": 0.25, "infeasible": "zero"},
], ids=["modified", "constrained"])  # fmt: skip
def test_topologies_are_those_of_the_lattice(options: dict[str, Any]) -> None:
    x = _arguments()
    attributes = {
        "blank": 0, "topology": 1 + (options["topology"] == "constrained"),
        "fastemit": options.get("fastemit", 0.0),
        "delay_penalty": options.get("delay_penalty", 0.0),
    }  # fmt: skip
    raw = torch.tanh(x[0][:, :, None] + x[1][:, None]) @ x[2] + x[3]
    targets = _targets()
    lengths = torch.tensor(FRAMES).int(), torch.tensor(LABELS).int()
    inputs = (raw, targets.raw, *lengths, None, None)
    (loss,) = targets.backend.native_call("rnnt", inputs, attributes)
    loss = torch.where(loss == float("inf"), 0.0, loss)
    wanted = _values(sf.wrap(loss, (batch,)), x)
    _agree(_values(_rnnt(x, **options), x), wanted, 1e-12)


@pytest.mark.parametrize("fused", [_rnnt, _ctc], ids=["rnnt", "ctc"])
def test_threads_change_nothing(fused: Any) -> None:
    x = _arguments(torch.float32)
    before = torch.get_num_threads()
    results: list[Grads] = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(_values(fused(x), x))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_skipped_cells_are_a_small_part_of_the_gradient() -> None:
    x = _arguments()
    exact = _values(_rnnt(x), x)
    near = _values(_rnnt(x, skip_below=1e-6), x)
    far = _values(_rnnt(x, skip_below=0.3), x)
    assert torch.equal(near[0], exact[0])
    _agree(near, exact, 1e-3)
    assert float((far[1] - exact[1]).abs().max()) > 1e-2
    assert float((near[1] - exact[1]).abs().max()) > 0.0


@pytest.mark.parametrize("fused", [_rnnt, _ctc], ids=["rnnt", "ctc"])
def test_nan_stays_in_its_sequence(fused: Any) -> None:
    x = _arguments(torch.float32)
    clean = _values(fused(x), x)
    with torch.no_grad():
        x[0][1, 3, 5] = float("nan")
    loss = fused(x).raw
    assert torch.isnan(loss[1])
    assert torch.equal(loss[[0, 2]], clean[0][[0, 2]])
    others = torch.autograd.grad(loss[[0, 2]].sum(), x[:1])[0]
    assert torch.equal(others[1], torch.zeros_like(others[1]))
    (whole,) = torch.autograd.grad(fused(x).raw.sum(), x[:1])
    assert torch.isnan(whole[1, :41]).all()
    assert torch.isfinite(whole[[0, 2]]).all()
