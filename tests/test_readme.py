"""Every Python snippet of README.md and docs/ runs, in order, one namespace for each file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_snippets_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    snippets = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for snippet in snippets:
        exec(compile(snippet, str(page), "exec"), namespace)


def test_readme_has_an_example_on_both_frameworks() -> None:
    text = (ROOT / "README.md").read_text()
    assert "```python" in text
    assert "torch" in text
    assert "tensorflow" in text
