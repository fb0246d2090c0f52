"""How often a search asks its networks: what its time goes to, whatever the machine."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass
class Calls:
    """How often networks were asked since a search was made. A call is of a whole batch.

    Only calls in eager mode count; a graph is traced once and then runs without Python.
    """

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

    def now(self) -> Calls:
        """The numbers as they are."""
        return replace(self)

    def since(self, before: Calls) -> Calls:
        """What has come since then."""
        return Calls(
            self.predictor - before.predictor,
            self.predictor_rows - before.predictor_rows,
            self.joiner - before.joiner,
            self.joiner_rows - before.joiner_rows,
        )
