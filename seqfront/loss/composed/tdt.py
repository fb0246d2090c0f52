"""Token-and-duration transducer (Xu et al. 2023, arXiv:2304.06795)."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront.backend import Backend, Raw
from seqfront.loss.composed import lattice, transducer
from seqfront.loss.composed.emission import log_probs, of_class
from seqfront.loss.composed.lattice import Arc


def tdt(
    backend: Backend,
    logits: Raw,
    duration_logits: Raw,
    targets: Raw,
    frame_lengths: Raw,
    label_lengths: Raw,
    durations: Sequence[int],
    *,
    blank: int,
    normalized: bool = False,
    sigma: float = 0.0,
    fastemit: float = 0.0,
    fastemit_scale: bool = False,
) -> Raw:
    """[batch]: what the native op `tdt` gives; `durations` in numbers.

    Each arc takes a token and a duration. A blank takes at least one frame; a label may take none,
    and leads to a frame that there is: only a blank ends.
    """
    grid, logp = transducer.rows(backend, logits, frame_lengths, label_lengths, normalized)
    logq = log_probs(backend, duration_logits, grid.rows(), normalized=False)
    logp = backend.binary("sub", logp, sigma)
    blanks = of_class(backend, logp, blank)
    labels = transducer.of_next_label(grid, logp, targets)
    arcs: list[Arc] = []
    for index, duration in enumerate(durations):
        lasting = of_class(backend, logq, index)
        if duration > 0:
            weight = backend.binary("add", blanks, lasting)
            arcs.append(Arc(duration, 0, grid.where(grid.rows(), weight)))
        weight = transducer.emphasized(backend, backend.binary("add", labels, lasting), fastemit)
        arrival = backend.binary("add", grid.frame, duration)
        stays = backend.binary("lt", arrival, grid.frames)
        may_emit = grid.all(transducer.label_rows(grid), stays)
        arcs.append(Arc(duration, 1, grid.where(may_emit, weight)))
    nodes = grid.nodes
    loss = backend.unary("neg", lattice.total(backend, arcs, nodes.start(), nodes.end()))
    return transducer.scaled_up(backend, loss, fastemit) if fastemit_scale else loss
