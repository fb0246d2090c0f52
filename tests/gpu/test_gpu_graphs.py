"""Losses in graphs: compiled by PyTorch, and captured as CUDA graphs."""

from __future__ import annotations

import pytest
import torch
from devices import DEVICE
from loss_steps import KINDS, problem, step


@pytest.mark.parametrize("kind", KINDS)
def test_compiled(kind: str, device: str) -> None:
    """Inductor on a GPU; here without code generation, which other tests cover."""
    logits, losses = problem(kind, device)
    wanted = step(losses, logits)
    backend = "inductor" if DEVICE == "cuda" else "aot_eager"
    compiled = torch.compile(losses, fullgraph=True, dynamic=True, backend=backend)
    for found, expected in zip(step(compiled, logits), wanted, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_captured_and_replayed(kind: str) -> None:
    """Loss and gradient as one CUDA graph, with other logits each time."""
    logits, losses = problem(kind, "cuda")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step(losses, logits)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = step(losses, logits)
    for seed in (1, 2, 3):
        other, _ = problem(kind, "cuda", seed=seed)
        wanted = step(losses, other)
        logits.copy_(other)
        for x in found:
            x.fill_(float("nan"))
        graph.replay()
        for mine, expected in zip(found, wanted, strict=True):
            assert torch.equal(mine, expected)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_reduced_overhead(kind: str) -> None:
    """`torch.compile` with CUDA graphs of its own."""
    logits, losses = problem(kind, "cuda")
    wanted = step(losses, logits)
    compiled = torch.compile(losses, fullgraph=True, mode="reduce-overhead")
    for _ in range(4):
        torch.compiler.cudagraph_mark_step_begin()
        found = [x.clone() for x in step(compiled, logits)]
    for mine, expected in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, expected)
