"""What a search found: labels, when they were said, and what speaks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.ops import elementwise
from seqfront.ops.index import gather
from seqfront.ops.nested import nested_gather, nested_map
from seqfront.ops.order import argsort
from seqfront.ops.slicing import slice
from seqfront.ops.softmax import softmax
from seqfront.tensor import Tensor


class Hypotheses(NamedTuple):
    """The best label sequences of each utterance, the best one first.

    Where fewer are possible than the beam is wide, the rest is not `valid`: without labels, and of
    score -inf. Tensors of `best()` are without the beam.
    """

    labels: Tensor
    """[batch..., beam, label]: ragged; labels of the classes."""
    score: Tensor
    """[batch..., beam]: what the hypotheses are ranked by, a natural logarithm."""
    scores: dict[str, Tensor]
    """[batch..., beam]: what it is made of, without weights: "model", the log-probability of the
    labels, summed over the alignments that were found; and one for each scorer."""
    log_probs: Tensor
    """[batch..., beam, label]: the model's log-probability of each label where it was emitted."""
    start: Tensor
    """int32 [batch..., beam, label]: the frame that each label begins at."""
    end: Tensor
    """int32 [batch..., beam, label]: the first frame after it."""
    valid: Tensor
    """bool [batch..., beam]: which of these there are."""
    beam_dim: Dim
    """Hypotheses of an utterance."""
    label_dim: Dim
    """Positions of the labels."""

    def best(self) -> Hypotheses:
        """The first hypothesis of each utterance, without the beam dim."""
        self._check_beam("Hypotheses.best")
        return nested_map(self._first, self)

    def nbest(self, n: int) -> Hypotheses:
        """The first `n` of each utterance; all, if the beam is no wider."""
        self._check_beam("Hypotheses.nbest")
        if type(n) is not int or n < 1:
            raise errors.bad_argument(
                "Hypotheses.nbest", "n", n, "an int of at least 1", "nbest(4)."
            )
        width = self.beam_dim.size or 0
        if n >= width:
            return self
        first = self.beam_dim.slice(0, n)

        def cut(x: Tensor) -> Tensor:
            return slice(x, axis=self.beam_dim, end=n)

        return nested_map(cut, self)._replace(beam_dim=first)

    def posterior(self, temperature: float = 1.0) -> Tensor:
        """[batch..., beam]: probabilities of the hypotheses among themselves, softmax of their
        scores; 0 for those that are not valid. `temperature` divides the scores; it flattens what
        is overconfident."""
        self._check_beam("Hypotheses.posterior")
        if not temperature > 0:
            fix = "1.0 changes nothing."
            raise errors.bad_argument("posterior", "temperature", temperature, "above 0", fix)
        known = elementwise.where(self.valid, self.score / temperature, -1e30)
        return elementwise.where(self.valid, softmax(known, axis=self.beam_dim), 0.0)

    def rescored(self, scores: Mapping[str, Tensor], weights: Mapping[str, float]) -> Hypotheses:
        """The same hypotheses with more scores, in the order of a new sum.

        Args:
            scores: [batch..., beam], by name: what to add to, or replace in, `scores`.
            weights: By name, of those that make up the new `score`.
        """
        op = "Hypotheses.rescored"
        self._check_beam(op)
        parts = {**self.scores, **scores}
        for name, part in parts.items():
            align.check(op, part, self.beam_dim, name=f"scores[{name!r}]")
        unknown = [name for name in weights if name not in parts]
        if unknown or not weights:
            needed, fix = f"names of {sorted(parts)}", 'weights={"exact": 1.0, "lm": 0.3}.'
            raise errors.bad_argument(op, "weights", dict(weights), needed, fix)
        score = elementwise.where(self.valid, _weighted(parts, weights), float("-inf"))
        order = argsort(score.with_lengths(FULL), axis=self.beam_dim, descending=True)
        again = self._replace(score=score, scores=parts)
        return nested_gather(again, indices=order, axis=self.beam_dim)

    def _first(self, x: Tensor) -> Tensor:
        return gather(x, indices=0, axis=self.beam_dim)

    def _check_beam(self, op: str) -> None:
        align.check(op, self.score, self.beam_dim, name="score")


def _weighted(parts: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    terms = [parts[name] * weight for name, weight in weights.items()]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
