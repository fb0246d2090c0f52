"""What `ctc_loss` is given, in the form that the native op takes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from seqfront import align, checks, dtypes, errors
from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.loss import lattice
from seqfront.loss.lattice import Needed, Problem
from seqfront.native import lattice_dtype
from seqfront.tensor import Tensor


class Arguments(NamedTuple):
    """Everything but the arrays of a problem."""

    log_prior: Raw | None
    prior_scale: float
    normalized: bool
    max_approx: bool
    label_loop: bool
    star: int | None
    star_score: float
    star_any: bool


def problem(
    op: str,
    logits: Tensor,
    targets: Tensor,
    input_dim: Dim,
    labels_dim: Dim,
    blank: int,
    target_lengths: Tensor | None,
    star: int | None,
) -> Problem:
    """The arguments, checked and laid out: targets [batch, labels], or [1, all labels]."""
    if target_lengths is None:
        rows = (input_dim,)
        p = lattice.problem(op, logits, targets, input_dim, labels_dim, blank, rows, star)
    else:
        p = _concatenated(op, logits, targets, input_dim, labels_dim, blank, target_lengths, star)
    if star is not None and (
        not isinstance(star, int)  # pyright: ignore[reportUnnecessaryIsInstance]
        or isinstance(star, bool)
        or 0 <= star < p.size
        or not -(2**31) < star < 2**31
    ):
        needed = f"an integer below 0, or {p.size} or more"
        raise errors.bad_argument(op, "star_index", star, needed, "it must not be a class.")
    return p


def _concatenated(
    op: str,
    logits: Tensor,
    targets: Tensor,
    input_dim: Dim,
    labels_dim: Dim,
    blank: int,
    counts: Tensor,
    star: int | None,
) -> Problem:
    align.check(op, logits, input_dim, *counts.dims, name="logits")
    check_concatenated(op, targets, labels_dim, counts)
    if not dtypes.is_float(logits.dtype):
        raise errors.wrong_dtype(op, "logits", logits, "floating point")
    backend = align.common_backend(op, (logits, targets, counts))
    table = align.common_lengths(op, (logits, counts))
    batch = counts.dims
    classes = lattice.class_dim(op, logits, targets, (input_dim, *batch))
    for dim in logits.dims:
        if dim is not input_dim and dim is not classes and dim not in batch:
            raise errors.missing_dim(op, counts, dim, "target_lengths")
    align.check_sizes(op, (logits, counts))
    size = lattice.class_count(op, logits, classes)
    index = lattice.class_index(op, logits, classes, blank, size)
    label_lengths = flat_lengths(counts)
    labels = backend.cast(targets.raw, "int32")
    _check_values(op, targets, counts, labels, label_lengths, size, index, star)
    return Problem(
        backend,
        batch,
        table,
        classes,
        size,
        index,
        lattice.flattened(logits, batch, (input_dim, classes)),
        backend.expand_dims(labels, (0,)),
        lattice.lengths_of(logits.with_lengths(table), input_dim, batch),
        label_lengths,
        concatenated=True,
    )


def check_concatenated(op: str, targets: Tensor, labels_dim: Dim, counts: Tensor) -> None:
    """Refuse targets or lengths of the wrong kind."""
    align.check(op, targets, labels_dim, name="targets")
    align.check(op, counts, name="target_lengths")
    if len(targets.dims) != 1:
        raise errors.not_concatenated(op, targets, labels_dim, counts)
    for name, x in (("targets", targets), ("target_lengths", counts)):
        if not dtypes.is_int(x.dtype):
            raise errors.wrong_dtype(op, name, x, "an integer type")


def flat_lengths(counts: Tensor) -> Raw:
    """Raw int32 [count], in the order of the dims."""
    return counts.backend.cast(lattice.flattened(counts, counts.dims, ()), "int32")


def _check_values(
    op: str,
    targets: Tensor,
    counts: Tensor,
    labels: Raw,
    label_lengths: Raw,
    size: int,
    blank: int,
    star: int | None,
) -> None:
    """Look at lengths and labels, where that costs nothing. (Elsewhere the native op does.)"""
    backend = targets.backend
    if not checks.may_look(backend, labels, label_lengths):
        return
    ends: Any = np.cumsum(backend.to_numpy(label_lengths))
    values: Any = backend.to_numpy(labels)
    total = int(ends[-1]) if len(ends) else 0
    if total > len(values) or (backend.to_numpy(label_lengths) < 0).any():
        raise errors.bad_target_lengths(op, targets, counts, total, len(values))
    used: Any = values[:total]
    wrong = np.flatnonzero(((used < 0) | (used >= size) | (used == blank)) & (used != star))
    if wrong.size:
        first = int(wrong[0])
        sequence = int(np.searchsorted(ends, first, side="right"))
        start = int(ends[sequence - 1]) if sequence else 0
        raise errors.bad_label(op, targets, sequence, first - start, int(used[first]), size, blank)


def prior(op: str, p: Problem, logits: Tensor, log_prior: Tensor | None) -> Raw | None:
    """Raw [classes] in the dtype of the lattice."""
    if log_prior is None:
        return None
    align.check(op, log_prior, name="log_prior")
    if not dtypes.is_float(log_prior.dtype):
        raise errors.wrong_dtype(op, "log_prior", log_prior, "floating point")
    if log_prior.dims != (p.classes,):
        raise errors.wrong_prior(op, log_prior, logits, p.classes)
    align.common_backend(op, (logits, log_prior))
    backend = p.backend
    raw = backend.cast(log_prior.raw, lattice_dtype(backend.dtype(p.logits)))
    return backend.stop_gradient(raw)


def check_star_score(op: str, score: float | None) -> None:
    """Refuse what is no number."""
    if score is not None and not (isinstance(score, (int, float)) and abs(score) < math.inf):  # pyright: ignore[reportUnnecessaryIsInstance]
        fix = "0.0 costs nothing; None is the log-probability of all classes but the blank."
        raise errors.bad_argument(op, "star_score", score, "a finite number, or None", fix)


def needed(label_loop: bool) -> Needed:
    """Frames that labels need."""

    def frames(labels: int, repeats: int) -> tuple[int, int]:
        blanks = repeats if label_loop else 0
        return blanks, labels + blanks

    return frames


def repeats(backend: Backend, targets: Raw, label_lengths: Raw, concatenated: bool) -> Raw:
    """int32 [batch]: labels equal to the one before, in the same sequence."""
    axis = 1
    same = _same_as_before(backend, targets)
    if not concatenated:
        mask = backend.sequence_mask(label_lengths, backend.size(targets, axis))
        found = backend.cast(backend.binary("and", same, mask), "int32")
        return backend.reduce("sum", found, (axis,))
    before = backend.cumulative("sum", backend.cast(backend.squeeze(same, (0,)), "int32"), 0)
    before = backend.pad(before, ((1, 1),), 0)
    ends = backend.cumulative("sum", label_lengths, 0)
    starts = backend.binary("sub", ends, label_lengths)
    # The first label of a sequence repeats nothing.
    first = backend.binary("min", backend.binary("add", starts, 1), ends)
    up_to = [backend.gather(before, at, 0) for at in (ends, first)]
    return backend.binary("sub", up_to[0], up_to[1])


def _same_as_before(backend: Backend, targets: Raw) -> Raw:
    """bool, of the shape of the targets [rows, labels]."""
    count = backend.size(targets, 1)
    before = backend.slice(backend.pad(targets, ((0, 0), (1, 0)), -1), 1, 0, count)
    position = backend.arange(count, "int32", backend.device(targets))
    later = backend.broadcast_to(backend.binary("gt", position, 0), backend.shape(targets))
    return backend.binary("and", backend.binary("eq", targets, before), later)
