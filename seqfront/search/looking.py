"""Loops of searches: how often they look whether anything goes on.

Where values are cheap, or in a graph, before every step. On an accelerator a look waits for all
work under way, while a step in which nothing goes on changes nothing: there it is one look for some
steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from seqfront import checks
from seqfront.ops.control import while_loop
from seqfront.tensor import Tensor

State = TypeVar("State")

LOOK_EVERY = 16
"""Steps from one look to the next, on an accelerator."""


def looks_seldom(like: Tensor) -> bool:
    """Whether this is an accelerator, outside of a graph."""
    backend = like.backend
    return not backend.is_tracing() and not checks.values_are_cheap(backend, like.raw)


def repeated(
    condition: Callable[[State], Tensor],
    body: Callable[[State], State],
    state: State,
    *,
    like: Tensor,
    most: int | None = None,
) -> State:
    """`while_loop(condition, body, state)` for a body that changes nothing that counts once the
    condition does not hold.

    Args:
        condition: bool without dims.
        body: A step.
        state: To start from.
        like: On whose device all of it is.
        most: The condition holds for no more steps than that.
    """
    if not looks_seldom(like):
        return while_loop(condition, body, state)
    steps = 0
    while (most is None or steps < most) and bool(condition(state)):
        more = LOOK_EVERY if most is None else min(LOOK_EVERY, most - steps)
        for _ in range(more):
            state = body(state)
        steps += more
    return state
