"""Transducer loss without padding: the cells of all sequences one after another.

A sequence with T frames and U labels has T * (U + 1) cells, (0, 0), (0, 1), ..., (0, U), (1, 0),
...: frame by frame, the states of a frame together. In a batch of unequal sequences, padded logits
are mostly padding; packed ones have only what the loss reads, and so had the joint network.
"""

from __future__ import annotations

from collections.abc import Mapping

from seqfront import align, checks, dtypes, errors
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.loss import lattice, variants
from seqfront.loss.lattice import Infeasible, Problem
from seqfront.loss.variants import Star, Topology, Windows
from seqfront.ops.mask import own_lengths
from seqfront.tensor import Tensor


def rnnt_loss_packed(
    *,
    logits: Tensor,
    targets: Tensor,
    cells_dim: Dim,
    frame_lengths: Tensor,
    targets_spatial_dim: Dim,
    blank_index: int,
    logits_normalized: bool = False,
    infeasible: Infeasible = "inf",
    topology: Topology = "regular",
    fastemit: float = 0.0,
    fastemit_scales_loss: bool = False,
    clamp: float | None = None,
    delay_penalty: float = 0.0,
    windows: Windows | None = None,
    big_blanks: Mapping[int, int] | None = None,
    sigma: float = 0.0,
    hat: bool = False,
    star: Star | None = None,
    star_weight: float = 0.0,
    reuse_logits: bool = False,
) -> Tensor:
    """`rnnt_loss` of logits without padding.

    Args:
        logits: float over [cells_dim, classes]: the cells of the first sequence, then those of the
            second, ...; the states of a frame lie together, as `pack_cells` puts them.
        targets: As for `rnnt_loss`, over [batch, targets_spatial_dim]; their lengths are the
            numbers of labels.
        cells_dim: Cells of the logits.
        frame_lengths: Integers over [batch]: the numbers of frames.
        targets_spatial_dim: Positions of the targets.
        blank_index: Class of the blank. This and all that follows is as for `rnnt_loss`.

    Returns:
        Loss in nats over [batch].

    Raises:
        DimError: Dims, vocabularies or labels do not fit, or the cells are not as many as the
            sequences have.
        NativeError: With `infeasible="raise"`, sequences that have no alignment.
    """
    op = "rnnt_loss_packed"
    lattice.check_choice(op, infeasible)
    attributes = {
        **variants.shape(op, topology, delay_penalty, sigma, hat, logits_normalized),
        **variants.training(op, fastemit, fastemit_scales_loss, clamp, "native"),
        **variants.wildcard(op, star, star_weight),
    }
    p = _problem(op, logits, targets, cells_dim, frame_lengths, targets_spatial_dim, blank_index)
    allowed = variants.windows(op, p, targets, targets_spatial_dim, windows)
    blanks = variants.pairs(p, variants.big_blanks(op, p, targets, big_blanks, hat))
    attributes.update(blank=p.blank, reuse=reuse_logits)
    (loss,) = p.backend.native_call("rnnt_packed", (*p.inputs, allowed, blanks), attributes)
    return lattice.per_sequence(op, p, loss, targets, infeasible, variants.needed(topology))


def _problem(
    op: str,
    logits: Tensor,
    targets: Tensor,
    cells: Dim,
    frame_lengths: Tensor,
    labels_dim: Dim,
    blank: int,
) -> Problem:
    """Check the arguments of a packed loss and lay them out."""
    align.check(op, logits, cells, name="logits")
    align.check(op, targets, labels_dim, name="targets")
    align.check(op, frame_lengths, name="frame_lengths")
    if not dtypes.is_float(logits.dtype):
        raise errors.wrong_dtype(op, "logits", logits, "floating point")
    for name, x in (("targets", targets), ("frame_lengths", frame_lengths)):
        if not dtypes.is_int(x.dtype):
            raise errors.wrong_dtype(op, name, x, "an integer type")
    backend = align.common_backend(op, (logits, targets, frame_lengths))
    batch = tuple(dim for dim in targets.dims if dim is not labels_dim)
    if len(batch) != 1:
        raise errors.one_batch_dim(op, "targets", targets, batch)
    align.check(op, frame_lengths, *batch, name="frame_lengths")
    if len(frame_lengths.dims) != 1:
        raise errors.one_batch_dim(op, "frame_lengths", frame_lengths, frame_lengths.dims)
    align.check_sizes(op, (targets, frame_lengths))
    classes = lattice.class_dim(op, logits, targets, (cells,))
    size = lattice.class_count(op, logits, classes)
    blank = lattice.class_index(op, logits, classes, blank, size)
    frames = backend.cast(frame_lengths.raw, "int32")
    counts = lattice.lengths_of(targets, labels_dim, batch)
    labels = lattice.labels_of(targets, targets, batch, labels_dim)
    lattice.check_labels(op, targets, labels, counts, classes, blank)
    _check_cells(op, logits, cells, frames, counts)
    raw = logits.raw_in((cells, classes))
    table = targets.lengths_table
    return Problem(backend, batch, table, classes, size, blank, raw, labels, frames, counts)


def _check_cells(op: str, logits: Tensor, cells: Dim, frames: Raw, counts: Raw) -> None:
    backend = logits.backend
    came = backend.static_shape(logits.raw)[logits.axis(cells)]
    if came is None or not checks.may_look(backend, frames, counts):
        return
    needed = int((backend.to_numpy(frames) * (backend.to_numpy(counts) + 1)).sum())
    if came != needed:
        raise errors.wrong_cells(op, logits, came, needed)


def pack_cells(
    x: Tensor, *, batch_dim: Dim, input_spatial_dim: Dim, targets_spatial_dim: Dim, cells_dim: Dim
) -> Tensor:
    """The cells of a transducer without padding, in the order that `rnnt_loss_packed` reads.

    Args:
        x: Over [batch_dim, input_spatial_dim, targets_spatial_dim + 1, ...] (or `1 +
            targets_spatial_dim`), in any order, with their lengths.
        batch_dim: Sequences.
        input_spatial_dim: Frames.
        targets_spatial_dim: Positions of the targets.
        cells_dim: The new dim; its extent is known at run time only.

    Returns:
        Over [cells_dim, ...].

    Raises:
        DimError: A dim is missing, or another dim is ragged too.
    """
    op = "pack_cells"
    align.check(op, x, batch_dim, input_spatial_dim)
    states = variants.states_in(op, x, targets_spatial_dim)
    lattice_dims = align.distinct(op, (batch_dim, input_spatial_dim, states))
    rest = tuple(dim for dim in x.dims if dim not in lattice_dims)
    align.distinct(op, (cells_dim, *rest))
    for dim in rest:
        if own_lengths(x, dim) is not None:
            raise errors.ragged_dim(op, x, dim)
    backend = x.backend
    masks = [
        backend.sequence_mask(lattice.lengths_of(x, dim, (batch_dim,)), x.size(dim))
        for dim in lattice_dims[1:]
    ]
    mask = backend.binary(
        "and", backend.expand_dims(masks[0], (2,)), backend.expand_dims(masks[1], (1,))
    )
    raw = lattice.flattened(x, lattice_dims, rest)
    flat = backend.reshape(mask, backend.shape(raw)[:1])
    return Tensor(backend.masked_select(raw, flat), (cells_dim, *rest), FULL, backend=backend)
