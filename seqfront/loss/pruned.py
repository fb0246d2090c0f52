"""Pruned transducer training (Kuang et al. 2022, arXiv:2206.13236).

The full loss needs logits for each frame and each position, though nearly all probability lies on a
narrow path between them. So training is in two passes. A cheap joiner, which only adds projections
of the encoder and of the prediction network, gives the *simple* loss without ever making such
logits, and tells which few positions of each frame matter. The real joiner works on this *band*:

    band = sf.Dim("band", 5)

    simple, starts = sf.rnnt_loss_simple(
        source=project_source(encoded), prediction=project_prediction(predicted), targets=targets,
        input_spatial_dim=time, targets_spatial_dim=labels, blank_index=0,
        lm_only_scale=0.25, band_dim=band,
    )
    near = sf.prune(predicted, starts=starts, axis=1 + labels, band_dim=band)
    logits = joiner(sf.tanh(encoded + near))         # [batch, time, band, classes]
    pruned = sf.rnnt_loss_pruned(
        logits=logits, starts=starts, targets=targets, band_dim=band,
        input_spatial_dim=time, targets_spatial_dim=labels, blank_index=0,
    )
    loss = 0.5 * simple + pruned                      # train the second part gently at first
"""

from __future__ import annotations

from typing import Literal, overload

import numpy as np

from seqfront import align, checks, dtypes, errors
from seqfront.dim import Dim
from seqfront.loss import lattice
from seqfront.loss.lattice import Infeasible, Problem
from seqfront.ops import elementwise
from seqfront.ops.create import range_over
from seqfront.ops.dtype import cast
from seqfront.ops.index import gather
from seqfront.ops.shape import expand_dim
from seqfront.tensor import Tensor

Topology = Literal["regular", "modified"]
"""Whether a label stays in its frame ("regular": a frame may have many) or takes one ("modified":
each frame has one symbol)."""

_TOPOLOGIES: tuple[Topology, ...] = ("regular", "modified")


@overload
def rnnt_loss_simple(
    *,
    source: Tensor,
    prediction: Tensor,
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    lm_only_scale: float = 0.0,
    am_only_scale: float = 0.0,
    topology: Topology = "regular",
    delay_penalty: float = 0.0,
    band_dim: None = None,
    infeasible: Infeasible = "inf",
) -> Tensor: ...


@overload
def rnnt_loss_simple(
    *,
    source: Tensor,
    prediction: Tensor,
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    lm_only_scale: float = 0.0,
    am_only_scale: float = 0.0,
    topology: Topology = "regular",
    delay_penalty: float = 0.0,
    band_dim: Dim,
    infeasible: Infeasible = "inf",
) -> tuple[Tensor, Tensor]: ...


def rnnt_loss_simple(
    *,
    source: Tensor,
    prediction: Tensor,
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    lm_only_scale: float = 0.0,
    am_only_scale: float = 0.0,
    topology: Topology = "regular",
    delay_penalty: float = 0.0,
    band_dim: Dim | None = None,
    infeasible: Infeasible = "inf",
) -> Tensor | tuple[Tensor, Tensor]:
    """Transducer loss of logits `source + prediction`, which are never made.

    The same as `rnnt_loss` of their sum, by matrix products; for an encoder over [batch, time, D]
    and its prediction network, both projected to the classes.

    Args:
        source: float over [batch..., input_spatial_dim, classes], in any order; ragged or not.
        prediction: float over [batch..., targets_spatial_dim + 1, classes]; the second dim may also
            be `1 + targets_spatial_dim`.
        targets: Integers over [batch..., targets_spatial_dim], labels of the classes (or of a
            smaller dim, without the blank); their padding may be anything. May be empty.
        input_spatial_dim: Frames of the source.
        targets_spatial_dim: Positions of the targets.
        blank_index: Class of the blank, anywhere; negative counts from the end.
        lm_only_scale: Share of log-probs of the prediction alone in the scores of arcs (section
            3.2). 0.25 keeps the bounds sharp early in training.
        am_only_scale: Share of log-probs of the source with an average prediction: the log of the
            mean of softmax(prediction) over the positions of its sequence. (k2 takes the mean over
            the batch and its padding, so that sequences depend on each other.)
        topology: "regular", or "modified" for one symbol a frame.
        delay_penalty: Added to the score of a label at frame t is delay_penalty * ((frames - 1) / 2
            - t), so that early labels cost less. The loss may become negative.
        band_dim: Dim of a band of positions, of known size: then the bounds are given too. A
            path has to fit, so it may need (labels - 1) // frames + 2 positions ("modified":
            labels - frames + 2), in each sequence that has frames.
        infeasible: What sequences with labels but without frames (or, "modified", with more labels
            than frames) get: "inf", "zero", or "raise" for an error. Their gradient is zero.

    Returns:
        Loss in nats over the batch dims, unreduced; float64 for float64, else float32. With
        `band_dim` also the starts, int32 over [batch..., input_spatial_dim]: the first position of
        the band of each frame. They begin with 0, never decrease, move less than a band from frame
        to frame ("modified": at most 1), and end with the last position in the band; all are 0
        where the sequence is no longer than the band. They have no gradient.

    Raises:
        DimError: Dims, vocabularies or labels do not fit.
        NativeError: The band is too narrow for a sequence; or, with `infeasible="raise"`, sequences
            have no alignment.
    """
    op = "rnnt_loss_simple"
    lattice.check_choice(op, infeasible)
    _check_topology(op, topology)
    _check_scales(op, lm_only_scale, am_only_scale)
    band = 0 if band_dim is None else _band_size(op, band_dim)
    align.check(op, source, input_spatial_dim, name="source")
    align.check(op, prediction, name="prediction")
    align.check(op, targets, targets_spatial_dim, name="targets")
    states = _states(op, prediction, targets_spatial_dim)
    source, prediction = _same_dtype(op, source, prediction)
    align.common_backend(op, (source, prediction, targets))
    align.check_sizes(op, (source, prediction, targets))
    p = lattice.problem(
        op, source, targets, input_spatial_dim, targets_spatial_dim, blank_index,
        (input_spatial_dim,),
    )  # fmt: skip
    classes = next(d for d in source.dims if d not in p.batch and d is not input_spatial_dim)
    align.check(op, prediction, classes, name="prediction")
    _check_extent(op, prediction, states, targets, targets_spatial_dim)
    if band_dim is not None:
        _check_band(op, p, band_dim, topology)
    lm = _over_batch(op, prediction, source, p.batch, (states, classes))
    attributes = {
        "blank": p.blank,
        "topology": _TOPOLOGIES.index(topology),
        "lm_only_scale": float(lm_only_scale),
        "am_only_scale": float(am_only_scale),
        "delay_penalty": float(delay_penalty),
        "band": band,
    }
    inputs = (p.logits, lm, p.targets, p.frame_lengths, p.label_lengths)
    raw_loss, raw_starts = p.backend.native_call("rnnt_simple", inputs, attributes)
    loss = lattice.per_sequence(op, p, raw_loss, source, infeasible, _frames_needed(topology))
    if band_dim is None:
        return loss
    dims = (*p.batch, input_spatial_dim)
    raw_starts = p.backend.reshape(raw_starts, [source.size(dim) for dim in dims])
    return loss, Tensor(raw_starts, dims, p.table, backend=p.backend)


