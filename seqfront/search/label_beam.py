"""Label-synchronous beam search: one label more for every hypothesis, until nothing can overtake.

    search = sf.search.LabelBeam(classes=vocab, end_index=2, beam=8, max_labels=100)
    scorers = {
        "attention": (sf.search.AttentionDecoder(decoder, encoded, time, ...), 0.7),
        "ctc": (sf.search.CtcPrefixScorer(logits, time, blank_index=0), 0.3),
        "lm": (sf.search.LanguageModel(model, start_index=1, end_index=2), 0.4),
    }
    hypotheses = search(scorers, (batch,), like=encoded)

There are no frames here: all that speaks for labels are scorers, which know what they were made
with. All unfinished hypotheses have the same number of labels. Each may also end where it is; what
has ended goes to a set of its own, as wide as the beam, and takes no place of others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.search.hypotheses import Hypotheses
from seqfront.search.label_beam_run import OP, Run
from seqfront.search.looking import repeated
from seqfront.search.scorers.language_model import class_index
from seqfront.search.scorers.scorer import Fusion, Weighted
from seqfront.search.unrecorded import unrecorded
from seqfront.tensor import Tensor


class LabelBeam:
    """Beam search over labels, with any scorers: of attention decoders and language models, and of
    CTC with them (Watanabe et al. 2017, doi:10.1109/JSTSP.2017.2763455).

    A hypothesis scores the weighted sum of what scorers give its labels and its end. No sequence
    arises twice, so nothing is merged: with a beam as wide as there are hypotheses, the result is
    exact.

    A hypothesis is dropped once it cannot get among the best `beam` finished ones any more, as far
    as the `bounds` of scorers tell: log-probabilities with positive weights never rise. When all
    are dropped, an utterance is done, and when all are done, the loop ends; in graphs, too.

    Nothing here has a gradient: to train on hypotheses, score their labels again.

    Args:
        classes: Of the scorers; static.
        beam: Hypotheses of an utterance.
        max_labels: Most labels of a hypothesis. One that has so many can only end.
        end_index: Class that stands for the end, never a label; negative: from the end.
        start_index: Class that stands for the start, never a label. Both may be one.
        blank_index: Class of a blank, never a label.
        min_labels: Fewest labels of a hypothesis.
        length_norm: Finished hypotheses are ranked by score / (labels + 1) ** length_norm (the end
            counts): 0 by their scores, 1 by the mean. Unfinished ones always by their scores.
        threshold: Unfinished hypotheses that, ended here, would rank lower than the best one by
            more than this are dropped. That is not exact; it ends searches with scores that may
            rise, such as those of a model that is subtracted. None: none are.

    Raises:
        DimError: An argument is none of what it can be.
    """

    def __init__(
        self,
        *,
        classes: Dim,
        beam: int,
        max_labels: int,
        end_index: int | None = None,
        start_index: int | None = None,
        blank_index: int | None = None,
        min_labels: int = 0,
        length_norm: float = 0.0,
        threshold: float | None = None,
    ) -> None:
        align.distinct(OP, (classes,))
        _at_least("beam", beam, 1)
        _at_least("max_labels", max_labels, 1)
        _at_least("min_labels", min_labels, 0)
        _not_negative("length_norm", length_norm, "0 ranks by the scores, 1 by their mean.")
        _not_negative("threshold", threshold or 0.0, "it is how far below the best, in nats.")
        self.classes = classes
        self.max_labels = max_labels
        self.min_labels = min_labels
        self.length_norm = length_norm
        self.threshold = math.inf if threshold is None else threshold
        self.not_labels = _not_labels(
            classes,
            {"end_index": end_index, "start_index": start_index, "blank_index": blank_index},
        )
        self.beam_dim = Dim("beam", beam)
        self.label_dim = Dim("label")
        self.step_dim = Dim("step")
        self.next_dim = Dim("next", beam)
        self.ended_dim = Dim("ended", beam)
        self.both_dim = Dim("both", 2 * beam)

    def __call__(
        self,
        scorers: Mapping[str, Weighted],
        batch: Sequence[Dim],
        *,
        like: Tensor,
        max_labels: Tensor | None = None,
    ) -> Hypotheses:
        """Search.

        Args:
            scorers: By name, each with a weight; at least one. `log_probs` of the result are those
                of the first.
            batch: The dims of the utterances; none for a single one.
            like: Where sizes of dynamic dims, float dtype, backend and device come from, such as
                encodings.
            max_labels: int over [batch...] or some of these dims: fewer labels for some.

        Returns:
            The best hypotheses. `scores` are by scorer, with what each says of the end; `start` and
            `end` are positions of labels, as there are no frames: 0, 1, ... and 1, 2, ...
        """
        fusion = Fusion(OP, scorers, self.classes)
        if not fusion:
            fix = 'scorers={"lm": (sf.search.LanguageModel(model), 1.0)}.'
            raise errors.bad_argument(OP, "scorers", scorers, "at least one", fix)
        align.check(OP, like, *[dim for dim in batch if dim.size is None], name="like")
        batch = align.distinct(OP, tuple(batch))
        run = Run(self, fusion, batch, like, max_labels)
        return unrecorded(
            like.backend,
            lambda: run.hypotheses(
                repeated(run.goes_on, run.step, run.start(), like=like, most=self.max_labels)
            ),
        )


def _at_least(name: str, value: object, least: int) -> None:
    if type(value) is not int or value < least:
        fix = "LabelBeam(classes=vocab, end_index=0, beam=8, max_labels=100)."
        raise errors.bad_argument(OP, name, value, f"an int of at least {least}", fix)


def _not_negative(name: str, value: float, fix: str) -> None:
    if not value >= 0:
        raise errors.bad_argument(OP, name, value, "at least 0", fix)


def _not_labels(classes: Dim, others: Mapping[str, int | None]) -> list[int]:
    """The classes that are no labels."""
    return [class_index(OP, name, i, classes) for name, i in others.items() if i is not None]
