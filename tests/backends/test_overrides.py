"""Every override equals the composed default it replaces, in values, dtypes and gradients.

Overrides are found by looking; one without inputs in `override_cases.py` fails here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from override_cases import OVERRIDES, Inputs
from seam_harness import NAMES, as_arrays

from seqfront import backends
from seqfront.backend import Backend
from seqfront.composed import ComposedOps


def overrides(backend: Backend) -> list[str]:
    """Composed operations that a backend has its own version of."""
    return [
        name
        for name, default in vars(ComposedOps).items()
        if not name.startswith("_") and getattr(type(backend), name) is not default
    ]


_CASES = [
    pytest.param(backend, op, inputs, id=f"{backend}-{op}-{inputs.what}")
    for backend in NAMES
    for op in overrides(backends.get(backend))
    for inputs in OVERRIDES.get(op, list)()
]


_DIFFERENTIABLE = [
    case
    for case in _CASES
    if case.values[2].gradient and backends.get(case.values[0]).has_gradients
]


def test_every_override_has_inputs(backend: Backend) -> None:
    unknown = [name for name in overrides(backend) if name not in OVERRIDES]
    assert not unknown, f"add inputs for {unknown} to override_cases.py"


def _flat(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


@pytest.mark.parametrize(("name", "op", "inputs"), _CASES)
def test_override_equals_its_default(name: str, op: str, inputs: Inputs) -> None:
    b = backends.get(name)
    args = [None if x is None else b.convert(x) for x in inputs.arrays]
    found = getattr(b, op)(*args, *inputs.rest)
    default = getattr(ComposedOps, op)(b, *args, *inputs.rest)
    if op in ("size", "meet"):  # no tensors
        assert found == default
        return
    for (dtype, y), (expected_dtype, z) in zip(
        as_arrays(b, found), as_arrays(b, default), strict=True
    ):
        assert dtype == expected_dtype
        assert y.shape == z.shape
        tolerance = 4e-3 if dtype == "float16" else 3e-6
        np.testing.assert_allclose(y, z, tolerance, tolerance)


def _gradients(
    b: Backend, inputs: Inputs, call: Callable[..., Any]
) -> tuple[list[np.ndarray], list[int]]:
    arrays = [
        x.astype("float64") if x is not None and x.dtype.kind == "f" else x for x in inputs.arrays
    ]
    places = [i for i, x in enumerate(arrays) if x is not None and x.dtype.kind == "f"]
    args: list[Any] = [None if x is None else b.convert(x) for x in arrays]
    for i in places:
        args[i] = b.parameter(arrays[i])

    def score() -> tuple[Any, None]:
        total = b.convert(0.0, "float64")
        for y in _flat(call(*args, *inputs.rest)):
            n = int(np.prod(b.static_shape(y)))
            y = b.reshape(y, (n,))
            weighted = b.binary("mul", y, b.convert(np.cos(np.arange(n))))
            counted = b.where(b.unary("is_finite", y), weighted, 0.0)
            total = b.binary("add", total, b.reduce("sum", counted, (0,)))
        return total, None

    _, grads = b.value_and_grad(score, [args[i] for i in places])
    return [b.to_numpy(g) for g in grads], places


@pytest.mark.parametrize(("name", "op", "inputs"), _DIFFERENTIABLE)
def test_override_has_the_gradients_of_its_default(name: str, op: str, inputs: Inputs) -> None:
    b = backends.get(name)
    found, _ = _gradients(b, inputs, getattr(b, op))
    expected, _ = _gradients(b, inputs, lambda *args: getattr(ComposedOps, op)(b, *args))
    for y, z in zip(found, expected, strict=True):
        assert np.isfinite(z).all()
        np.testing.assert_allclose(y, z, 1e-9, 1e-11)
