"""Connectionist temporal classification (Graves et al. 2006)."""

from __future__ import annotations

import math

from seqfront.backend import Backend, Raw
from seqfront.loss.composed import lattice
from seqfront.loss.composed.emission import log_probs, of_classes
from seqfront.loss.composed.grid import Grid
from seqfront.loss.composed.lattice import Arc


def ctc(
    backend: Backend,
    logits: Raw,
    targets: Raw,
    frame_lengths: Raw,
    label_lengths: Raw,
    *,
    blank: int,
    normalized: bool = False,
    label_loop: bool = True,
) -> Raw:
    """[batch]: what the native op `ctc` gives, its differentiable loss.

    States are: the start, then blank, label, blank, label, ..., blank. With each frame a path stays
    (not in the start; in a label only if labels loop), goes on by one, or skips a blank.
    """
    classes, is_label, repeats = _states(backend, targets, label_lengths, blank)
    batch, time, _ = backend.shape(logits)
    states = backend.size(classes, 1)
    valid = backend.sequence_mask(frame_lengths, time)
    logp = log_probs(backend, logits, valid, normalized=normalized)
    indices = backend.broadcast_to(backend.expand_dims(classes, (1,)), (batch, time, states))
    emitted = of_classes(backend, logp, indices)
    last = backend.binary("add", backend.binary("mul", label_lengths, 2), 1)
    grid = Grid.of(backend, backend.dtype(logp), time, states, frame_lengths, last)
    started = backend.binary("gt", grid.state, 0)
    loops = started if label_loop else grid.all(started, backend.unary("not", is_label))
    skips = grid.all(is_label, backend.unary("not", repeats)) if label_loop else is_label
    arcs: list[Arc] = []
    for by, target in enumerate((loops, started, skips)):
        weight = grid.where(grid.all(grid.rows(), target), emitted)
        arcs.append(Arc(1, by, lattice.moved_on(backend, weight, -by, -math.inf)))
    nodes = grid.nodes
    return backend.unary("neg", lattice.total(backend, arcs, nodes.start(), nodes.end(1)))


def _states(backend: Backend, targets: Raw, label_lengths: Raw, blank: int) -> tuple[Raw, Raw, Raw]:
    """Of all states: the class [batch, states]; bool [.., 1, states] whether it is a label, and
    whether that repeats the label before."""
    batch, count = backend.shape(targets)
    mask = backend.sequence_mask(label_lengths, count)
    labels = backend.pad(backend.where(mask, targets, blank), ((0, 0), (1, 0)), blank)
    before = lattice.moved_on(backend, labels, 1, -1)
    states = (batch, (count + 1) * 2)

    def interleaved(x: Raw, between: float) -> Raw:
        return backend.reshape(backend.stack((x, backend.full_like(x, between)), 2), states)

    ones = backend.pad(backend.full_like(targets, 1), ((0, 0), (1, 0)), 0)
    is_label = backend.binary("eq", interleaved(ones, 0), 1)
    same = backend.cast(backend.binary("eq", labels, before), "int32")
    repeats = backend.binary("eq", interleaved(same, 0), 1)
    expand = backend.expand_dims
    return interleaved(labels, blank), expand(is_label, (1,)), expand(repeats, (1,))
