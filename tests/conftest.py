"""For all tests: quiet frameworks, and as many threads as there are cores for the workers."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", os.environ.get("SEQFRONT_TEST_DEVICES", ""))

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share the cores
    for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(_variable, "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from collections.abc import Iterator

import pytest
from frameworks import INSTALLED

from seqfront import backends, randomness


@pytest.fixture(params=INSTALLED)
def backend_name(request: pytest.FixtureRequest) -> str:
    """Every backend, loaded."""
    return backends.get(request.param).name


@pytest.fixture(autouse=True)
def fresh_defaults() -> Iterator[None]:
    """No test sees the default backend or the seed of another."""
    kept = backends._default
    randomness.set_seed(0)
    yield
    backends._default = kept
