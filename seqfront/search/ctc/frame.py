"""One frame of a CTC prefix beam search, in operations of the framework.

    stay     y -> y      by a blank, or by its last label once more
    grow     y -> y + v  by any label; by y's own last label only from alignments that end in blank

A prefix y + v that is in the beam already is one with what y grows into: its two probabilities meet
before the best are chosen. As each prefix has one parent, at most one growth meets each stay.

All is raw, over [batch..., beam]; arrays over the labels that may follow have one axis more.
Graves et al. 2006; Hannun et al. 2014 (arXiv:1408.2873), algorithm 1.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, TypeAlias

from seqfront.backend import Backend, Raw, Size
from seqfront.search.recombination import next_key

Merge: TypeAlias = Literal["sum", "max"]
"""How alignments of one prefix meet: their probabilities add up, or the best one counts."""

MERGES: tuple[Merge, ...] = ("sum", "max")


class CtcPaths(NamedTuple):
    """What is known of prefixes; the first five and `start`, `run` as in the state."""

    blank: Any
    label: Any
    best_blank: Any
    best_label: Any
    last: Any
    start: Any
    run: Any
    key: Any
    """int64: a number for the labels."""
    parent_key: Any
    """int64: for the labels but the last."""
    node: Any
    """int32: in the history, of the best alignment that ends in the blank."""
    parent: Any
    """int32: of the best one that ends in the last label, without that."""


class Tokens(NamedTuple):
    """Labels that a frame may add, [batch..., token]."""

    log_probs: Raw
    labels: Raw
    """int32."""


class Choice(NamedTuple):
    """What became of the beam, over the hypotheses of the new one."""

    score: Raw
    source: Raw
    """int64: which of the old ones each was."""
    label: Raw
    """int32: what it has got, if `grown`."""
    grown: Raw
    """bool."""


class CtcFrame:
    """A frame, as it meets the beam.

    Args:
        backend: Of all arrays.
        rank: How many batch axes there are.
        merge: How alignments meet.
        blank: Index of the blank.
        now: int32 [batch...]: which frame of its stream this is.
        row: [batch..., classes]: log-probs.
        tokens: Labels that may be added.
        first_node: int32 scalar: the node of the first hypothesis, if it is written down now.
    """

    def __init__(
        self,
        backend: Backend,
        rank: int,
        merge: Merge,
        blank: int,
        now: Raw,
        row: Raw,
        tokens: Tokens,
        first_node: Raw,
    ) -> None:
        self.p, self.axis, self.merge = backend, rank, merge
        self.now = backend.expand_dims(now, (rank,))
        self.row, self.tokens = row, tokens
        self.blank = backend.slice(row, rank, blank, blank + 1)
        self.first_node = first_node

    def __call__(
        self, old: CtcPaths, fused: Raw | None, fused_tokens: Raw | None
    ) -> tuple[CtcPaths, Choice]:
        """The beam after the frame.

        Args:
            old: The beam before it.
            fused: [batch..., beam]: what scorers say of it.
            fused_tokens: [batch..., beam, token]: of each token after it.
        """
        p, axis = self.p, self.axis
        self.old = old
        self.total = self._meet(old.blank, old.label)
        self.best = p.binary("max", old.best_blank, old.best_label)
        ahead = p.binary("ge", old.best_blank, old.best_label)
        self.ended = p.where(ahead, old.node, self.nodes())
        source, found = self._parents()
        stays = self._stays(source, found)
        rank = self._meet(stays.blank, stays.label)
        grown = self._grown(source, found)
        if fused is not None:
            rank = p.binary("add", rank, fused)
            grown = p.binary("add", grown, p.binary("add", self._wide(fused), fused_tokens))
        choice = self._best(p.concat([self._wide(rank), grown], axis + 1))
        return self._chosen(stays, choice), choice

    def nodes(self) -> Raw:
        """int32 [beam]: the nodes written down at this frame."""
        p, width = self.p, self._width(self.old.last)
        return p.binary("add", p.arange(width, "int32", p.device(self.row)), self.first_node)

    # -- those that stay --------------------------------------------------------------------------

    def _parents(self) -> tuple[Raw, Raw]:
        """Which hypothesis is this one but for its last label; and whether there is one."""
        p, axis, old = self.p, self.axis, self.old
        alive = p.binary("gt", self.total, -math.inf)
        here = p.binary("and", alive, p.binary("ge", old.last, 0))
        same = p.binary("eq", self._wide(old.parent_key), p.expand_dims(old.key, (axis,)))
        both = p.binary("and", self._wide(here), p.expand_dims(alive, (axis,)))
        match = p.cast(p.binary("and", same, both), "int32")
        source = p.arg_reduce("argmax", match, axis + 1)
        return source, p.binary("gt", p.reduce("max", match, (axis + 1,)), 0)

    def _stays(self, source: Raw, found: Raw) -> CtcPaths:
        p, old = self.p, self.old
        named = p.binary("ge", old.last, 0)
        own = self._at(self.row, p.binary("max", old.last, 0))
        own = p.where(named, own, -math.inf)
        same = p.binary("eq", old.last, self._at(old.last, source))

        def from_parent(repeated: Raw, other: Raw) -> Raw:
            return p.where(same, self._at(repeated, source), self._at(other, source))

        def grown(blank: Raw, total: Raw) -> Raw:
            return p.where(found, p.binary("add", from_parent(blank, total), own), -math.inf)

        grown_best = grown(old.best_blank, self.best)
        stay_best = p.binary("add", old.best_label, own)
        anew = p.binary("gt", grown_best, stay_best)
        added = p.where(p.unary("is_finite", own), own, 0.0)
        return old._replace(
            blank=p.binary("add", self.total, self.blank),
            label=self._meet(p.binary("add", old.label, own), grown(old.blank, self.total)),
            best_blank=p.binary("add", self.best, self.blank),
            best_label=p.binary("max", stay_best, grown_best),
            start=p.where(anew, self.now, old.start),
            run=p.where(anew, added, p.binary("add", old.run, added)),
            node=self.ended,
            parent=p.where(anew, from_parent(old.node, self.ended), old.parent),
        )

    # -- those that grow --------------------------------------------------------------------------

    def _grown(self, source: Raw, found: Raw) -> Raw:
        """[batch..., beam, token]: without those that are in the beam already."""
        p, axis, old = self.p, self.axis, self.old
        labels = p.expand_dims(self.tokens.labels, (axis,))
        repeat = p.binary("eq", labels, self._wide(old.last))
        before = p.where(repeat, self._wide(old.blank), self._wide(self.total))
        grown = p.binary("add", before, p.expand_dims(self.tokens.log_probs, (axis,)))
        place = p.arange(self._width(old.last), "int64", p.device(source))
        of_parent = p.binary("and", p.binary("eq", self._wide(source), place), self._wide(found))
        wide = p.expand_dims(repeat, (axis + 1,))
        known = p.binary("and", p.expand_dims(of_parent, (axis + 2,)), wide)
        return p.where(p.reduce("any", known, (axis,)), -math.inf, grown)

    # -- the best of all --------------------------------------------------------------------------

    def _best(self, ranks: Raw) -> Choice:
        """Of [batch..., beam, 1 + token], where what stays stands first."""
        p, axis = self.p, self.axis
        *lead, width, count = p.shape(ranks)
        score, at = p.top_k(p.reshape(ranks, (*lead, width * count)), self._width(self.old.last))
        kind = p.binary("mod", at, count)
        token = p.binary("max", p.binary("sub", kind, 1), 0)
        return Choice(
            score,
            p.binary("floor_div", at, count),
            p.gather(self.tokens.labels, token, axis, axis),
            p.binary("gt", kind, 0),
        )

    def _chosen(self, stays: CtcPaths, choice: Choice) -> CtcPaths:
        p, old = self.p, self.old
        new, label = choice.grown, choice.label
        same = p.binary("eq", label, self._at(old.last, choice.source))
        log_prob = self._at(self.row, label)

        def grown(repeated: Raw, other: Raw) -> Raw:
            return p.where(same, self._at(repeated, choice.source), self._at(other, choice.source))

        def either(after: Any, stay: Raw) -> Raw:
            return p.where(new, after, self._at(stay, choice.source))

        def alive(x: Raw) -> Raw:
            return p.where(p.binary("gt", choice.score, -math.inf), x, -math.inf)

        key = self._at(old.key, choice.source)
        after = p.binary("add", grown(old.blank, self.total), log_prob)
        best = p.binary("add", grown(old.best_blank, self.best), log_prob)
        added = p.where(p.unary("is_finite", log_prob), log_prob, 0.0)
        return CtcPaths(
            blank=alive(either(-math.inf, stays.blank)),
            label=alive(either(after, stays.label)),
            best_blank=alive(either(-math.inf, stays.best_blank)),
            best_label=alive(either(best, stays.best_label)),
            last=either(label, old.last),
            start=either(self.now, stays.start),
            run=either(added, stays.run),
            key=p.where(new, next_key(p, key, label), key),
            parent_key=either(key, old.parent_key),
            node=self._at(self.ended, choice.source),
            parent=either(grown(old.node, self.ended), stays.parent),
        )

    # -- shapes -----------------------------------------------------------------------------------

    def _meet(self, a: Raw, b: Raw) -> Raw:
        return self.p.logaddexp(a, b) if self.merge == "sum" else self.p.binary("max", a, b)

    def _at(self, x: Raw, index: Raw) -> Raw:
        return self.p.gather(x, index, self.axis, self.axis)

    def _wide(self, x: Raw) -> Raw:
        return self.p.expand_dims(x, (self.axis + 1,))

    def _width(self, x: Raw) -> Size:
        return self.p.size(x, self.axis)
