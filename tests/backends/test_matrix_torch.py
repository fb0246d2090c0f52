"""Every model in every mode of PyTorch. (Inductor, which takes long: `test_bridge_torch.py`.)"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import matrix_models
import numpy as np
import pytest
import torch
from matrix_models import MODELS, SHAPES, arguments, wanted
from torch._dynamo.utils import counters

import seqfront_torch


def _net(name: str, seed: int = 1) -> Any:
    return seqfront_torch.module(matrix_models.model(name, "torch", seed))


def _close(found: Any, name: str, shape: tuple[int, int, int], tolerance: float = 2e-5) -> None:
    for mine, other in zip(found, wanted(name, shape), strict=True):
        values = mine.detach().float().numpy()
        np.testing.assert_allclose(values, other, rtol=10 * tolerance, atol=tolerance)


def _gradients(net: Any, loss: Any) -> dict[str, Any]:
    net.zero_grad()
    loss.backward()
    grads = {key: p.grad for key, p in net.named_parameters()}
    for key, grad in grads.items():
        assert grad is not None, key
        assert torch.isfinite(grad).all(), key
    return grads


def _same(mine: dict[str, Any], other: dict[str, Any], tolerance: float = 1e-5) -> None:
    assert mine.keys() == other.keys()
    for key, grad in mine.items():
        torch.testing.assert_close(grad, other[key], rtol=10 * tolerance, atol=tolerance)


@pytest.mark.parametrize("name", MODELS)
def test_eager(name: str) -> None:
    net = _net(name)
    for shape in SHAPES:
        found = net(*arguments("torch", shape))
        _close(found, name, shape)
        grads = _gradients(net, found[1])
        assert sum(bool(grad.any()) for grad in grads.values()) > len(grads) // 2


@pytest.mark.parametrize("name", MODELS)
def test_one_compile_for_all_shapes(name: str) -> None:
    """Forward and backward, no graph break."""
    torch._dynamo.reset()
    counters.clear()
    wanted(name, SHAPES[0])  # a backend that is loaded later is a change to be compiled for
    net = _net(name)
    compiled = torch.compile(net, fullgraph=True, dynamic=True, backend="aot_eager")
    for shape in SHAPES:
        found = compiled(*arguments("torch", shape))
        _close(found, name, shape)
        mine = _gradients(net, found[1])
        _same(mine, _gradients(net, net(*arguments("torch", shape))[1]))
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]


@pytest.mark.parametrize("name", MODELS)
def test_export(name: str, tmp_path: Path) -> None:
    """With any batch, frames and labels; saved, loaded, run with other sizes."""
    rows, frames = torch.export.Dim("rows", min=2), torch.export.Dim("frames", min=4)
    sizes = ({0: rows, 1: frames}, {0: rows}, {0: rows, 1: torch.export.Dim.AUTO}, {0: rows})
    inputs = tuple(arguments("torch", SHAPES[0]))
    with torch.no_grad():
        program = torch.export.export(_net(name), inputs, dynamic_shapes=(sizes,), strict=False)
    torch.export.save(program, tmp_path / "model.pt2")
    loaded = torch.export.load(tmp_path / "model.pt2").module()
    for shape in SHAPES:
        _close(loaded(*arguments("torch", shape)), name, shape)


@pytest.mark.parametrize("name", MODELS)
def test_autocast(name: str) -> None:
    """Products in bfloat16, parameters and their gradients in float32."""
    net = _net(name)
    exact = _gradients(net, net(*arguments("torch", SHAPES[0]))[1])
    with torch.autocast("cpu", torch.bfloat16):
        found = net(*arguments("torch", SHAPES[0]))
    _close(found, name, SHAPES[0], tolerance=0.05)
    grads = _gradients(net, found[1])
    assert {grad.dtype for grad in grads.values()} == {torch.float32}
    mine, other = (torch.cat([grad.flatten() for grad in g.values()]) for g in (grads, exact))
    assert (mine - other).norm() < 0.05 * other.norm()


# -- distributed -----------------------------------------------------------------------------------

DISTRIBUTED = "conformer"


def _train_on_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    net = _net(DISTRIBUTED, seed=rank)
    parallel = torch.nn.parallel.DistributedDataParallel(net, find_unused_parameters=False)
    part = [raw[rank::2].contiguous() for raw in arguments("torch", (4, 9, 3))]
    parallel(*part)[0].square().sum().backward()
    torch.save({key: p.grad for key, p in net.named_parameters()}, f"{folder}/{rank}.pt")
    torch.distributed.barrier()
    os._exit(0)  # freeing DDP after its process group deadlocks at times (torch 2.13)


def test_ddp_averages_gradients(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_train_on_two, (str(tmp_path),), nprocs=2)
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    whole = _net(DISTRIBUTED, seed=0)  # DDP starts from rank 0
    whole(*arguments("torch", (4, 9, 3)))[0].square().sum().backward()
    exact = {key: p.grad for key, p in whole.named_parameters()}
    _same(found[0], found[1])
    _same({key: 2 * grad for key, grad in found[0].items()}, exact, 1e-4)
