"""How the labels of a transducer go with the frames."""

from __future__ import annotations

from typing import Literal

from seqfront import errors
from seqfront.loss.lattice import Needed

Topology = Literal["regular", "modified"]
"""Whether a label stays in its frame ("regular": a frame may have many) or takes one ("modified":
each frame has one symbol)."""

_TOPOLOGIES: tuple[Topology, ...] = ("regular", "modified")


def number(op: str, topology: Topology) -> int:
    """What the native ops call it; an error if there is none of that name."""
    if topology not in _TOPOLOGIES:
        raise errors.unknown_choice(op, "topology", topology, _TOPOLOGIES)
    return _TOPOLOGIES.index(topology)


def frames_needed(topology: Topology) -> Needed:
    """Frames that so many labels need."""
    return lambda labels, repeats: (0, labels if topology == "modified" else min(labels, 1))
