"""Messages of the losses that hold the last layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfront.errors.base import DimError

if TYPE_CHECKING:
    from seqfront.dim import Dim
    from seqfront.tensor import Tensor


def missing_prediction_states(op: str, prediction: Tensor, labels: Dim) -> DimError:
    """A prediction without a dim for "so many labels seen"."""
    return DimError(
        f"{op}: the prediction has neither {labels + 1!r} nor {1 + labels!r}.",
        [("prediction", prediction), ("targets", f"over {labels!r} made at {labels.origin}")],
        "a transducer predicts after 0, 1, ... all labels: run the prediction network on "
        "sf.pad(targets, axis=..., left=1).",
    )


def wrong_prediction_states(
    op: str, prediction: Tensor, targets: Tensor, came: int, needed: int
) -> DimError:
    """A prediction for another number of labels."""
    return DimError(
        f"{op}: the prediction needs one state more than there are targets.",
        [("prediction", prediction), ("targets", targets), ("came", came), ("needed", needed)],
        "cut or pad prediction and targets to the same number of labels.",
    )


def more_labels_than_classes(op: str, targets: Tensor, weight: Tensor, classes: Dim) -> DimError:
    """Labels that the last layer has no class for."""
    return DimError(
        f"{op}: the targets are labels of a larger vocabulary than there are classes.",
        [("targets", targets), ("weight", weight), ("classes", repr(classes))],
        "the classes are the labels, and the blank if that is no label.",
    )
