"""The stub of the compiled module says what the module has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import seqfront


def test_stub_is_what_nanobind_generates(tmp_path: Path) -> None:
    generated = tmp_path / "_native.pyi"
    subprocess.run(
        [sys.executable, "-m", "nanobind.stubgen", "-m", "seqfront._native", "-o", generated],
        check=True,
        capture_output=True,
    )
    root = Path(seqfront.__file__).parent
    config = root.parent / "pyproject.toml"
    for command in (["check", "--fix", "--select", "I"], ["format"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", config, generated],
            check=True,
            capture_output=True,
        )
    assert generated.read_text() == (root / "_native.pyi").read_text()
