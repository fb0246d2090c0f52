"""Connectionist temporal classification (Graves et al. 2006)."""

from __future__ import annotations

from seqfront import errors
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.loss import ctc_arguments, lattice, variants
from seqfront.loss.ctc_arguments import Arguments
from seqfront.loss.ctc_composed import composed_loss
from seqfront.loss.lattice import Infeasible
from seqfront.loss.variants import Implementation
from seqfront.tensor import Tensor


def ctc_loss(
    *,
    logits: Tensor,
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    target_lengths: Tensor | None = None,
    logits_normalized: bool = False,
    max_approx: bool = False,
    label_loop: bool = True,
    log_prior: Tensor | None = None,
    prior_scale: float = 1.0,
    star_index: int | None = None,
    star_score: float | None = None,
    infeasible: Infeasible = "inf",
    reuse_logits: bool = False,
    implementation: Implementation = "native",
) -> Tensor:
    """-log p(targets | logits), summed over all alignments.

    Which sequences have no alignment shows in their losses, and `ctc_feasible` says it beforehand:

        loss = sf.ctc_loss(...)                   # infeasible="inf"
        hopeless = loss == math.inf
        loss = sf.where(hopeless, 0.0, loss)

    Args:
        logits: float over [batch..., input_spatial_dim, classes], in any order; ragged or not.
        targets: Integers over [batch..., targets_spatial_dim], labels of the classes (or of a
            smaller dim, without the blank); their padding may be anything. May be empty.
            With `target_lengths`, over [targets_spatial_dim] alone.
        input_spatial_dim: Frames of the logits.
        targets_spatial_dim: Positions of the targets.
        blank_index: Class of the blank, anywhere; negative counts from the end.
        target_lengths: The targets of all sequences stand one after another, and these are their
            lengths: integers over [batch...], in whose order the sequences are. What the targets
            hold beyond the last of them may be anything.
        logits_normalized: The logits are log-probs already. Their gradient is then that of free
            inputs: minus the probability of passing through each, without a softmax term.
        max_approx: The best alignment only (Viterbi), instead of the sum over all.
        label_loop: A label may stay for several frames, and repeated labels need a blank between
            them. False: one frame for each label, and none needed (the RNA topology).
        log_prior: float over [classes], finite: alignments are weighted by p(class) /
            prior(class)^prior_scale in each frame (arXiv:2105.14849). It gets no gradient.
        prior_scale: Exponent of the prior; used as a float32.
        star_index: A value in the targets that is no class (negative, or from the number of
            classes on) and stands for anything, as a label does: for one frame or more, and with
            a blank between two of them (arXiv:2201.12208).
        star_score: What a star adds to the log-probability in each of its frames, whatever the
            logits; used as a float32. None: the log-probability of all classes but the blank.
        infeasible: What sequences with fewer frames than their labels need get: "inf", "zero", or
            "raise" for an error. Their gradient is zero.
        reuse_logits: The gradient may be written over the logits, which nothing else may use then.
            (TensorFlow sees to that by itself.)
        implementation: "composed" runs in operations of the framework: slower, but it has second
            derivatives and runs under XLA. It has no `max_approx`.

    Returns:
        Loss in nats over the batch dims, unreduced; float64 for float64 logits, else float32.
        An empty target without frames costs 0. With a prior or a constant star it is no
        probability, and may be negative.

    Raises:
        DimError: Dims, vocabularies or labels do not fit.
        NativeError: With `infeasible="raise"`, sequences that have no alignment.
    """
    op = "ctc_loss"
    lattice.check_choice(op, infeasible)
    if implementation not in variants.IMPLEMENTATIONS:
        known = variants.IMPLEMENTATIONS
        raise errors.unknown_choice(op, "implementation", implementation, known)
    variants.check_number(op, "prior_scale", prior_scale)
    ctc_arguments.check_star_score(op, star_score)
    p = ctc_arguments.problem(
        op,
        logits,
        targets,
        input_spatial_dim,
        targets_spatial_dim,
        blank_index,
        target_lengths,
        star_index,
    )
    arguments = Arguments(
        log_prior=ctc_arguments.prior(op, p, logits, log_prior),
        prior_scale=prior_scale,
        normalized=bool(logits_normalized),
        max_approx=bool(max_approx),
        label_loop=bool(label_loop),
        star=star_index,
        star_score=star_score or 0.0,
        star_any=star_score is None,
    )
    if implementation == "composed":
        loss = composed_loss(op, p, arguments)
    else:
        loss = _native_loss(p, arguments, reuse_logits)
    needed = ctc_arguments.needed(arguments.label_loop)
    return lattice.per_sequence(op, p, loss, logits, infeasible, needed)


def _native_loss(p: lattice.Problem, a: Arguments, reuse_logits: bool) -> Raw:
    attributes: dict[str, float] = {
        "blank": p.blank,
        "normalized": a.normalized,
        "max_approx": a.max_approx,
        "label_loop": a.label_loop,
        "prior_scale": a.prior_scale,
        "reuse": bool(reuse_logits),
    }
    if a.star is not None:
        attributes |= {"star": a.star, "star_any": a.star_any, "star_score": a.star_score}
    (loss,) = p.backend.native_call("ctc", (*p.inputs, a.log_prior), attributes)
    return loss
