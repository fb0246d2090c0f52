"""Greedy CTC search: the best class of every frame, repeats as one, blanks left out.

All frames are read at once, there is no loop. Frames may come in parts: a run of one label that
goes on in the next part is one label, and is given out when it has ended.

Graves et al. 2006, section 3.2 ("best path decoding").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from seqfront import checks
from seqfront.backend import Backend, Raw, ScatterName, Size
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry
from seqfront.loss.lattice import flattened, lengths_of
from seqfront.native import lattice_dtype
from seqfront.nn.stateful import kept
from seqfront.ops import create
from seqfront.search.ctc.classes import CtcClasses, flags
from seqfront.search.streaming import Streaming
from seqfront.search.transcript import Transcript
from seqfront.tensor import Tensor


class CtcGreedyState(NamedTuple):
    """Where streams are; all over [batch...]."""

    last: Tensor
    """int32: the class of the last frame; the blank before the first."""
    start: Tensor
    """int32: the frame that its run began at."""
    run: Tensor
    """Sum of the log-probs of its run."""
    frames: Tensor
    """int32: frames so far."""
    score: Tensor
    """Log-probability of the best path so far."""


class CtcGreedy(Streaming[CtcGreedyState, Transcript]):
    """Best path decoding of CTC. No gradient flows through it.

        search = sf.search.CtcGreedy(classes=vocab, blank_index=0)
        transcript, _ = search(logits, axis=frames)
        transcript, state = search(part, axis=frames, state=state, is_last=False)

    The log-prob of a label is the mean over the frames of its run, its `start` the first of them
    and its `end` the frame after the last; so that exp(log_prob) is a confidence.

    Args:
        classes: Labels and the blank; static.
        blank_index: Class of the blank; negative: from the end.
        logits_normalized: The logits are log-probs already.
    """

    def __init__(self, *, classes: Dim, blank_index: int, logits_normalized: bool = False) -> None:
        self._classes = CtcClasses("CtcGreedy", classes, blank_index)
        self.classes = classes
        self.label_dim = Dim("label")
        self.logits_normalized = bool(logits_normalized)

    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> CtcGreedyState:
        """Before the first frame; sizes of batch dims, dtype, backend and device as of `like`."""
        dims = tuple(batch)
        none = create.full(dims, self._classes.blank, dtype="int32", like=like)
        zero = create.zeros(dims, dtype="int32", like=like)
        real = create.zeros(dims, dtype=lattice_dtype(like.dtype), like=like)
        return CtcGreedyState(*map(kept, (none.labels_of(self.classes), zero, real, zero, real)))

    def __call__(
        self,
        encoded: Tensor,
        *,
        axis: Dim,
        state: CtcGreedyState | None = None,
        is_last: bool | Tensor = True,
    ) -> tuple[Transcript, CtcGreedyState]:
        """Read frames.

        Args:
            encoded: float [batch..., axis, classes], in any order; ragged or not.
            axis: The frames.
            state: Of the frames before; default: there were none.
            is_last: Whether these are the last frames. If not, a label that the last frame has is
                given out later, when its run is over. A bool, or bool over [batch...].

        Returns:
            The labels whose runs ended here; and the state to go on from.

        Raises:
            DimError: Dims do not fit.
            DTypeError: The logits are no floats.
        """
        encoded, batch = self._classes.read(encoded, axis)
        backend, shape = encoded.backend, [encoded.size(dim) for dim in batch]
        before = state or self.initial_state(batch, like=encoded)
        ended = flags("CtcGreedy", "is_last", is_last, batch, like=encoded)
        log_probs = self._classes.unchecked(encoded, self.logits_normalized)
        lengths, columns, after = _read(
            backend,
            flattened(log_probs, batch, (axis, self.classes)),
            lengths_of(encoded, axis, batch),
            CtcGreedyState(*[flattened(x, batch, ()) for x in before]),
            flattened(ended, batch, ()),
            self._classes.blank,
        )

        def over(raw: Raw, *rest: Dim) -> Tensor:
            raw = backend.reshape(raw, [*shape, *backend.shape(raw)[1:]])
            return Tensor(raw, (*batch, *rest), table if rest else FULL, backend=backend)

        table = FULL.with_entries({self.label_dim: Entry(over(lengths).raw, batch)})
        labels, log_probs, start, end = [over(raw, self.label_dim) for raw in columns]
        state = CtcGreedyState(*map(over, after))
        state = state._replace(last=state.last.labels_of(self.classes))
        labels = labels.labels_of(self.classes)
        return Transcript(labels, log_probs, start, end, state.score, self.label_dim), state


def _read(
    p: Backend, log_probs: Raw, counts: Raw, before: CtcGreedyState, ended: Raw, blank: int
) -> tuple[Raw, tuple[Raw, ...], tuple[Raw, ...]]:
    """How many labels each row has; their columns; and the fields of the state after it.

    Runs are counted over one position for what the state has, and the frames [rows, frames] behind
    it; their sums go to a table with a place for each run, and one for all blanks.
    """
    rows, size, _ = p.shape(log_probs)
    inside = p.sequence_mask(counts, size)
    best = p.arg_reduce("argmax", log_probs, 2)
    top = p.squeeze(p.gather(log_probs, p.expand_dims(best, (2,)), 2, 2), (2,))
    top = p.where(p.binary("lt", top, math.inf), top, -math.inf)
    best, top = p.where(inside, p.cast(best, "int32"), blank), p.where(inside, top, 0.0)
    classes = p.concat([p.expand_dims(before.last, (1,)), best], 1)
    earlier = p.slice(p.pad(classes, ((0, 0), (1, 0)), blank), 1, 0, size + 1)
    spoken = p.binary("ne", classes, blank)
    begins = p.binary("and", spoken, p.binary("ne", classes, earlier))
    order = p.cumulative("sum", p.cast(begins, "int32"), 1)
    slots = p.where(spoken, p.binary("sub", order, 1), size + 1)
    table = _Table(p, slots, rows, size)

    ends = p.binary("add", table.positions, p.expand_dims(before.frames, (1,)))
    starts = p.binary("sub", ends, 1)
    starts = p.concat([p.expand_dims(before.start, (1,)), p.slice(starts, 1, 1, size + 1)], 1)
    labels = table.of("add", p.where(begins, classes, 0))
    start = table.of("add", p.where(begins, starts, 0))
    end = table.of("max", ends)
    sums = table.of("add", p.concat([p.expand_dims(before.run, (1,)), top], 1))
    span = p.cast(p.binary("max", p.binary("sub", end, start), 1), p.dtype(sums))

    found = p.slice(order, 1, size, size + 1)
    last = p.gather(classes, p.expand_dims(counts, (1,)), 1, 1)
    held = p.binary("and", p.binary("ne", last, blank), p.expand_dims(p.unary("not", ended), (1,)))
    lengths = p.squeeze(p.binary("sub", found, p.cast(held, "int32")), (1,))
    at = p.binary("max", p.binary("sub", found, 1), 0)

    def open_run(column: Raw) -> Raw:
        return p.squeeze(p.where(held, p.gather(column, at, 1, 1), 0), (1,))

    after = (
        p.squeeze(p.where(held, last, blank), (1,)),
        open_run(start),
        open_run(sums),
        p.binary("add", before.frames, counts),
        p.binary("add", before.score, p.reduce("sum", top, (1,))),
    )
    columns = (labels, p.binary("div", sums, span), start, end)
    return lengths, tuple([_cut(p, column, lengths) for column in columns]), after


class _Table:
    """Sums and maxima over runs: [rows, positions] to [rows, runs], no more runs than positions."""

    def __init__(self, p: Backend, slots: Raw, rows: Size, size: Size) -> None:
        self.p, self.rows, self.width = p, rows, size + 2
        device = p.device(slots)
        self.positions = p.arange(size + 1, "int32", device)
        first = p.binary("mul", p.arange(rows, "int32", device), self.width)
        at = p.binary("add", slots, p.expand_dims(first, (1,)))
        self.count = rows * (size + 1)
        self.at = p.reshape(at, (self.count,))

    def of(self, name: ScatterName, values: Raw) -> Raw:
        p = self.p
        flat = p.full((self.rows * self.width,), 0, p.dtype(values), p.device(values))
        flat = p.scatter(name, flat, self.at, p.reshape(values, (self.count,)))
        return p.slice(p.reshape(flat, (self.rows, self.width)), 1, 0, self.width - 1)


def _cut(p: Backend, column: Raw, lengths: Raw) -> Raw:
    """Without padding that all rows have, where lengths can be looked at."""
    longest = checks.longest_if_cheap(p, lengths)
    return column if longest is None else p.slice(column, 1, 0, longest)
