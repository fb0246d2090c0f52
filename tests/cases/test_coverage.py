"""Every public operation and layer has a case; every excuse of a case is a sentence."""

from __future__ import annotations

import dataclasses
import inspect
from collections import Counter

import seqfront as sf
from cases.dims import batch, group
from cases.registry import CASES, COMPILED_FULLY
from seqfront.testing import Case

NO_OPERATIONS = {
    "autocast": "switches precision: tests/test_autocast.py",
    "set_backend": "chooses a default: tests/test_backends.py",
    "use_backend": "chooses a default: tests/test_backends.py",
    "set_seed": "seeds parameters: tests/test_randomness.py",
    "checked": "decorates functions: tests/test_typing.py",
    "debug_checks": "switches checks: tests/test_errors.py",
    "explain": "gives text: tests/test_explanation.py",
    "save": "writes a file: tests/test_checkpoint.py",
    "load": "reads a file: tests/test_checkpoint.py",
    "value_and_grad": "takes a function: tests/test_gradient.py",
    "search.greedy_transducer": "eager only: tests/search/test_greedy.py",
    "metrics.word_error_rate": "takes text: tests/test_metrics.py",
    "metrics.character_error_rate": "takes text: tests/test_metrics.py",
}
"""Public functions that compute no tensor from tensors, and where they are tested."""


def _functions() -> set[str]:
    return {
        f"{prefix}{name}"
        for prefix, module in (("", sf), ("metrics.", sf.metrics))
        for name, value in vars(module).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


def _layers() -> set[str]:
    return {
        f"nn.{name}"
        for name, value in vars(sf.nn).items()
        if inspect.isclass(value) and not name.startswith("_")
    }


def _searches() -> set[str]:
    """Searches and scorers; what they give is covered with them."""
    return {
        f"search.{name}"
        for name, value in vars(sf.search).items()
        if inspect.isfunction(value)
        or (
            inspect.isclass(value)
            and not issubclass(value, tuple)
            and not inspect.isabstract(value)
        )
    }


def _covered() -> set[str]:
    return {name for case in CASES for name in case.covers}


def test_every_public_function_has_a_case() -> None:
    assert _functions() - _covered() - set(NO_OPERATIONS) == set()


def test_every_layer_has_a_case() -> None:
    assert _layers() - _covered() == set()


def test_every_search_has_a_case() -> None:
    assert _searches() - _covered() - set(NO_OPERATIONS) == set()


def test_cases_cover_what_exists() -> None:
    assert _covered() - _functions() - _layers() - _searches() == set()


def test_names_are_unique() -> None:
    twice = [name for name, count in Counter(case.name for case in CASES).items() if count > 1]
    assert twice == []


def test_cases_that_are_compiled_fully_exist() -> None:
    assert set(COMPILED_FULLY) <= {case.name for case in CASES}


def test_exceptions_are_reasoned() -> None:
    """A flag is a sentence, not a switch."""
    texts = [f.name for f in dataclasses.fields(Case) if f.type == "str" and f.name != "name"]
    assert len(texts) >= 8
    for case in CASES:
        for name in texts:
            reason = getattr(case, name)
            assert reason == "" or len(reason) >= 8, f"{case}: {name} is {reason!r}"


def test_rows_are_tried_one_by_one() -> None:
    """A case over a batch dim says that its rows are independent, or why they are not."""
    for case in CASES:
        dims = {dim for spec in case.inputs.values() for dim in spec.dims}
        if not dims.isdisjoint({batch, group}):
            assert case.batch or case.mixes_batch or case.draws, case
