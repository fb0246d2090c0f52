"""Where in a padded batch the lattice of each sequence lies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seqfront.backend import Backend, Raw, Size


@dataclass(frozen=True)
class Grid:
    """Positions and lengths, all int32, in shapes that broadcast to [batch, time, states]."""

    backend: Backend
    dtype: str
    """Of weights."""
    frame: Raw
    """[1, time, 1]"""
    state: Raw
    """[1, 1, states]"""
    frames: Raw
    """[batch, 1, 1]: how many the sequence has."""
    last_state: Raw
    """[batch, 1, 1]"""

    @classmethod
    def of(
        cls, backend: Backend, dtype: str, time: Size, states: Size, frames: Raw, last_state: Raw
    ) -> Grid:
        """A grid of `time` frames; `frames` and `last_state` are int32 [batch]."""
        device = backend.device(frames)
        return cls(
            backend,
            dtype,
            backend.expand_dims(backend.arange(time, "int32", device), (0, 2)),
            backend.expand_dims(backend.arange(states, "int32", device), (0, 1)),
            backend.expand_dims(frames, (1, 2)),
            backend.expand_dims(last_state, (1, 2)),
        )

    @property
    def nodes(self) -> Grid:
        """The same with the frame after the last one."""
        time = self.backend.size(self.frame, 1) + 1
        index = self.backend.arange(time, "int32", self.backend.device(self.frame))
        frame = self.backend.expand_dims(index, (0, 2))
        return Grid(self.backend, self.dtype, frame, self.state, self.frames, self.last_state)

    def rows(self) -> Raw:
        """bool [batch, time, states]: what is not padding."""
        within = self.backend.binary("le", self.state, self.last_state)
        return self.all(self.backend.binary("lt", self.frame, self.frames), within)

    def all(self, *conditions: Raw) -> Raw:
        """Conditions that broadcast against each other."""
        first, *rest = conditions
        for condition in rest:
            first = self.backend.binary("and", first, condition)
        return first

    def where(self, condition: Raw, weight: Raw | float) -> Raw:
        """float [batch, time, states]: `weight` where the condition holds, else -inf: no arc."""
        size = self.backend.size
        shape = (size(self.frames, 0), size(self.frame, 1), size(self.state, 2))
        nothing = self.backend.full(shape, -math.inf, self.dtype, self.backend.device(self.frame))
        return self.backend.where(condition, weight, nothing)

    def start(self) -> Raw:
        """Paths start in frame 0 and state 0."""
        at_start = self.all(self._is(self.frame, 0), self._is(self.state, 0))
        return self.where(at_start, 0.0)

    def end(self, *states_before: int) -> Raw:
        """Paths end after the last frame, in the last state (or some states before it too)."""
        done = self._is(self.frame, self.frames)
        last = self._is(self.state, self.last_state)
        for back in states_before:
            earlier = self._is(self.state, self.backend.binary("sub", self.last_state, back))
            last = self.backend.binary("or", last, earlier)
        return self.where(self.all(done, last), 0.0)

    def _is(self, a: Raw, b: Raw | int) -> Raw:
        return self.backend.binary("eq", a, b)
