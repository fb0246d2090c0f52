"""The house keeps its shape: imports point down, files stay small, public things are documented."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from frameworks import INSTALLED

import seqfront as sf
from seqfront import backends
from seqfront.backend import Backend
from seqfront.compat import espnet, torch, torchaudio

ROOT = Path(__file__).parent.parent
SOURCES = [
    path
    for folder in ("seqfront", "backends", "native")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".cpp", ".hpp", ".h", ".c", ".cu"}
]
PYTHON = [path for path in SOURCES if path.suffix == ".py"]
FRAMEWORKS = {"torch", "tensorflow", "keras", "jax"}


def _loaded_by(code: str) -> set[str]:
    """Frameworks that a fresh interpreter has loaded after running `code`."""
    command = f"{code}\nimport sys\nprint(*sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", command], check=True, capture_output=True, text=True
    ).stdout
    return FRAMEWORKS & set(output.split())


def test_importing_seqfront_loads_no_framework() -> None:
    assert (
        _loaded_by("import seqfront, seqfront.recipes.digits.model, seqfront.compat.torch") == set()
    )


def test_the_check_for_frameworks_works() -> None:
    assert "torch" in _loaded_by("import seqfront; seqfront.set_backend('torch')")


def test_imports_point_down() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--config", "pyproject.toml"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_short_and_say_what_they_are(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "misc"}
    if path.suffix == ".py":
        assert ast.get_docstring(ast.parse(text)), "a module says what it is"
    else:
        assert text.startswith(("//", "/*")), "a C++ file says what it is"


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_assert_on_user_input_and_all_signatures_annotated(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}"
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.returns is not None, f"{node.name}, line {node.lineno}"


def _public(module: Any) -> list[tuple[str, Any]]:
    return [
        (name, value)
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__.startswith("seqfront")
    ]


@pytest.mark.parametrize(
    "module",
    [
        sf,
        sf.nn,
        sf.models,
        sf.search,
        sf.loss,
        sf.metrics,
        sf.alignment,
        sf.training,
        espnet,
        torch,
        torchaudio,
    ],
)
def test_public_names_are_documented_and_annotated(module: Any) -> None:
    for name, value in _public(module):
        assert inspect.getdoc(value), name
        members = [value] if inspect.isfunction(value) else _methods(value)
        for member in members:
            for parameter in inspect.signature(member).parameters.values():
                known = parameter.annotation is not inspect.Parameter.empty
                assert known or parameter.name in {"self", "cls"}, f"{name}: {parameter}"


def _methods(cls: type) -> list[Any]:
    """Written in seqfront, not generated (a NamedTuple's)."""
    return [
        member
        for member in vars(cls).values()
        if inspect.isfunction(member) and member.__code__.co_filename.startswith(str(ROOT))
    ]


def test_tensor_stays_small() -> None:
    public = [name for name in dir(sf.Tensor) if not name.startswith("_")]
    assert len(public) <= 25, public


def test_median_function_is_short() -> None:
    lengths = sorted(
        (node.end_lineno or 0) - node.lineno + 1 - _docstring_lines(node)
        for path in PYTHON
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    )
    assert lengths[len(lengths) // 2] < 9


def _docstring_lines(node: ast.FunctionDef) -> int:
    text = ast.get_docstring(node, clean=False)
    return 0 if text is None else text.count("\n") + 1


UNFINISHED = re.compile(r"NotImplementedError|not (yet )?implemented|TODO|FIXME|XXX", re.I)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_left_to_be_written(path: Path) -> None:
    """What a backend cannot do it says in our own words (`seqfront.errors`), and what there is has
    been written for all: the registry of cases calls every public function on every backend."""
    assert UNFINISHED.search(path.read_text()) is None


@pytest.mark.parametrize("name", INSTALLED)
def test_a_backend_implements_every_primitive(name: str) -> None:
    backend = type(backends.get(name))
    assert not inspect.isabstract(backend)
    for method in vars(Backend).values():
        if getattr(method, "__isabstractmethod__", False):
            own = getattr(backend, method.__name__, None)
            assert own is not method, method.__name__


def test_changelog_and_version_agree() -> None:
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.M)
    assert version is not None
    assert version[1] == sf.__version__
    assert (ROOT / "CHANGELOG.md").read_text().startswith("# Changelog")
