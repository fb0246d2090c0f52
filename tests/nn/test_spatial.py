"""Convolution and pooling against PyTorch, with its weights; and against single sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf

torch = pytest.importorskip("torch")

batch, feature, out = sf.Dim("batch"), sf.Dim("feature", 4), sf.Dim("out", 6)
AXES = [sf.Dim("depth"), sf.Dim("height"), sf.Dim("width")]


def _x(rank: int) -> Any:
    torch.manual_seed(0)
    return torch.randn(2, *(7, 6, 8)[:rank], 4)


def _first(x: Any) -> Any:
    """Channels first."""
    return x.movedim(-1, 1)


def _copied(mine: Any, theirs: Any, transposed: bool = False) -> Any:
    weight = theirs.weight.detach()
    kernel = weight.movedim((0, 1), (-2, -1) if transposed else (-1, -2))
    mine.weight.assign(kernel.numpy())
    mine.bias.assign(theirs.bias.detach().numpy())
    return mine.to_backend("torch")


def _found(layer: Any, x: Any, rank: int) -> Any:
    axes = tuple(AXES[:rank])
    y = layer(sf.wrap(x, (batch, *axes, feature)), axis=axes if rank > 1 else axes[0])
    return _first(y.raw).detach()


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1, "groups": 2},
        {"padding": "same", "dilation": 2},
    ],
    ids=str,
)
def test_as_conv_of_torch(rank: int, options: dict[str, Any]) -> None:
    x = _x(rank)
    theirs = getattr(torch.nn, f"Conv{rank}d")(4, 6, 3, **options)
    mine = dict(options)
    if options.get("padding") == 1:
        mine["padding"] = (1, 1)
    layer = _copied(getattr(sf.nn, f"Conv{rank}d")(feature, out, 3, **mine), theirs)
    torch.testing.assert_close(_found(layer, x, rank), theirs(_first(x)).detach())


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_as_conv_transpose_of_torch(rank: int) -> None:
    x = _x(rank)
    theirs = getattr(torch.nn, f"ConvTranspose{rank}d")(4, 6, 4, stride=2)
    layer = getattr(sf.nn, f"ConvTranspose{rank}d")(feature, out, 4, stride=2, padding="valid")
    found = _found(_copied(layer, theirs, transposed=True), x, rank)
    torch.testing.assert_close(found, theirs(_first(x)).detach())


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Max", "Mean"])
def test_as_pool_of_torch(rank: int, kind: str) -> None:
    x = _x(rank)
    more = {"count_include_pad": False} if kind == "Mean" else {}
    theirs = getattr(torch.nn, f"{'Max' if kind == 'Max' else 'Avg'}Pool{rank}d")(
        3, stride=2, padding=1, **more
    )
    layer = getattr(sf.nn, f"{kind}Pool{rank}d")(3, stride=2, padding=(1, 1))
    torch.testing.assert_close(_found(layer, x, rank), theirs(_first(x)))


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_does_not_depend_on_the_longest_of_the_batch(stride: int) -> None:
    """TensorFlow's "same" moves with the padded size where there is a stride."""
    height, width = AXES[1:]
    layer = sf.nn.Conv2d(feature, out, 3, stride=stride, padding="same")
    x = np.random.default_rng(0).standard_normal((2, 9, 8, 4)).astype(np.float32)
    lengths = {height: [9, 4], width: [5, 8]}
    y = layer(sf.wrap(x, (batch, height, width, feature), lengths=lengths), axis=(height, width))
    for i, (rows, columns) in enumerate([(9, 5), (4, 8)]):
        alone = layer(sf.wrap(x[i, :rows, :columns], (height, width, feature)),
                      axis=(height, width)).raw  # fmt: skip
        found = y.raw[i, : alone.shape[0], : alone.shape[1]]
        np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-6)
