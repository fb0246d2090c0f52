"""Drop-ins for the CTC loss of `torch.nn`, on PyTorch and TensorFlow.

from seqfront.compat.torch import ctc_loss, CTCLoss
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from seqfront import backends
from seqfront.backend import Backend, Raw
from seqfront.compat.arguments import Arguments, Spec, spec, tensors
from seqfront.compat.reduction import Reduction, check, reduced

Lengths: TypeAlias = "Raw | Sequence[int] | int"
"""Lengths of the sequences of a batch; of one sequence, also a scalar."""


_NAMES = ("log_probs", "targets", "input_lengths", "target_lengths")


def _specs(*shapes: str) -> tuple[Spec, ...]:
    types = ("T", "int32", "int32", "int32")
    return tuple(spec(*given) for given in zip(_NAMES, types, shapes, strict=True))


_SPECS = {
    (False, False): _specs("frames batch classes", "batch labels", "batch", "batch"),
    (False, True): _specs("frames batch classes", "total", "batch", "batch"),
    (True, False): _specs("frames classes", "1 labels", "1", "1"),
    (True, True): _specs("frames classes", "labels", "1", "1"),
}
"""By whether there is one sequence only, and whether targets have one axis."""


def ctc_loss(
    log_probs: Raw,
    targets: Raw,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Raw:
    """-log p(targets | log_probs), summed over all alignments (Graves et al. 2006), in nats.

    Args:
        log_probs: [frames, batch, classes], or [frames, classes] of one sequence; any floating
            dtype and strides. Normalised: outputs of a log-softmax.
        targets: Integers [batch, labels], whose padding may hold anything, or the labels of all
            sequences one after another [sum of target_lengths].
        input_lengths: Integers [batch], 0 to frames; tuples and lists will do.
        target_lengths: Integers [batch].
        blank: Class of the blank; negative counts from the end.
        reduction: "none", "mean" (each loss divided by its number of labels, at least 1, then the
            mean over the batch) or "sum".
        zero_infinity: Losses of sequences without any alignment are 0 instead of +inf.

    Returns:
        Scalar, or [batch] with "none" (a scalar again for one sequence); float64 for float64
        log_probs, else float32.

    Raises:
        DimError: A `ValueError`: shapes, lengths or labels do not fit, or an unknown reduction.
        DTypeError: A `TypeError`: log_probs of integers, or targets of floats.

    Differs from PyTorch 2.13:
        - **The gradient of log_probs is that of the function**: minus the probability that an
          alignment passes through each. PyTorch returns softmax(log_probs) minus that, which is
          the gradient of the logits before the log-softmax (pytorch/pytorch#52241). After a
          log-softmax both give the same gradient of the logits, as its backward pass takes away
          what is constant over the classes; without one, only ours is a gradient.
        - A sequence without any alignment has zero gradient, whatever `zero_infinity` says;
          PyTorch's is NaN without it.
        - Half precision on the CPU, with a float32 loss. Labels out of range, and the blank among
          the targets, are errors; PyTorch reads other memory. No frames and no sequences are fine.
        - The alignments are summed in a time-major tensor as it lies, without a copy (TensorFlow
          has no strides: there it is transposed).

    Example:
        >>> import numpy as np
        >>> from seqfront.compat.torch import ctc_loss
        >>> log_probs = np.log(np.full((3, 1, 4), 0.25, "float32"))  # 3 frames, 4 classes
        >>> loss = ctc_loss(log_probs, np.array([[1, 2]]), (3,), (2,), reduction="sum")
        >>> round(float(loss), 4)  # 5 alignments: log(4**3 / 5)
        2.5494
    """
    check("ctc_loss", reduction)
    given = _arguments(log_probs, targets, input_lengths, target_lengths)
    blank = given.blank(blank)
    if given.may_look:
        _check_values(given, blank)
    losses = _losses(given, blank)
    backend = given.backend
    if zero_infinity:
        losses = backend.where(backend.binary("eq", losses, float("inf")), 0.0, losses)
    if reduction == "mean":
        losses = _per_label(backend, losses, given.integers(3))
    if reduction == "none" and _is_single(given):
        return backend.squeeze(losses, (0,))
    return reduced(backend, losses, reduction)


@dataclass(eq=False)
class CTCLoss:
    """`ctc_loss` with its options kept, in the place of `torch.nn.CTCLoss`.

    Args:
        blank: As in `ctc_loss`, like the others.
        reduction: "none", "mean" or "sum".
        zero_infinity: Losses of sequences without any alignment are 0.

    Differs from PyTorch:
        A plain object with the same attributes, not a `torch.nn.Module`, as it serves TensorFlow
        too: call it; there is nothing to move to a device, and no state.
    """

    blank: int = 0
    reduction: Reduction = "mean"
    zero_infinity: bool = False

    def __post_init__(self) -> None:
        backends.load_imported()

    def __call__(
        self, log_probs: Raw, targets: Raw, input_lengths: Lengths, target_lengths: Lengths
    ) -> Raw:
        """The loss of log_probs [frames, batch, classes]; see `ctc_loss`."""
        return ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )


def _arguments(*values: Any) -> Arguments:
    """Checked arguments; lengths are [batch], also those of one sequence."""
    backend, raws = tensors("ctc_loss", _NAMES, values)
    log_probs, targets, *lengths = raws
    single = _rank(backend, log_probs) == 2
    if single:
        lengths = [x if _rank(backend, x) else backend.expand_dims(x, (0,)) for x in lengths]
    specs = _SPECS[single, _rank(backend, targets) == 1]
    return Arguments("ctc_loss", specs, (log_probs, targets, *lengths))


def _rank(backend: Backend, x: Raw) -> int:
    return len(backend.static_shape(x))


def _is_single(given: Arguments) -> bool:
    return given.specs[2].shape == "1"


def _is_concatenated(given: Arguments) -> bool:
    return given.specs[1].shape == "total"


def _check_values(given: Arguments, blank: int) -> None:
    frames, *_, classes = given.backend.shape(given.raws[0])
    shape = given.backend.shape(given.raws[1])
    given.check_lengths(2, frames)
    given.check_lengths(3, shape[-1])
    if _is_concatenated(given):
        given.check_sum(3, shape[0])
    used: Any = True if _is_concatenated(given) else given.used(3, shape[-1]).reshape(shape)
    given.check_labels(1, used, classes, blank)


def _losses(given: Arguments, blank: int) -> Raw:
    """The loss of each sequence [batch]."""
    backend, log_probs, targets = given.backend, given.raws[0], given.integers(1)
    if _is_single(given):
        log_probs = backend.expand_dims(log_probs, (0,))
    else:
        log_probs = backend.transpose(log_probs, (1, 0, 2))
    if _rank(backend, targets) == 1:
        targets = backend.expand_dims(targets, (0,))  # the op takes one row for all sequences
    inputs = (log_probs, targets, given.integers(2), given.integers(3), None)
    (losses,) = backend.native_call("ctc", inputs, {"blank": blank, "normalized": True})
    return losses


def _per_label(backend: Backend, losses: Raw, counts: Raw) -> Raw:
    """Losses divided by the number of labels; those without labels as they are."""
    counts = backend.cast(backend.binary("max", counts, 1), backend.dtype(losses))
    return backend.binary("div", losses, counts)
