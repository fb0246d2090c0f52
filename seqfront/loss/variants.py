"""Variants of the transducer loss: checks of what is asked for, in the form the native ops take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from seqfront import align, checks, dtypes, errors
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.loss import lattice
from seqfront.loss.lattice import Needed, Problem
from seqfront.tensor import Tensor

Topology = Literal["regular", "modified", "constrained"]
"""How a label moves on: within its frame; to the next frame; to the next frame, and paying the
blank that follows it in its own."""

Star = Literal["force_final", "allow_ignore"]
"""How audio after the last label is left out: by a jump to the last frame, or out of any."""

Implementation = Literal["native", "composed"]
"""The library's kernels, or operations of the framework."""

Windows: TypeAlias = tuple[Tensor, Tensor]
"""First and last frame in which each label may be emitted; int over [batch..., labels]."""

Attributes: TypeAlias = dict[str, Any]

TOPOLOGIES: tuple[Topology, ...] = ("regular", "modified", "constrained")
PRUNED_TOPOLOGIES: tuple[Topology, ...] = TOPOLOGIES[:2]
IMPLEMENTATIONS = ("native", "composed")
STARS = (None, "force_final", "allow_ignore")


def label_states(op: str, logits: Tensor, targets: Tensor, labels: Dim) -> Dim:
    """The dim of the logits for "so many labels seen": one longer than the labels."""
    align.check(op, logits, name="logits")
    align.check(op, targets, labels, name="targets")
    states = states_in(op, logits, labels)
    came, needed = _extents(logits, states, targets, labels)
    if came != needed:
        raise errors.wrong_label_states(op, logits, targets, states, came, needed)
    return states


def prediction_states(op: str, prediction: Tensor, targets: Tensor, labels: Dim) -> Dim:
    """The same dim of what a prediction network gives, before it is joined with the frames."""
    align.check(op, prediction, name="prediction")
    align.check(op, targets, labels, name="targets")
    states = next((dim for dim in (labels + 1, 1 + labels) if dim in prediction.dims), None)
    if states is None:
        raise errors.missing_prediction_states(op, prediction, labels)
    came, needed = _extents(prediction, states, targets, labels)
    if came != needed:
        raise errors.wrong_prediction_states(op, prediction, targets, states, came, needed)
    return states


def _extents(x: Tensor, states: Dim, targets: Tensor, labels: Dim) -> tuple[int, int]:
    """Extent of the states, and what the labels need; the same if a trace does not know."""
    came = x.backend.static_shape(x.raw)[x.axis(states)]
    count = targets.backend.static_shape(targets.raw)[targets.axis(labels)]
    return (0, 0) if came is None or count is None else (came, count + 1)


def states_in(op: str, x: Tensor, labels: Dim) -> Dim:
    """`labels + 1` or `1 + labels`, whichever `x` has."""
    for states in (labels + 1, 1 + labels):
        if states in x.dims:
            return states
    raise errors.missing_label_states(op, x, labels)


def training(
    op: str, fastemit: float, scales: bool, clamp: float | None, implementation: Implementation
) -> Attributes:
    """What changes gradients: FastEmit and clamping. The composed form has no `clamp`."""
    if implementation not in IMPLEMENTATIONS:
        raise errors.unknown_choice(op, "implementation", implementation, IMPLEMENTATIONS)
    check_number(op, "fastemit", fastemit, least=0.0)
    if clamp is not None and not (_is_number(clamp) and clamp > 0.0):
        needed = "a finite number above 0, or None"
        raise errors.bad_argument(op, "clamp", clamp, needed, "None clamps nothing.")
    attributes: Attributes = {"fastemit": fastemit, "fastemit_scale": bool(scales)}
    if implementation == "native":
        return {**attributes, "clamp": clamp or 0.0}
    if clamp is not None:
        raise errors.native_only(op, "clamp")
    return attributes


def shape(
    op: str, topology: Topology, delay_penalty: float, sigma: float, hat: bool, normalized: bool
) -> Attributes:
    """Which arcs there are, and what is added to their weights."""
    index = topology_index(op, topology)
    check_number(op, "delay_penalty", delay_penalty)
    check_number(op, "sigma", sigma)
    if hat and normalized:
        why = "it makes log-probs of logits: a sigmoid for the blank, a softmax for the labels"
        raise errors.cannot_combine(op, "hat=True", "logits_normalized=True", why)
    return {
        "topology": index,
        "delay_penalty": delay_penalty,
        "sigma": sigma,
        "hat": bool(hat),
        "normalized": bool(normalized),
    }


