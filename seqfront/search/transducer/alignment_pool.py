"""What hypotheses may become at a step: each with the blank, and the best labels after them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from seqfront.backend import Backend, Raw
from seqfront.search.recombination import Recombine, merged, next_key
from seqfront.search.transducer.outlook import Outlook


class Aligned(NamedTuple):
    """Label sequences and where they are, over [batch..., beam]; raw within a step."""

    node: Any
    """int32: where in the history it ends."""
    key: Any
    """int64: of its labels."""
    count: Any
    """int32: how many labels."""
    model: Any
    """Log-probability, all alignments together; -inf: there is no such hypothesis."""
    path: Any
    """Log-probability of the best alignment, which the history is of."""
    at: Any
    """int32: the next frame, counted from the stream's first."""
    symbols: Any
    """int32: labels at that frame so far; 0 always, if their number is free."""


class Pool(NamedTuple):
    """What a step makes of hypotheses, over [batch..., 2 beam]: first each with the blank, then the
    best labels after them."""

    paths: Aligned
    fused: Raw
    """Of the scorers, weighted; None without scorers."""
    source: Raw
    """int32: which hypothesis each grew from."""
    label: Raw
    """int32; of blanks it means nothing."""
    log_prob: Raw
    """Of the label."""


class Limits(NamedTuple):
    """What bounds a search."""

    beam: int
    """How many hypotheses are kept."""
    max_symbols: int | None
    """Most labels at a frame; None: any number."""
    max_labels: int | None
    """Most labels of a stream; None: any number."""
    recombine: Recombine
    """How scores of the same labels meet."""


class Growth:
    """One step of hypotheses, before the best are chosen.

    Args:
        limits: What bounds them.
        paths: Raw, [batch..., beam].
        fused: Weighted scores of the scorers, raw [batch..., beam]; None without scorers.
        outlook: What may come next.
        width: How many labels that has for each.
    """

    def __init__(
        self,
        backend: Backend,
        limits: Limits,
        paths: Aligned,
        fused: Raw,
        outlook: Outlook,
        width: int,
    ) -> None:
        self.backend, self.limits, self.paths = backend, limits, paths
        self.fused, self.outlook, self.width = fused, outlook, width
        self.axis = len(backend.static_shape(paths.node)) - 1

    def all(self) -> Pool:
        """Blanks and labels, each sequence once."""
        return self._merged(self._joined(self._blanks(), self._labels()))

    def _blanks(self) -> Pool:
        backend, paths, outlook = self.backend, self.paths, self.outlook
        blank = paths._replace(
            model=backend.binary("add", paths.model, outlook.blank),
            path=backend.binary("add", paths.path, outlook.blank),
            at=backend.binary("add", paths.at, 1),
            symbols=backend.binary("mul", paths.symbols, 0),
        )
        own = backend.arange(self.limits.beam, "int32", backend.device(paths.node))
        own = backend.broadcast_to(own, backend.shape(paths.node))
        zero = backend.binary("mul", blank.model, 0.0)
        return Pool(blank, self.fused, own, own, zero)

    def _labels(self) -> Pool:
        """The best labels after hypotheses."""
        backend, axis, paths, outlook = self.backend, self.axis, self.paths, self.outlook
        width, fused = self.width, self.fused
        lead = backend.shape(paths.node)[:axis]

        def flat(x: Raw) -> Raw:
            return backend.reshape(x, (*lead, self.limits.beam * width))

        score = total_of(backend, self._open(), fused)
        grown = flat(backend.binary("add", backend.expand_dims(score, (axis + 1,)), outlook.scores))
        values, at = backend.top_k(grown, self.limits.beam)
        source = backend.cast(backend.binary("floor_div", at, width), "int32")
        label = backend.gather(flat(outlook.labels), at, axis, axis)
        log_prob = backend.gather(flat(outlook.log_probs), at, axis, axis)
        there = backend.binary("gt", values, -math.inf)
        before = Aligned(*[backend.gather(x, source, axis, axis) for x in paths])

        def longer(x: Raw) -> Raw:
            return backend.where(there, backend.binary("add", x, log_prob), -math.inf)

        after = before._replace(
            key=next_key(backend, before.key, label),
            count=backend.binary("add", before.count, 1),
            model=longer(before.model),
            path=longer(before.path),
            symbols=backend.binary("add", before.symbols, int(self.limits.max_symbols is not None)),
        )
        if fused is not None:
            added = backend.binary("sub", values, after.model)
            fused = backend.where(there, added, 0.0)
        return Pool(after, fused, source, label, log_prob)

    def _open(self) -> Raw:
        """Scores of the hypotheses that may have a label more."""
        backend, score = self.backend, self.paths.model
        for count, most in (
            (self.paths.symbols, self.limits.max_symbols),
            (self.paths.count, self.limits.max_labels),
        ):
            if most is not None:
                score = backend.where(backend.binary("lt", count, most), score, -math.inf)
        return score

    def _joined(self, a: Pool, b: Pool) -> Pool:
        backend, axis = self.backend, self.axis
        pairs = zip(a.paths, b.paths, strict=True)
        paths = Aligned(*[backend.concat(pair, axis) for pair in pairs])
        rest = [x if x is None else backend.concat((x, y), axis)
                for x, y in zip(a[1:], b[1:], strict=True)]  # fmt: skip
        return Pool(paths, *rest)

    def _merged(self, pool: Pool) -> Pool:
        """Equal labels with the same outlook become one."""
        paths, key = pool.paths, pool.paths.key
        if self.limits.max_symbols is not None:
            key = next_key(self.backend, key, paths.symbols)
        found = merged(
            self.backend, key, paths.count, paths.model, self.limits.recombine, paths.path
        )
        return pool._replace(paths=paths._replace(model=found.score))


def total_of(backend: Backend, model: Raw, fused: Raw) -> Raw:
    """Scores of the model and, if there are any, the scorers."""
    return model if fused is None else backend.binary("add", model, fused)


def gathered(backend: Backend, pool: Pool, places: Raw) -> Pool:
    """Some of a pool, at int64 places [batch..., beam]."""
    axis = len(backend.static_shape(places)) - 1

    def picked(x: Raw) -> Raw:
        return None if x is None else backend.gather(x, places, axis, axis)

    return Pool(Aligned(*map(picked, pool.paths)), *map(picked, pool[1:]))
