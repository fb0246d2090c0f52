"""The site builds without a warning, and its reference has every public name."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import seqfront as sf
from seqfront import testing

ROOT = Path(__file__).parent.parent
SPACES = (sf, sf.nn, sf.models, sf.search, sf.training, sf.metrics, sf.alignment, testing)


def _public(space: ModuleType) -> dict[str, str]:
    """Where the functions and classes of a namespace are defined, by the name users have."""
    return {
        f"{space.__name__}.{name}": f"{item.__module__}.{item.__qualname__}"
        for name, item in vars(space).items()
        if not name.startswith("_") and (inspect.isclass(item) or inspect.isfunction(item))
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    command = ["mkdocs", "build", "--quiet", "-f", "docs/mkdocs.yml", "-d", str(target)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=quiet, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target


def test_reference_is_complete(site: Path) -> None:
    text = "".join(page.read_text() for page in (site / "reference").rglob("*.html"))
    named = {name: place for space in SPACES for name, place in _public(space).items()}
    missing = [name for name, place in named.items() if f'id="{place}"' not in text]
    assert not missing, f"the reference lacks {', '.join(missing)}"
