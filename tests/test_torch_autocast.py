"""Under PyTorch's own `torch.autocast`, every layer, model and loss works, and stays close."""

from __future__ import annotations

import numpy as np
import pytest
from cases.registry import CASES

from seqfront.testing import Case, Execution, run
from seqfront.testing.check import draws_of
from seqfront.testing.run import Setting

torch = pytest.importorskip("torch")

LOSSES = ("ctc-plain", "rnnt-of-joint-network", "cross-entropy-logits-sparse", "tdt-plain-native")
TRIED = [
    case for case in CASES if (case.module is not None and not case.no_half) or case.name in LOSSES
]
KINKED = (
    "model-emformer-memory",
    "model-emformer-long",
    "model-stateless-prediction-step-by-step",
)
"""Cases with a unit of a ReLU that half precision takes across zero: that changes its gradient by
all it is, so only results are compared."""
_STEP = 2.0**-8
"""Between two neighbours in bfloat16, relative to them."""


def _near(found: np.ndarray, wanted: np.ndarray, steps: float) -> None:
    """Within so many steps of the largest value; infinite where the other is."""
    assert (np.isfinite(found) == np.isfinite(wanted)).all()
    finite = np.isfinite(wanted)
    scale = np.abs(wanted[finite]).max(initial=1.0)
    error = np.abs(found[finite].astype("float64") - wanted[finite]).max(initial=0.0)
    assert error <= steps * _STEP * scale


def _run(case: Case) -> Execution:
    return run(case, "torch", case.arguments(), Setting("float32", draws=draws_of(case)))


@pytest.mark.parametrize("case", TRIED, ids=str)
def test_layers(case: Case) -> None:
    wanted = _run(case)
    with torch.autocast("cpu", torch.bfloat16):
        found = _run(case)
    for mine, other in zip(found.outputs, wanted.outputs, strict=True):
        if mine.is_float:
            _near(mine.values[mine.data()], other.values[other.data()], 13)
    for name, gradient in found.gradients.items():
        assert gradient.dtype == wanted.gradients[name].dtype
        if case.name not in KINKED:
            _near(gradient, wanted.gradients[name], 26)


def test_losses_are_among_them() -> None:
    assert {case.name for case in TRIED if case.module is None} == set(LOSSES)
    assert len(TRIED) > 50
