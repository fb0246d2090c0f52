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

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.loss import lattice, variants
from seqfront.loss.lattice import Infeasible
from seqfront.loss.simple_joiner import band_size
from seqfront.loss.variants import PRUNED_TOPOLOGIES, Topology
from seqfront.ops import elementwise
from seqfront.ops.create import range_over
from seqfront.ops.dtype import cast
from seqfront.ops.index import gather
from seqfront.tensor import Tensor


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
    band_size("prune", band_dim)
    align.common_backend("prune", (x, starts))
    offset = range_over(band_dim, dtype=starts.dtype, like=starts).labels_of(None)
    position = elementwise.add(starts, offset, allow_broadcast=True)
    last = cast(x.lengths(axis), starts.dtype) - 1
    inside = elementwise.minimum(position, last, allow_broadcast=True)
    return gather(x, indices=inside, axis=axis)


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
    fastemit: float = 0.0,
    fastemit_scales_loss: bool = False,
    clamp: float | None = None,
    delay_penalty: float = 0.0,
    infeasible: Infeasible = "inf",
    reuse_logits: bool = False,
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
        fastemit: As in `rnnt_loss`; so are `fastemit_scales_loss` and `clamp`.
        delay_penalty: As in `rnnt_loss_simple`.
        infeasible: What sequences without a path in their band get: "inf", "zero", or "raise" for
            an error. Their gradient is zero.
        reuse_logits: The gradient may be written over the logits, which nothing else may use then.

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
    topology_number = variants.topology_index(op, topology, PRUNED_TOPOLOGIES)
    training = variants.training(op, fastemit, fastemit_scales_loss, clamp, "native")
    align.check(op, logits, input_spatial_dim, band_dim, name="logits")
    align.check(op, starts, input_spatial_dim, name="starts")
    align.check(op, targets, targets_spatial_dim, name="targets")
    if not dtypes.is_int(starts.dtype):
        raise errors.wrong_dtype(op, "starts", starts, "an integer type")
    align.common_backend(op, (logits, starts, targets))
    align.check_sizes(op, (logits, starts, targets))
    logits = logits.with_lengths(align.common_lengths(op, (logits, starts, targets)))
    p = lattice.problem(
        op, logits, targets, input_spatial_dim, targets_spatial_dim, blank_index,
        (input_spatial_dim, band_dim),
    )  # fmt: skip
    first = lattice.flattened_over(op, starts, logits, p.batch, (input_spatial_dim,))
    attributes = {
        **training,
        "blank": p.blank,
        "normalized": bool(logits_normalized),
        "topology": topology_number,
        "delay_penalty": variants.check_number(op, "delay_penalty", delay_penalty),
        "reuse": bool(reuse_logits),
    }
    inputs = (*p.inputs, p.backend.cast(first, "int32"))
    (loss,) = p.backend.native_call("rnnt_pruned", inputs, attributes)
    return lattice.per_sequence(op, p, loss, logits, infeasible, variants.needed(topology))
