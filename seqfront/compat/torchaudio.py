"""Drop-ins for torchaudio's RNN-T loss, transducers and their search, on PyTorch and TensorFlow.

from seqfront.compat.torchaudio import rnnt_loss, Emformer, emformer_rnnt_base, RNNTBeamSearch
"""

from __future__ import annotations

from dataclasses import dataclass

from seqfront import backends
from seqfront.backend import Raw
from seqfront.compat import transducer
from seqfront.compat.reduction import Reduction, check, reduced
from seqfront.compat.torchaudio_convert import convert as convert
from seqfront.compat.torchaudio_expansion import Hypothesis as Hypothesis
from seqfront.compat.torchaudio_models import RNNT as RNNT
from seqfront.compat.torchaudio_models import Emformer as Emformer
from seqfront.compat.torchaudio_models import emformer_rnnt_base as emformer_rnnt_base
from seqfront.compat.torchaudio_models import emformer_rnnt_model as emformer_rnnt_model
from seqfront.compat.torchaudio_search import RNNTBeamSearch as RNNTBeamSearch

_ARGUMENTS = transducer.specs("logits", "targets", "logit_lengths", "target_lengths")


def rnnt_loss(
    logits: Raw,
    targets: Raw,
    logit_lengths: Raw,
    target_lengths: Raw,
    blank: int = -1,
    clamp: float = -1,
    reduction: Reduction = "mean",
    fused_log_softmax: bool = True,
    reuse_logits_for_grads: bool = False,
) -> Raw:
    """-log p(targets | logits) of a transducer (Graves 2012, arXiv:1211.3711), in nats.

    Args:
        logits: [batch, frames, labels + 1, classes], any floating dtype and strides.
        targets: Integers [batch, labels]; padding may hold anything.
        logit_lengths: Integers [batch], 0 to frames.
        target_lengths: Integers [batch], 0 to labels.
        blank: Class of the blank; negative counts from the end.
        clamp: Greatest magnitude of the gradient of each loss, element by element, before it is
            multiplied by what comes from above (so with "mean" the gradient of the mean is at most
            clamp / batch). Zero or less: unlimited.
        reduction: "none", "mean" (over the batch; not divided by labels) or "sum".
        fused_log_softmax: False: `logits` are log-probs already. Their gradient is then minus the
            probability of passing through each, so that it composes with a log-softmax outside.
        reuse_logits_for_grads: The gradient may be written over `logits`, which nobody may read
            again. (TensorFlow does so by itself where it can; there this changes nothing.)

    Returns:
        Scalar, or [batch] with "none"; float64 for float64 logits, else float32.

    Raises:
        DimError: A `ValueError`: shapes, lengths or labels do not fit, or an unknown reduction.
        DTypeError: A `TypeError`: logits of integers, or the reverse.

    Differs from torchaudio 2.11:
        - Any float and integer dtype (bfloat16 and float64 too), any strides; the loss of float16
          logits is float32, where torchaudio rounds it to float16.
        - Frames and labels beyond the longest sequence are padding, not an error; so are batches
          of no sequence, sequences without frames, and empty targets.
        - A sequence without any alignment costs +inf, with zero gradient: torchaudio gives NaN, or
          for no frames -0.0 from memory beyond the tensor.
        - Labels out of range, and the blank among the targets, are errors with the shapes in the
          message: torchaudio reads a neighbour. Its errors of shapes are `RuntimeError`s.
        - `clamp` limits both sides: torchaudio's CUDA kernel loses the upper one.
        - A loss without gradient does no gradient work.
        - `reuse_logits_for_grads` is that of the prototype (where it was True, and came before
          `reduction`); released versions have no such argument.

    Example:
        >>> import numpy as np
        >>> from seqfront.compat.torchaudio import rnnt_loss
        >>> logits = np.zeros((1, 2, 2, 4), "float32")  # 2 frames, 1 label, 4 classes
        >>> loss = rnnt_loss(logits, np.array([[1]]), np.array([2]), np.array([1]))
        >>> round(float(loss), 4)  # 2 alignments of 3 steps: log(4**3 / 2)
        3.4657
    """
    check("rnnt_loss", reduction)
    backend, losses = transducer.losses(
        "rnnt_loss",
        _ARGUMENTS,
        (logits, targets, logit_lengths, target_lengths),
        blank,
        normalized=not fused_log_softmax,
        clamp=max(clamp, 0.0),
        reuse=bool(reuse_logits_for_grads),
    )
    return reduced(backend, losses, reduction)


@dataclass(eq=False)
class RNNTLoss:
    """`rnnt_loss` with its options kept, in the place of `torchaudio.transforms.RNNTLoss`.

    Args:
        blank: As in `rnnt_loss`, like the others.
        clamp: Greatest magnitude of gradients.
        reduction: "none", "mean" or "sum".
        fused_log_softmax: False: logits are log-probs.
        reuse_logits_for_grads: The gradient may be written over the logits.

    Differs from torchaudio:
        A plain object with the same attributes, not a `torch.nn.Module`, as it serves TensorFlow
        too: call it; there is nothing to move to a device, and no state.
    """

    blank: int = -1
    clamp: float = -1.0
    reduction: Reduction = "mean"
    fused_log_softmax: bool = True
    reuse_logits_for_grads: bool = False

    def __post_init__(self) -> None:
        backends.load_imported()

    def __call__(self, logits: Raw, targets: Raw, logit_lengths: Raw, target_lengths: Raw) -> Raw:
        """The loss of logits [batch, frames, labels + 1, classes]; see `rnnt_loss`."""
        return rnnt_loss(
            logits,
            targets,
            logit_lengths,
            target_lengths,
            self.blank,
            self.clamp,
            self.reduction,
            self.fused_log_softmax,
            self.reuse_logits_for_grads,
        )
