"""Joiners of transducers: encoder and prediction network brought together."""

from __future__ import annotations

from typing import Any

from seqfront import errors
from seqfront.dim import Dim
from seqfront.loss import fused
from seqfront.loss.fused import ACTIVATIONS, Activation
from seqfront.loss.transducer import rnnt_loss
from seqfront.nn.linear import Linear
from seqfront.nn.module import Module
from seqfront.ops import elementwise
from seqfront.tensor import Tensor


class Joiner(Module):
    """tanh(encoder + prediction), then a linear layer (Graves et al. 2013, arXiv:1303.5778).

    To train it, `joiner.loss` gives what `rnnt_loss` of its logits would be, and needs neither
    their memory nor, on cells that do not matter, their time.

    Args:
        joint_dim: Features of both inputs.
        classes: Labels and the blank.
        activation: "tanh", "relu", or None.
    """

    def __init__(
        self, joint_dim: Dim, classes: Dim, *, activation: Activation | None = "tanh"
    ) -> None:
        if activation not in ACTIVATIONS:
            raise errors.unknown_choice("Joiner", "activation", activation, ACTIVATIONS)
        self.output = Linear(joint_dim, classes)
        self.activation: Activation | None = activation

    @property
    def in_dim(self) -> Dim:
        """Features of both inputs."""
        return self.output.in_dim

    @property
    def classes(self) -> Dim:
        """Labels and the blank."""
        return self.output.out_dim

    def __call__(self, encoded: Tensor, predicted: Tensor) -> Tensor:
        """[batch..., time, joint] and [batch..., labels, joint] -> logits over the dims of both
        and the classes, without the joint dim; any of these dims may be absent (one step)."""
        joint = elementwise.add(encoded, predicted, allow_broadcast=True)
        if self.activation is not None:
            joint = (
                elementwise.tanh(joint) if self.activation == "tanh" else elementwise.relu(joint)
            )
        return self.output(joint)

    def is_plain(self) -> bool:
        """Whether it is what this class says: no derived class, and no other layer in the place of
        `output`, computes something else. Then losses and searches may read the weights."""
        layer = type(self.output)
        return type(self).__call__ is Joiner.__call__ and layer.__call__ is Linear.__call__

    def loss(self, encoded: Tensor, predicted: Tensor, targets: Tensor, **options: Any) -> Tensor:
        """`rnnt_loss` of the logits, without making them: see `fused_rnnt_loss`. They are made if
        they are those of a derived class, or of another output layer.

        Args:
            encoded: [batch..., time, joint].
            predicted: [batch..., labels + 1, joint].
            targets: [batch..., labels].
            options: Of `fused_rnnt_loss`: `input_spatial_dim`, `targets_spatial_dim`,
                `blank_index`, and what else there is to choose.
        """
        if not self.is_plain():
            options.pop("skip_below", None)  # of what is not made here
            return rnnt_loss(logits=self(encoded, predicted), targets=targets, **options)
        return fused.fused_rnnt_loss(
            source=encoded,
            prediction=predicted,
            weight=self.output.weight,
            bias=self.output.bias,
            joint_dim=self.output.in_dim,
            classes=self.output.out_dim,
            activation=self.activation,
            targets=targets,
            **options,
        )
