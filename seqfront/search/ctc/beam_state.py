"""What a CTC prefix beam search knows between two frames.

A prefix has two ways of going on, by its alignments that end in the blank and by those that end in
its last label, so there are two probabilities of it. Of both there also is the best alignment,
which says when labels begin and end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry, Lengths
from seqfront.native import lattice_dtype
from seqfront.nn.stateful import kept
from seqfront.ops import create, elementwise
from seqfront.ops.nested import nested_gather, nested_map
from seqfront.search.history import Said, nothing
from seqfront.search.scorers.scorer import Fusion, FusionState
from seqfront.tensor import Tensor


class CtcBeamState(NamedTuple):
    """Hypotheses so far, the best one first; what there is none of has scores of -inf."""

    score: Tensor
    """[batch..., beam]: what hypotheses are ranked by."""
    blank: Tensor
    """[batch..., beam]: log-probability of the alignments that end in the blank."""
    label: Tensor
    """[batch..., beam]: of those that end in the last label."""
    best_blank: Tensor
    """[batch..., beam]: of the best one that ends in the blank."""
    best_label: Tensor
    """[batch..., beam]: of the best one that ends in the last label."""
    last: Tensor
    """int32 [batch..., beam]: the last label; -1: there is none."""
    start: Tensor
    """int32 [batch..., beam]: the frame it begins at, on the best alignment that ends in it."""
    run: Tensor
    """[batch..., beam]: sum of its log-probs since then."""
    fusion: FusionState
    """What scorers know."""
    said: Said
    """[batch..., path, label]: labels that are not committed, of each hypothesis twice: first, for
    all, on their best alignments that end in the blank; then on those that end in a label."""
    frames: Tensor
    """int32 [batch...]: frames so far."""

    def with_said(self, said: Said) -> CtcBeamState:
        """The same with other labels."""
        return self._replace(said=said)


def initial_state(
    batch: Sequence[Dim], beam: Dim, paths: Dim, label: Dim, fusion: Fusion, *, like: Tensor
) -> CtcBeamState:
    """Before the first frame: the empty prefix, after a blank."""
    dims, dtype = (*batch, beam), lattice_dtype(like.dtype)
    place = create.range_over(beam, like=like)
    none = create.full(dims, float("-inf"), dtype=dtype, like=like)
    zero = create.zeros(dims, dtype=dtype, like=like)
    first = kept(elementwise.where(place > 0, none, zero))
    none, zero = kept(none), kept(zero)
    start = kept(create.zeros(dims, dtype="int32", like=like))
    return CtcBeamState(
        score=first,
        blank=first,
        label=none,
        best_blank=first,
        best_label=none,
        last=start - 1,
        start=start,
        run=zero,
        fusion=nested_map(kept, fusion.initial_state(dims, like=zero)),
        said=nothing((*batch, paths), label, fusion.classes, like=zero),
        frames=kept(create.zeros(tuple(batch), dtype="int32", like=like)),
    )


def shown(state: CtcBeamState, beam: Dim, paths: Dim) -> Said:
    """[batch..., beam, label]: labels on the better one of the two alignments of each."""
    width = beam.size or 0
    place = create.range_over(beam, like=state.score)
    in_blank = state.best_blank >= state.best_label
    at = elementwise.where(in_blank, place, place + width).labels_of(paths)
    return nested_map(kept, nested_gather(state.said, indices=at, axis=paths))


def without_last(said: Said, beam: Dim, paths: Dim, label: Dim) -> Said:
    """`said` where paths that end in a label are without it: its run may go on."""
    width = beam.size or 0
    lengths = said.labels.lengths(label)
    place = create.range_over(paths, like=lengths)
    fewer = elementwise.clip(lengths - elementwise.where(place >= width, 1, 0), 0)
    return with_counts(said, fewer, label)


def with_counts(said: Said, counts: Tensor, label: Dim) -> Said:
    """`said` with other lengths of the labels."""
    table = FULL.with_entries({label: Entry(counts.raw, counts.dims)})

    def cut(x: Tensor) -> Tensor:
        return x.with_lengths(Lengths({**kept(x).lengths_table.entries, **table.entries}))

    return nested_map(cut, said)
