"""Joiners of transducers: encoder and prediction network brought together."""

from __future__ import annotations

from seqfront.dim import Dim
from seqfront.nn.linear import Linear
from seqfront.nn.module import Module
from seqfront.ops import elementwise
from seqfront.tensor import Tensor


class Joiner(Module):
    """tanh(encoder + prediction), then a linear layer (Graves et al. 2013, arXiv:1303.5778).

    Args:
        joint_dim: Features of both inputs.
        classes: Labels and the blank.
    """

    def __init__(self, joint_dim: Dim, classes: Dim) -> None:
        self.output = Linear(joint_dim, classes)

    def __call__(self, encoded: Tensor, predicted: Tensor) -> Tensor:
        """[batch..., time, joint] and [batch..., labels, joint] -> logits over the dims of both
        and the classes, without the joint dim; any of these dims may be absent (one step)."""
        joint = elementwise.add(encoded, predicted, allow_broadcast=True)
        return self.output(elementwise.tanh(joint))
