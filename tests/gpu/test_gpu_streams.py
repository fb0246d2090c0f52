"""Streams, devices and runs: the same results whatever runs beside."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from loss_steps import KINDS, problem, step


@pytest.mark.parametrize("kind", KINDS)
def test_runs_give_the_same_bits(kind: str, device: str) -> None:
    logits, losses = problem(kind, device, 8)
    first = step(losses, logits)
    for _ in range(3):
        for a, b in zip(first, step(losses, logits), strict=True):
            assert torch.equal(a, b)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_two_streams_at_once(kind: str) -> None:
    """Workspaces are of the stream that uses them: what one frees, the other does not get while it
    is read."""
    problems = [problem(kind, "cuda", 4, seed) for seed in (1, 2)]
    wanted = [step(losses, logits) for logits, losses in problems]
    streams = [torch.cuda.Stream() for _ in problems]
    torch.cuda.synchronize()
    found: list[Any] = [None, None]
    for _ in range(20):
        for i, (logits, losses) in enumerate(problems):
            with torch.cuda.stream(streams[i]):
                found[i] = step(losses, logits)
                torch.empty(1 << 20, device="cuda").fill_(float("nan"))  # takes what was freed
    torch.cuda.synchronize()
    for pair, expected in zip(found, wanted, strict=True):
        for mine, theirs in zip(pair, expected, strict=True):
            assert torch.equal(mine, theirs)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_backward_on_the_stream_of_forward(kind: str) -> None:
    """`backward()` called under another stream runs where forward did, and waits for it."""
    logits, losses = problem(kind, "cuda", 4)
    wanted = step(losses, logits)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    x = logits.detach().requires_grad_()
    with torch.cuda.stream(side):
        total = losses(x).sum()
    torch.cuda.current_stream().wait_stream(side)
    total.backward()
    torch.cuda.synchronize()
    assert x.grad is not None
    assert torch.equal(x.grad, wanted[1])


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
@pytest.mark.parametrize("kind", KINDS)
def test_a_device_that_is_not_the_current_one(kind: str) -> None:
    logits, losses = problem(kind, "cuda:0")
    wanted = step(losses, logits)
    elsewhere, there = problem(kind, "cuda:1")
    assert torch.cuda.current_device() == 0
    found = step(there, elsewhere)
    assert torch.cuda.current_device() == 0
    for mine, expected in zip(found, wanted, strict=True):
        assert mine.device == torch.device("cuda:1")
        assert torch.equal(mine.cpu(), expected.cpu())


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_memory(kind: str) -> None:
    """Beyond the logits: one gradient, and little else."""
    logits, losses = problem(kind, "cuda", 16)
    step(losses, logits)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step(losses, logits)
    size = logits.numel() * logits.element_size()
    assert torch.cuda.max_memory_allocated() - before < 1.6 * size
