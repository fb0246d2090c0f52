"""Every primitive: the same values and dtypes on every backend as on NumPy, and true gradients.

The gradients are held to finite differences of the NumPy backend in float64, so that each framework
is checked on its own. What has kinks and ties is in `test_edges.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import structure_cases  # noqa: F401  (adds its cases)
from primitive_cases import CASES, Case
from seam_harness import as_arrays

from seqfront.backend import Backend

_ids = [case.name for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=_ids)
def test_values_and_dtypes(framework: Backend, reference: Backend, case: Case) -> None:
    expected = as_arrays(reference, case.run(reference, *case.inputs))
    raws = [framework.convert(x) for x in case.inputs]
    found = as_arrays(framework, case.run(framework, *raws))
    assert len(found) == len(expected)
    for (dtype, y), (expected_dtype, z) in zip(found, expected, strict=True):
        assert dtype == expected_dtype
        assert y.shape == z.shape
        tolerance = {"float16": 2e-3, "float32": 2e-5, "float64": 1e-11}.get(dtype, 0)
        np.testing.assert_allclose(y, z, tolerance, tolerance)


def _score(backend: Backend, result: Any) -> Any:
    """A scalar that weighs every element of a result differently."""
    total = backend.convert(0.0, "float64")
    for y in result if isinstance(result, tuple | list) else [result]:
        n = int(np.prod(backend.static_shape(y)))
        weights = backend.convert(np.cos(np.arange(n)))
        product = backend.binary("mul", backend.reshape(y, (n,)), weights)
        total = backend.binary("add", total, backend.reduce("sum", product, (0,)))
    return total


def _differences(reference: Backend, case: Case, xs: list[np.ndarray], i: int) -> np.ndarray:
    grad, step = np.zeros_like(xs[i]), 1e-5
    for place in np.ndindex(xs[i].shape):
        ends = []
        for sign in (1, -1):
            moved = [x.copy() for x in xs]
            moved[i][place] += sign * step
            ends.append(float(_score(reference, case.run(reference, *moved))))
        grad[place] = (ends[0] - ends[1]) / (2 * step)
    return grad


_smooth = [case for case in CASES if case.gradient]


@pytest.mark.parametrize("case", _smooth, ids=[case.name for case in _smooth])
def test_gradients(framework: Backend, reference: Backend, case: Case) -> None:
    xs = [x.astype("float64") if x.dtype.kind == "f" else x for x in case.inputs]
    wrt = [i for i, x in enumerate(xs) if x.dtype.kind == "f"]
    raws = [framework.parameter(x) if i in wrt else framework.convert(x) for i, x in enumerate(xs)]
    _, grads = framework.value_and_grad(
        lambda: (_score(framework, case.run(framework, *raws)), None), [raws[i] for i in wrt]
    )
    for i, grad in zip(wrt, grads, strict=True):
        assert framework.dtype(grad) == "float64"
        expected = _differences(reference, case, xs, i)
        np.testing.assert_allclose(framework.to_numpy(grad), expected, 1e-6, 1e-8)
