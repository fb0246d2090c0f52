"""Messages of the losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from seqfront.errors.base import DimError, NativeError

if TYPE_CHECKING:
    from seqfront.dim import Dim
    from seqfront.tensor import Tensor


def unknown_choice(op: str, name: str, value: object, known: Sequence[str]) -> DimError:
    """A name that is none of those an argument may have."""
    return DimError(
        f"{op}: {name} is {value!r}.",
        [("known", ", ".join(map(repr, known)))],
        "give one of these.",
    )


def ambiguous_classes(op: str, logits: Tensor, targets: Tensor, left: Sequence[Dim]) -> DimError:
    """Logits whose class dim cannot be told."""
    return DimError(
        f"{op}: it is not clear which dim of the logits is that of the classes.",
        [("logits", logits), ("targets", targets), ("left", f"[{', '.join(map(repr, left))}]")],
        "say what the targets are labels of: targets.labels_of(classes).",
    )


def vocabularies_differ(op: str, logits: Tensor, targets: Tensor, classes: Dim) -> DimError:
    """More labels than classes."""
    return DimError(
        f"{op}: the targets are labels of a larger vocabulary than the logits have classes.",
        [("logits", logits), ("targets", targets), ("classes", repr(classes))],
        "the classes are the labels, and the blank if that is no label.",
    )


def bad_blank(op: str, logits: Tensor, classes: Dim, blank: object, size: int) -> DimError:
    """A blank that is no class."""
    return DimError(
        f"{op}: blank_index {blank!r} is no class of {classes!r}.",
        [("logits", logits), ("needed", f"{-size} to {size - 1}")],
        "the index of the blank among the classes; negative counts from the end.",
    )


def bad_label(
    op: str, targets: Tensor, sequence: int, position: int, value: int, size: int | None, blank: int
) -> DimError:
    """A label out of range, or the blank among the labels."""
    what = "the blank stands among the targets" if value == blank else "a label is out of range"
    return DimError(
        f"{op}: {what}.",
        [
            ("targets", targets),
            (f"sequence {sequence}", f"label {position} is {value}"),
            ("needed", f"0 to {'?' if size is None else size - 1}, without the blank {blank}"),
        ],
        "check the labels against the vocabulary, and blank_index.",
    )


def not_concatenated(op: str, targets: Tensor, labels: Dim, counts: Tensor) -> DimError:
    """Targets in rows, with lengths of their own for targets without rows."""
    return DimError(
        f"{op}: with target_lengths, all targets stand one after another over one dim.",
        [("targets", targets), ("needed", f"[{labels!r}]"), ("target_lengths", counts)],
        "leave target_lengths out: targets over batch dims carry their lengths with them.",
    )


def wrong_prior(op: str, log_prior: Tensor, logits: Tensor, classes: Dim) -> DimError:
    """A prior that is not one number for each class."""
    return DimError(
        f"{op}: log_prior has to be over the classes alone.",
        [("log_prior", log_prior), ("logits", logits), ("classes", repr(classes))],
        "one prior for all frames: average over batch and time.",
    )


def bad_target_lengths(
    op: str, targets: Tensor, counts: Tensor, total: int, count: int
) -> DimError:
    """Lengths that the targets are too short for."""
    return DimError(
        f"{op}: target_lengths do not fit the targets.",
        [
            ("targets", targets),
            ("target_lengths", counts),
            ("their sum", total),
            ("needed", f"0 or more each, up to {count} in all"),
        ],
        "target_lengths say how many of the targets belong to each sequence, in order.",
    )


def wrong_label_states(
    op: str, logits: Tensor, targets: Tensor, states: Dim, came: int, needed: int
) -> DimError:
    """Transducer logits for another number of labels."""
    return DimError(
        f"{op}: the extent of {states!r} has to be one more than that of the targets.",
        [("logits", logits), ("targets", targets), ("came", came), ("needed", needed)],
        "cut or pad logits and targets to the same number of labels.",
    )


def missing_label_states(op: str, logits: Tensor, labels: Dim) -> DimError:
    """Transducer logits without a dim for "so many labels seen"."""
    return DimError(
        f"{op}: the logits have neither {labels + 1!r} nor {1 + labels!r}.",
        [("logits", logits), ("targets", f"over {labels!r} made at {labels.origin}")],
        "a transducer predicts after 0, 1, ... all labels: run the prediction network on "
        "sf.pad(targets, axis=..., left=1).",
    )


class Shortage(NamedTuple):
    """A sequence without any alignment."""

    sequence: int
    frames: int
    labels: int
    repeats: int
    """Labels equal to the one before, which need a blank between them."""
    needed: int
    """Frames that would do."""

    def text(self) -> str:
        """What it has and what it needs."""
        has = f"{_count(self.frames, 'frame')}, {_count(self.labels, 'label')}"
        if self.frames >= self.needed:
            return f"{has}: no alignment fits, or every one meets a logit of -inf"
        with_repeats = f" with {_count(self.repeats, 'repeat')}" if self.repeats else ""
        return f"{has}{with_repeats} need {self.needed}"


def infeasible(op: str, rows: Sequence[Shortage], count: int) -> NativeError:
    """Sequences without any alignment."""
    shown = [(f"sequence {row.sequence}", row.text()) for row in rows[:4]]
    if len(rows) > 4:
        shown.append(("...", f"{len(rows) - 4} more"))
    short = all(row.frames < row.needed for row in rows)
    why = "have fewer frames than their labels need" if short else "have no possible alignment"
    return NativeError(
        f"{op}: {len(rows)} of {count} sequences {why}.",
        shown,
        'less subsampling, or infeasible="zero" to give them loss 0.',
    )


def transcripts_differ(op: str, hypotheses: int, references: int) -> DimError:
    """Not as many hypotheses as references."""
    return DimError(
        f"{op}: there are not as many hypotheses as references.",
        [("hypotheses", hypotheses), ("references", references)],
        "one hypothesis for each reference, in the same order; empty text if there is none.",
    )


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
