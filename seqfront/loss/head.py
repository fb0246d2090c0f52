"""Losses that hold the last layer of the model: from named tensors to what their native ops take.

Such a loss reads features instead of logits, and the weight [features, classes] and bias [classes]
that would have made the logits. What it reads of the targets is what `lattice` reads.
"""

from __future__ import annotations

from typing import NamedTuple

from seqfront import align, dtypes, errors
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.loss import lattice
from seqfront.loss.lattice import Problem
from seqfront.tensor import Tensor


class Head(NamedTuple):
    """A linear layer, and the rows of features that it maps."""

    features: Dim
    classes: Dim
    weight: Tensor
    bias: Tensor | None
    rows: tuple[tuple[str, Tensor], ...]
    """By the names of the arguments; the first has all batch dims."""

    @property
    def named(self) -> tuple[tuple[str, Tensor], ...]:
        """All tensors of floats, by the names of the arguments."""
        bias = () if self.bias is None else (("bias", self.bias),)
        return (*self.rows, ("weight", self.weight), *bias)


def problem(
    op: str,
    head: Head,
    targets: Tensor,
    input_dim: Dim,
    labels_dim: Dim,
    blank: int,
    rows: tuple[tuple[Dim, ...], ...],
) -> tuple[Problem, tuple[Raw | None, ...]]:
    """Check the arguments and lay them out: the problem, whose `logits` are the first features, and
    all arrays of floats in the order of the op. `rows` are the dims of each row argument but the
    features."""
    name, x = head.rows[0]
    _check(op, head, targets, labels_dim, rows)
    tensors = [tensor for _, tensor in head.named]
    backend = align.common_backend(op, (*tensors, targets))
    table = align.common_lengths(op, (*tensors, targets))
    size = lattice.class_count(op, head.weight, head.classes)
    batch = tuple(dim for dim in x.dims if dim not in (*rows[0], head.features))
    own = [(*dims, head.features) for dims in rows]
    for other, dims in zip((*tensors[: len(own)], targets), (*own, (labels_dim,)), strict=True):
        for dim in other.dims:
            if dim not in (*dims, *batch):
                raise errors.missing_dim(op, x, dim, name)
    align.check_sizes(op, (*tensors, targets))
    labels = lattice.labels_of(targets, x, batch, labels_dim)
    frames = lattice.lengths_of(x.with_lengths(table), input_dim, batch)
    counts = lattice.label_counts(targets.with_lengths(table), x, batch, labels_dim)
    index = _blank(op, head.classes, blank, size)
    lattice.check_labels(op, targets, labels, counts, head.classes, index)
    floats = _floats(head, x, batch, rows)
    first = floats[0]
    p = Problem(backend, batch, table, head.classes, size, index, first, labels, frames, counts)
    return p, floats


def _check(
    op: str, head: Head, targets: Tensor, labels_dim: Dim, rows: tuple[tuple[Dim, ...], ...]
) -> None:
    for (name, x), dims in zip(head.rows, rows, strict=True):
        align.check(op, x, *dims, head.features, name=name)
    align.check(op, head.weight, head.features, head.classes, name="weight")
    if head.bias is not None:
        align.check(op, head.bias, head.classes, name="bias")
    align.check(op, targets, labels_dim, name="targets")
    for name, x in head.named:
        if not dtypes.is_float(x.dtype):
            raise errors.wrong_dtype(op, name, x, "floating point")
    if not dtypes.is_int(targets.dtype):
        raise errors.wrong_dtype(op, "targets", targets, "an integer type")
    used = None if targets.sparse_dim is None else targets.sparse_dim.size
    if used is not None and head.classes.size is not None and used > head.classes.size:
        raise errors.more_labels_than_classes(op, targets, head.weight, head.classes)


def _blank(op: str, classes: Dim, blank: int, size: int) -> int:
    if not isinstance(blank, int) or not -size <= blank < size:  # pyright: ignore[reportUnnecessaryIsInstance]
        needed = f"an index into {classes!r}, {-size} to {size - 1}"
        raise errors.bad_argument(op, "blank_index", blank, needed, "negative counts from the end.")
    return blank % size


def _floats(
    head: Head, x: Tensor, batch: tuple[Dim, ...], rows: tuple[tuple[Dim, ...], ...]
) -> tuple[Raw | None, ...]:
    """Arrays of one dtype; None for a bias that is not there."""
    raws = [
        lattice.rows_of(tensor, x, batch, (*dims, head.features))
        for (_, tensor), dims in zip(head.rows, rows, strict=True)
    ]
    raws.append(head.weight.raw_in((head.classes, head.features)))
    if head.bias is not None:
        raws.append(head.bias.raw_in((head.classes,)))
    backend = x.backend
    dtype = backend.dtype(raws[0])
    for raw in raws[1:]:
        dtype = dtypes.promote(dtype, backend.dtype(raw))
    cast = [raw if backend.dtype(raw) == dtype else backend.cast(raw, dtype) for raw in raws]
    return tuple(cast) if head.bias is not None else (*cast, None)
