"""Fixtures: the backends that there are here."""

from __future__ import annotations

import pytest
from seam_harness import NAMES

from seqfront import backends
from seqfront.backend import Backend


@pytest.fixture(params=NAMES)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Every backend."""
    return backends.get(request.param)


@pytest.fixture(params=[name for name in NAMES if name != "numpy"])
def framework(request: pytest.FixtureRequest) -> Backend:
    """Every backend that has gradients and graphs."""
    return backends.get(request.param)


@pytest.fixture
def reference() -> Backend:
    """The NumPy backend."""
    return backends.get("numpy")
