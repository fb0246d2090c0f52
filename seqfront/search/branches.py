"""The n-best list of an utterance as a tree over time, to be printed or drawn.

What several hypotheses begin with is one branch: it lies in the lane of the best of them, and the
others leave it where they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from seqfront import errors
from seqfront.search.hypotheses import Hypotheses

Names: TypeAlias = Sequence[str] | Mapping[int, str] | Callable[[int], str] | None
"""How labels are written: by index, or a function; None: as numbers."""


class Branch(NamedTuple):
    """One label of one or more hypotheses."""

    label: int
    start: int
    end: int
    lane: int
    """0 for the best hypothesis, 1 for the next."""
    parent: int | None
    """The branch before it; None at the start."""
    mass: float
    """Posterior probability of the hypotheses that have it, among those of the list."""


class Listed(NamedTuple):
    """An n-best list in plain numbers."""

    branches: list[Branch]
    rows: list[list[int]]
    """Of each hypothesis, its branches."""
    scores: list[float]
    posterior: list[float]


def listed(op: str, hypotheses: Hypotheses, utterance: int) -> Listed:
    """The valid hypotheses of one utterance, counted over all batch dims."""
    if hypotheses.beam_dim not in hypotheses.score.dims:
        raise errors.missing_dim(op, hypotheses.score, hypotheses.beam_dim)
    table = _Table(op, hypotheses, utterance)
    branches: list[Branch] = []
    known: dict[tuple[int, ...], int] = {}
    rows: list[list[int]] = []
    for lane, rank in enumerate(table.ranks):
        row: list[int] = []
        labels = table.labels[rank]
        for at in range(len(labels)):
            key = tuple(labels[: at + 1])
            if key not in known:
                known[key] = len(branches)
                parent = row[-1] if row else None
                start, end = table.starts[rank][at], table.ends[rank][at]
                branches.append(Branch(labels[at], start, end, lane, parent, 0.0))
            row.append(known[key])
        rows.append(row)
        for at in row:
            mass = branches[at].mass + table.posterior[rank]
            branches[at] = branches[at]._replace(mass=mass)
    scores = [table.scores[rank] for rank in table.ranks]
    return Listed(branches, rows, scores, [table.posterior[rank] for rank in table.ranks])


class _Table:
    """The tensors of one utterance as lists."""

    def __init__(self, op: str, hypotheses: Hypotheses, utterance: int) -> None:
        beam, label = hypotheses.beam_dim, hypotheses.label_dim
        batch = [dim for dim in hypotheses.score.dims if dim is not beam]
        valid = self._rows(hypotheses.valid.numpy(*batch, beam), 1)
        if type(utterance) is not int or not 0 <= utterance < len(valid):
            needed, fix = (
                f"an int in 0 .. {len(valid) - 1}",
                "utterance=0 is the first of the batch.",
            )
            raise errors.bad_argument(op, "utterance", utterance, needed, fix)
        counts = self._rows(hypotheses.labels.lengths(label).numpy(*batch, beam), 1)[utterance]

        def over_labels(x: Any) -> list[list[int]]:
            rows = self._rows(x.numpy(*batch, beam, label), 2)[utterance]
            return [row[:count].tolist() for row, count in zip(rows, counts, strict=True)]

        self.labels = over_labels(hypotheses.labels)
        self.starts = over_labels(hypotheses.start)
        self.ends = over_labels(hypotheses.end)
        scores = hypotheses.score.numpy(*batch, beam)
        self.scores: list[float] = self._rows(scores, 1)[utterance].tolist()
        chances = hypotheses.posterior().numpy(*batch, beam)
        self.posterior: list[float] = self._rows(chances, 1)[utterance].tolist()
        self.ranks = [int(rank) for rank in np.flatnonzero(valid[utterance])]

    @staticmethod
    def _rows(values: Any, rest: int) -> Any:
        shape = values.shape[values.ndim - rest :]
        return np.reshape(values, (-1 if values.size else 0, *shape) if shape else (-1,))


def name_of(names: Names, label: int) -> str:
    """A label as it is written."""
    if names is None:
        return str(label)
    return names(label) if callable(names) else names[label]
