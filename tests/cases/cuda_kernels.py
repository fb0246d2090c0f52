"""The cases of lattices by the CUDA kernels, on a machine without a GPU.

PyTorch's operators take the way of CUDA tensors, but for the device itself: the kernels are those
compiled for the host (`make test-native`), and memory of the host stands for that of a GPU. A
process loads the kernels once, so this runs in one of its own: see test_torch_cuda_ops.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cases import (
    alignments,
    ctc,
    fused,
    lattices,
    losses,
    metrics,
    pruned,
    rnnt,
    search_ctc,
    search_rescoring,
    transducers,
)
from seqfront import native, testing
from seqfront.testing import Case

torch = pytest.importorskip("torch")
operators = pytest.importorskip("seqfront_torch.native")

WITHOUT = {"ctc_prefix_beam"}
"""Ops of these cases that are not for a GPU."""


def _cases() -> Iterator[Case]:
    for module in (
        alignments, ctc, fused, lattices, losses, metrics, pruned, rnnt, search_ctc,
        search_rescoring, transducers,
    ):  # fmt: skip
        yield from module.CASES


@pytest.fixture
def by_cuda(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Native ops of PyTorch go to the CUDA kernels; their names."""
    called: list[str] = []
    as_before = operators._run

    def run(op: native.NativeOp, inputs: Any, arguments: Any, outputs: Any) -> None:
        if op.name in WITHOUT:
            as_before(op, inputs, arguments, outputs)
            return
        called.append(op.name)
        sources = [None if x is None else operators._buffer(x) for x in inputs]
        results = [operators._buffer(x) for x in outputs]
        operators._run_cuda(op, sources, arguments, results, torch.device("cpu"))

    stream = SimpleNamespace(device_index=0, cuda_stream=0)
    monkeypatch.setattr(operators, "_run", run)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    return called


@pytest.mark.parametrize("case", list(_cases()), ids=str)
def test_values_and_gradients(case: Case, by_cuda: list[str]) -> None:
    testing.check_values(case, "torch")
    testing.check_half(case, "torch")
    if not case.no_gradient:
        testing.check_gradients(case, "torch", "tensorflow")
    for variant in testing.variants(case):
        testing.check_variant(case, variant, "torch")


def test_they_were_asked(by_cuda: list[str]) -> None:
    testing.check_values(next(iter(ctc.CASES)), "torch")
    assert by_cuda
