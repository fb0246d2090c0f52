"""Messages of the losses that hold the last layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfront.errors.base import DimError

if TYPE_CHECKING:
    from seqfront.dim import Dim
    from seqfront.tensor import Tensor


def more_labels_than_classes(op: str, targets: Tensor, weight: Tensor, classes: Dim) -> DimError:
    """Labels that the last layer has no class for."""
    return DimError(
        f"{op}: the targets are labels of a larger vocabulary than there are classes.",
        [("targets", targets), ("weight", weight), ("classes", repr(classes))],
        "the classes are the labels, and the blank if that is no label.",
    )
