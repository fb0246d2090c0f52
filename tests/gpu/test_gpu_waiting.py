"""Nothing waits for the GPU unasked, as PyTorch sees it: cases, training steps and searches.

Without a GPU, one case in forty on a device without values (tests/test_host_reads.py has them all).
"""

from __future__ import annotations

import contextlib
import warnings
import zlib
from collections.abc import Callable, Generator
from typing import Any

import pytest
import torch
from devices import DEVICE, expect_refusal
from host_reads import HostReadError, NoHostReads
from ragged_models import MODELS, batch_arrays, make_trainer
from waiting_cases import QUIET, prepared

from seqfront import backends, errors
from seqfront.testing import Case

ON_GPU = DEVICE == "cuda"
TRIED = [case for case in QUIET if ON_GPU or zlib.crc32(case.name.encode()) % 40 == 0]


@contextlib.contextmanager
def _refusing_to_wait() -> Generator[None]:
    if not ON_GPU:
        with NoHostReads("meta"):
            yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def _run(run: Callable[[], None]) -> None:
    """The second time: then all constants are where they are needed."""
    try:
        run()
    except errors.NativeError as error:
        expect_refusal(error)
    with _refusing_to_wait():
        run()


@pytest.mark.parametrize("case", TRIED, ids=str)
def test_cases(case: Case) -> None:
    with backends.use_backend("torch"):
        _run(prepared(case, "cuda" if ON_GPU else "meta"))


@pytest.mark.gpu
@pytest.mark.parametrize("kind", MODELS)
def test_training(kind: Callable[[], Any]) -> None:
    """Batches go by pinned memory, losses are read when they are wanted."""
    trainer = make_trainer(kind, "cuda")
    trainer.step(*batch_arrays(0))
    with _refusing_to_wait():
        values = [trainer.step(*batch_arrays(seed)) for seed in range(1, 4)]
    assert all(torch.isfinite(torch.tensor(value["loss"])) for value in values)


def test_the_watch_works() -> None:
    x = torch.ones(3, device="cuda" if ON_GPU else "meta")

    def waits() -> None:
        with warnings.catch_warnings(), _refusing_to_wait():
            x.sum().item()

    with pytest.raises((HostReadError, RuntimeError)):
        waits()
