"""For all tests: quiet frameworks, as many threads as there are cores for the workers, and how many
of the slow cases run."""

from __future__ import annotations

import os
import zlib

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


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--every-slow`, as in `make test-all`."""
    text = "run every case compiled by PyTorch, not just one in three"
    parser.addoption("--every-slow", action="store_true", help=text)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the cases that PyTorch compiles one in three runs, always the same: all of them take as
    long as everything else. The other slow tests all run."""
    if config.getoption("--every-slow"):
        return
    left_out = [item for item in items if _is_compiled_case(item) and _third(item) != 0]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]


def _is_compiled_case(item: pytest.Item) -> bool:
    return item.nodeid.startswith("tests/cases/") and item.get_closest_marker("slow") is not None


def _third(item: pytest.Item) -> int:
    return zlib.crc32(item.name.encode()) % 3


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
