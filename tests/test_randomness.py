"""Seeds: the same parameters everywhere; draws that are recorded and played again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from frameworks import INSTALLED

import seqfront as sf
from seqfront import backends, randomness

batch, time = sf.Dim("batch"), sf.Dim("time")
feature, out, vocab = sf.Dim("feature", 6), sf.Dim("out", 4), sf.Dim("vocab", 5)

LAYERS: dict[str, Callable[[], sf.nn.Module]] = {
    "linear": lambda: sf.nn.Linear(feature, out),
    "embedding": lambda: sf.nn.Embedding(vocab, out),
    "norm": lambda: sf.nn.LayerNorm(feature),
    "lstm": lambda: sf.nn.LSTM(feature, out),
    "conv": lambda: sf.nn.Conv1d(feature, out, 3, groups=2),
    "he": lambda: sf.nn.Linear(feature, out, weight_init=sf.nn.init.HeUniform()),
    "uniform": lambda: sf.nn.Linear(feature, out, weight_init=sf.nn.init.Uniform(0.1)),
}


def _values(make: Callable[[], sf.nn.Module], backend: str, seed: int) -> dict[str, np.ndarray]:
    sf.set_seed(seed)
    with sf.use_backend(backend):
        return {name: p.numpy() for name, p in make().named_parameters().items()}


@pytest.mark.parametrize("name", LAYERS)
def test_one_seed_gives_one_model_on_every_backend(name: str) -> None:
    wanted = _values(LAYERS[name], "numpy", 7)
    for backend in INSTALLED:
        mine = _values(LAYERS[name], backend, 7)
        assert list(mine) == list(wanted)
        for key, value in mine.items():
            assert value.dtype == np.float32
            np.testing.assert_array_equal(value, wanted[key])


def test_seeds_differ_and_repeat() -> None:
    first = _values(LAYERS["linear"], "numpy", 1)["weight"]
    assert (first == _values(LAYERS["linear"], "numpy", 1)["weight"]).all()
    assert (first != _values(LAYERS["linear"], "numpy", 2)["weight"]).any()


def test_parameters_of_one_model_differ() -> None:
    sf.set_seed(0)
    a, b = sf.nn.Linear(feature, out), sf.nn.Linear(feature, out)
    assert (a.weight.numpy() != b.weight.numpy()).any()


def test_variance_of_initial_values() -> None:
    wide, narrow = sf.Dim("wide", 300), sf.Dim("narrow", 100)
    sf.set_seed(3)
    glorot = sf.nn.Linear(wide, narrow).weight.numpy()
    assert abs(glorot.var() - 2 / 400) < 2e-4
    he = sf.nn.Linear(wide, narrow, weight_init=sf.nn.init.HeUniform()).weight.numpy()
    assert abs(he.var() - 2 / 300) < 2e-4
    normal = sf.nn.Embedding(wide, narrow).weight.numpy()
    assert abs(normal.std() - 1.0) < 0.02


def test_forget_gates_start_open() -> None:
    bias = sf.nn.LSTM(feature, out).bias.numpy()
    assert bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8


def _dropped(backend: str) -> np.ndarray:
    ones = sf.wrap(backends.get(backend).convert(np.ones((20, 6), np.float32)), (time, feature))
    return sf.dropout(ones, 0.25).numpy()


def test_draws_of_one_backend_are_replayed_to_another() -> None:
    for source in INSTALLED:
        with randomness.record() as draws:
            wanted = _dropped(source)
        assert len(draws) == 1
        for target in INSTALLED:
            with randomness.replay(draws):
                np.testing.assert_array_equal(_dropped(target), wanted)


def test_backends_repeat_their_own_draws(backend_name: str) -> None:
    backend = backends.get(backend_name)
    backend.set_seed(5)
    state = backend.random_state()
    first, second = _dropped(backend_name), _dropped(backend_name)
    assert (first != second).any()
    backend.set_random_state(state)
    np.testing.assert_array_equal(_dropped(backend_name), first)
    backend.set_seed(5)
    np.testing.assert_array_equal(_dropped(backend_name), first)


def test_dropout_keeps_the_mean(backend_name: str) -> None:
    backend = backends.get(backend_name)
    backend.set_seed(11)
    big = sf.Dim("big", 40000)
    x = sf.wrap(backend.convert(np.ones(40000, np.float32)), (big,))
    y = sf.dropout(x, 0.25).numpy()
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert abs(y.mean() - 1.0) < 0.02


def test_dropout_shares_draws_along_other_dims(backend_name: str) -> None:
    x = sf.wrap(backends.get(backend_name).convert(np.ones((20, 6), np.float32)), (time, feature))
    y = sf.dropout(x, 0.5, axis=(feature,)).numpy()
    assert (y == y[:1]).all()


def test_distributions(backend_name: str) -> None:
    backends.get(backend_name).set_seed(1)
    big = sf.Dim("big", 40000)
    with sf.use_backend(backend_name):
        uniform, normal = sf.random_uniform((big,)).numpy(), sf.random_normal((big,)).numpy()
    assert 0 <= uniform.min() < 0.001
    assert 0.999 < uniform.max() < 1
    assert abs(normal.mean()) < 0.02
    assert abs(normal.std() - 1) < 0.02
