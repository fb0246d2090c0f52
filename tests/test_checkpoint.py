"""sf.save and sf.load: one file for every backend, bit for bit, whole or not at all."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors

import seqfront as sf
from seqfront import safetensors_file

NAMES = [n for n in ("numpy", "torch", "tensorflow") if importlib.util.find_spec(n) is not None]
DTYPES = ["float16", "bfloat16", "float32", "float64", "int32", "int64", "uint8", "bool"]

rows, columns = sf.Dim("rows", 3), sf.Dim("columns", 4)


class Model(sf.nn.Module):
    """Parameters of every dtype, scalars and empty ones, in lists and parts."""

    def __init__(self, backend: str, seed: int = 0) -> None:
        stream = np.random.default_rng(seed)
        with sf.use_backend(backend):
            self.layers = [sf.nn.Linear(rows, columns), sf.nn.LayerNorm(columns)]
            self.kept = {
                dtype: sf.nn.Parameter((rows, columns), dtype=dtype, trainable=False)
                for dtype in DTYPES
                if backend != "numpy" or dtype != "bfloat16" or _numpy_has_bfloat16()
            }
            self.scalar = sf.nn.Parameter((), 0.0)
            self.empty = sf.nn.Parameter((sf.Dim("none", 0), rows), 0.0)
        for parameter in self.named_parameters().values():
            shape = tuple(dim.size for dim in parameter.dims)
            parameter.assign((stream.standard_normal(shape) * 100).astype("float32"))


def _numpy_has_bfloat16() -> bool:
    return importlib.util.find_spec("ml_dtypes") is not None


def bits(model: sf.nn.Module) -> dict[str, Any]:
    """The bytes of every parameter."""
    found: dict[str, Any] = {}
    for key, parameter in model.named_parameters().items():
        found[key] = (parameter.dtype, parameter.numpy().tobytes())
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("reader", NAMES)
@pytest.mark.parametrize("writer", NAMES)
def test_every_backend_reads_what_every_other_wrote(writer: str, reader: str, path: Path) -> None:
    source, target = Model(writer), Model(reader, seed=1)
    assert bits(source) != bits(target)
    sf.save(source, path, {"step": "1000", "näme": "ü"})
    raws = [p.raw for p in target.named_parameters().values()]
    assert sf.load(target, path) == {"step": "1000", "näme": "ü"}
    assert bits(source) == bits(target)
    found = [p.raw for p in target.named_parameters().values()]
    assert all(a is b for a, b in zip(raws, found, strict=True))


def test_special_values_survive(path: Path) -> None:
    for name in NAMES:
        for dtype in ("float16", "bfloat16", "float32"):
            a, b = (_one(name, dtype) for _ in range(2))
            a.only.assign([np.nan, np.inf, -np.inf, -0.0])
            sf.save(a, path)
            sf.load(b, path)
            x, y = a.only.numpy(), b.only.numpy()
            np.testing.assert_array_equal(x, y)
            assert np.signbit(y).tolist()[1:] == [False, True, True]


def _one(backend: str, dtype: str = "float32", dim: sf.Dim = columns, key: str = "only") -> Any:
    model = sf.nn.Module()
    with sf.use_backend(backend):
        trainable = "float" in dtype
        setattr(model, key, sf.nn.Parameter((dim,), 1.0, dtype=dtype, trainable=trainable))
    return model


# -- the format ------------------------------------------------------------------------------------


def test_the_safetensors_package_reads_it(path: Path) -> None:
    source = Model("numpy")
    sf.save(source, path, {"step": "1"})
    with safetensors.safe_open(path, "numpy") as file:
        assert file.metadata() == {"step": "1"}
        assert set(file.keys()) == set(source.named_parameters())
        for key, parameter in source.named_parameters().items():
            if parameter.dtype != "bfloat16":
                array = file.get_tensor(key)
                assert array.dtype.name == parameter.dtype
                np.testing.assert_array_equal(array, parameter.numpy())


def test_pytorch_reads_it_and_we_read_it_from_pytorch(path: Path) -> None:
    import safetensors.torch as files
    import torch

    source, target = Model("torch"), Model("torch", seed=1)
    sf.save(source, path)
    state = files.load_file(path)
    for key, parameter in source.named_parameters().items():
        assert torch.equal(state[key], parameter.raw)
    files.save_file({key: value.detach() for key, value in state.items()}, path, {"by": "torch"})
    assert sf.load(target, path) == {"by": "torch"}
    assert bits(source) == bits(target)


def test_keys_are_attribute_paths(path: Path) -> None:
    sf.save(Model("numpy"), path)
    stored, _ = safetensors_file.read(str(path))
    assert set(stored) == set(Model("numpy").named_parameters())
    assert repr(stored["layers.0.weight"]) == "float32[3, 4]"
    assert {"layers.1.scale", "kept.int64", "scalar"} <= set(stored)


# -- writing is atomic -----------------------------------------------------------------------------


class Stop(Exception):  # noqa: N818
    """The program is interrupted here."""


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_an_interrupted_write_leaves_the_old_file(
    where: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Model("numpy")
    sf.save(old, path)

    def stop(*_: Any) -> None:
        raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(os, where, stop)
        with pytest.raises(Stop):
            sf.save(Model("numpy", seed=1), path)
    assert [p.name for p in path.parent.iterdir()] == ["model.safetensors"]
    found = Model("numpy", seed=2)
    sf.load(found, path)
    assert bits(found) == bits(old)


def test_a_link_goes_on_pointing(path: Path) -> None:
    (path.parent / "real").touch()
    path.symlink_to("real")
    sf.save(_one("numpy"), path)
    assert path.is_symlink()
    assert sf.load(_one("numpy"), path.parent / "real") == {}


def test_permissions_are_those_of_any_new_file(path: Path) -> None:
    sf.save(_one("numpy"), path)
    other = path.parent / "other"
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode


# -- what does not fit -----------------------------------------------------------------------------


def _message(caught: pytest.ExceptionInfo[Exception], path: Path) -> str:
    return str(caught.value).replace(str(path), "PATH")


def test_missing_and_unexpected(path: Path) -> None:
    sf.save(_one("numpy", key="other"), path)
    model = _one("numpy")
    with pytest.raises(sf.CheckpointError) as caught:
        sf.load(model, path)
    assert _message(caught, path) == (
        "load: 2 entries do not fit the model.\n"
        "  file        PATH\n"
        "  missing     only, needs float32[columns:4]\n"
        "  unexpected  other, came float32[4]\n"
        "  fix: load into the model that was saved, or strict=False to take what both have."
    )
    assert sf.load(model, path, strict=False) == {}


def test_another_shape_is_an_error_and_changes_nothing(path: Path) -> None:
    class Two(sf.nn.Module):
        def __init__(self, dim: sf.Dim, value: float) -> None:
            self.first = sf.nn.Parameter((columns,), value)
            self.second = sf.nn.Parameter((dim,), value)

    sf.save(Two(columns, 1.0), path)
    model = Two(rows, 0.0)
    for strict in (True, False):
        with pytest.raises(sf.CheckpointError) as caught:
            sf.load(model, path, strict)
        assert _message(caught, path) == (
            "load: 1 entry does not fit the model.\n"
            "  file    PATH\n"
            "  misfit  second, needs float32[rows:3], came float32[4]\n"
            "  fix: make the model with the dims it was saved with."
        )
    assert not model.first.numpy().any()


def test_integers_do_not_become_floats(path: Path) -> None:
    sf.save(_one("numpy", "int32"), path)
    with pytest.raises(sf.CheckpointError, match=r"only, needs float32\[columns:4\], came int32"):
        sf.load(_one("numpy"), path)


@pytest.mark.parametrize("name", NAMES)
def test_floats_are_converted(name: str, path: Path) -> None:
    sf.save(_one("numpy", "float64"), path)
    model = _one(name, "float16")
    model.only.assign([0, 0, 0, 0])
    sf.load(model, path)
    assert model.only.dtype == "float16"
    assert model.only.numpy().tolist() == [1, 1, 1, 1]


def test_long_lists_are_cut(path: Path) -> None:
    sf.save(sf.nn.Module(), path)
    with pytest.raises(sf.CheckpointError) as caught:
        sf.load(Model("numpy"), path)
    lines = str(caught.value).splitlines()
    count = len(Model("numpy").named_parameters())
    assert len(lines) == 1 + 1 + 5 + 1 + 1
    assert lines[-2] == f"  missing  and {count - 5} more"


def test_metadata_are_strings(path: Path) -> None:
    with pytest.raises(sf.CheckpointError) as caught:
        sf.save(_one("numpy"), path, {"step": 1})  # type: ignore[dict-item]
    assert str(caught.value) == (
        "save: the metadata of a checkpoint are strings by name.\n"
        "  entry  'step': 1\n"
        "  fix: convert it, for instance with json.dumps."
    )
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x10\0\0\0\0\0\0\0{}",
        b"\x02\0\0\0\0\0\0\0{]",
        b"\x02\0\0\0\0\0\0\0[]",
        b'\x0a\0\0\0\0\0\0\0{"a": "b"}',
    ],
)
def test_broken_files(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(safetensors.SafetensorError) as reason:
        safetensors.deserialize(content)
    with pytest.raises(sf.CheckpointError) as caught:
        sf.load(_one("numpy"), path)
    assert _message(caught, path) == (
        "load: this is no safetensors file.\n"
        "  file    PATH\n"
        f"  reason  {reason.value}\n"
        "  fix: sf.save writes one."
    )


def test_a_file_that_was_cut_off(path: Path) -> None:
    model = _one("numpy")
    sf.save(model, path)
    before = {name: p.numpy().copy() for name, p in model.named_parameters().items()}
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(sf.CheckpointError, match="this is no safetensors file"):
        sf.load(model, path)
    assert all((p.numpy() == before[name]).all() for name, p in model.named_parameters().items())


def test_no_file(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sf.load(_one("numpy"), path)


@pytest.mark.parametrize("call", [sf.save, sf.load])
def test_only_models(call: Any, path: Path) -> None:
    with pytest.raises(sf.BackendError) as caught:
        call({}, path)
    assert str(caught.value) == (
        f"{call.__name__}: this is no seqfront module.\n"
        "  model  builtins.dict\n"
        "  fix: pass an sf.nn.Module."
    )


def test_bridged_models(path: Path) -> None:
    import torch

    import seqfront_torch

    model = Model("numpy")
    net = seqfront_torch.module(model)
    sf.save(model, path)
    with torch.no_grad():
        net.scalar.fill_(7.0)
    sf.load(model, path)
    assert net.scalar.item() != 7.0
