"""Word and character error rates of transcripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from seqfront import backends, errors

_GAP = "*"
_SPACE = "␣"


class AlignedPair(NamedTuple):
    """One hypothesis beside its reference, column by column; None where one has no token."""

    reference: tuple[str | None, ...]
    hypothesis: tuple[str | None, ...]

    @property
    def edits(self) -> str:
        """A letter for each column: "=" equal, "S" substitution, "D" deletion, "I" insertion."""
        return "".join(map(_edit, self.reference, self.hypothesis))

    def __str__(self) -> str:
        """Three lines: REF, HYP and, under them, the edits."""
        rows: tuple[list[str], ...] = ([], [], [])
        for reference, hypothesis in zip(self.reference, self.hypothesis, strict=True):
            edit = _edit(reference, hypothesis).replace("=", "")
            shown = [_shown(reference), _shown(hypothesis), edit]
            width = max(map(len, shown))
            for row, text, gap in zip(rows, shown, (reference, hypothesis, ""), strict=True):
                row.append(_GAP * width if gap is None else text.ljust(width))
        names = ("REF:", "HYP:", "    ")
        lines = [" ".join((name, *row)).rstrip() for name, row in zip(names, rows, strict=True)]
        return "\n".join(lines).rstrip()


@dataclass(frozen=True)
class ErrorRate:
    """Errors of a corpus: edits of all pairs over tokens of all references."""

    substitutions: int
    deletions: int
    insertions: int
    reference_length: int
    """Words or characters of the references."""
    pairs: tuple[AlignedPair, ...] = field(repr=False)
    """The alignments, in the order of the transcripts."""

    @property
    def errors(self) -> int:
        """All edits."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per token of the references; may be above 1. Without any such token: 0 if there
        are no errors, else infinite."""
        if self.reference_length == 0:
            return float("inf") if self.errors else 0.0
        return self.errors / self.reference_length

    def alignment(self) -> str:
        """All pairs, for reading; a line between them."""
        return "\n\n".join(map(str, self.pairs))

    def __str__(self) -> str:
        kinds = f"{self.substitutions} S, {self.deletions} D, {self.insertions} I"
        return f"{self.rate:.2%} ({kinds} of {self.reference_length})"


def word_error_rate(hypotheses: Sequence[str], references: Sequence[str]) -> ErrorRate:
    """Edits between words, those between white space, over all words of the references.

    Nothing is normalised: case and punctuation count. The alignments are those of
    `edit_distance`.

    Args:
        hypotheses: What was recognised.
        references: What was said, in the same order. One without words adds its insertions to the
            errors and nothing to the length.

    Raises:
        DimError: Not lists of text, or of different lengths.

    Example:
        >>> wer = word_error_rate(["the bat big sat"], ["the cat sat"])
        >>> print(wer)
        66.67% (1 S, 0 D, 1 I of 3)
        >>> print(wer.alignment())
        REF: the *** cat sat
        HYP: the bat big sat
                 I   S
    """
    return _error_rate("word_error_rate", hypotheses, references, str.split)


def character_error_rate(hypotheses: Sequence[str], references: Sequence[str]) -> ErrorRate:
    """Edits between characters (code points), spaces included, over all of the references.

    Otherwise like `word_error_rate`.

    Example:
        >>> character_error_rate(["a bd"], ["abc"]).rate
        0.6666666666666666
    """
    return _error_rate("character_error_rate", hypotheses, references, list)


def _error_rate(
    op: str,
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokens: Callable[[str], list[str]],
) -> ErrorRate:
    _check(op, hypotheses, references)
    left, right = [tokens(text) for text in hypotheses], [tokens(text) for text in references]
    numbers: dict[str, int] = {}
    inputs = (*_table(left, numbers), *_table(right, numbers))
    counts, positions, _ = backends.get("numpy").native_call("edit_alignment", inputs, {})
    aligned = [
        _aligned(h, r, row[: len(r)].tolist())
        for h, r, row in zip(left, right, positions, strict=True)
    ]
    substitutions, deletions, insertions = (int(n) for n in counts.sum(0, dtype=np.int64))
    length = sum(map(len, right))
    return ErrorRate(substitutions, deletions, insertions, length, tuple(aligned))


def _check(op: str, hypotheses: Sequence[str], references: Sequence[str]) -> None:
    for name, texts in (("hypotheses", hypotheses), ("references", references)):
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.bad_argument(
                op, name, texts, "a list of texts", f"{op}([hypothesis], [reference])."
            )
    if len(hypotheses) != len(references):
        raise errors.transcripts_differ(op, len(hypotheses), len(references))


def _table(rows: list[list[str]], numbers: dict[str, int]) -> tuple[Any, Any]:
    """Numbers of tokens int32 [row, position], and the lengths; new tokens get the next number."""
    lengths = np.array([len(row) for row in rows], np.int32)
    table = np.zeros((len(rows), int(lengths.max(initial=0))), np.int32)
    for numbered, row in zip(table, rows, strict=True):
        numbered[: len(row)] = [numbers.setdefault(token, len(numbers)) for token in row]
    return table, lengths


def _aligned(hypothesis: list[str], reference: list[str], positions: list[int]) -> AlignedPair:
    """Columns of a pair. Between two aligned tokens only one of the sides has further ones."""
    left: list[str | None] = []
    right: list[str | None] = []
    done = 0
    for token, position in zip(reference, positions, strict=True):
        inserted = hypothesis[done:position] if position >= 0 else []
        left += [*[None] * len(inserted), token]
        right += [*inserted, hypothesis[position] if position >= 0 else None]
        done = max(done, position + 1)
    rest = hypothesis[done:]
    return AlignedPair((*left, *[None] * len(rest)), (*right, *rest))


def _edit(reference: str | None, hypothesis: str | None) -> str:
    if reference is None:
        return "I"
    if hypothesis is None:
        return "D"
    return "=" if reference == hypothesis else "S"


def _shown(token: str | None) -> str:
    return "" if token is None else _SPACE if token.isspace() else token
