"""Native products of few rows on PyTorch: where they serve, and that they are what is composed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from primitive_cases import floats

from seqfront import backends
from seqfront.composed import ComposedOps
from seqfront_torch import few_rows

UNITS = 140
SHAPES = ((1, UNITS), (3, UNITS), (16, UNITS), (128, UNITS), (2, 5, UNITS), (UNITS,))


def tensors(*shapes: tuple[int, ...], dtype: str = "float32") -> list[torch.Tensor]:
    return [torch.from_numpy(floats(*s, seed=i).astype(dtype)) for i, s in enumerate(shapes)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linear(shape: tuple[int, ...], dtype: str) -> None:
    b = backends.get("torch")
    x, weight, bias = tensors(shape, (UNITS, 4 * UNITS), (4 * UNITS,), dtype=dtype)
    for given in (bias, None):
        wanted = ComposedOps.linear(b, x, weight, given)
        with torch.no_grad():
            assert few_rows.linear(x, weight, given) is not None
            found = b.linear(x, weight, given)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 3, 128, 129])
def test_a_step_of_a_normalized_lstm(rows: int) -> None:
    b = backends.get("torch")
    wide = (4 * UNITS,)
    args = tensors(
        (rows, *wide), (rows, UNITS), (rows, UNITS), (UNITS, *wide), wide, wide, (UNITS,), (UNITS,)
    )
    wanted = ComposedOps.normalized_lstm_cell(b, *args, 1e-3)
    with torch.no_grad():
        found = b.normalized_lstm_cell(*args, 1e-3)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_where_they_do_not_serve() -> None:
    def serves(x: Any, weight: Any) -> bool:
        return few_rows.serves(x, weight)

    x, weight = tensors((2, UNITS), (UNITS, 4 * UNITS))
    assert not serves(x, weight)  # a gradient may be wanted
    with torch.no_grad():
        assert serves(x, weight)
        assert not serves(x.expand(65, 2, UNITS), weight)  # many rows
        assert not serves(x, weight[:, :9])  # gaps
        assert not serves(x, weight[:9].contiguous())  # small
        assert not serves(x.double(), weight)
        assert not serves(x.bfloat16(), weight.bfloat16())
        with torch.autocast("cpu"):
            assert not serves(x, weight)


def test_under_vmap() -> None:
    b = backends.get("torch")
    x, weight = tensors((5, 2, UNITS), (UNITS, 4 * UNITS))
    with torch.no_grad():
        found = torch.vmap(lambda one: b.linear(one, weight))(x)
    torch.testing.assert_close(found, x @ weight, rtol=1e-5, atol=1e-4)
