"""Which cases of the registry want to know values, and how to run any of them on a device."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from cases.registry import CASES

from seqfront import backends
from seqfront.testing import Case
from seqfront.testing.run import Setting, caller, flatten, make_module

EXTENT = "an extent of the result is data"
EAGER = "an eager loop or branch looks at its condition"
ASKED = "it is what is asked for"
SELDOM = "looks once in sixteen steps whether any hypothesis goes on"

READERS: Mapping[str, str] = {
    "pack-": EXTENT,
    "repeat-counts": EXTENT,
    "repeat-never": EXTENT,
    "repeat-labels": EXTENT,
    "repeat-full": EXTENT,
    "rnnt-of-packed-cells": EXTENT,
    "while-loop-": EAGER,
    "cond-": EAGER,
    "tensor-array-grows": EAGER,
    "to-device": ASKED,
    "to-backend": ASKED,
    "ctc-feasible-or-raise": ASKED,
    "rnnt-feasible-or-raise": ASKED,
    "rnnt-simple-feasible-or-raise": ASKED,
    "fused-rnnt-feasible-or-raise": ASKED,
    "search-labels-": SELDOM,
    "search-transducer-greedy": SELDOM,
    "search-alignment-beam": SELDOM,
}
"""Cases, by the beginning of their names, that want to know values; and why."""


def reason(case: Case) -> str | None:
    """Why a case wants to know values; None: it does not."""
    return next((why for start, why in READERS.items() if case.name.startswith(start)), None)


def prepared(case: Case, device: str) -> Callable[[], None]:
    """A case and its gradient with all tensors on a device."""
    backend = backends.get("torch")
    arguments = {name: x.as_dtype("float32") for name, x in case.arguments().items()}
    model = make_module(case, backend, Setting(device=device))
    raws = flatten(backend, arguments, device)
    for raw in raws:
        raw.requires_grad_(raw.is_floating_point() and not case.no_gradient)
    function = caller(case, model, arguments)

    def run() -> None:
        tensors = [x.raw for x in function(*raws) if x.raw.requires_grad]
        if tensors and not case.no_gradient:
            torch.autograd.backward(tensors, [torch.ones_like(x) for x in tensors])

    return run


QUIET = [case for case in CASES if reason(case) is None]
"""Those that do not."""
