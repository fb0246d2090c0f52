"""The simple transducer loss of pruned training (see `seqfront.loss.pruned`)."""

from __future__ import annotations

from typing import overload

import numpy as np

from seqfront import align, checks, dtypes, errors
from seqfront.dim import Dim
from seqfront.loss import lattice, variants
from seqfront.loss.lattice import Infeasible, Problem
from seqfront.loss.variants import PRUNED_TOPOLOGIES, Topology
from seqfront.ops.dtype import cast
from seqfront.tensor import Tensor


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
        lm_only_scale: Share of log-probs of the prediction alone in the scores of arcs
            (icefall's recipes: 0.25).
        am_only_scale: Share of log-probs of the source with an average prediction: the log of the
            mean of softmax(prediction) over the positions of its sequence. (k2 takes the mean over
            the batch and its padding, so that sequences depend on each other.)
        topology: "regular", or "modified" for one symbol a frame.
        delay_penalty: Added to the score of a label at frame t is delay_penalty * ((frames - 1) / 2
            - t), so that early labels cost less. The loss may become negative.
        band_dim: Dim of a band of positions, of known size: then the bounds are given too. A path
            has to fit, so each sequence that has frames and labels needs a band of (labels - 1) //
            frames + 2. ("modified": one position will do.)
        infeasible: What sequences with labels but without frames (or, "modified", with more labels
            than frames) get: "inf", "zero", or "raise" for an error. Their gradient is zero.

    Returns:
        Loss in nats over the batch dims, unreduced; float64 for float64, else float32. With
        `band_dim` also the starts, int32 over [batch..., input_spatial_dim]: the first position of
        the band of each frame. They begin with 0, never decrease, move less than a band from frame
        to frame ("modified": at most 1), and end with the last position in the band, as far as
        that can be reached; all are 0 where a sequence has no more positions than the band. They
        have no gradient.

    Raises:
        DimError: Dims, vocabularies or labels do not fit.
        NativeError: The band is too narrow for a sequence; or, with `infeasible="raise"`, sequences
            have no alignment.
    """
    op = "rnnt_loss_simple"
    lattice.check_choice(op, infeasible)
    topology_number = variants.topology_index(op, topology, PRUNED_TOPOLOGIES)
    _check_scales(op, lm_only_scale, am_only_scale)
    band = 0 if band_dim is None else band_size(op, band_dim)
    align.check(op, source, input_spatial_dim, name="source")
    states = variants.prediction_states(op, prediction, targets, targets_spatial_dim)
    source, prediction = _same_dtype(op, source, prediction)
    align.common_backend(op, (source, prediction, targets))
    align.check_sizes(op, (source, prediction, targets))
    source = source.with_lengths(align.common_lengths(op, (source, prediction, targets)))
    p = lattice.problem(
        op, source, targets, input_spatial_dim, targets_spatial_dim, blank_index,
        (input_spatial_dim,),
    )  # fmt: skip
    classes = next(d for d in source.dims if d not in p.batch and d is not input_spatial_dim)
    align.check(op, prediction, classes, name="prediction")
    if band_dim is not None:
        _check_band(op, p, band_dim, topology)
    lm = lattice.flattened_over(op, prediction, source, p.batch, (states, classes))
    attributes = {
        "blank": p.blank,
        "topology": topology_number,
        "lm_only_scale": float(lm_only_scale),
        "am_only_scale": float(am_only_scale),
        "delay_penalty": variants.check_number(op, "delay_penalty", delay_penalty),
        "band": band,
    }
    inputs = (p.logits, lm, p.targets, p.frame_lengths, p.label_lengths)
    raw_loss, raw_starts = p.backend.native_call("rnnt_simple", inputs, attributes)
    loss = lattice.per_sequence(op, p, raw_loss, source, infeasible, variants.needed(topology))
    if band_dim is None:
        return loss
    dims = (*p.batch, input_spatial_dim)
    raw_starts = p.backend.reshape(raw_starts, [source.size(dim) for dim in dims])
    return loss, Tensor(raw_starts, dims, p.table, backend=p.backend)


def band_size(op: str, band_dim: Dim) -> int:
    """Size of a band, which has to be known when the graph is built."""
    align.distinct(op, (band_dim,))
    if band_dim.size is None:
        raise errors.size_unknown(op, band_dim)
    if band_dim.size == 0:
        raise errors.empty_band(op, band_dim)
    return band_dim.size


def _check_scales(op: str, lm_only: float, am_only: float) -> None:
    if not (lm_only >= 0.0 and am_only >= 0.0 and lm_only + am_only <= 1.0 + 1e-6):
        raise errors.bad_smoothing(op, lm_only, am_only)


def _same_dtype(op: str, source: Tensor, prediction: Tensor) -> tuple[Tensor, Tensor]:
    for name, x in (("source", source), ("prediction", prediction)):
        if not dtypes.is_float(x.dtype):
            raise errors.wrong_dtype(op, name, x, "floating point")
    dtype = dtypes.promote(source.dtype, prediction.dtype)
    return cast(source, dtype), cast(prediction, dtype)


def _check_band(op: str, p: Problem, band_dim: Dim, topology: Topology) -> None:
    """Refuse a band that some sequence has no path in, where looking costs nothing. (Elsewhere the
    native op does.)"""
    if topology == "modified" or not checks.may_look(p.backend, p.frame_lengths, p.label_lengths):
        return
    frames = p.backend.to_numpy(p.frame_lengths).astype(np.int64)
    labels = p.backend.to_numpy(p.label_lengths).astype(np.int64)
    needed = np.where(frames > 0, (labels - 1) // np.maximum(frames, 1) + 2, 0)
    rows = np.flatnonzero((needed > (band_dim.size or 0)) & (labels > 0))
    if rows.size:
        facts = [(int(i), int(frames[i]), int(labels[i]), int(needed[i])) for i in rows]
        raise errors.narrow_band(op, band_dim, facts, len(frames))
