"""A bonus for each label, against hypotheses that are too short."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.nn.stateful import kept
from seqfront.ops import create
from seqfront.ops.shape import expand_dim
from seqfront.search.scorers.scorer import Scorer
from seqfront.tensor import Tensor


class LengthBonus(Scorer):
    """1 for each label, nothing for ending; the weight in the search says what a label is worth.

    Args:
        classes: Of the search.

    Example:
        >>> import seqfront as sf
        >>> vocab, beam = sf.Dim("vocab", 3), sf.Dim("beam", 2)
        >>> bonus = sf.search.LengthBonus(vocab)
        >>> bonus.score(bonus.initial_state((beam,), like=sf.ones(()))).numpy(beam, vocab)
        array([[1., 1., 1.],
               [1., 1., 1.]], dtype=float32)
    """

    bounds = (0.0, 1.0)

    def __init__(self, classes: Dim) -> None:
        align.distinct("LengthBonus", (classes,))
        if classes.size is None:
            raise errors.size_unknown("LengthBonus", classes)
        self.classes = classes

    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> Tensor:
        """What each label is worth."""
        return kept(create.ones(tuple(batch), dtype=like.dtype, like=like))

    def score(self, state: Tensor) -> Tensor:
        """[batch..., classes]: ones."""
        return expand_dim(state, self.classes)

    def advance(self, state: Tensor, labels: Tensor) -> Tensor:
        """The same."""
        return state
