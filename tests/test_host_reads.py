"""Nothing waits for a GPU unasked: not operations, not losses, not training steps, not searches.

No GPU is needed: PyTorch's "meta" device stands for one (see `host_reads`). The same is tried on a
GPU by tests/gpu/test_synchronisation.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from cases.registry import CASES

from seqfront import backends
from seqfront.testing import Case

torch = pytest.importorskip("torch")
host_reads = pytest.importorskip("host_reads")
waiting_cases = pytest.importorskip("waiting_cases")

HostReadError, NoHostReads, reads = (
    host_reads.HostReadError,
    host_reads.NoHostReads,
    host_reads.reads,
)
prepared, reason = waiting_cases.prepared, waiting_cases.reason

QUIET = waiting_cases.QUIET


@pytest.mark.parametrize("case", QUIET, ids=str)
def test_no_case_waits(case: Case) -> None:
    """Neither forward nor backward. (Constants of a layer may be moved the first time.)"""
    with backends.use_backend("torch"):
        run = prepared(case, "meta")
        try:
            with NoHostReads():
                run()
        except HostReadError:
            run()
            with NoHostReads():
                run()


@pytest.mark.parametrize("case", [case for case in CASES if reason(case)], ids=str)
def test_the_others_do_wait(case: Case) -> None:
    """What no longer waits has no place in the table."""

    def run() -> None:
        with NoHostReads():
            prepared(case, "meta")()

    with backends.use_backend("torch"), pytest.raises((HostReadError, RuntimeError)) as caught:
        run()
    assert isinstance(caught.value, HostReadError) or "meta" in str(caught.value)


# -- the watch itself ------------------------------------------------------------------------------

WAITS: Mapping[str, Callable[[Any], Any]] = {
    "item": lambda x: x.sum().item(),
    "branch": lambda x: 1 if (x > 0).all() else 2,
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "assigned by a mask": lambda x: x.index_put((x > 0,), torch.ones(2)),
    "masked select": lambda x: x.masked_select(x > 0),
    "unique": lambda x: x.unique(),
    "repeat": lambda x: x.repeat_interleave(x.long()),
    "equal": lambda x: torch.equal(x, x),
    "packed": lambda x: torch.nn.utils.rnn.pack_padded_sequence(
        x[:, None, None], torch.tensor([3]), enforce_sorted=False
    ),
}


@pytest.mark.parametrize("name", WAITS)
def test_what_waits_is_seen(name: str) -> None:
    x = torch.tensor([0.0, 1.0, 2.0])
    assert reads(lambda: WAITS[name](x), "cpu")
    with pytest.raises(HostReadError), NoHostReads("cpu"):
        WAITS[name](x)


SENDS: Mapping[str, Callable[[Any], Any]] = {
    "number": lambda x: torch.tensor(1.0, device=x.device),
    "numbers": lambda x: torch.as_tensor([1.0], device=x.device),
    "like": lambda x: x.new_tensor([1.0]),
    "copy": lambda x: torch.ones(3).to(x.device),
    "into": lambda x: x.copy_(torch.ones(3)),
    "index": lambda x: x[torch.tensor([0])],
}


@pytest.mark.parametrize("name", SENDS)
def test_what_copies_is_seen(name: str) -> None:
    x = torch.ones(3, device="meta")
    assert reads(lambda: SENDS[name](x))


def test_what_does_not_wait_passes() -> None:
    x = torch.ones(3, device="meta")
    assert reads(lambda: torch.where(x > 0, x + torch.tensor(1.0), 0.0)) == []
    assert reads(lambda: x.masked_fill(x > 1, 2.0)) == []
    assert reads(lambda: torch.full((), 2.0, device="meta")) == []
    assert reads(lambda: torch.ones(3).sum().item()) == []  # of the host's own
