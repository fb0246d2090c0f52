"""CTC prefix beam search: the most probable prefixes of the label sequence, frame by frame.

What a frame does to the beam is in `frame`, and in one native op that reads all frames.

Graves et al. 2006, section 3.2; Hannun et al. 2014 (arXiv:1408.2873).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeGuard

import numpy as np

from seqfront import errors
from seqfront.dim import Dim
from seqfront.loss import variants
from seqfront.loss.variants import Implementation
from seqfront.nn.stateful import kept
from seqfront.ops import create, elementwise, reduce
from seqfront.ops.elementwise import logaddexp, maximum
from seqfront.ops.index import gather
from seqfront.ops.nested import nested_gather, nested_map, nested_where
from seqfront.ops.order import argsort
from seqfront.search.ctc import beam_state
from seqfront.search.ctc.beam_composed import ComposedReader
from seqfront.search.ctc.beam_native import NativeReader
from seqfront.search.ctc.beam_state import CtcBeamState, shown, with_counts, without_last
from seqfront.search.ctc.classes import CtcClasses, flags
from seqfront.search.ctc.frame import MERGES, Merge
from seqfront.search.history import Said, extended, parted, stable_lengths, trimmed
from seqfront.search.hypotheses import Hypotheses
from seqfront.search.scorers.scorer import Fusion, Weighted
from seqfront.search.streaming import Search
from seqfront.tensor import Tensor

_OP = "CtcPrefixBeam"


class CtcPrefixBeam(Search[CtcBeamState]):
    """Prefix beam search for CTC: the most probable label sequences, alignments added up. No
    gradient flows through it.

        search = sf.search.CtcPrefixBeam(classes=vocab, blank_index=0, beam=8)
        hypotheses, state = search(logits, axis=frames)

    Each hypothesis is a label sequence, once, with the probability of its alignments that end in
    the blank and of those that end in its last label; new ones and old ones that are the same meet
    before the best are chosen. With a beam that holds all prefixes the scores are exact: minus
    `sf.ctc_loss`. Otherwise they leave alignments out whose prefixes were dropped on the way.

    `start` and `end` are those of the best alignment of the hypothesis (that was found), as
    `sf.ctc_alignment` gives them: the first frame of a label's run and the one after its last. The
    log-prob of a label is the mean of its log-probs over that run: `label_scores / (ends -
    starts)` there.

    The blank ends a run but no label, so `commit` holds the last label of each hypothesis back: a
    frame to come may still prolong it.

    Args:
        classes: Labels and the blank; static.
        blank_index: Class of the blank; negative: from the end.
        beam: How many hypotheses are kept.
        merge: "sum" adds the probabilities of alignments up; "max" takes the best one, so that
            scores are those of Viterbi.
        token_beam: Only so many labels of a frame, the best ones, begin new hypotheses. Default:
            all. Those in the beam take any label that leads to another in the beam.
        scorers: By name, each with a weight; a language model, say. With them the search runs in
            operations of the framework.
        blank_skip: Frames whose blank has more than this probability are read as the blank. It
            saves time where there is much silence. Default: none are.
        temperature: Divides the logits; above 1.0 it flattens what is overconfident.
        logits_normalized: The logits are log-probs already. (With a temperature they are
            normalised again.)
        implementation: "native" reads all frames in one kernel; "composed" runs in operations of
            the framework. They give the same. Default: "native" on devices that have the kernel,
            which CPUs do.

    Raises:
        DimError: An argument is none of what it can be.
    """

    def __init__(
        self,
        *,
        classes: Dim,
        blank_index: int,
        beam: int = 8,
        merge: Merge = "sum",
        token_beam: int | None = None,
        scorers: Mapping[str, Weighted] | None = None,
        blank_skip: float | None = None,
        temperature: float = 1.0,
        logits_normalized: bool = False,
        implementation: Implementation | None = None,
    ) -> None:
        self._classes = CtcClasses(_OP, classes, blank_index)
        _check(beam, merge, token_beam, blank_skip, temperature, implementation)
        self.classes = classes
        self.beam_dim, self.label_dim = Dim("beam", beam), Dim("label")
        self._paths = Dim("path", 2 * beam)
        self.merge: Merge = merge
        self.temperature = float(np.float32(temperature))  # what the native op can be told
        self.logits_normalized = bool(logits_normalized)
        self._skip = None if blank_skip is None else float(np.float32(math.log(blank_skip)))
        self._fusion = Fusion(_OP, scorers, classes)
        self.implementation: Implementation | None = "composed" if self._fusion else implementation
        tokens = max(1, min(token_beam or self._classes.size, self._classes.size - 1))
        if not self._fusion:  # each hypothesis has as many better ones, but for its own last label
            tokens = min(tokens, beam + 1)
        dims = (self.beam_dim, self._paths, self.label_dim, classes)
        blank = self._classes.blank
        self._composed = ComposedReader(
            *dims, blank=blank, merge=merge, tokens=tokens, fusion=self._fusion
        )
        self._native = NativeReader(
            *dims,
            {
                "blank": blank,
                "normalized": self.logits_normalized and self.temperature == 1.0,
                "best": merge == "max",
                "tokens": tokens,
                "skip": 1.0 if self._skip is None else self._skip,
                "temperature": self.temperature,
            },
        )

    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> CtcBeamState:
        """The state before the first frame: one hypothesis, without labels."""
        return beam_state.initial_state(
            batch, self.beam_dim, self._paths, self.label_dim, self._fusion, like=like
        )

    def __call__(
        self,
        encoded: Tensor,
        *,
        axis: Dim,
        state: CtcBeamState | None = None,
        is_last: bool | Tensor = True,
    ) -> tuple[Hypotheses, CtcBeamState]:
        """Read frames.

        Args:
            encoded: float [batch..., axis, classes], logits or log-probs, in any order; ragged or
                not. What is NaN or +inf is impossible.
            axis: The frames.
            state: Of the frames before; default: there were none.
            is_last: Whether these are the last frames: then what scorers say of ending there
                counts. A bool, or bool over [batch...] for each stream.

        Returns:
            The hypotheses, all labels that are not committed; and the state to go on from.

        Raises:
            DimError: Dims do not fit.
            DTypeError: `encoded` is no float.
        """
        encoded, batch = self._classes.read(encoded, axis)
        ended = flags(_OP, "is_last", is_last, batch, like=encoded)
        before = self.initial_state(batch, like=encoded) if state is None else state
        said = without_last(before.said, self.beam_dim, self._paths, self.label_dim)
        before = before.with_said(said)
        by_library = self.implementation == "native" or (
            self.implementation is None and self._native.serves(encoded)
        )
        if by_library:
            after, source, more = self._native(before, encoded, axis, batch)
        else:
            after, source, more = self._composed(before, self._rows(encoded), axis, batch)
        if state is not None:
            more = extended(said, source, more, beam=self._paths, label=self.label_dim)
            more = trimmed(more, self.label_dim)
        after = after.with_said(more)
        return self._hypotheses(after, None if is_last is False else ended), after

    def commit(self, state: CtcBeamState) -> tuple[Said, CtcBeamState]:
        """Take out what is settled: labels that all hypotheses of a stream begin with, but for the
        last one of each.

        Returns:
            Labels [batch..., label], ragged, maybe none, with what belongs to them in the best
            hypothesis; and the state without them.
        """
        beam, label = self.beam_dim, self.label_dim
        valid = state.score > -math.inf
        said = shown(state, beam, self._paths)
        lengths = said.labels.lengths(label)
        first = gather(lengths, indices=0, axis=beam)  # the best one; if not valid, none is
        least = reduce.min(elementwise.where(valid, lengths, first), axis=beam)
        agreed = stable_lengths(said, valid, beam=beam, label=label)
        count = elementwise.clip(agreed, high=elementwise.clip(least - 1, 0))
        settled, rest = parted(said, count, label=label)[0], parted(state.said, count, label=label)

        def of_best(x: Tensor) -> Tensor:
            return gather(x, indices=0, axis=beam)

        return nested_map(of_best, settled), state.with_said(rest[1])

    def _rows(self, encoded: Tensor) -> Tensor:
        """Log-probs of the classes; in frames that are skipped, of the blank alone."""
        found = self._classes.log_probs(encoded, self.logits_normalized, self.temperature)
        if self._skip is None:
            return found
        silent = gather(found, indices=self._classes.blank, axis=self.classes) > self._skip
        spoken = create.range_over(self.classes, like=found) != self._classes.blank
        skipped = elementwise.binary("and", silent, spoken, allow_broadcast=True)
        return elementwise.where(skipped, -math.inf, found)

    def _hypotheses(self, state: CtcBeamState, ended: Tensor | None) -> Hypotheses:
        blank, label = state.blank, state.label
        model = logaddexp(blank, label) if self.merge == "sum" else maximum(blank, label)
        score, scores = state.score, dict(state.fusion.scores)
        if self._fusion and ended is not None:
            scores = nested_where(ended, self._fusion.end(state.fusion), scores)
            total = model + self._fusion.total(list(scores.values()))
            score = elementwise.where(score > -math.inf, total, -math.inf)
        said, valid = shown(state, self.beam_dim, self._paths), score > -math.inf
        counts = elementwise.where(valid, said.labels.lengths(self.label_dim), 0)
        said = with_counts(said, counts, self.label_dim)
        found = Hypotheses(
            said.labels, score, {"model": model, **scores}, said.log_probs, said.start, said.end,
            valid, self.beam_dim, self.label_dim,
        )  # fmt: skip
        return self._ordered(found) if self._fusion and ended is not None else found

    def _ordered(self, found: Hypotheses) -> Hypotheses:
        """The best one first, again."""
        order = argsort(found.score, axis=self.beam_dim, descending=True)
        return nested_map(kept, nested_gather(found, indices=order, axis=self.beam_dim))


def _check(
    beam: object,
    merge: object,
    token_beam: object,
    blank_skip: object,
    temperature: object,
    implementation: str | None,
) -> None:
    for name, value, fix in (("beam", beam, "8 is common."), ("token_beam", token_beam, "None.")):
        if (value is not None or name == "beam") and (type(value) is not int or value < 1):
            raise errors.bad_argument(_OP, name, value, "an int of at least 1", fix)
    if merge not in MERGES:
        raise errors.unknown_choice(_OP, "merge", merge, MERGES)
    if implementation not in (None, *variants.IMPLEMENTATIONS):
        known = variants.IMPLEMENTATIONS
        raise errors.unknown_choice(_OP, "implementation", implementation, known)
    if blank_skip is not None and not (_is_number(blank_skip) and 0 < blank_skip <= 1):
        fix = "0.999 skips frames of silence; None skips none."
        raise errors.bad_argument(_OP, "blank_skip", blank_skip, "a probability above 0", fix)
    if not (_is_number(temperature) and 0 < temperature < math.inf):
        fix = "1.0 changes nothing."
        raise errors.bad_argument(_OP, "temperature", temperature, "above 0", fix)


def _is_number(value: object) -> TypeGuard[float]:
    return type(value) in (int, float)
