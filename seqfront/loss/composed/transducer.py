"""RNN-T (Graves 2012, arXiv:1211.3711) and its family: what the arcs weigh.

A node (t, u) is a frame and the number of labels seen; row (t, u) of the logits is the softmax
there. A blank moves on by one frame; a label by one label, and by one frame too unless the topology
is the regular one. All sequences end in the node (frames, labels).
"""

from __future__ import annotations

from collections.abc import Sequence

from seqfront.backend import Backend, Raw
from seqfront.loss.composed import lattice
from seqfront.loss.composed.emission import log_probs, of_class, of_classes
from seqfront.loss.composed.grid import Grid
from seqfront.loss.composed.lattice import Arc
from seqfront.loss.composed.star import NO_STAR, ends

REGULAR, MODIFIED, CONSTRAINED = range(3)


def rnnt(
    backend: Backend,
    logits: Raw,
    targets: Raw,
    frame_lengths: Raw,
    label_lengths: Raw,
    windows: Raw | None = None,
    big_blanks: Sequence[tuple[int, int]] = (),
    *,
    blank: int,
    normalized: bool = False,
    topology: int = REGULAR,
    hat: bool = False,
    fastemit: float = 0.0,
    fastemit_scale: bool = False,
    delay_penalty: float = 0.0,
    sigma: float = 0.0,
    star: int = NO_STAR,
    star_weight: float = 0.0,
) -> Raw:
    """[batch]: what the native op `rnnt` gives; `big_blanks` are (class, duration) in numbers."""
    grid, logp = rows(
        backend, logits, frame_lengths, label_lengths, normalized, blank if hat else None
    )
    logp = backend.binary("sub", logp, sigma)
    blanks = of_class(backend, logp, blank)
    labels = of_next_label(grid, logp, targets)
    if topology == CONSTRAINED:  # the blank of the row where the label leads, in the same frame
        labels = backend.binary("add", labels, lattice.moved_on(backend, blanks, -1, 0.0))
    labels = backend.binary("add", labels, _delay(grid, delay_penalty))
    labels = emphasized(backend, labels, fastemit)
    may_emit = label_rows(grid) if windows is None else _windowed(grid, windows)
    arcs = [
        Arc(1, 0, grid.where(grid.rows(), blanks)),
        Arc(0 if topology == REGULAR else 1, 1, grid.where(may_emit, labels)),
    ]
    for index, duration in big_blanks:
        arcs.append(Arc(duration, 0, grid.where(grid.rows(), of_class(backend, logp, index))))
    start, end = ends(grid, blanks, star, star_weight)
    loss = backend.unary("neg", lattice.total(backend, arcs, start, end))
    return scaled_up(backend, loss, fastemit) if fastemit_scale else loss


def rows(
    backend: Backend,
    logits: Raw,
    frame_lengths: Raw,
    label_lengths: Raw,
    normalized: bool,
    hat: int | None = None,
) -> tuple[Grid, Raw]:
    """The grid of logits [batch, time, labels + 1, classes], and their log-probs."""
    _, time, states, _ = backend.shape(logits)
    dtype = "float64" if backend.dtype(logits) == "float64" else "float32"
    grid = Grid.of(backend, dtype, time, states, frame_lengths, label_lengths)
    return grid, log_probs(backend, logits, grid.rows(), normalized=normalized, hat=hat)


def of_next_label(grid: Grid, logp: Raw, targets: Raw) -> Raw:
    """[batch, time, states]: log-prob of the label that would come; of any class after the last."""
    backend = grid.backend
    batch, time, states, _ = backend.shape(logp)
    targets = backend.pad(targets, ((0, 0), (0, 1)), 0)
    to_come = backend.squeeze(backend.binary("lt", grid.state, grid.last_state), (1,))
    indices = backend.expand_dims(backend.where(to_come, targets, 0), (1, 3))
    indices = backend.broadcast_to(indices, (batch, time, states, 1))
    return backend.squeeze(of_classes(backend, logp, indices), (3,))


def label_rows(grid: Grid) -> Raw:
    """bool [batch, time, states]: rows where a label is still to come."""
    return grid.all(grid.rows(), grid.backend.binary("lt", grid.state, grid.last_state))


def emphasized(backend: Backend, labels: Raw, fastemit: float) -> Raw:
    """FastEmit (Yu et al. 2021, arXiv:2010.11148): the same weights, whose gradient is scaled by
    1 + fastemit."""
    if not fastemit:
        return labels
    finite = backend.unary("is_finite", labels)
    change = backend.binary("sub", labels, backend.stop_gradient(labels))
    grown = backend.binary("add", labels, backend.binary("mul", change, fastemit))
    return backend.where(finite, grown, labels)


def scaled_up(backend: Backend, loss: Raw, fastemit: float) -> Raw:
    """(1 + fastemit) * loss, with the gradient of `loss`, which is scaled already."""
    if not fastemit:
        return loss
    more = backend.binary("mul", backend.stop_gradient(loss), fastemit)
    return backend.binary("add", loss, more)


def _delay(grid: Grid, penalty: float) -> Raw | float:
    """[batch, time, 1]: what a label in a frame gets (Kang et al. 2022, arXiv:2211.00490)."""
    if not penalty:
        return 0.0
    backend = grid.backend
    last = backend.binary("sub", grid.frames, 1)
    twice = backend.binary("sub", last, backend.binary("mul", grid.frame, 2))
    return backend.binary("mul", backend.cast(twice, grid.dtype), penalty / 2)


def _windowed(grid: Grid, windows: Raw) -> Raw:
    """Label rows within windows, int32 [batch, labels, 2] (Mahadeokar et al. 2021,
    arXiv:2011.03072)."""
    backend = grid.backend
    padded = backend.pad(windows, ((0, 0), (0, 1), (0, 0)), 0)
    first, last = (
        backend.expand_dims(backend.squeeze(x, (2,)), (1,))
        for x in backend.split(padded, (1, 1), 2)
    )
    return grid.all(
        label_rows(grid),
        backend.binary("ge", grid.frame, first),
        backend.binary("le", grid.frame, last),
    )
