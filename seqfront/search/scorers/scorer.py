"""What gives labels their scores besides the model: language models, hotwords, a bonus for length.

A scorer reads labels one by one. All it knows of a hypothesis is its state, any structure of
tensors over [batch..., beam]; a search gathers and chooses states, and never looks into them:

    state = scorer.initial_state((batch, beam), like=encoded)
    row = scorer.score(state)                   # [batch, beam, classes]
    state = scorer.advance(state, labels)       # labels: [batch, beam]

Searches take scorers by name, each with a weight, and keep the scores of each apart: a confidence
never sees a fused score.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from seqfront import errors
from seqfront.dim import Dim
from seqfront.ops import create, elementwise
from seqfront.ops.index import gather
from seqfront.ops.nested import nested_gather, nested_where
from seqfront.tensor import Tensor


class Scorer(abc.ABC):
    """Scores of the next label, by the labels so far. Scores are natural logarithms."""

    classes: Dim
    """What is scored; a search has the same."""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """What no score, of a label or of ending, lies below or above: (-inf, 0) of log-probabilities.
    A search may stop once nothing can overtake what it has."""

    @abc.abstractmethod
    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> Any:
        """What is known before the first label: a structure of tensors that all have the dims of
        `batch`. Sizes of dynamic dims, backend, device and float dtype are those of `like`."""

    @abc.abstractmethod
    def score(self, state: Any) -> Tensor:
        """[batch..., classes]: of each label as the next. The blank's is not read."""

    @abc.abstractmethod
    def advance(self, state: Any, labels: Tensor) -> Any:
        """The state after one label more, int32 over [batch...]."""

    def final(self, state: Any) -> Tensor | None:
        """[batch...]: of ending here. None: it counts nothing."""
        return None


Weighted: TypeAlias = tuple[Scorer, float]
"""A scorer and what its scores are multiplied by; subtracted, if negative."""


class FusionState(NamedTuple):
    """What scorers know of hypotheses."""

    scores: dict[str, Tensor]
    """By name, without weights, [batch..., beam]: the sum over the labels so far."""
    states: tuple[Any, ...]
    """One for each scorer."""


class Fusion:
    """Scorers, by name, each with a weight.

    Args:
        op: The search, as messages name it.
        scorers: By name; the weights multiply what they give.
        classes: Of the search.
    """

    def __init__(self, op: str, scorers: Mapping[str, Weighted] | None, classes: Dim) -> None:
        self.scorers = dict(scorers or {})
        for name, pair in self.scorers.items():
            _check(op, name, pair, classes)
        self.classes = classes

    def __bool__(self) -> bool:
        return bool(self.scorers)

    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> FusionState:
        """Before the first label."""
        zero = create.zeros(tuple(batch), dtype=like.dtype, like=like)
        states = [scorer.initial_state(batch, like=like) for scorer, _ in self.scorers.values()]
        return FusionState(dict.fromkeys(self.scorers, zero), tuple(states))

    def rows(self, state: FusionState) -> tuple[Tensor, ...]:
        """[batch..., beam, classes] of each scorer, without weights."""
        pairs = zip(self.scorers.values(), state.states, strict=True)
        return tuple([scorer.score(inner) for (scorer, _), inner in pairs])

    def total(self, parts: Sequence[Tensor]) -> Tensor:
        """Weighted sum of what belongs to the scorers, in their order. What one of them rules out,
        with -inf, is ruled out whatever its weight."""
        weights = [weight for _, weight in self.scorers.values()]
        whole = _weighted(parts[0], weights[0])
        for part, weight in zip(parts[1:], weights[1:], strict=True):
            whole = whole + _weighted(part, weight)
        return whole

    def gathered(self, state: FusionState, source: Tensor, beam: Dim) -> FusionState:
        """Of the hypotheses at `source`, labels of `beam`."""
        return nested_gather(state, indices=source, axis=beam)

    def advance(
        self,
        state: FusionState,
        labels: Tensor,
        rows: Sequence[Tensor],
        where: Tensor | None = None,
    ) -> FusionState:
        """After one label more, for the hypotheses that have one.

        Args:
            state: Of the hypotheses that labels were added to.
            labels: int32 over [batch..., beam]; any label where there is none.
            rows: What `rows` gave for them, gathered like the state.
            where: bool over [batch..., beam]: which have a label more; default: all.
        """
        scores = {
            name: state.scores[name] + gather(row, indices=labels, axis=self.classes)
            for name, row in zip(self.scorers, rows, strict=True)
        }
        states = tuple(
            [
                scorer.advance(inner, labels)
                for (scorer, _), inner in zip(self.scorers.values(), state.states, strict=True)
            ]
        )
        after = FusionState(scores, states)
        return after if where is None else nested_where(where, after, state)

    def end(self, state: FusionState) -> dict[str, Tensor]:
        """The scores so far, and of ending here."""
        found: dict[str, Tensor] = {}
        for (name, (scorer, _)), inner in zip(self.scorers.items(), state.states, strict=True):
            final = scorer.final(inner)
            so_far = state.scores[name]
            found[name] = so_far if final is None else so_far + final
        return found


def _weighted(part: Tensor, weight: float) -> Tensor:
    if weight > 0:
        return part * weight
    ruled_out = part == -math.inf
    return elementwise.where(ruled_out, -math.inf, elementwise.where(ruled_out, 0.0, part) * weight)


def _check(op: str, name: str, pair: object, classes: Dim) -> None:
    needed = "a pair of a Scorer and a weight"
    fix = 'scorers={"lm": (sf.search.LanguageModel(model), 0.3)}.'
    where = f"scorers[{name!r}]"
    if not isinstance(pair, tuple) or len(pair) != 2:  # pyright: ignore[reportUnknownArgumentType]
        raise errors.bad_argument(op, where, pair, needed, fix)  # pyright: ignore[reportUnknownArgumentType]
    scorer, weight = pair  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(scorer, Scorer) or type(weight) not in (int, float):  # pyright: ignore[reportUnknownArgumentType]
        raise errors.bad_argument(op, where, pair, needed, fix)  # pyright: ignore[reportUnknownArgumentType]
    if scorer.classes is not classes:
        raise errors.bad_argument(
            op,
            f"the classes of {where}",
            scorer.classes,
            f"those of the search, {classes!r}",
            "dims match by identity: make both with the same Dim.",
        )
