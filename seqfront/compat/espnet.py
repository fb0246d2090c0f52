"""Drop-ins for `espnet2.asr.transducer.rnnt_multi_blank`, on PyTorch and TensorFlow.

    from seqfront.compat.espnet import RNNTLossNumba

NeMo's `RNNTLossNumba` and the package `warprnnt_numba` have the same arguments and conventions.
"""

from __future__ import annotations

from seqfront import backends, errors
from seqfront.backend import Raw
from seqfront.compat import transducer
from seqfront.compat.reduction import Reduction, check, reduced

_ARGUMENTS = transducer.specs("acts", "labels", "act_lens", "label_lens")


_CLAMP = "0 leaves the gradient as it is; RNNTLossNumba takes any number below 0 for that."


def rnnt_loss(
    acts: Raw,
    labels: Raw,
    act_lens: Raw,
    label_lens: Raw,
    blank: int = 0,
    reduction: Reduction = "mean",
    fastemit_lambda: float = 0.0,
    clamp: float = 0.0,
) -> Raw:
    """-log p(labels | acts) of a transducer (Graves 2012), with FastEmit (arXiv:2010.11148).

    Args:
        acts: Logits [batch, frames, labels + 1, classes]; the log-softmax is taken inside.
        labels: Integers [batch, labels]; padding may hold anything.
        act_lens: Integers [batch], 0 to frames.
        label_lens: Integers [batch], 0 to labels.
        blank: Class of the blank; negative counts from the end.
        reduction: "none", "mean" (over the batch; not divided by labels) or "sum".
        fastemit_lambda: FastEmit: gradients through labels are multiplied by 1 + lambda, and so is
            the value of the loss, as in the original.
        clamp: Greatest magnitude of the gradient of each loss, element by element, before it is
            multiplied by what comes from above. Zero: unlimited.

    Returns:
        [batch] with "none", else [1], as the original; float64 for float64 logits, else float32.

    Raises:
        DimError: A `ValueError`: shapes, lengths or labels do not fit, a negative clamp, or an
            unknown reduction (which the original takes for "none").
        DTypeError: A `TypeError`: acts of integers, or the reverse.

    Differs from ESPnet:
        - Any float and integer dtype (the original wants int32), any strides; the loss of half
          precision is float32. Frames and labels beyond the longest sequence are padding.
        - No limit on labels (the CUDA kernels of the original end at 1023), and on the CPU
          compiled code instead of Python loops.
        - The CPU path of the original clamps what the mean has already divided; its CUDA path
          clamps before. Ours clamps before.
        - A sequence without any alignment costs +inf, with zero gradient; no frames, no labels and
          no sequences are fine. Labels out of range and the blank among them are errors.

    Example:
        >>> import numpy as np
        >>> from seqfront.compat.espnet import rnnt_loss
        >>> acts = np.zeros((1, 2, 2, 4), "float32")  # 2 frames, 1 label, 4 classes
        >>> rnnt_loss(acts, np.array([[1]]), np.array([2]), np.array([1])).shape
        (1,)
    """
    check("rnnt_loss", reduction)
    if clamp < 0:
        raise errors.argument_value("rnnt_loss", "clamp", clamp, "0 or more", (), _CLAMP)
    return _loss(
        "rnnt_loss", (acts, labels, act_lens, label_lens), blank, reduction, fastemit_lambda, clamp
    )


class RNNTLossNumba:
    """`rnnt_loss` with its options kept, in the place of ESPnet's and NeMo's `RNNTLossNumba`.

    Args:
        blank: As in `rnnt_loss`, like the others.
        reduction: "none", "mean" or "sum".
        fastemit_lambda: FastEmit.
        clamp: Greatest magnitude of gradients; zero or less: unlimited.

    Differs from ESPnet:
        A plain object with the same attributes, not a `torch.nn.Module`, as it serves TensorFlow
        too: call it; there is nothing to move to a device, and no state.
    """

    def __init__(
        self,
        blank: int = 0,
        reduction: Reduction = "mean",
        fastemit_lambda: float = 0.0,
        clamp: float = -1,
    ) -> None:
        backends.load_imported()
        self.blank = blank
        self.reduction: Reduction = reduction
        self.fastemit_lambda = fastemit_lambda
        self.clamp = max(float(clamp), 0.0)

    def __repr__(self) -> str:
        return (
            f"RNNTLossNumba(blank={self.blank}, reduction={self.reduction!r}, "
            f"fastemit_lambda={self.fastemit_lambda}, clamp={self.clamp})"
        )

    def __call__(self, acts: Raw, labels: Raw, act_lens: Raw, label_lens: Raw) -> Raw:
        """The loss of acts [batch, frames, labels + 1, classes]; see `rnnt_loss`."""
        check("RNNTLossNumba", self.reduction)
        values = (acts, labels, act_lens, label_lens)
        return _loss(
            "RNNTLossNumba", values, self.blank, self.reduction, self.fastemit_lambda, self.clamp
        )


def _loss(
    op: str,
    values: tuple[Raw, Raw, Raw, Raw],
    blank: int,
    reduction: Reduction,
    fastemit: float,
    clamp: float,
) -> Raw:
    backend, losses = transducer.losses(
        op, _ARGUMENTS, values, blank, fastemit=fastemit, fastemit_scale=True, clamp=clamp
    )
    loss = reduced(backend, losses, reduction)
    return loss if reduction == "none" else backend.expand_dims(loss, (0,))
