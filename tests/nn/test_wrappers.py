"""Wrapped weights, modules by name, pooling and upsampling: against PyTorch, and their errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf

batch, time = sf.Dim("batch"), sf.Dim("time")
mel, out = sf.Dim("mel", 4), sf.Dim("out", 3)


def _x(backend: str = "numpy", extent: int = 7) -> sf.Tensor:
    x = np.random.default_rng(1).standard_normal((2, extent, 4)).astype(np.float32)
    return sf.to_backend(sf.wrap(x, (batch, time, mel)), backend)


@pytest.mark.parametrize("backend", ["numpy", "torch", "tensorflow"])
def test_weight_norm_changes_nothing_at_first_and_leaves_the_weight(backend: str) -> None:
    plain = sf.nn.Linear(mel, out).to_backend(backend)
    x = _x(backend)
    wanted, weight = plain(x).numpy(), plain.weight.numpy().copy()
    wrapped = sf.nn.WeightNorm(plain, out)
    np.testing.assert_allclose(wrapped(x).numpy(), wanted, atol=1e-6)
    np.testing.assert_array_equal(plain.weight.numpy(), weight)
    wrapped.magnitude.assign(wrapped.magnitude.numpy() * 2)
    np.testing.assert_allclose(wrapped(x).numpy(), wanted * 2, atol=1e-5)


def test_weight_norm_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    wrapped = sf.nn.WeightNorm(sf.nn.Linear(mel, out).to_backend("torch"), out)
    theirs = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 3))
    with torch.no_grad():
        theirs.weight = wrapped.layer.weight.raw.t()
        theirs.bias.copy_(wrapped.layer.bias.raw)
    x = _x("torch")
    wrapped(x).raw.square().sum().backward()
    theirs(x.raw).square().sum().backward()
    magnitude = theirs.parametrizations.weight.original0.grad.reshape(3)
    np.testing.assert_allclose(wrapped.magnitude.raw.grad, magnitude, rtol=1e-4)
    direction = theirs.parametrizations.weight.original1.grad.t()
    np.testing.assert_allclose(wrapped.layer.weight.raw.grad, direction, atol=1e-4)


def test_a_wrapped_layer_trains_on_torch_and_tensorflow_alike() -> None:
    results = []
    for backend in ("torch", "tensorflow"):
        sf.set_seed(5)
        model = sf.nn.WeightNorm(sf.nn.Linear(mel, out), out)

        def losses(x: Any, model: Any = model) -> dict[str, sf.Tensor]:
            y = model(sf.wrap(x, (batch, time, mel)))
            return {"loss": sf.mean(y * y, axis=(batch, time, out))}

        trainer = sf.training.trainer(backend, model, losses, learning_rate=0.1)
        for _ in range(3):
            trainer.step(_x().numpy())
        results.append({n: p.numpy() for n, p in model.named_parameters().items()})
    for name in results[0]:
        np.testing.assert_allclose(results[0][name], results[1][name], atol=1e-5)


def test_weight_dropout_drops_and_gives_back() -> None:
    layer = sf.nn.LSTM(mel, out)
    weight = layer.hidden_weight.numpy().copy()
    dropped = sf.nn.WeightDropout(layer, 1.0)
    y, _ = dropped(_x(), axis=time)
    layer.hidden_weight.assign(weight * 0)
    wanted, _ = layer(_x(), axis=time)
    np.testing.assert_array_equal(y.numpy(), wanted.numpy())
    layer.hidden_weight.assign(weight)
    np.testing.assert_array_equal(
        dropped.eval()(_x(), axis=time)[0].numpy(), layer(_x(), axis=time)[0].numpy()
    )


def test_module_dict_holds_modules_by_name() -> None:
    heads = sf.nn.ModuleDict({"keys": sf.nn.Linear(mel, out, bias=False)})
    heads["second"] = sf.nn.LayerNorm(mel)
    heads.eval()
    assert list(heads) == ["keys", "second"]
    assert len(heads) == 2
    assert "keys" in heads
    assert "training" not in heads
    assert not heads["second"].training
    with pytest.raises(sf.DimError) as caught:
        heads["a.b"] = sf.nn.LayerNorm(mel)
    assert str(caught.value) == (
        "ModuleDict: a name cannot be 'a.b'.\n"
        "  needed  a name without dots, and not 'training'\n"
        "  fix: parameters go by these names."
    )


def test_pooling_and_upsampling_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    x = _x("torch")
    channels = x.raw.transpose(1, 2)
    options = {"axis": time, "window": 3, "stride": 2}
    pooled = sf.max_pool(x, **options).raw.transpose(1, 2)
    np.testing.assert_array_equal(pooled, torch.nn.functional.max_pool1d(channels, 3, 2))
    same = sf.mean_pool(x, **options, padding=(1, 1)).raw.transpose(1, 2)
    wanted = torch.nn.functional.avg_pool1d(channels, 3, 2, 1, count_include_pad=False)
    np.testing.assert_allclose(same, wanted, atol=1e-6)
    layer = sf.nn.ConvTranspose1d(mel, out, 5, stride=2, padding="valid").to_backend("torch")
    weight = layer.weight.raw.permute(1, 2, 0)
    wanted = torch.nn.functional.conv_transpose1d(channels, weight, layer.bias.raw, 2)
    got = layer(x, axis=time).raw_in((batch, out, time * 2 + 3))
    np.testing.assert_allclose(got.detach(), wanted.detach(), atol=1e-5)


@pytest.mark.parametrize("backend", ["numpy", "torch", "tensorflow"])
def test_nothing_at_all_has_a_result(backend: str) -> None:
    """A batch of sequences without any position."""
    x = _x(backend, 0)
    assert sf.max_pool(x, axis=time, window=3).numpy().shape == (2, 0, 4)
    assert sf.mean_pool(x, axis=time, window=3, padding="same").numpy().shape == (2, 0, 4)
    layer = sf.nn.ConvTranspose1d(mel, out, 4, stride=2, padding="valid").to_backend(backend)
    y = layer(x, axis=time)
    assert y.numpy(batch, time * 2 + 2, out).shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: sf.max_pool(_x(), axis=time, window=0),
            "max_pool: window cannot be 0.\n"
            "  needed  an int of at least 1\n"
            "  fix: it counts positions.",
        ),
        (
            lambda: sf.mean_pool(_x(), axis=time, window=2, padding=(1, 1)),
            "mean_pool: padding cannot be (1, 1).\n"
            "  needed  fewer than 2 positions together, as the window has\n"
            "  fix: a window beyond the data would hold nothing.",
        ),
        (
            lambda: sf.nn.ConvTranspose1d(mel, out, 2, stride=3)(_x(), axis=time),
            "conv_transpose: the window cannot be window:2.\n"
            "  needed  at least the stride, 3\n"
            "  fix: a shorter one leaves positions out.",
        ),
        (
            lambda: sf.nn.WeightNorm(sf.nn.Linear(mel, out), out, "kernel"),
            "WeightNorm: name cannot be 'kernel'.\n"
            "  needed  a parameter of Linear\n"
            "  fix: one of weight, bias.",
        ),
    ],
)
def test_errors(call: Any, text: str) -> None:
    with pytest.raises(sf.DimError) as caught:
        call()
    assert str(caught.value) == text
