"""Searches on a GPU: a fixed amount of work, instead of looking what there is to do.

Here the CPU claims that to look at its values is dear.
"""

from __future__ import annotations

import pytest
from cases.registry import CASES

from seqfront import checks, testing
from seqfront.testing import Case
from seqfront.testing.compare import same_outputs
from seqfront.testing.run import Setting

pytest.importorskip("torch")

SEARCHES = [c for c in CASES if c.name.startswith(("search-", "ctc-greedy", "ctc-prefix"))]


@pytest.mark.parametrize("case", SEARCHES, ids=str)
def test_searches_find_the_same_where_values_are_dear(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU they do a fixed amount of work instead of looking what there is to do."""
    wanted = testing.run(case, "torch", case.arguments(), Setting("float64", gradients=False))
    monkeypatch.setattr(checks, "values_are_cheap", lambda backend, *raws: False)
    found = testing.run(case, "torch", case.arguments(), Setting("float64", gradients=False))
    same_outputs(found.outputs, wanted.outputs, tolerance=(1e-9, 1e-10))
