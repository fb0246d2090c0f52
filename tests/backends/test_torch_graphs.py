"""PyTorch only: export, and the real code generator (the other tests leave it out for speed)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from test_traced import _all_kinds

from seqfront import backends, dim
from seqfront.backend import Backend


@pytest.fixture
def b() -> Backend:
    return backends.get("torch")


class Model(torch.nn.Module):
    """Everything of `_all_kinds`, and an LSTM."""

    def __init__(self, b: Backend) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        shapes = ((4, 4), (4, 12), (3, 12), (12,))
        weights = [torch.randn(shape, generator=generator) * 0.5 for shape in shapes]
        self.weights = torch.nn.ParameterList([torch.nn.Parameter(w) for w in weights])
        self.b = b

    def forward(self, x: Any, lengths: Any) -> Any:
        b, (weight, *lstm) = self.b, self.weights
        batch, time, _ = b.shape(x)
        state = b.full((batch, 3), 0.0, "float32", "cpu")
        mask = b.transpose(b.sequence_mask(lengths, time), (1, 0))
        y, h, c = b.lstm(b.transpose(x, (1, 0, 2)), *lstm, state, state, mask)
        return _all_kinds(b, x, lengths, weight), y, h, c


def inputs(batch: int, time: int) -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(batch)
    x = torch.randn(batch, time, 4, generator=generator)
    return x, torch.randint(1, time + 1, (batch,), generator=generator)


@pytest.mark.parametrize("strict", [False, True])
def test_export_has_free_sizes(b: Backend, strict: bool) -> None:
    model = Model(b)
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time")
    program = torch.export.export(
        model, inputs(3, 5), dynamic_shapes=({0: batch, 1: time}, {0: batch}), strict=strict
    )
    for size in ((6, 9), (2, 7)):
        found, expected = program.module()(*inputs(*size)), model(*inputs(*size))
        for y, z in zip(found, expected, strict=True):
            torch.testing.assert_close(y, z)


@pytest.mark.slow
def test_code_generator_agrees(b: Backend) -> None:
    model = Model(b)
    torch._dynamo.reset()
    compiled = b.compile(model)
    for size in ((3, 5), (6, 7)):
        results = []
        for run in (compiled, model):
            model.zero_grad()
            total, *lstm = run(*inputs(*size))
            (total + sum(y.sum() for y in lstm)).backward()
            results.append([total, *lstm, *(w.grad.clone() for w in model.weights)])
        for y, z in zip(*results, strict=True):
            torch.testing.assert_close(y, z, rtol=1e-4, atol=1e-5)


def test_interning_of_dims_is_constant_to_the_tracer() -> None:
    assert dim.TRACE_CONSTANT_FUNCTIONS
    for function in dim.TRACE_CONSTANT_FUNCTIONS:
        assert function._dynamo_marked_constant


def test_types_of_the_tracers_are_registered(b: Backend) -> None:
    with torch._subclasses.FakeTensorMode():
        assert backends.of(torch.ones(2)) is b
    assert backends.of(torch.nn.Parameter(torch.ones(2))) is b
    assert backends.of(torch.nn.Buffer(torch.ones(2))) is b
