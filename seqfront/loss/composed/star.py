"""Where paths of a transducer start and end; and audio that holds more than the labels say.

W-Transducer (Laptev et al. 2023, arXiv:2303.10384) adds jumps of a fixed weight: from the start to
any later frame, and after the last label from any frame but the last, to there or out.
"""

from __future__ import annotations

from seqfront.backend import Raw
from seqfront.loss.composed.grid import Grid

NO_STAR, FORCE_FINAL, ALLOW_IGNORE = range(3)


def ends(grid: Grid, blanks: Raw, star: int, weight: float) -> tuple[Raw, Raw]:
    """Log weights [batch, time + 1, states] of starting and of ending in each node; `blanks`
    [batch, time, states] are those of the blank."""
    nodes = grid.nodes
    start, end = nodes.start(), nodes.end()
    if star == NO_STAR:
        return start, end
    late, early = _late_start(nodes, weight), _early_end(nodes, grid, blanks, star, weight)
    return nodes.backend.binary("max", start, late), nodes.backend.binary("max", end, early)


def _late_start(nodes: Grid, weight: float) -> Raw:
    """No label yet, in any frame but the first."""
    backend = nodes.backend
    return nodes.where(
        nodes.all(
            backend.binary("eq", nodes.state, 0),
            backend.binary("gt", nodes.frame, 0),
            backend.binary("lt", nodes.frame, nodes.frames),
        ),
        weight,
    )


def _early_end(nodes: Grid, grid: Grid, blanks: Raw, star: int, weight: float) -> Raw:
    """All labels, in any frame but the last: from there out, or to the last frame and its blank."""
    backend = nodes.backend
    last_frame = backend.binary("sub", grid.frames, 1)
    may_go = nodes.all(
        backend.binary("eq", nodes.state, nodes.last_state),
        backend.binary("lt", nodes.frame, last_frame),
    )
    if star == ALLOW_IGNORE:
        return nodes.where(may_go, weight)
    is_last = grid.all(
        backend.binary("eq", grid.frame, last_frame),
        backend.binary("eq", grid.state, grid.last_state),
    )
    final = backend.reduce("sum", backend.where(is_last, blanks, 0.0), (1, 2), True)
    return nodes.where(may_go, backend.binary("add", final, weight))
