"""Weights laid out for few rows: the same results, and never those of a weight that has changed."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import torch
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx

import seqfront as sf
import seqfront_torch
from seqfront import errors
from seqfront_torch import weights

rows, wide = sf.Dim("rows"), sf.Dim("wide", 48)
narrow = sf.Dim("narrow", 32)


def _layer() -> sf.nn.Linear:
    with sf.use_backend("torch"):
        return sf.nn.Linear(narrow, wide)


def _product(layer: sf.nn.Linear, count: int, *lead: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What the layer gives, and what it should."""
    x = torch.randn(*lead, count, 32, generator=torch.Generator().manual_seed(count))
    x = x.to(layer.weight.raw.dtype)
    found = layer.weight.backend.linear(x, layer.weight.raw, layer.bias.raw)  # type: ignore[union-attr]
    return found, x @ layer.weight.raw + layer.bias.raw  # type: ignore[union-attr]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each product that a packed weight gave."""
    seen, original = [], weights.linear

    def counting(*arguments: torch.Tensor) -> torch.Tensor | None:
        y = original(*arguments)
        seen.extend([] if y is None else [1])
        return y

    monkeypatch.setattr(weights, "linear", counting)
    return seen


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_same_products(calls: list[int], dtype: torch.dtype) -> None:
    layer = _layer()
    seqfront_torch.module(layer).to(dtype)
    assert seqfront_torch.pack(layer) == 1
    tolerance = 1e-5 if dtype is torch.float32 else 0.03
    with torch.no_grad():
        for count, lead in ((1, ()), (5, ()), (5, (2, 1)), (0, ()), (200, ())):
            found, wanted = _product(layer, count, *lead)
            torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)
    assert len(calls) == 3  # not of none, nor of many


def test_gradients_do_without(calls: list[int]) -> None:
    layer = _layer()
    seqfront_torch.pack(layer)
    found, _ = _product(layer, 5)
    found.sum().backward()
    assert layer.weight.raw.grad is not None
    assert calls == []


def test_a_weight_that_has_changed(calls: list[int]) -> None:
    """By `assign`, by an optimizer, by another tensor in its place."""
    layer = _layer()
    net = seqfront_torch.module(layer)
    seqfront_torch.pack(layer)
    with torch.no_grad():
        layer.weight.assign(torch.zeros(32, 48).numpy())
        torch.testing.assert_close(*_product(layer, 5))
    seqfront_torch.pack(layer)
    optimizer = torch.optim.SGD(net.parameters(), 1.0)
    _product(layer, 5)[0].sum().backward()
    optimizer.step()
    with torch.no_grad():
        torch.testing.assert_close(*_product(layer, 5))
        seqfront_torch.pack(layer)
        net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()}, assign=True)
        torch.testing.assert_close(*_product(layer, 5))
        assert calls == []
        seqfront_torch.pack(layer)
        torch.testing.assert_close(*_product(layer, 5))
    assert calls == [1]


def test_a_step_of_a_normalised_lstm() -> None:
    """It reads the panels, for as long as they are those of the weight."""
    with sf.use_backend("torch"):
        lstm = sf.models.NormalizedLSTM(narrow, sf.Dim("hidden", 160))
    weight = lstm.hidden.weight
    arguments = [torch.randn(3, size) for size in (640, 160, 160)]
    norms = [torch.randn(size) for size in (640, 640, 160, 160)]

    def step() -> tuple[torch.Tensor, ...]:
        return weight.backend.normalized_lstm_cell(*arguments, weight.raw, *norms, 1e-3)

    with torch.no_grad():
        plain = step()
        seqfront_torch.pack(lstm)
        laid_out = weights.panels(weight.raw)
        assert laid_out is not None
        torch.testing.assert_close(step(), plain)
        laid_out.mul_(2.0)
        assert not torch.allclose(step()[0], plain[0])
        weight.assign(weight.raw.numpy() + 0)
        torch.testing.assert_close(step(), plain)


def test_nothing_is_kept_of_a_model_that_is_gone() -> None:
    layer = _layer()
    seqfront_torch.pack(layer)
    key = id(layer.weight.raw)
    assert key in weights._packed
    del layer
    gc.collect()
    assert key not in weights._packed


_Map = Callable[[torch.Tensor], torch.Tensor]


def _jvp(f: _Map, x: torch.Tensor) -> torch.Tensor:
    """The derivative in the direction `x`: of a linear map that map."""
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(f(forward_ad.make_dual(x * 0, x))).tangent


@pytest.mark.parametrize(
    "run",
    [
        _jvp,
        lambda f, x: torch.func.vmap(lambda row: f(row[None])[0])(x),
        lambda f, x: make_fx(f)(x * 0)(x),
        lambda f, x: torch.jit.trace(f, (x * 0,), check_trace=False)(x),
    ],
    ids=["jvp", "vmap", "make_fx", "jit"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_follows_a_computation_sees_it(
    calls: list[int], run: Callable[[_Map, torch.Tensor], torch.Tensor]
) -> None:
    """The products are no operators, so a transform or a trace would miss them."""
    layer, x = _layer().freeze(), torch.randn(5, 32)
    weight = layer.weight
    seqfront_torch.pack(layer)
    with torch.no_grad():
        found = run(lambda x: weight.backend.linear(x, weight.raw, None), x)
        torch.testing.assert_close(found, x @ weight.raw)
    assert calls == []


def test_what_cannot_be_packed() -> None:
    layer = _layer()
    seqfront_torch.module(layer).double()
    assert seqfront_torch.pack(layer) == 0
    assert seqfront_torch.pack(sf.nn.Sequential(sf.nn.Linear(narrow, wide))) == 0  # NumPy
    with pytest.raises(errors.BackendError):
        seqfront_torch.pack(torch.nn.Linear(2, 2))  # type: ignore[arg-type]