def prune(x: Tensor, *, starts: Tensor, axis: Dim, band_dim: Dim) -> Tensor:
    """The positions of `x` that lie in the band of each frame.

    What has no positions needs no pruning: `encoded + prune(predicted, ...)` is over the frames and
    the band, as it is for dims that only one of two operands has.

    Args:
        x: Has `axis`: the output of a prediction network, say.
        starts: First position of the band of each frame, as `rnnt_loss_simple` gives them.
        axis: Positions: `targets_spatial_dim + 1`, or `1 + targets_spatial_dim`.
        band_dim: Positions of the band, of known size.

    Returns:
        Dims of `starts`, `band_dim`, then those of `x` without `axis` (and without the dims that
        both have). Where a sequence is shorter than the band, its last position is repeated.
    """
    align.check("prune", x, axis)
    align.check("prune", starts, name="starts")
    if not dtypes.is_int(starts.dtype):
        raise errors.wrong_dtype("prune", "starts", starts, "an integer type")
    _band_size("prune", band_dim)
    align.common_backend("prune", (x, starts))
    offset = range_over(band_dim, dtype=starts.dtype, like=starts).labels_of(None)
    position = elementwise.add(starts, offset, allow_broadcast=True)
    last = cast(x.lengths(axis), starts.dtype) - 1
    return gather(x, indices=elementwise.minimum(position, last), axis=axis)


