"""The reductions that losses of other libraries end with."""

from __future__ import annotations

from typing import Literal, TypeAlias

from seqfront import errors
from seqfront.backend import Backend, Raw

Reduction: TypeAlias = Literal["none", "mean", "sum"]
"""What happens to the losses of a batch."""


def check(op: str, reduction: str) -> None:
    """Refuse an unknown reduction."""
    if reduction not in ("none", "mean", "sum"):
        raise errors.unknown_choice(op, "reduction", reduction, ("none", "mean", "sum"))


def reduced(backend: Backend, losses: Raw, reduction: Reduction) -> Raw:
    """losses [batch] -> [batch] or a scalar; the mean over no sequence is 0."""
    if reduction == "none":
        return losses
    return backend.reduce(reduction, losses, (0,))
