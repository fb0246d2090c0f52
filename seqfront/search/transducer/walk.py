"""Where greedy sequences are, in plain NumPy: what an eager search decides between two calls."""

from __future__ import annotations

from typing import Any

import numpy as np


class Walk:
    """Sequences on their way through frames, each at its own place, by rows.

    Args:
        at: The next frame of each.
        score: The log-prob of its path.
        lengths: Its frames.
        max_symbols: Most labels at one frame.
    """

    def __init__(self, at: Any, score: Any, lengths: Any, max_symbols: int) -> None:
        self.at = at.astype(np.int64)
        self.score = score.astype(np.float64)
        self.lengths = lengths.astype(np.int64)
        self.max_symbols = max_symbols
        self.emitted = np.zeros_like(self.at)
        """Labels at the present frame."""
        self.kept: list[tuple[Any, ...]] = []
        self.start_label()

    def start_label(self) -> None:
        """From here on, every sequence looks for one label more."""
        self.found = np.zeros(self.at.shape, bool)
        self.label, self.start, self.end = (np.zeros_like(self.at) for _ in range(3))
        self.log_prob = np.zeros_like(self.score)

    def goes_on(self) -> bool:
        """Whether any row has frames left."""
        return bool((self.at < self.lengths).any())

    def searching(self) -> Any:
        """Rows that have frames, and no label yet."""
        return np.flatnonzero(~self.found & (self.at < self.lengths))

    def frames_of(self, rows: Any, width: int) -> Any:
        """[rows, block]: the next frames of rows, and the last one again where there are fewer."""
        width = min(width, int((self.lengths - self.at)[rows].max()))
        at: Any = self.at[rows, None] + np.arange(width)
        return np.minimum(at, self.lengths[rows, None] - 1)

    def go(self, rows: Any, choice: Any) -> None:
        """Through a block, each row until it has a label or is out of it.

        Args:
            rows: Which.
            choice: A `Choice` of NumPy arrays [rows, block].
        """
        first, width, going = self.at[rows], choice.label.shape[1], range(rows.size)
        while len(going):
            row = rows[going]
            here = choice._make([x[going, self.at[row] - first[going]] for x in choice])
            self.score[row] += here.path
            self._emit(row, here)
            self._move(row, here)
            inside = (self.at[row] - first[going] < width) & (self.at[row] < self.lengths[row])
            going = np.compress(~here.is_label & inside, going)

    def _emit(self, rows: Any, here: Any) -> None:
        self.found[rows] = here.is_label
        self.label[rows], self.log_prob[rows] = here.label, here.log_prob
        self.start[rows] = self.at[rows]
        self.end[rows] = self.at[rows] + np.maximum(here.frames, 1)

    def _move(self, rows: Any, here: Any) -> None:
        emitted = self.emitted[rows] + 1
        stays = here.is_label & (here.frames == 0) & (emitted < self.max_symbols)
        self.at[rows] += np.where(stays, 0, np.maximum(here.frames, 1))
        self.emitted[rows] = np.where(stays, emitted, 0)

    def keep_label(self) -> None:
        """The labels that were found become a column."""
        self.kept.append((self.label, self.log_prob, self.start, self.end, self.found))

    def columns(self) -> tuple[Any, ...]:
        """[rows, label]: labels, log-probs, starts and ends; and [rows]: how many there are. A row
        that finds no label in one round finds none in later ones."""
        if not self.kept:
            nothing = np.zeros((self.at.size, 0))
            return nothing, nothing, nothing, nothing, np.zeros(self.at.size)
        *columns, found = [np.stack(parts, 1) for parts in zip(*self.kept, strict=True)]
        return *columns, found.sum(1)
