"""From named tensors to the plain arrays that the lattice ops take.

Both transducer and CTC losses read logits over [batch..., input, (labels,) classes] and targets
over [batch..., labels], with any number of batch dims in any order. Here they become one batch
axis; the loss of each sequence goes back to the batch dims.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from seqfront import align, checks, dtypes, errors
from seqfront.backend import Backend, Raw, product
from seqfront.dim import Dim
from seqfront.lengths import Lengths
from seqfront.tensor import Tensor

Infeasible = Literal["inf", "zero", "raise"]
"""What the loss of a sequence without any alignment is: +inf, or 0, or an error. Its gradient is
zero in every case."""


Needed: TypeAlias = Callable[[int, int], tuple[int, int]]
"""From labels and repeats among them: repeats that cost a frame, and frames needed in all."""


class Problem(NamedTuple):
    """One lattice loss in plain arrays."""

    backend: Backend
    batch: tuple[Dim, ...]
    table: Lengths
    classes: Dim
    size: int
    """How many classes."""
    blank: int
    logits: Raw
    targets: Raw
    frame_lengths: Raw
    label_lengths: Raw
    concatenated: bool = False
    """The targets are [1, all labels], those of one sequence after those of another."""

    @property
    def inputs(self) -> tuple[Raw, Raw, Raw, Raw]:
        """What the native op takes."""
        return self.logits, self.targets, self.frame_lengths, self.label_lengths

    def labels_in(self, row: int) -> list[int]:
        """The labels of one sequence, to look at."""
        targets, counts = map(self.backend.to_numpy, (self.targets, self.label_lengths))
        if self.concatenated:
            start = int(counts[:row].sum())
            return targets[0, start : start + int(counts[row])].tolist()
        return targets[row, : int(counts[row])].tolist()


def problem(
    op: str,
    logits: Tensor,
    targets: Tensor,
    input_dim: Dim,
    labels_dim: Dim,
    blank: int,
    rows: tuple[Dim, ...],
    star: int | None = None,
) -> Problem:
    """Check the arguments of a loss and lay them out; `rows` are the dims of the lattice. Targets
    may be `star` without being a class."""
    align.check(op, logits, *rows, name="logits")
    align.check(op, targets, labels_dim, name="targets")
    if not dtypes.is_float(logits.dtype):
        raise errors.wrong_dtype(op, "logits", logits, "floating point")
    if not dtypes.is_int(targets.dtype):
        raise errors.wrong_dtype(op, "targets", targets, "an integer type")
    backend = align.common_backend(op, (logits, targets))
    table = align.common_lengths(op, (logits, targets))
    classes = class_dim(op, logits, targets, rows)
    size = class_count(op, logits, classes)
    blank = class_index(op, logits, classes, blank, size)
    batch = tuple(dim for dim in logits.dims if dim not in rows and dim is not classes)
    for dim in targets.dims:
        if dim is not labels_dim and dim not in batch:
            raise errors.missing_dim(op, logits, dim, "logits")
    align.check_sizes(op, (logits, targets))
    flat_logits = flattened(logits, batch, (*rows, classes))
    frames = lengths_of(logits.with_lengths(table), input_dim, batch)
    counts = lengths_of(_over(targets.with_lengths(table), logits, batch), labels_dim, batch)
    labels = labels_of(targets, logits, batch, labels_dim)
    check_labels(op, targets, labels, counts, classes, blank, star)
    return Problem(backend, batch, table, classes, size, blank, flat_logits, labels, frames, counts)


def labels_of(x: Tensor, logits: Tensor, batch: tuple[Dim, ...], labels: Dim) -> Raw:
    """Raw int32 [count, labels]: integers for each label of each sequence."""
    return x.backend.cast(flattened(_over(x, logits, batch), batch, (labels,)), "int32")


def rows_of(x: Tensor, like: Tensor, batch: tuple[Dim, ...], rest: tuple[Dim, ...]) -> Raw:
    """Raw [count, *rest], for each sequence of `like`."""
    return flattened(_over(x, like, batch), batch, rest)


def label_counts(targets: Tensor, like: Tensor, batch: tuple[Dim, ...], labels: Dim) -> Raw:
    """Raw int32 [count]: how many labels each sequence has."""
    return lengths_of(_over(targets, like, batch), labels, batch)


def class_dim(op: str, logits: Tensor, targets: Tensor, rows: tuple[Dim, ...]) -> Dim:
    """The dim of classes: that of the labels, or else the only one left."""
    labels = targets.sparse_dim
    if labels is not None and labels in logits.dims:
        return labels
    left = [d for d in logits.dims if d not in rows and d not in targets.dims]
    if len(left) != 1:
        raise errors.ambiguous_classes(op, logits, targets, left)
    classes = left[0]
    used = None if labels is None else labels.size
    if used is not None and classes.size is not None and used > classes.size:
        raise errors.vocabularies_differ(op, logits, targets, classes)
    return classes


def class_count(op: str, logits: Tensor, classes: Dim) -> int:
    """How many classes there are; that has to be known."""
    size = classes.size
    if size is None:
        size = logits.backend.static_shape(logits.raw)[logits.axis(classes)]
    if size is None:
        raise errors.size_unknown(op, classes)
    return size


def class_index(op: str, logits: Tensor, classes: Dim, blank: int, size: int) -> int:
    """The index of the blank, counted from the start."""
    if not isinstance(blank, int) or not -size <= blank < size:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.bad_blank(op, logits, classes, blank, size)
    return blank % size


def _over(x: Tensor, logits: Tensor, batch: tuple[Dim, ...]) -> Tensor:
    """`x` repeated along the batch dims that only the logits have."""
    missing = tuple(dim for dim in batch if dim not in x.dims)
    if not missing:
        return x
    backend = x.backend
    shape = [*(logits.size(dim) for dim in missing), *backend.shape(x.raw)]
    raw = backend.broadcast_to(x.raw, shape)
    return Tensor(raw, (*missing, *x.dims), x.lengths_table, x.sparse_dim, backend=backend)


def flattened(x: Tensor, batch: tuple[Dim, ...], rest: tuple[Dim, ...]) -> Raw:
    """Raw [count, *rest], all batch dims as one axis."""
    backend = x.backend
    raw = x.raw_in((*batch, *rest))
    if len(batch) == 1:
        return raw
    shape = backend.shape(raw)
    return backend.reshape(raw, (product(shape[: len(batch)]), *shape[len(batch) :]))


def flattened_over(
    op: str, x: Tensor, like: Tensor, batch: tuple[Dim, ...], rest: tuple[Dim, ...]
) -> Raw:
    """`flattened`, of a tensor that may lack batch dims which `like` has."""
    for dim in x.dims:
        if dim not in batch and dim not in rest:
            raise errors.missing_dim(op, like, dim)
    return flattened(_over(x, like, batch), batch, rest)


def lengths_of(x: Tensor, dim: Dim, batch: tuple[Dim, ...]) -> Raw:
    """Raw int32 [count]: lengths of a dim for each sequence; its size if it is full."""
    backend = x.backend
    count: Any = 1
    for d in batch:
        count = count * x.size(d)
    entry = x.lengths_table.of(dim, backend)
    if entry is None or any(d not in batch for d in entry.dims):
        if isinstance(x.size(dim), int):
            return backend.full((count,), x.size(dim), "int32", x.device)
        size = backend.convert(x.size(dim), "int32", x.device)
        return backend.broadcast_to(size, (count,))
    raw = align.moved(backend, entry.raw, align.move_to(entry.dims, batch))
    if entry.dims != batch:
        raw = backend.broadcast_to(raw, [x.size(d) for d in batch])
    return raw if len(batch) == 1 else backend.reshape(raw, (count,))


def check_labels(
    op: str,
    targets: Tensor,
    labels: Raw,
    counts: Raw,
    classes: Dim,
    blank: int,
    star: int | None = None,
) -> None:
    """Look at the labels, where that costs nothing: on the CPU, outside a trace. (Elsewhere the
    native op refuses them.)"""
    backend = targets.backend
    if not checks.may_look(backend, labels):
        return
    values, used = backend.to_numpy(labels), backend.to_numpy(counts)
    wrong = _first_wrong(values, used, classes.size, blank, star)
    if wrong is not None:
        sequence, position, value = wrong
        raise errors.bad_label(op, targets, sequence, position, value, classes.size, blank)


def _first_wrong(labels: Any, counts: Any, size: int | None, blank: int, star: int | None) -> Any:
    """(sequence, position, value) of the first label that is no label; None if there is none."""
    wrong = (labels < 0) | (labels == blank)
    if size is not None:
        wrong = wrong | (labels >= size)
    if star is not None:
        wrong = wrong & (labels != star)
    found = np.argwhere(wrong & (_range(labels.shape[1]) < counts[:, None]))
    if not len(found):
        return None
    sequence, position = (int(i) for i in found[0])
    return sequence, position, int(labels[sequence, position])


def _range(count: int) -> Any:
    return np.arange(count)


def per_sequence(
    op: str, p: Problem, loss: Raw, logits: Tensor, infeasible: Infeasible, needed: Needed
) -> Tensor:
    """Losses over the batch dims, with sequences that have no alignment as wanted."""
    backend = p.backend
    if infeasible != "inf":
        impossible = backend.binary("eq", loss, float("inf"))
        if infeasible == "zero":
            loss = backend.where(impossible, 0.0, loss)
        else:
            loss = _refused(op, p, loss, impossible, needed)
    if len(p.batch) != 1:
        loss = backend.reshape(loss, [logits.size(dim) for dim in p.batch])
    return Tensor(loss, p.batch, p.table, backend=backend)


def _refused(op: str, p: Problem, loss: Raw, impossible: Raw, needed: Needed) -> Raw:
    backend = p.backend
    if not backend.is_tracing():
        rows = np.flatnonzero(backend.to_numpy(impossible))
        if rows.size:
            shortages = [_shortage(p, int(row), needed) for row in rows]
            raise errors.infeasible(op, shortages, len(backend.to_numpy(loss)))
        return loss
    fine = backend.unary("not", backend.reduce("any", impossible, (0,)))
    message = f"{op}: sequences have fewer frames than their labels need."
    checked = backend.cast(backend.check(fine, message), backend.dtype(loss))
    return backend.binary("mul", loss, checked)


def _shortage(p: Problem, row: int, needed: Needed) -> errors.Shortage:
    to_numpy = p.backend.to_numpy
    frames, count = int(to_numpy(p.frame_lengths)[row]), int(to_numpy(p.label_lengths)[row])
    repeats = sum(a == b for a, b in itertools.pairwise(p.labels_in(row)))
    extra, wanted = needed(count, repeats)
    return errors.Shortage(row, frames, count, extra, wanted)


def check_choice(op: str, infeasible: str) -> None:
    """Refuse an unknown policy."""
    if infeasible not in ("inf", "zero", "raise"):
        raise errors.unknown_choice(op, "infeasible", infeasible, ("inf", "zero", "raise"))
