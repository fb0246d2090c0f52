"""Where these tests run: on a GPU if PyTorch sees one (`make test-gpu`), else on the CPU.

On the CPU they show no more than that they test something: all bodies that need no GPU run there,
of long lists a part. With `SEQFRONT_CUDA_LIBRARY` naming the CUDA kernels for the host, native ops
run those. What is marked `gpu` needs a GPU, and is skipped without one.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from devices import DEVICE, exact_products


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of what is marked `gpu`, nothing runs without one."""
    if torch.cuda.is_available():
        return
    missing = pytest.mark.skip(reason="needs a GPU: make test-gpu")
    for item in items:
        if item.get_closest_marker("gpu") is not None:
            item.add_marker(missing)


@pytest.fixture
def device() -> str:
    """The device of tensors."""
    return DEVICE


@pytest.fixture(autouse=True)
def products_in_full() -> Iterator[None]:
    """Products of float32 with all their bits, as on the CPU."""
    with exact_products():
        yield
