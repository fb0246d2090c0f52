"""Operations within a dim, where a batch has no rows or a dim no positions at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED

import seqfront as sf
from seqfront import backends

batch, time, feature = sf.Dim("batch"), sf.Dim("time"), sf.Dim("feature", 2)
best, label, context = sf.Dim("best", 3), sf.Dim("label", 4), sf.Dim("context", 3)
other, row = sf.Dim("other"), sf.Dim("row")


def _scatter(mode: Any) -> Callable[[sf.Tensor, sf.Tensor], sf.Tensor]:
    return lambda x, i: sf.scatter(x, indices=i, axis=time, out_dim=label, mode=mode, fill=1.0)


def _sought(x: sf.Tensor) -> sf.Tensor:
    return sf.zeros((batch, feature), like=x)


def _unpacked(x: sf.Tensor, i: sf.Tensor) -> sf.Tensor:
    packed = sf.pack_padded(x, dims=(batch, time), out_dim=row)
    return sf.unpack_padded(packed, in_dim=row, dims=(batch, time), like=x)


OPERATIONS: Mapping[str, Callable[[sf.Tensor, sf.Tensor], sf.Tensor]] = {
    "sort": lambda x, i: sf.sort(x, axis=time),
    "argsort": lambda x, i: sf.argsort(x, axis=time),
    "search_sorted": lambda x, i: sf.search_sorted(
        x, sf.zeros((batch, feature), like=x), axis=time
    ),
    "top_k": lambda x, i: sf.top_k(x, axis=time, k_dim=best)[0],
    "top_k of two": lambda x, i: sf.top_k(x, axis=(feature, time), k_dim=best)[0],
    "cumsum": lambda x, i: sf.cumsum(x, axis=time),
    "cumprod": lambda x, i: sf.cumprod(x, axis=time),
    "cummax": lambda x, i: sf.cummax(x, axis=time),
    "scatter add": _scatter("add"),
    "scatter max": _scatter("max"),
    "scatter logsumexp": _scatter("logsumexp"),
    "scatter update": _scatter("update"),
    "slice first": lambda x, i: sf.slice(x, axis=time, start=1, end=3),
    "slice last": lambda x, i: sf.slice(x, axis=time, start=-2),
    "shift earlier": lambda x, i: sf.shift(x, axis=time, by=-1),
    "shift later": lambda x, i: sf.shift(x, axis=time, by=2),
    "reverse": lambda x, i: sf.reverse(x, axis=time),
    "window": lambda x, i: sf.window(x, axis=time, window_dim=context),
    "window same": lambda x, i: sf.window(x, axis=time, window_dim=context, padding="same"),
    "repeat": lambda x, i: sf.repeat(x, axis=time, counts=i + 1, out_dim=other),
    "repeat static": lambda x, i: sf.repeat(x, axis=time, counts=i, out_dim=best),
    "masked_select": lambda x, i: sf.masked_select(x, mask=i == 0, axis=time, out_dim=other),
    "masked_scatter": lambda x, i: sf.masked_scatter(
        x.rename(time, other), x, mask=i == 0, axis=time, in_dim=other
    ),
    "pack and unpack": _unpacked,
    "scan": lambda x, i: sf.scan(
        lambda s, row: (s + row, s), sf.zeros((batch, feature), like=x), x, axis=time
    )[1],
    "scan indices": lambda x, i: sf.scan(
        lambda _, at: (None, at * 2), None, i, axis=time, reverse=True
    )[1],
    "growing array": lambda x, i: sf.TensorArray.empty(like=x).push(x).stack(axis=other),
}


@pytest.mark.parametrize("backend", INSTALLED)
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("shape", [(0, 4), (2, 0), (0, 0)])
@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_is_no_trouble(
    name: str, shape: tuple[int, int], ragged: bool, backend: str
) -> None:
    b = backends.get(backend)
    lengths = {time: b.convert(np.zeros(shape[0], "int32"))} if ragged else None
    x = sf.wrap(b.convert(np.zeros((*shape, 2), "float32")), (batch, time, feature), lengths)
    indices = sf.wrap(b.convert(np.zeros(shape, "int32")), (batch, time), lengths)
    result = OPERATIONS[name](x, indices)
    assert np.isfinite(result.numpy()).all()
    for dim in result.dims:
        assert result.numpy().shape[result.axis(dim)] == result.size(dim)


@pytest.mark.parametrize("backend", INSTALLED)
def test_positions_of_nothing(backend: str) -> None:
    raw = backends.get(backend).convert(np.zeros((2, 0, 2), "float32"))
    x = sf.wrap(raw, (batch, time, feature))
    assert sf.argmax(x, axis=time).numpy(batch, feature).tolist() == [[0, 0], [0, 0]]
    assert [i.numpy().tolist() for i in sf.argmin(x, axis=(time, feature))] == [[0, 0], [0, 0]]
