"""The sum over all paths of a lattice, in log space.

A node is a frame and a state: (t, u) with 0 <= t <= time and 0 <= u < states. An arc moves on by a
fixed number of frames and states, with a weight for each node it may leave. Then, with logs of
sums written as sums,

    alpha(t, u) = start(t, u) + sum over arcs of alpha(t - dt, u - du) * weight(t - dt, u - du)
    total       = sum over nodes of alpha(t, u) * end(t, u)

Nodes are computed in waves, all states of one at once. If every arc moves on in time, a wave is a
frame. Else (a transducer emits labels without leaving the frame) it is an anti-diagonal t + u = n:
along those every arc moves on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from seqfront.backend import Backend, Raw


class Arc(NamedTuple):
    """All arcs of one kind."""

    frames: int
    states: int
    weight: Raw
    """float [batch, time, states]: log weight by the node that it leaves; -inf for no arc."""


def total(backend: Backend, arcs: Sequence[Arc], start: Raw, end: Raw) -> Raw:
    """log of the sum over all paths: float [batch]; -inf if there is none, with zero gradient.

    Args:
        backend: Whose tensors these are.
        arcs: At least one; each moves on in frames or states.
        start: float [batch, time + 1, states]: log weights of starting at a node.
        end: The same for ending there.
    """
    skew = 0 if all(arc.frames for arc in arcs) else 1
    alpha = _forward(backend, arcs, _waves(backend, start, skew), skew)
    return backend.logsumexp(backend.binary("add", alpha, _waves(backend, end, skew)), (0, 2))


def _forward(backend: Backend, arcs: Sequence[Arc], start: Raw, skew: int) -> Raw:
    """alpha [waves, batch, states]."""
    strides = [arc.frames + skew * arc.states for arc in arcs]
    columns = [start]
    for arc, stride in zip(arcs, strides, strict=True):
        weight = backend.pad(arc.weight, ((0, 0), (0, 1), (0, 0)), -math.inf)
        columns.append(_delayed(backend, _waves(backend, weight, skew), stride, arc.states))

    def step(before: Any, now: Any) -> tuple[Any, Any]:
        terms = [now[0]]
        for arc, stride, weight in zip(arcs, strides, now[1:], strict=True):
            source = moved_on(backend, before[stride - 1], arc.states, -math.inf)
            terms.append(backend.binary("add", source, weight))
        alpha = backend.logsumexp(backend.stack(terms, 0), (0,))
        return (alpha, *before[:-1]), alpha

    shape = backend.shape(start)
    nothing = backend.full(shape[1:], -math.inf, backend.dtype(start), backend.device(start))
    waves = tuple(nothing for _ in range(max(strides)))
    _, alpha = backend.scan(step, waves, tuple(columns), shape[0])
    return alpha


def _waves(backend: Backend, x: Raw, skew: int) -> Raw:
    """[batch, frames, states] -> [waves, batch, states], where wave n holds frame n - skew * u.

    Skewed: with as much padding as there are states, rows of one position less shift each state by
    one more.
    """
    if not skew:
        return backend.transpose(x, (1, 0, 2))
    batch, frames, states = backend.shape(x)
    x = backend.pad(backend.transpose(x, (0, 2, 1)), ((0, 0), (0, 0), (0, states)), -math.inf)
    waves = frames + states - 1
    x = backend.reshape(x, (batch, states * (frames + states)))
    x = backend.reshape(backend.slice(x, 1, 0, states * waves), (batch, states, waves))
    return backend.transpose(x, (2, 0, 1))


def _delayed(backend: Backend, x: Raw, stride: int, states: int) -> Raw:
    """[waves, batch, states] as the node sees it that the arcs lead to."""
    waves = backend.size(x, 0)
    x = backend.pad(x, ((stride, 0), (0, 0), (0, 0)), -math.inf)
    return moved_on(backend, backend.slice(x, 0, 0, waves), states, -math.inf)


def moved_on(backend: Backend, x: Raw, by: int, value: float) -> Raw:
    """The last axis shifted to the right (negative: to the left), with `value` moving in."""
    if by == 0:
        return x
    rank, size = len(backend.static_shape(x)), backend.size(x, -1)
    edge = [(0, 0)] * (rank - 1)
    if by > 0:
        x = backend.pad(x, (*edge, (by, 0)), value)
        return backend.slice(x, rank - 1, 0, size)
    x = backend.pad(x, (*edge, (0, -by)), value)
    return backend.slice(x, rank - 1, -by, size - by)
