"""When the values of tensors are looked at, to refuse bad ones.

Looking at lengths, labels and indices costs nothing on the CPU, so it is always done there. On an
accelerator it would wait for all work under way: there it is done inside `with sf.debug_checks():`
only. While a graph is traced there are no values; the native ops still refuse what they must not
compute on when the graph runs.

The same holds for values that would only save work: how many labels the longest hypothesis has, or
whether any hypothesis goes on. On an accelerator a fixed amount of work is done instead, as in a
graph (`values_are_cheap`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqfront.backend import Backend, Raw

_everywhere: ContextVar[bool] = ContextVar("seqfront_debug_checks", default=False)


@contextlib.contextmanager
def debug_checks() -> Generator[None]:
    """Check values on accelerators too, inside a `with` block."""
    token = _everywhere.set(True)
    try:
        yield
    finally:
        _everywhere.reset(token)


def may_look(backend: Backend, *raws: Raw) -> bool:
    """Whether the values of raw tensors may be looked at now."""
    if backend.is_tracing():
        return False
    return all(backend.device(raw) == "cpu" for raw in raws) or _everywhere.get()


def values_are_cheap(backend: Backend, *raws: Raw) -> bool:
    """Whether it costs nothing to look at the values of raw tensors: not in a trace, and not where
    it would wait for an accelerator."""
    return not backend.is_tracing() and all(backend.device(raw) == "cpu" for raw in raws)


def longest_if_cheap(backend: Backend, lengths: Raw) -> int | None:
    """The greatest of lengths, 0 of none; None where they are not looked at."""
    if not values_are_cheap(backend, lengths):
        return None
    found = backend.to_numpy(lengths)
    return int(found.max()) if found.size else 0


def surely_none(backend: Backend, raw: Raw) -> bool:
    """Whether no element of a bool tensor holds; False where it is not looked at."""
    return values_are_cheap(backend, raw) and not backend.to_numpy(raw).any()
