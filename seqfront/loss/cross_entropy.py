"""Cross-entropy and smoothed targets."""

from __future__ import annotations

from typing import Literal

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.ops import elementwise, reduce
from seqfront.ops.dtype import widened
from seqfront.ops.index import check_range, gather, one_hot
from seqfront.ops.mask import clean, masked
from seqfront.ops.noise import check_rate
from seqfront.ops.softmax import log_softmax
from seqfront.tensor import Tensor

EstimatedType = Literal["probs", "log-probs", "logits"]


def cross_entropy(
    *, estimated: Tensor, target: Tensor, axis: Dim, estimated_type: EstimatedType
) -> Tensor:
    """-sum(target * log(estimated)) over a dim of classes, for every position; unreduced.

    Args:
        estimated: float, over `axis` and any other dims.
        target: Labels (integers with `axis` as their `sparse_dim`), or probabilities over `axis`.
        axis: The classes.
        estimated_type: What `estimated` holds: "logits" go through a softmax; "log-probs" and
            "probs" are taken as they are.

    Returns:
        Dims of `estimated` without `axis` (those of `target`, if they are more). A class that is
        impossible (-inf, or probability 0) costs +inf if it is the target, and nothing if not.

    Raises:
        DimError: `axis` is missing, the labels are of another dim, or a label is out of range.
    """
    if estimated_type not in ("probs", "log-probs", "logits"):
        raise errors.unknown_choice(
            "cross_entropy", "estimated_type", estimated_type, ("probs", "log-probs", "logits")
        )
    align.check("cross_entropy", estimated, axis, name="estimated")
    align.check("cross_entropy", target, name="target")
    if not dtypes.is_float(estimated.dtype):
        raise errors.wrong_dtype("cross_entropy", "estimated", estimated, "floating point")
    align.common_backend("cross_entropy", (estimated, target))
    align.check_sizes("cross_entropy", (estimated, target))
    estimated = widened(estimated)
    if dtypes.is_int(target.dtype):
        return _sparse(estimated, target, axis, estimated_type)
    align.check("cross_entropy", target, axis, name="target")
    if not dtypes.is_float(target.dtype):
        raise errors.wrong_dtype("cross_entropy", "target", target, "labels or probabilities")
    return _dense(estimated, target, axis, estimated_type)


def _sparse(estimated: Tensor, target: Tensor, axis: Dim, kind: EstimatedType) -> Tensor:
    if target.sparse_dim is None:
        raise errors.no_labels("cross_entropy", target)
    if target.sparse_dim is not axis:
        raise errors.foreign_labels("cross_entropy", target, axis)
    check_range("cross_entropy", target, estimated, axis)
    rest = tuple(dim for dim in estimated.dims if dim is not axis)
    if kind == "logits" and set(target.dims) == set(rest):
        return _fused(estimated, target, axis, rest)
    log_probs = log_softmax(estimated, axis=axis) if kind == "logits" else estimated
    picked = gather(log_probs, indices=target, axis=axis)
    return -(elementwise.log(picked) if kind == "probs" else picked)


def _fused(logits: Tensor, target: Tensor, axis: Dim, rest: tuple[Dim, ...]) -> Tensor:
    backend = logits.backend
    table = align.common_lengths("cross_entropy", (logits, target))
    raw = masked(clean(logits), -float("inf"), (axis,)).raw_in((*rest, axis))
    labels = masked(target, 0).raw_in(rest)
    return Tensor(backend.sparse_cross_entropy(raw, labels), rest, table, backend=backend)


def _dense(estimated: Tensor, target: Tensor, axis: Dim, kind: EstimatedType) -> Tensor:
    if kind == "logits":
        log_probs = log_softmax(estimated, axis=axis)
    elif kind == "probs":  # where the target is 0, nothing is looked at
        log_probs = elementwise.log(elementwise.where(target == 0.0, 1.0, estimated))
    else:
        log_probs = estimated
    log_probs = elementwise.where(target == 0.0, 0.0, log_probs)
    return -reduce.sum(target * log_probs, axis=axis)


def label_smoothing(target: Tensor, smoothing: float, axis: Dim | None = None) -> Tensor:
    """Targets with some probability given to all other classes (Szegedy et al. 2016).

    Args:
        target: Labels, or probabilities over `axis`.
        smoothing: Probability taken from the label and shared equally by the *other* V - 1
            classes. (torch.nn.CrossEntropyLoss shares it among all V: its 0.1 is our
            0.1 * (V - 1) / V.)
        axis: The classes; default the `sparse_dim` of labels.

    Returns:
        float over the dims of `target` and `axis`.
    """
    align.check("label_smoothing", target, name="target")
    check_rate("label_smoothing", smoothing)
    axis = target.sparse_dim if axis is None else axis
    if axis is None:
        raise errors.no_labels("label_smoothing", target)
    align.distinct("label_smoothing", (axis,))
    if axis.size is None:
        raise errors.size_unknown("label_smoothing", axis)
    if dtypes.is_int(target.dtype):
        if target.sparse_dim is not axis:
            raise errors.foreign_labels("label_smoothing", target, axis)
        target = one_hot(target)
    elif axis not in target.dims:
        raise errors.missing_dim("label_smoothing", target, axis, "target")
    if axis.size == 1:
        return target
    other = smoothing / (axis.size - 1)
    return target * (1.0 - smoothing - other) + other
