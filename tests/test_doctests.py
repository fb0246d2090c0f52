"""The examples in docstrings run, on the NumPy backend."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import seqfront

LIBRARIES = ("_native", "libseqfront", "libseqfront_cuda", "seqfront_tensorflow_ops")
MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages(seqfront.__path__, "seqfront.")
    if not info.name.endswith(("__main__", *LIBRARIES))
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = sum(
        len(test.examples)
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
    )
    assert examples >= 20
