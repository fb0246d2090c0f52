"""Initialisers by their statistics, and what modules do with all their parameters at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf
from seqfront.nn import init

wide, narrow, window = sf.Dim("wide", 300), sf.Dim("narrow", 100), sf.Dim("window", 2)
mel, out = sf.Dim("mel", 4), sf.Dim("out", 3)


def _drawn(initial: Any, *dims: sf.Dim) -> np.ndarray:
    sf.set_seed(5)
    return sf.nn.Parameter(dims, initial).numpy()


@pytest.mark.parametrize(
    ("initial", "variance"),
    [
        (init.GlorotUniform(), 2 / 800),
        (init.GlorotNormal(2.0), 8 / 800),
        (init.HeUniform(), 2 / 600),
        (init.HeNormal(), 2 / 600),
        (init.LecunUniform(), 1 / 600),
        (init.LecunNormal(), 1 / 600),
        (init.VarianceScaling(3.0, "out", "truncated"), 3 / 200),
        (init.Normal(0.1), 0.01),
        (init.TruncatedNormal(0.1), 0.01 * 0.8796256610342398**2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_variances(initial: Any, variance: float) -> None:
    """A window counts for the inputs and the outputs."""
    value = _drawn(initial, window, wide, narrow)
    assert abs(value.mean()) < 5 * np.sqrt(variance / value.size)
    assert value.var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("name", ["GlorotNormal", "HeNormal", "LecunUniform", "Orthogonal",
                                  "TruncatedNormal", "VarianceScaling", "Identity"])  # fmt: skip
def test_values_are_the_same_on_all_backends(name: str, backend_name: str) -> None:
    wanted = _drawn(getattr(init, name)(), mel, out)
    with sf.use_backend(backend_name):
        np.testing.assert_array_equal(_drawn(getattr(init, name)(), mel, out), wanted)


def test_nothing_lies_beyond_the_limit() -> None:
    assert np.abs(_drawn(init.TruncatedNormal(0.5, 1.5), wide, narrow)).max() <= 0.75
    shaped = _drawn(init.VarianceScaling(), wide, narrow)
    assert np.abs(shaped).max() <= 2 / np.sqrt(300) / 0.8796 + 1e-6


@pytest.mark.parametrize("dims", [(wide, narrow), (narrow, wide), (window, narrow, wide)])
def test_orthogonal(dims: tuple[sf.Dim, ...]) -> None:
    matrix = _drawn(init.Orthogonal(2.0), *dims).reshape(-1, dims[-1].size or 0)
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-4)


def test_identity_gives_what_it_is_given() -> None:
    time, same = sf.Dim("time", 5), mel.clone()
    x = sf.wrap(np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32), (time, mel))
    for size in (1, 2, 3):
        conv = sf.nn.Conv1d(mel, same, size, padding="same", weight_init=init.Identity())
        np.testing.assert_array_equal(conv(x, axis=time).numpy(), x.numpy())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: sf.nn.Parameter((mel,), init.Orthogonal()),
            "Orthogonal: a parameter cannot be (mel:4,).\n"
            "  needed  two dims or more\n"
            "  fix: its last two dims are inputs and outputs.",
        ),
        (
            lambda: init.TruncatedNormal(limit=0.0),
            "TruncatedNormal: limit cannot be 0.0.\n"
            "  needed  0.1 or more\n"
            "  fix: nearly nothing lies within so few deviations: take Uniform.",
        ),
        (
            lambda: init.VarianceScaling(mode="fan_in"),  # type: ignore[arg-type]
            "VarianceScaling: mode is 'fan_in'.\n"
            "  known  'in', 'out', 'mean'\n"
            "  fix: give one of these.",
        ),
    ],
)
def test_initialisers_refuse(make: Any, text: str) -> None:
    with pytest.raises(sf.DimError) as caught:
        make()
    assert str(caught.value) == text


def _net() -> Any:
    return sf.nn.Sequential(sf.nn.Linear(mel, out), sf.nn.BatchNorm(out))


def test_counts_of_parameters() -> None:
    assert _net().parameter_count() == 15 + 12
    assert _net().parameter_count(trainable=True) == 15 + 6


def test_apply_reaches_inner_modules_first() -> None:
    seen: list[str] = []
    net = _net()
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["BatchNorm", "Linear", "Sequential"]


def test_frozen_parameters_stay(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        net = _net()
    values = net[0].weight.numpy()
    assert net.freeze().parameters() == []
    np.testing.assert_array_equal(net[0].weight.numpy(), values)
    if backend_name == "torch":
        assert not net[0].weight.raw.requires_grad
    if backend_name == "tensorflow":
        assert not net[0].weight.raw.trainable
    net.freeze(False)
    assert len(net.parameters()) == 4, "running statistics were never trained"
    assert not net[1].running_mean.trainable
    if backend_name == "torch":
        assert net[0].weight.raw.requires_grad


def test_a_framework_freezes_what_it_owns() -> None:
    pytest.importorskip("torch")
    import seqfront_torch

    model = sf.nn.Linear(mel, out).to_backend("torch")
    seqfront_torch.module(model)
    with pytest.raises(sf.DimError) as caught:
        model.freeze()
    assert str(caught.value) == (
        "freeze: a parameter cannot be float32[mel:4, out:3] torch:cpu.\n"
        "  needed  one that no framework's module owns\n"
        "  fix: freeze the model first, or use what the framework has (requires_grad_)."
    )
