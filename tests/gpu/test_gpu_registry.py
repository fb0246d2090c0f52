"""The registry of cases with all tensors on a GPU: values against NumPy, gradients against the CPU.

Without a GPU one case in forty runs, on the CPU.
"""

from __future__ import annotations

import zlib

import pytest
from cases.registry import CASES
from devices import DEVICE, expect_refusal

from seqfront import errors, testing
from seqfront.testing import Case
from seqfront.testing.check import draws_of, execution, reference, tolerance
from seqfront.testing.compare import same_data, same_outputs
from seqfront.testing.run import Execution, Setting

TRIED = [case for case in CASES if DEVICE != "cpu" or zlib.crc32(case.name.encode()) % 40 == 0]


def _run(case: Case, precision: str, gradients: bool) -> Execution:
    """On the device; what has no kernel says so by name."""
    how = Setting(precision, gradients=gradients, draws=draws_of(case), device=DEVICE)
    try:
        return testing.run(case, "torch", case.arguments(), how)
    except errors.NativeError as error:
        expect_refusal(error)


@pytest.mark.parametrize("case", TRIED, ids=str)
def test_values(case: Case) -> None:
    """float32 near the exact values, float64 as good as exact."""
    exact = reference(case, "float64").outputs
    allowed = tolerance(case, "float32", 5)  # sums have another order there
    same_outputs(_run(case, "float32", False).outputs, exact, dtypes=False, tolerance=allowed)
    found = _run(case, "float64", False).outputs
    halves = any(o.dtype in ("float16", "bfloat16", "float32") for o in exact)
    allowed = allowed if halves else tolerance(case, "float64", 10)
    same_outputs(found, exact, tolerance=allowed)


@pytest.mark.parametrize("case", [case for case in TRIED if not case.no_gradient], ids=str)
def test_gradients(case: Case) -> None:
    """Of inputs and parameters, in float64."""
    wanted = execution(case, "torch").gradients
    found = _run(case, "float64", True).gradients
    assert set(found) == set(wanted)
    halves = any(o.dtype != "float64" for o in reference(case, "float64").outputs if o.is_float)
    relative, absolute = tolerance(case, "float32" if halves else "float64", 10)
    for name, mine in found.items():
        full = wanted[name] == wanted[name]
        scale = float(abs(wanted[name][full]).max(initial=1.0))
        same_data(
            f"the gradient of {name}", mine, full, wanted[name], full, (),
            (relative, absolute * scale),
        )  # fmt: skip


@pytest.mark.parametrize("case", [case for case in TRIED if not case.no_half], ids=str)
def test_half_precision(case: Case) -> None:
    """float16 near the exact values."""
    exact = reference(case, "float64").outputs
    found = _run(case, "float16", False).outputs
    same_outputs(found, exact, dtypes=False, tolerance=tolerance(case, "float16"))
