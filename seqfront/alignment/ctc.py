"""Best alignments and posteriors of connectionist temporal classification (Graves et al. 2006)."""

from __future__ import annotations

from typing import Any, NamedTuple

from seqfront.alignment.result import over_batch
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.loss import ctc_arguments, variants
from seqfront.loss.lattice import Problem
from seqfront.tensor import Tensor


class CtcAlignment(NamedTuple):
    """The best alignment of each sequence; no gradient.

    A sequence without any alignment has scores of -inf, no frames for its labels (start and end
    are 0) and blanks in all frames. One with NaN or +inf in its logits has NaN for -inf.
    """

    score: Tensor
    """float over [batch...]: log p of the alignment; float64 for float64 logits, else float32."""
    frame_labels: Tensor
    """int32 over [batch..., input dim]: the class in each frame, which may be the blank."""
    positions: Tensor
    """int32 over [batch..., input dim]: which of the targets that is; -1: none, a blank."""
    frame_scores: Tensor
    """float over [batch..., input dim]: log p of that class. They add up to the score."""
    starts: Tensor
    """int32 over [batch..., targets dim]: first frame of each label."""
    ends: Tensor
    """int32 over [batch..., targets dim]: the frame after the last of each label."""
    label_scores: Tensor
    """float over [batch..., targets dim]: sum of the log-probs of each label's frames. Divided by
    `ends - starts` it says how sure the model is of the label."""


class CtcPosteriors(NamedTuple):
    """How probable blanks and labels are in each frame, given the targets; no gradient.

    In each frame blank and labels add up to 1. A sequence without any alignment has zeros, one
    with NaN or +inf in its logits NaN.
    """

    score: Tensor
    """float over [batch...]: log p(targets), minus the loss."""
    blank: Tensor
    """float over [batch..., input dim]: any of the blanks."""
    labels: Tensor
    """float over [batch..., input dim, targets dim]: each of the targets."""


def ctc_alignment(
    *,
    logits: Tensor,
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    logits_normalized: bool = False,
    label_loop: bool = True,
    log_prior: Tensor | None = None,
    prior_scale: float = 1.0,
    star_index: int | None = None,
    star_score: float | None = None,
) -> CtcAlignment:
    """Forced alignment: the most probable path through the frames that reads the targets.

    Of equally good paths it takes, from the last frame to the first, the one that ends in a blank,
    then stays where it is, then comes from the state before, then skips a blank. It is one kernel,
    so ties are broken alike on all backends. For T frames and S labels it needs O(T S) time, and
    O(sqrt(T) S) memory where that is more than a few MB: an hour of audio will do.

    Args:
        logits: float over [batch..., input_spatial_dim, classes], in any order; ragged or not.
        targets: Integers over [batch..., targets_spatial_dim], labels of the classes (or of a
            smaller dim, without the blank); their padding may be anything. May be empty.
        input_spatial_dim: Frames of the logits.
        targets_spatial_dim: Positions of the targets.
        blank_index: Class of the blank, anywhere; negative counts from the end.
        logits_normalized: The logits are log-probs already.
        label_loop, log_prior, prior_scale, star_index, star_score: As in `ctc_loss`. A star's
            frames have the star for their label. Scores are then those that it defines.

    Raises:
        DimError: Dims, vocabularies or labels do not fit.
    """
    p = _problem(
        "ctc_alignment",
        logits,
        targets,
        input_spatial_dim,
        targets_spatial_dim,
        blank_index,
        star_index,
    )
    attributes = _attributes(
        p.op, p.plain, logits_normalized, label_loop, prior_scale, star_index, star_score
    )
    results = p.call("ctc_align", attributes, log_prior)
    score, frame_labels, positions, frame_scores, starts, ends, label_scores = results
    classes = p.plain.classes if star_index is None else None
    return CtcAlignment(
        p.tensor(score),
        p.tensor(frame_labels, input_spatial_dim).labels_of(classes),
        p.tensor(positions, input_spatial_dim),
        p.tensor(frame_scores, input_spatial_dim),
        p.tensor(starts, targets_spatial_dim),
        p.tensor(ends, targets_spatial_dim),
        p.tensor(label_scores, targets_spatial_dim),
    )


def ctc_posteriors(
    *,
    logits: Tensor,
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    logits_normalized: bool = False,
    label_loop: bool = True,
    log_prior: Tensor | None = None,
    prior_scale: float = 1.0,
    star_index: int | None = None,
    star_score: float | None = None,
) -> CtcPosteriors:
    """How probable it is, given logits and targets, that a frame belongs to each label or a blank.

    The soft counterpart of `ctc_alignment`, which says what the arguments are: each alignment
    counts by its probability. (With `logits_normalized=True`, minus the gradient of `ctc_loss` for
    one frame and class is the sum of the posteriors of that class.)

    Raises:
        DimError: Dims, vocabularies or labels do not fit.
    """
    p = _problem(
        "ctc_posteriors",
        logits,
        targets,
        input_spatial_dim,
        targets_spatial_dim,
        blank_index,
        star_index,
    )
    attributes = _attributes(
        p.op, p.plain, logits_normalized, label_loop, prior_scale, star_index, star_score
    )
    score, blank, labels = p.call("ctc_posteriors", attributes, log_prior)
    return CtcPosteriors(
        p.tensor(score),
        p.tensor(blank, input_spatial_dim),
        p.tensor(labels, input_spatial_dim, targets_spatial_dim),
    )


class _Named(NamedTuple):
    """A problem, and what its results are named by."""

    op: str
    plain: Problem
    logits: Tensor

    def call(self, op: str, attributes: dict[str, float], log_prior: Tensor | None) -> Any:
        """Results of a native op."""
        p = self.plain
        logits, *rest = p.inputs
        prior = ctc_arguments.prior(self.op, p, self.logits, log_prior)
        inputs = (p.backend.stop_gradient(logits), *rest, prior)
        return p.backend.native_call(op, inputs, attributes)

    def tensor(self, raw: Raw, *rest: Dim) -> Tensor:
        """A result over the batch dims and `rest`."""
        return over_batch(self.plain, self.logits, raw, *rest)


def _problem(
    op: str,
    logits: Tensor,
    targets: Tensor,
    input_dim: Dim,
    labels_dim: Dim,
    blank: int,
    star: int | None,
) -> _Named:
    p = ctc_arguments.problem(op, logits, targets, input_dim, labels_dim, blank, None, star)
    return _Named(op, p, logits)


def _attributes(
    op: str,
    p: Problem,
    normalized: bool,
    label_loop: bool,
    prior_scale: float,
    star: int | None,
    star_score: float | None,
) -> dict[str, float]:
    variants.check_number(op, "prior_scale", prior_scale)
    variants.check_number(op, "star_score", star_score or 0.0)
    attributes: dict[str, float] = {
        "blank": p.blank,
        "normalized": bool(normalized),
        "label_loop": bool(label_loop),
        "prior_scale": prior_scale,
    }
    if star is not None:
        attributes |= {
            "star": star,
            "star_any": star_score is None,
            "star_score": star_score or 0.0,
        }
    return attributes
