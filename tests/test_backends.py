"""Finding backends: by raw tensor, by name, by default."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from frameworks import INSTALLED

import seqfront as sf
from seqfront import backends
from seqfront.backend import Backend

feature = sf.Dim("feature", 3)


def test_by_name(backend_name: str) -> None:
    backend = backends.get(backend_name)
    assert isinstance(backend, Backend)
    assert backend is backends.get(backend_name)
    assert backend.name == backend_name


def test_by_raw_tensor(backend_name: str) -> None:
    backend = backends.get(backend_name)
    assert backends.of(backend.convert([1.0])) is backend
    assert backends.of(backend.parameter(np.zeros(3, np.float32))) is backend
    assert backends.is_raw(backend.convert([1.0]))
    assert not backends.is_raw([1.0])
    assert not backends.is_raw(1.0)


def test_subclasses_are_found() -> None:
    class Array(np.ndarray):
        pass

    assert backends.of(np.zeros(2).view(Array)).name == "numpy"


def test_scoped_default_wins(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        assert sf.zeros((feature,)).backend.name == backend_name
        with sf.use_backend("numpy"):
            assert sf.zeros((feature,)).backend.name == "numpy"
        assert sf.zeros((feature,)).backend.name == backend_name


def test_process_default(backend_name: str) -> None:
    sf.set_backend(backend_name)
    assert sf.ones((feature,)).backend.name == backend_name


def test_like_wins_over_the_default(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        x = sf.ones((feature,))
    assert sf.zeros((feature,), like=x).backend.name == backend_name


def test_a_scope_is_left_when_it_fails() -> None:
    def fail() -> None:
        with sf.use_backend(INSTALLED[-1]):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert backends.default_name() == "numpy"


def test_scopes_are_of_one_thread() -> None:
    seen: list[str] = []
    with sf.use_backend(INSTALLED[-1]):
        thread = threading.Thread(target=lambda: seen.append(backends.default_name()))
        thread.start()
        thread.join()
    assert seen == ["numpy"]


def test_environment_variable() -> None:
    code = "import seqfront as sf; print(sf.zeros(()).backend.name)"
    name = INSTALLED[1] if len(INSTALLED) > 1 else "numpy"
    output = subprocess.run(
        [sys.executable, "-c", code],
        env={"SEQFRONT_BACKEND": name, "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert output.stdout.strip() == name


def test_available_names_all() -> None:
    assert set(INSTALLED) <= set(backends.available())


def test_conversion_between_all_pairs(backend_name: str) -> None:
    batch, time = sf.Dim("batch"), sf.Dim("time")
    raw = backends.get(backend_name).convert(np.arange(6, dtype=np.int64).reshape(2, 3))
    x = sf.wrap(raw, (batch, time), lengths={time: [3, 1]}, sparse_dim=feature)
    for name in INSTALLED:
        y = sf.to_backend(x, name)
        assert (y.backend.name, y.dtype, y.sparse_dim) == (name, "int64", feature)
        assert y.lengths(time).backend.name == name
        assert y.lengths(time).numpy().tolist() == [3, 1]
        np.testing.assert_array_equal(y.numpy(), x.numpy())


def test_both_frameworks_live_in_one_process() -> None:
    tensors = [
        sf.wrap(backends.get(name).convert([1.0, 2.0, 3.0]), (feature,)) for name in INSTALLED
    ]
    assert [x.backend.name for x in tensors] == list(INSTALLED)
    assert all(float(sf.sum(x, axis=feature)) == 6.0 for x in tensors)
