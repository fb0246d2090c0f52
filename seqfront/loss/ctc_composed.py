"""CTC in operations of the framework: with priors and stars, it is CTC over other log-probs."""

from __future__ import annotations

import math

from seqfront import checks, errors
from seqfront.backend import Backend, Raw, Size
from seqfront.loss import composed
from seqfront.loss.composed.emission import log_probs
from seqfront.loss.ctc_arguments import Arguments
from seqfront.loss.lattice import Problem


def composed_loss(op: str, p: Problem, a: Arguments) -> Raw:
    """[batch]: the loss of each sequence."""
    if a.max_approx:
        why = "it sums over all alignments"
        raise errors.cannot_combine(op, 'implementation="composed"', "max_approx=True", why)
    backend = p.backend
    targets = _in_rows(backend, p) if p.concatenated else p.targets
    scores, normalized = p.logits, a.normalized
    if a.log_prior is not None or a.star is not None:
        scores, normalized = _scores(p, a), True
        if a.star is not None:  # the class after all others
            is_star = backend.binary("eq", targets, a.star)
            targets = backend.where(is_star, p.size, targets)
    return composed.ctc(
        backend,
        scores,
        targets,
        p.frame_lengths,
        p.label_lengths,
        blank=p.blank,
        normalized=normalized,
        label_loop=a.label_loop,
    )


def _scores(p: Problem, a: Arguments) -> Raw:
    """[batch, time, classes]: what each class adds to an alignment; a star is one more class."""
    backend = p.backend
    batch, time, classes = backend.shape(p.logits)
    valid = backend.sequence_mask(p.frame_lengths, time)
    logp = log_probs(backend, p.logits, valid, normalized=a.normalized)
    scores = logp
    if a.log_prior is not None:
        weights = backend.binary("mul", a.log_prior, a.prior_scale)
        weights = backend.broadcast_to(weights, (batch, time, classes))
        scores = backend.binary("sub", logp, weights)
    if a.star is None:
        return scores
    star = _star(backend, p, a, logp, (batch, time, classes))
    return backend.concat((scores, star), 2)


def _star(
    backend: Backend, p: Problem, a: Arguments, logp: Raw, shape: tuple[Size, Size, Size]
) -> Raw:
    """[batch, time, 1]."""
    batch, time, classes = shape
    if not a.star_any:
        return backend.full(
            (batch, time, 1), a.star_score, backend.dtype(logp), backend.device(logp)
        )
    index = backend.arange(classes, "int32", backend.device(logp))
    is_blank = backend.broadcast_to(backend.binary("eq", index, p.blank), shape)
    return backend.logsumexp(backend.where(is_blank, -math.inf, logp), (2,), True)


def _in_rows(backend: Backend, p: Problem) -> Raw:
    """int32 [batch, labels] of targets that stand one after another."""
    flat = backend.squeeze(p.targets, (0,))
    total = backend.size(flat, 0)
    starts = backend.binary("sub", backend.cumulative("sum", p.label_lengths, 0), p.label_lengths)
    # While it is not known how many labels the longest has, all of them are as many as it may be.
    longest = checks.longest_if_cheap(backend, p.label_lengths)
    most: Size = total if longest is None else longest
    position = backend.arange(most, "int32", backend.device(flat))
    at = backend.binary("add", backend.expand_dims(starts, (1,)), position)
    mask = backend.sequence_mask(p.label_lengths, most)
    padded = backend.pad(flat, ((0, 1),), p.blank)
    return backend.gather(padded, backend.where(mask, at, total), 0)
