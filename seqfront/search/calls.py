"""How often a search has run its networks: what it costs, whatever the machine."""

from __future__ import annotations

from typing import NamedTuple


class Calls(NamedTuple):
    """Calls of the networks since a search was made. A call is of a whole batch, whatever its size.

    Only calls in eager mode count; a graph is traced once and then runs without Python.
    """

    predictor: int = 0
    """Of the prediction network."""
    joiner: int = 0
    """Of the joiner."""

    def since(self, before: Calls) -> Calls:
        """What has come since then."""
        return Calls(self.predictor - before.predictor, self.joiner - before.joiner)
