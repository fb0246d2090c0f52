"""Random numbers: seeds, and draws that can be recorded and played again.

Parameters start from counter-based NumPy streams (Philox), so that one seed gives the same model on
every backend. What is drawn while a model runs (dropout) comes from the framework's own generator.
To compare two backends, record the draws of one and replay them to the other:

    with sf.randomness.record() as draws:
        a = model_torch(x)
    with sf.randomness.replay(draws):
        b = model_tensorflow(x)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from seqfront import errors
from seqfront.backend import Backend, RandomName, Raw, Size

_recording: ContextVar[list[Any] | None] = ContextVar("seqfront_recording", default=None)
_replaying: ContextVar[Iterator[Any] | None] = ContextVar("seqfront_replaying", default=None)

_watchers = 0
"""How many `with` blocks record or replay now, in any thread."""

_seed = 0
_streams = 0


def set_seed(seed: int) -> None:
    """Start the streams of parameters anew from a seed. Frameworks keep their own generators."""
    global _seed, _streams
    _seed, _streams = int(seed), 0


def next_stream() -> np.random.Generator:
    """The next independent stream of this seed: one for each parameter, in order of creation."""
    global _streams
    _streams += 1
    return np.random.Generator(np.random.Philox(key=[_seed & (2**64 - 1), _streams]))


def draw(backend: Backend, kind: RandomName, shape: Sequence[Size], dtype: str, device: str) -> Raw:
    """Random numbers for an operation: drawn, or replayed."""
    if not _watchers:  # TorchDynamo does not read context variables
        return backend.random(kind, shape, dtype, device)
    replay_from = _replaying.get()
    if replay_from is not None:
        try:
            value = next(replay_from)
        except StopIteration:
            raise errors.nothing_to_replay() from None
        return backend.convert(value, dtype, device)
    value = backend.random(kind, shape, dtype, device)
    recorded = _recording.get()
    if recorded is not None:
        recorded.append(backend.to_numpy(value))
    return value


def repeated(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function that will run again as it ran the first time: then it draws from what it drew,
    and nothing more is recorded or replayed. Without watchers, that is the backend's business."""
    if not _watchers:
        return fn
    drawn: list[Any] = []
    ran = False

    def run(*args: Any) -> Any:
        nonlocal ran
        if ran:
            with replay(drawn):
                return fn(*args)
        ran = True
        with _noted(drawn):
            return fn(*args)

    return run


@contextlib.contextmanager
def _noted(drawn: list[Any]) -> Generator[None]:
    """Add to a list what a `with` block draws, while it is recorded or replayed."""
    source, recorded = _replaying.get(), _recording.get()
    start = 0 if recorded is None else len(recorded)
    token = _replaying.set(None if source is None else _noting(source, drawn))
    try:
        yield
    finally:
        _replaying.reset(token)
        if source is None and recorded is not None:
            drawn.extend(recorded[start:])


def _noting(source: Iterator[Any], drawn: list[Any]) -> Iterator[Any]:
    for value in source:
        drawn.append(value)
        yield value


@contextlib.contextmanager
def record() -> Generator[list[Any]]:
    """Keep every draw of a `with` block, as NumPy arrays in order. Eager only."""
    global _watchers
    draws: list[Any] = []
    token = _recording.set(draws)
    _watchers += 1
    try:
        yield draws
    finally:
        _watchers -= 1
        _recording.reset(token)


@contextlib.contextmanager
def replay(draws: Sequence[Any]) -> Generator[None]:
    """Give recorded draws again, in order, on whatever backend."""
    global _watchers
    token = _replaying.set(iter(draws))
    _watchers += 1
    try:
        yield
    finally:
        _watchers -= 1
        _replaying.reset(token)