def rnnt_loss_pruned(
    *,
    logits: Tensor,
    starts: Tensor,
    targets: Tensor,
    band_dim: Dim,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    logits_normalized: bool = False,
    topology: Topology = "regular",
    delay_penalty: float = 0.0,
    infeasible: Infeasible = "inf",
) -> Tensor:
    """-log p(targets | logits), summed over the alignments that stay in a band.

    Args:
        logits: float over [batch..., input_spatial_dim, band_dim, classes], in any order. Entry r
            of frame t is of position starts[t] + r; those beyond the labels are not looked at.
        starts: First position of the band of each frame, integers over [batch...,
            input_spatial_dim]. A path leaves a frame from a position that the next band has too.
        targets: Integers over [batch..., targets_spatial_dim], as in `rnnt_loss`.
        band_dim: Positions of the band.
        input_spatial_dim: Frames of the logits.
        targets_spatial_dim: Positions of the targets.
        blank_index: Class of the blank, anywhere; negative counts from the end.
        logits_normalized: The logits are log-probs already.
        topology: "regular", or "modified" for one symbol a frame; that of the starts.
        delay_penalty: As in `rnnt_loss_simple`.
        infeasible: What sequences without a path in their band get: "inf", "zero", or "raise" for
            an error. Their gradient is zero.

    Returns:
        Loss in nats over the batch dims, unreduced; float64 for float64 logits, else float32. It is
        at least that of all alignments, and equal to it if the band has all positions.

    Raises:
        DimError: Dims, vocabularies or labels do not fit.
        NativeError: Starts that are no position; or, with `infeasible="raise"`, sequences that have
            no alignment.
    """
    op = "rnnt_loss_pruned"
    lattice.check_choice(op, infeasible)
    _check_topology(op, topology)
    align.check(op, logits, input_spatial_dim, band_dim, name="logits")
    align.check(op, starts, input_spatial_dim, name="starts")
    align.check(op, targets, targets_spatial_dim, name="targets")
    if not dtypes.is_int(starts.dtype):
        raise errors.wrong_dtype(op, "starts", starts, "an integer type")
    align.common_backend(op, (logits, starts, targets))
    align.check_sizes(op, (logits, starts, targets))
    p = lattice.problem(
        op, logits, targets, input_spatial_dim, targets_spatial_dim, blank_index,
        (input_spatial_dim, band_dim),
    )  # fmt: skip
    first = _over_batch(op, starts, logits, p.batch, (input_spatial_dim,))
    attributes = {
        "blank": p.blank,
        "normalized": bool(logits_normalized),
        "topology": _TOPOLOGIES.index(topology),
        "delay_penalty": float(delay_penalty),
    }
    inputs = (*p.inputs, p.backend.cast(first, "int32"), None, None)
    (loss,) = p.backend.native_call("rnnt_pruned", inputs, attributes)
    return lattice.per_sequence(op, p, loss, logits, infeasible, _frames_needed(topology))


# -- checks ----------------------------------------------------------------------------------------


def _check_topology(op: str, topology: str) -> None:
    if topology not in _TOPOLOGIES:
        raise errors.unknown_choice(op, "topology", topology, _TOPOLOGIES)


def _check_scales(op: str, lm_only: float, am_only: float) -> None:
    if not (lm_only >= 0.0 and am_only >= 0.0 and lm_only + am_only <= 1.0 + 1e-6):
        raise errors.bad_smoothing(op, lm_only, am_only)


def _band_size(op: str, band_dim: Dim) -> int:
    align.distinct(op, (band_dim,))
    if band_dim.size is None:
        raise errors.size_unknown(op, band_dim)
    if band_dim.size == 0:
        raise errors.empty_band(op, band_dim)
    return band_dim.size


def _states(op: str, prediction: Tensor, labels: Dim) -> Dim:
    """The dim of "so many labels seen"."""
    for states in (labels + 1, 1 + labels):
        if states in prediction.dims:
            return states
    raise errors.missing_prediction_states(op, prediction, labels)


def _same_dtype(op: str, source: Tensor, prediction: Tensor) -> tuple[Tensor, Tensor]:
    for name, x in (("source", source), ("prediction", prediction)):
        if not dtypes.is_float(x.dtype):
            raise errors.wrong_dtype(op, name, x, "floating point")
    dtype = dtypes.promote(source.dtype, prediction.dtype)
    return cast(source, dtype), cast(prediction, dtype)


def _check_extent(op: str, prediction: Tensor, states: Dim, targets: Tensor, labels: Dim) -> None:
    came = prediction.backend.static_shape(prediction.raw)[prediction.axis(states)]
    count = targets.backend.static_shape(targets.raw)[targets.axis(labels)]
    if came is not None and count is not None and came != count + 1:
        raise errors.wrong_prediction_states(op, prediction, targets, states, came, count + 1)


def _over_batch(
    op: str, x: Tensor, like: Tensor, batch: tuple[Dim, ...], rest: tuple[Dim, ...]
) -> object:
    """Raw [count, *rest] of a tensor that may lack batch dims."""
    for dim in x.dims:
        if dim not in batch and dim not in rest:
            raise errors.missing_dim(op, like, dim)
    for dim in batch:
        if dim not in x.dims:
            x = expand_dim(x, dim, like=like)
    return lattice.flattened(x, batch, rest)


def _frames_needed(topology: Topology) -> lattice.Needed:
    return lambda labels, repeats: (0, labels if topology == "modified" else min(labels, 1))


def _check_band(op: str, p: Problem, band_dim: Dim, topology: Topology) -> None:
    """Refuse a band that some sequence has no path in, where looking costs nothing. (Elsewhere the
    native op does.)"""
    if not checks.may_look(p.backend, p.frame_lengths, p.label_lengths):
        return
    frames = p.backend.to_numpy(p.frame_lengths).astype(np.int64)
    labels = p.backend.to_numpy(p.label_lengths).astype(np.int64)
    if topology == "modified":
        needed = np.where(labels <= frames, labels - frames + 2, 0)
    else:
        needed = np.where(frames > 0, (labels - 1) // np.maximum(frames, 1) + 2, 0)
    rows = np.flatnonzero((needed > (band_dim.size or 0)) & (labels > 0))
    if rows.size:
        facts = [(int(i), int(frames[i]), int(labels[i]), int(needed[i])) for i in rows]
        raise errors.narrow_band(op, band_dim, facts, len(frames))
