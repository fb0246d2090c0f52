"""Every case, on every backend, in every mode, in every disguise."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pytest

from cases import modes
from cases.modes import Mode
from cases.registry import CAPTURED_ONLY, CASES, COMPILED_FULLY
from seqfront import backends, testing
from seqfront.testing import Case, Variant


def _eager() -> Iterator[object]:
    for case in CASES:
        for mode in modes.EAGER:
            yield pytest.param(case, mode, id=f"{case}-{mode}")


def _compiled() -> Iterator[object]:
    for case in CASES:
        for mode in modes.COMPILED:
            if mode.backend in case.not_compiled:
                continue
            if mode.backend == "torch" and mode.name != _torch_mode(case):
                continue
            quick = mode.backend == "tensorflow" or case.name in COMPILED_FULLY
            marks = () if quick else (pytest.mark.slow,)
            yield pytest.param(case, mode, id=f"{case}-{mode}", marks=marks)


def _torch_mode(case: Case) -> str:
    if case.name in COMPILED_FULLY:
        return "compile"
    return "captured" if case.name in CAPTURED_ONLY else "traced"


@lru_cache(maxsize=4)
def _variants(case: Case) -> list[Variant]:
    return testing.variants(case)


def _disguised() -> Iterator[object]:
    for case in CASES:
        kinds = dict.fromkeys(variant.kind for variant in testing.variants(case))
        for mode in modes.EAGER:
            for kind in kinds:
                yield pytest.param(case, kind, mode, id=f"{case}-{mode}-{kind}")


@pytest.mark.parametrize(("case", "mode"), list(_eager()))
def test_eager(case: Case, mode: Mode) -> None:
    """Values against the reference, gradients against another backend, or against differences."""
    testing.check_values(case, mode.backend)
    testing.check_half(case, mode.backend)
    if case.no_gradient or not backends.get(mode.backend).has_gradients:
        return
    if mode.backend != modes.REFERENCE:
        testing.check_gradients(case, mode.backend, modes.REFERENCE)
    if not case.no_finite_difference:
        testing.check_finite_differences(case, mode.backend)


@pytest.mark.parametrize(("case", "mode"), list(_compiled()))
def test_compiled(case: Case, mode: Mode) -> None:
    """A graph for unknown sizes gives what eager operations give."""
    backends.get(mode.backend)  # a first look-up of types cannot be traced
    assert mode.compile is not None
    testing.check_compiled(case, mode.backend, modes.REFERENCE, mode.compile)


@pytest.mark.parametrize(("case", "kind", "mode"), list(_disguised()))
def test_invariance(case: Case, kind: str, mode: Mode) -> None:
    """What ought to change nothing changes nothing."""
    for variant in _variants(case):
        if variant.kind == kind:
            testing.check_variant(case, variant, mode.backend)


@pytest.mark.parametrize("case", [case for case in CASES if case.oracle is not None], ids=str)
def test_oracle(case: Case) -> None:
    """The reference itself is right."""
    testing.check_oracle(case)
