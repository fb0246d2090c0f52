"""How often a search asks its models: what its time goes to, whatever the machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Calls:
    """How often models were asked so far. Calls in a graph are not counted."""

    predictor: int = 0
    """Calls of the prediction network."""
    predictor_rows: int = 0
    """Labels in all of these calls."""
    joiner: int = 0
    """Calls of the joiner."""
    joiner_rows: int = 0
    """Pairs of a frame and a label sequence in all of these calls."""

    def count_predictor(self, rows: int) -> None:
        """One call more."""
        self.predictor += 1
        self.predictor_rows += rows

    def count_joiner(self, rows: int) -> None:
        """One call more."""
        self.joiner += 1
        self.joiner_rows += rows
