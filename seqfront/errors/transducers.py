"""Messages of the transducer family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqfront.errors.base import DimError

if TYPE_CHECKING:
    from seqfront.dim import Dim
    from seqfront.tensor import Tensor


def cannot_combine(op: str, a: str, b: str, why: str) -> DimError:
    """Two variants at once that exclude each other."""
    return DimError(
        f"{op}: {a} does not go with {b}.", [("because", why)], "choose one of the two."
    )


def native_only(op: str, name: str) -> DimError:
    """A variant that the framework's own differentiation cannot give."""
    return DimError(
        f'{op}: implementation="composed" has no {name}.',
        [("because", f"{name} changes the gradient of the logits, which the framework computes")],
        f'implementation="native", or no {name}.',
    )


def not_windows(op: str, windows: object) -> DimError:
    """Something else than the first and the last frame of each label."""
    return DimError(
        f"{op}: windows has to be two Tensors, the first and the last frame of each label.",
        [("windows", type(windows).__name__)],
        "sf.alignment_windows(frames, left=..., right=...) makes them.",
    )


def bad_big_blank(
    op: str, classes: Dim, index: object, duration: object, size: int, taken: Sequence[int]
) -> DimError:
    """A big blank that is no class, or another blank, or not big."""
    return DimError(
        f"{op}: a big blank is a class of its own that lasts 2 frames or more.",
        [
            ("big blank", f"class {index!r} for {duration!r} frames"),
            ("classes", f"{classes!r}, {-size} to {size - 1}"),
            ("blanks", ", ".join(map(repr, taken))),
        ],
        "big_blanks={class: frames, ...}, without the blank.",
    )


def big_blank_among_labels(op: str, targets: Tensor, sequence: int, index: int) -> DimError:
    """A target that is a big blank."""
    return DimError(
        f"{op}: a big blank stands among the targets.",
        [("targets", targets), (f"sequence {sequence}", f"has the big blank {index}")],
        "check the labels against the vocabulary, and big_blanks.",
    )


def wrong_durations(op: str, logits: Tensor, found: Sequence[Dim], count: int) -> DimError:
    """Duration logits without a dim of all durations."""
    return DimError(
        f"{op}: the duration logits need one dim besides those of the lattice, with a position for "
        "each duration.",
        [
            ("duration_logits", logits),
            ("besides", f"[{', '.join(map(repr, found))}]"),
            ("durations", count),
        ],
        "project to Dim('durations', len(durations)).",
    )


def one_batch_dim(op: str, name: str, x: Tensor, batch: Sequence[Dim]) -> DimError:
    """Packed sequences whose order is not clear."""
    return DimError(
        f"{op}: packed sequences lie one after another along one batch dim.",
        [(name, x), ("batch dims", f"[{', '.join(map(repr, batch))}]")],
        "merge the batch dims first: sf.merge_dims.",
    )


def wrong_cells(op: str, logits: Tensor, came: int, needed: int) -> DimError:
    """Packed logits that are not those of the sequences."""
    return DimError(
        f"{op}: the logits have another number of cells than the sequences.",
        [("logits", logits), ("came", came), ("needed", f"{needed}: frames * (labels + 1) of all")],
        "sf.pack_cells makes them; they go by frame_lengths and the lengths of the targets.",
    )


def missing_prediction_states(op: str, prediction: Tensor, labels: Dim) -> DimError:
    """Predictions without a dim for "so many labels seen"."""
    return DimError(
        f"{op}: the prediction has neither {labels + 1!r} nor {1 + labels!r}.",
        [("prediction", prediction), ("targets", f"over {labels!r} made at {labels.origin}")],
        "a transducer predicts after 0, 1, ... all labels: run the prediction network on "
        "sf.pad(targets, axis=..., left=1).",
    )


def wrong_prediction_states(
    op: str, prediction: Tensor, targets: Tensor, states: Dim, came: int, needed: int
) -> DimError:
    """Predictions for another number of labels."""
    return DimError(
        f"{op}: the extent of {states!r} has to be one more than that of the targets.",
        [("prediction", prediction), ("targets", targets), ("came", came), ("needed", needed)],
        "cut or pad prediction and targets to the same number of labels.",
    )