def wildcard(op: str, star: Star | None, weight: float) -> Attributes:
    """Labels that may be missing at the ends."""
    if star not in STARS:
        raise errors.unknown_choice(op, "star", star, STARS)
    check_number(op, "star_weight", weight)
    return {"star": STARS.index(star), "star_weight": weight}


def big_blanks(
    op: str, p: Problem, targets: Tensor, given: Mapping[int, int] | None, hat: bool
) -> list[tuple[int, int]]:
    """(class, duration) of each, classes counted from the start."""
    if given is None:
        return []
    if not isinstance(given, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        needed = "a mapping from classes to frames, or None"
        raise errors.bad_argument(op, "big_blanks", given, needed, "{class: frames, ...}.")
    if hat and given:
        raise errors.cannot_combine(op, "hat=True", "big_blanks", "its sigmoid is of one blank")
    taken = [p.blank]
    found: list[tuple[int, int]] = []
    for index, duration in given.items():
        taken.append(check_big_blank(op, p.classes, index, duration, p.size, taken))
        found.append((taken[-1], duration))
    _check_no_label(op, p, targets, taken[1:])
    return found


def check_big_blank(
    op: str, classes: Dim, index: int, duration: int, size: int, taken: Sequence[int]
) -> int:
    """The class, counted from the start, if it is one more and takes 2 frames or more."""
    if not (
        _is_int(index)
        and _is_int(duration)
        and -size <= index < size
        and index % size not in taken
        and duration >= 2
    ):
        raise errors.bad_big_blank(op, classes, index, duration, size, list(taken))
    return index % size


def _check_no_label(op: str, p: Problem, targets: Tensor, classes: Sequence[int]) -> None:
    if not classes or not checks.may_look(p.backend, p.targets):
        return
    labels, counts = p.backend.to_numpy(p.targets), p.backend.to_numpy(p.label_lengths)
    for sequence, count in enumerate(counts.tolist()):
        for label in labels[sequence, :count].tolist():
            if label in classes:
                raise errors.big_blank_among_labels(op, targets, sequence, label)


def pairs(p: Problem, blanks: Sequence[tuple[int, int]]) -> Raw | None:
    """Raw int32 [n, 2]; None for none."""
    if not blanks:
        return None
    return p.backend.convert(blanks, "int32", p.backend.device(p.logits))


def windows(op: str, p: Problem, logits: Tensor, labels: Dim, given: Windows | None) -> Raw | None:
    """Raw int32 [count, labels, 2]."""
    if given is None:
        return None
    if not isinstance(given, (tuple, list)) or len(given) != 2:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_windows(op, given)
    return p.backend.stack([_edge(op, p, logits, labels, edge) for edge in given], 2)


def _edge(op: str, p: Problem, logits: Tensor, labels: Dim, edge: Tensor) -> Raw:
    align.check(op, edge, labels, name="windows")
    if not dtypes.is_int(edge.dtype):
        raise errors.wrong_dtype(op, "windows", edge, "an integer type")
    for dim in edge.dims:
        if dim is not labels and dim not in p.batch:
            raise errors.missing_dim(op, logits, dim, "logits")
    align.common_backend(op, (logits, edge))
    align.check_sizes(op, (logits, edge))
    return lattice.labels_of(edge, logits, p.batch, labels)


def topology_index(op: str, topology: Topology, known: tuple[Topology, ...] = TOPOLOGIES) -> int:
    """What the native ops call it; an error if it is none of those an op knows."""
    if topology not in known:
        raise errors.unknown_choice(op, "topology", topology, known)
    return TOPOLOGIES.index(topology)


def needed(topology: Topology) -> Needed:
    """Frames that labels need."""
    if topology == "regular":
        return lambda labels, repeats: (0, min(labels, 1))
    return lambda labels, repeats: (0, labels)


def check_number(op: str, name: str, value: float, least: float = -math.inf) -> float:
    """A weight, if it is a number and not below the least."""
    if not _is_number(value) or value < least:
        needed = "a finite number" + (", 0 or more" if least == 0.0 else "")
        raise errors.bad_argument(op, name, value, needed, "0.0 switches it off.")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and abs(value) < math.inf  # false for NaN


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
