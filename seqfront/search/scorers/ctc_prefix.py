"""CTC as a scorer: how probable it is that a label comes next, whatever comes after.

A hypothesis is known by two forward variables for each number of frames (Watanabe et al. 2017,
doi:10.1109/JSTSP.2017.2763455, algorithm 2): log-probabilities that exactly its labels were heard
in these frames, the last of them a label, or a blank. From them follow

    p(labels, label, ...) = sum over t of p(labels in t - 1 frames) p(label in frame t)

for every label at once, as a product of matrices (a label that repeats the last one comes after a
blank only); and for the label that is chosen, its forward variables by a recurrence over frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from seqfront import align, dtypes, errors
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.nn.stateful import kept
from seqfront.ops import create, elementwise, reduce
from seqfront.ops.contract import dot
from seqfront.ops.cumulate import cumsum
from seqfront.ops.dtype import cast
from seqfront.ops.index import gather
from seqfront.ops.mask import masked
from seqfront.ops.positions import aligned, never_empty, positions
from seqfront.ops.softmax import log_softmax
from seqfront.search.scorers.language_model import class_index
from seqfront.search.scorers.scorer import Scorer
from seqfront.tensor import Tensor

_FRAMES, _COUNTS = Dim("frames"), Dim("counts")
"""Frames, and numbers of frames: 0, 1, ... up to all of them."""


class CtcPrefixState(NamedTuple):
    """What CTC knows of hypotheses; float64, whatever the logits are."""

    label_last: Tensor
    """[batch..., counts]: log-probability of exactly these labels in so many frames, the last one
    a label."""
    blank_last: Tensor
    """The same, the last one a blank."""
    last: Tensor
    """int32 [batch...]: the last label; -1: there is none."""
    prefix: Tensor
    """[batch...]: log-probability of these labels and any others after them."""
    ending: Tensor
    """[batch...], of the dtype of the search: log-probability that no others come."""


class CtcPrefixScorer(Scorer):
    """Log-probabilities of labels by CTC, given those before: what a label adds to the probability
    of all sequences that begin so. Summed over a hypothesis, with its end, that is the
    log-probability of its labels, -`sf.ctc_loss`.

    A label that is less probable than exp(-700) counts as impossible.

    Args:
        logits: [batch..., axis, classes]; ragged.
        axis: The frames.
        classes: Labels and the blank.
        blank_index: Class of the blank; negative: from the end.
        logits_normalized: The logits are log-probs already.

    Example:
        >>> import seqfront as sf
        >>> time, vocab, beam = sf.Dim("time"), sf.Dim("vocab", 3), sf.Dim("beam", 1)
        >>> log_probs = sf.log(sf.wrap([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2]], (time, vocab)))
        >>> ctc = sf.search.CtcPrefixScorer(log_probs, time, classes=vocab, blank_index=0)
        >>> state = ctc.initial_state((beam,), like=log_probs)
        >>> sf.exp(ctc.score(state)).numpy().round(4), sf.exp(ctc.final(state)).numpy().round(4)
        (array([[0. , 0.5, 0.3]], dtype=float32), array([0.2], dtype=float32))
    """

    bounds = (-math.inf, 0.0)

    def __init__(
        self,
        logits: Tensor,
        axis: Dim,
        *,
        classes: Dim,
        blank_index: int,
        logits_normalized: bool = False,
    ) -> None:
        op = "CtcPrefixScorer"
        align.check(op, logits, axis, classes, name="logits")
        if not dtypes.is_float(logits.dtype):
            raise errors.wrong_dtype(op, "logits", logits, "float")
        self.classes = classes
        self.blank = class_index(op, "blank_index", blank_index, classes)
        logits = cast(logits, "float64" if logits.dtype == "float64" else "float32")
        log_probs = logits if logits_normalized else log_softmax(logits, axis=classes)
        log_probs = masked(log_probs, -math.inf).rename(axis, _FRAMES).with_lengths(FULL)
        self.log_probs = never_empty(log_probs, _FRAMES, -math.inf)
        self.probs = elementwise.exp(cast(self.log_probs, "float64"))
        self.blanks = cast(gather(self.log_probs, indices=self.blank, axis=classes), "float64")
        self.lengths = logits.lengths(axis)

    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> CtcPrefixState:
        """Before the first label: all frames so far were blanks."""
        none = kept(create.zeros(tuple(batch), dtype="float64", like=like))
        blanks = _counted(cumsum(self.blanks, axis=_FRAMES), 0.0)
        blank_last = elementwise.add(none, blanks, allow_broadcast=True)
        label_last = elementwise.where(blank_last <= math.inf, -math.inf, blank_last)
        state = CtcPrefixState(label_last, blank_last, cast(none, "int32") - 1, none, none)
        return state._replace(ending=self._ending(state, like.dtype))

    def score(self, state: CtcPrefixState) -> Tensor:
        """[batch..., classes]: log-probability that each comes next."""
        said = _before(elementwise.logaddexp(state.label_last, state.blank_last))
        high = reduce.max(said, axis=_FRAMES)
        high = elementwise.where(high > -math.inf, high, 0.0)
        rows = elementwise.log(dot(elementwise.exp(said - high), self.probs, reduce=_FRAMES)) + high
        size = self.classes.size or 0
        place = positions(rows.backend, self.classes, size, rows.device)
        same = elementwise.binary("eq", state.last, place, allow_broadcast=True)
        again = reduce.logsumexp(self._entering(state, state.last), axis=_FRAMES)
        rows = _given(elementwise.where(same, again, rows), state.prefix)
        rows = elementwise.where(place == self.blank, -math.inf, rows)
        return cast(rows, state.ending.dtype)

    def advance(self, state: CtcPrefixState, labels: Tensor) -> CtcPrefixState:
        """After one label more."""
        entering = self._entering(state, labels)
        label_last = _counted(recurrence(self._of(labels), entering), -math.inf)
        closing = elementwise.add(_before(label_last), self.blanks)
        blank_last = _counted(recurrence(self.blanks, closing), -math.inf)
        prefix = reduce.logsumexp(entering, axis=_FRAMES)
        last = cast(labels, "int32").labels_of(None)
        after = CtcPrefixState(label_last, blank_last, last, prefix, prefix)
        return after._replace(ending=self._ending(after, state.ending.dtype))

    def final(self, state: CtcPrefixState) -> Tensor:
        """[batch...]: log-probability that no label comes any more."""
        return state.ending

    def _entering(self, state: CtcPrefixState, labels: Tensor) -> Tensor:
        """[batch..., frames]: log-probability that a label comes first in each frame. A label that
        repeats the last one needs a blank between."""
        blank_last = _before(state.blank_last)
        either = elementwise.logaddexp(_before(state.label_last), blank_last)
        open_to = elementwise.where(labels.labels_of(None) == state.last, blank_last, either)
        return open_to + self._of(labels)

    def _of(self, labels: Tensor) -> Tensor:
        """[batch..., frames]: log-probability of labels in each frame; of any label, for -1."""
        labels = elementwise.maximum(labels, 0)
        return cast(gather(self.log_probs, indices=labels, axis=self.classes), "float64")

    def _ending(self, state: CtcPrefixState, dtype: str) -> Tensor:
        whole = elementwise.logaddexp(state.label_last, state.blank_last)
        whole = gather(whole, indices=self.lengths, axis=_COUNTS)
        return cast(_given(whole, state.prefix), dtype)


def recurrence(decay: Tensor, entering: Tensor) -> Tensor:
    """x[t] = log(exp(x[t - 1] + decay[t]) + exp(entering[t])), from x = -inf on.

    That takes log2(frames) rounds: after each, x accounts for twice as many frames.

    Args:
        decay: Over frames and other dims of `entering`.
        entering: [batch..., frames].
    """
    backend, axis = entering.backend, entering.axis(_FRAMES)
    size = entering.size(_FRAMES)
    place = backend.arange(size, "int32", entering.device)
    behind = range(1, len(entering.dims) - axis)

    def unfinished(now: Any) -> Raw:
        return backend.binary("lt", now[0], backend.convert(size, "int32", entering.device))

    def doubled(now: Any) -> Any:
        shift, decay, x = now
        source = backend.binary("sub", place, shift)
        there = backend.expand_dims(backend.binary("ge", source, 0), behind)
        source = backend.binary("max", source, 0)
        before = backend.where(there, backend.gather(x, source, axis), -math.inf)
        x = backend.logaddexp(backend.binary("add", decay, before), x)
        before = backend.where(there, backend.gather(decay, source, axis), 0.0)
        return [backend.binary("mul", shift, 2), backend.binary("add", decay, before), x]

    decays = aligned(decay.raw, decay.dims, entering)
    start = [backend.convert(1, "int32", entering.device), decays, entering.raw]
    x = backend.while_loop(unfinished, doubled, start)[2]
    return Tensor(x, entering.dims, backend=backend)


def _given(whole: Tensor, prefix: Tensor) -> Tensor:
    """log(whole / prefix), -inf where nothing begins so."""
    there = prefix > -math.inf
    return elementwise.where(there, whole - elementwise.where(there, prefix, 0.0), -math.inf)


def _before(x: Tensor) -> Tensor:
    """For each frame, what holds before it: [..., counts] -> [..., frames]."""
    raw = x.backend.slice(x.raw, x.axis(_COUNTS), 0, x.size(_COUNTS) - 1)
    return Tensor(raw, x.dims, backend=x.backend).rename(_COUNTS, _FRAMES)


def _counted(x: Tensor, first: float) -> Tensor:
    """What holds after each frame, and before all of them: [..., frames] -> [..., counts]."""
    sides = [(1, 0) if dim is _FRAMES else (0, 0) for dim in x.dims]
    raw = x.backend.pad(x.raw, sides, first)
    return Tensor(raw, x.dims, backend=x.backend).rename(_FRAMES, _COUNTS)
