"""Random numbers: seeds, and draws that can be recorded and played again.

There are three sources. Parameters start from counter-based NumPy streams, so that one seed gives
the same model on every backend (`sf.set_seed`). An operation with `seed=` draws what follows from
that seed alone, the same everywhere (`sf.RandomKey`). All else that is drawn while a model runs
(dropout) comes from the framework's own generator. To compare two backends in spite of that, record
the draws of one and replay them to the other:

    with sf.randomness.record() as draws:
        a = model_torch(x)
    with sf.randomness.replay(draws):
        b = model_tensorflow(x)

A draw is uniform or normal; everything else is made of these, so that a recording has nothing else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqfront import errors, random_key
from seqfront.backend import Backend, RandomName, Raw, Size
from seqfront.random_key import RandomKey


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw of a recording."""

    kind: RandomName
    """"uniform" or "normal"."""
    values: np.ndarray
    """What was drawn; bfloat16 as float32."""
    dtype: str
    """The dtype that it was drawn in."""

    def __repr__(self) -> str:
        return f"{self.kind} {self.dtype}{list(self.values.shape)}"


class _Replay:
    """A recording that is being played."""

    def __init__(self, draws: Sequence[Draw]) -> None:
        self.draws = draws
        self.used = 0

    def next(self, kind: str, shape: Sequence[Size], dtype: str) -> np.ndarray:
        """The next draw, which has to be the one that is wanted."""
        number = self.used
        if number == len(self.draws):
            raise errors.nothing_to_replay(number, _described(kind, shape, dtype))
        self.used += 1
        found = self.draws[number]
        wanted = tuple([n if isinstance(n, int) else None for n in shape])
        fits = len(wanted) == len(found.values.shape) and all(
            n is None or n == m for n, m in zip(wanted, found.values.shape, strict=True)
        )
        if found.kind != kind or not fits:
            raise errors.draws_differ(number, repr(found), _described(kind, shape, dtype))
        return found.values


def _described(kind: str, shape: Sequence[Size], dtype: str) -> str:
    sizes = ", ".join([str(n) if isinstance(n, int) else "?" for n in shape])
    return f"{kind} {dtype}[{sizes}]"


_recording: ContextVar[list[Draw] | None] = ContextVar("seqfront_recording", default=None)
_replaying: ContextVar[_Replay | None] = ContextVar("seqfront_replaying", default=None)

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


def draw(
    backend: Backend,
    kind: RandomName,
    shape: Sequence[Size],
    dtype: str,
    device: str,
    key: RandomKey | None = None,
) -> Raw:
    """Random numbers for an operation: by a key, replayed, or from the framework's generator."""
    if key is not None:
        return random_key.draw(backend, kind, shape, dtype, device, key)
    if not _watchers:  # TorchDynamo does not read context variables
        return backend.random(kind, shape, dtype, device)
    replay_from = _replaying.get()
    if replay_from is not None:
        return backend.convert(replay_from.next(kind, shape, dtype), dtype, device)
    value = backend.random(kind, shape, dtype, device)
    recorded = _recording.get()
    if recorded is not None:
        if backend.is_tracing():
            raise errors.recorded_while_tracing()
        recorded.append(Draw(kind, np.array(backend.to_numpy(value)), dtype))
    return value


def repeated(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function that will run again as it ran the first time: then it draws from what it drew,
    and nothing more is recorded or replayed. Without watchers, that is the backend's business."""
    if not _watchers:
        return fn
    drawn: list[Draw] = []
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
def _noted(drawn: list[Draw]) -> Generator[None]:
    """Add to a list what a `with` block draws, while it is recorded or replayed."""
    source, recorded = _replaying.get(), _recording.get()
    start = len(recorded or ()) if source is None else source.used
    yield
    if source is not None:
        drawn.extend(source.draws[start : source.used])
    elif recorded is not None:
        drawn.extend(recorded[start:])


@contextlib.contextmanager
def record() -> Generator[list[Draw]]:
    """Keep every draw of a `with` block from the framework's generator, in order. Eager only.

    What follows from a `seed=` is not recorded: it is the same everywhere as it is.
    """
    global _watchers
    draws: list[Draw] = []
    token = _recording.set(draws)
    _watchers += 1
    try:
        yield draws
    finally:
        _watchers -= 1
        _recording.reset(token)


@contextlib.contextmanager
def replay(draws: Sequence[Draw]) -> Generator[None]:
    """Give recorded draws again, in order, on whatever backend; cast to the dtype that is wanted.

    Args:
        draws: What `record` gave; the same computation has to follow. A `tf.function` traced inside
            the block keeps the draws as constants; `torch.compile` cannot be replayed to.

    Raises:
        DimError: A draw is of another kind or shape than the one recorded, there are more draws
            than were recorded, or, at the end of the block, fewer.
    """
    global _watchers
    for number, item in enumerate(draws):
        if not isinstance(item, Draw):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.not_a_draw(number, item)
    playing = _Replay(draws)
    token = _replaying.set(playing)
    _watchers += 1
    try:
        yield
    finally:
        _watchers -= 1
        _replaying.reset(token)
    if playing.used < len(draws):
        raise errors.draws_left(playing.used, len(draws), repr(draws[playing.used]))
