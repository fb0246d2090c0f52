"""What a compiled graph depends on. (One for all shapes: `tests/backends/test_matrix_*.py`.)"""

from __future__ import annotations

from typing import Any

import torch

import seqfront as sf

batch, time = sf.Dim("batch"), sf.Dim("time")
mel = sf.Dim("mel", 4)


def test_another_dim_is_another_graph() -> None:
    """A graph made for one dim is not used for another, if all dims are arguments (or attributes of
    the model). TorchDynamo does not see that an argument is no longer the object of a *global*."""
    torch._dynamo.reset()

    def total(raw: Any, dims: tuple[sf.Dim, ...], axis: sf.Dim) -> Any:
        return sf.sum(sf.wrap(raw, dims), axis=axis).raw

    compiled = torch.compile(total, fullgraph=True, dynamic=True, backend="eager")
    raw = torch.arange(24.0).reshape(2, 3, 4)
    for axis in (time, mel, batch):
        found = compiled(raw, (batch, time, mel), axis)
        assert found.tolist() == total(raw, (batch, time, mel), axis).tolist()


def test_dropout_compiles() -> None:
    torch._dynamo.reset()

    def drop(raw: Any) -> Any:
        return sf.dropout(sf.wrap(raw, (batch, mel)), 0.5).raw

    y = torch.compile(drop, fullgraph=True, dynamic=True, backend="eager")(torch.ones(50, 4))
    assert set(y.unique().tolist()) == {0.0, 2.0}
