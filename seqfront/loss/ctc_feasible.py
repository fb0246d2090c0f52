"""Which sequences have an alignment, without any logits."""

from __future__ import annotations

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.loss import lattice
from seqfront.loss.ctc_arguments import check_concatenated, flat_lengths, repeats
from seqfront.ops.elementwise import add
from seqfront.tensor import Tensor


def ctc_feasible(
    *,
    input_lengths: Tensor,
    targets: Tensor,
    targets_spatial_dim: Dim,
    target_lengths: Tensor | None = None,
    label_loop: bool = True,
) -> Tensor:
    """Whether sequences have enough frames for their labels: where `ctc_loss` is finite.

        sf.ctc_feasible(
            input_lengths=logits.lengths(time), targets=targets, targets_spatial_dim=labels
        )

    Each label needs a frame, and each label that is equal to the one before needs a blank between
    them. Logits of -inf, which can make a sequence infeasible as well, are not looked at.

    Args:
        input_lengths: Frames of each sequence; integers over batch dims.
        targets: As in `ctc_loss`, with the same padding, dims and dtypes.
        targets_spatial_dim: Positions of the targets.
        target_lengths: As in `ctc_loss`.
        label_loop: As in `ctc_loss`; without loops repeated labels need no blank.

    Returns:
        bool over the batch dims of the targets, and those that only `input_lengths` has.
    """
    op = "ctc_feasible"
    align.check(op, input_lengths, name="input_lengths")
    if not dtypes.is_int(input_lengths.dtype):
        raise errors.wrong_dtype(op, "input_lengths", input_lengths, "an integer type")
    if target_lengths is None:
        needed = _needed(op, targets, targets_spatial_dim, label_loop)
    else:
        needed = _needed_concatenated(op, targets, targets_spatial_dim, target_lengths, label_loop)
    shortage = add(needed, -input_lengths, allow_broadcast=True)
    return shortage <= 0


def _needed(op: str, targets: Tensor, labels: Dim, label_loop: bool) -> Tensor:
    align.check(op, targets, labels, name="targets")
    if not dtypes.is_int(targets.dtype):
        raise errors.wrong_dtype(op, "targets", targets, "an integer type")
    backend = targets.backend
    batch = tuple(dim for dim in targets.dims if dim is not labels)
    raw = lattice.lengths_of(targets, labels, batch)
    if label_loop:
        flat = lattice.flattened(targets, batch, (labels,))
        raw = backend.binary("add", raw, repeats(backend, flat, raw, False))
    if len(batch) != 1:
        raw = backend.reshape(raw, [targets.size(dim) for dim in batch])
    return Tensor(raw, batch, targets.lengths_table, backend=backend)


def _needed_concatenated(
    op: str, targets: Tensor, labels: Dim, counts: Tensor, label_loop: bool
) -> Tensor:
    check_concatenated(op, targets, labels, counts)
    backend = align.common_backend(op, (targets, counts))
    raw = flat_lengths(counts)
    if label_loop:
        flat = backend.expand_dims(targets.raw, (0,))
        raw = backend.binary("add", raw, repeats(backend, flat, raw, True))
    if len(counts.dims) != 1:
        raw = backend.reshape(raw, [counts.size(dim) for dim in counts.dims])
    return Tensor(raw, counts.dims, counts.lengths_table, backend=backend)
