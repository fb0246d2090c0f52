"""Frames of a CTC prefix beam search, all in one call of the library."""

from __future__ import annotations

from seqfront import checks, native
from seqfront.backend import Backend, Raw, Size
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry
from seqfront.loss.lattice import flattened, lengths_of
from seqfront.ops.dtype import cast
from seqfront.search.ctc.beam_state import CtcBeamState
from seqfront.search.history import Said
from seqfront.tensor import Tensor

_OP = "ctc_prefix_beam"
_SCORES = ("blank", "label", "best_blank", "best_label", "run")
"""Fields of the state that go to the op as one array, in this order."""


class NativeReader:
    """Reads frames.

    Args:
        beam: The hypotheses.
        paths: The same twice, for both kinds of alignments.
        label: Positions of labels.
        classes: What they are labels of.
        attributes: Of the op.
    """

    def __init__(
        self, beam: Dim, paths: Dim, label: Dim, classes: Dim, attributes: dict[str, float]
    ) -> None:
        self.beam, self.paths, self.label, self.classes = beam, paths, label, classes
        self.attributes = attributes

    def serves(self, logits: Tensor) -> bool:
        """Whether the op runs where the logits are."""
        backend = logits.backend
        return backend.copies_for_native or native.serves(backend, _OP, logits.raw)

    def __call__(
        self, state: CtcBeamState, logits: Tensor, axis: Dim, batch: tuple[Dim, ...]
    ) -> tuple[CtcBeamState, Tensor, Said]:
        """As `ComposedReader`, but from logits: their softmax is part of the op."""
        p, width = logits.backend, self.beam.size or 0
        rows = [flattened(getattr(state, name), batch, (self.beam,)) for name in _SCORES]
        labels = flattened(state.said.labels, batch, (self.paths, self.label))
        counts = cast(state.said.labels.lengths(self.label), "int32")
        results = p.native_call(
            _OP,
            (
                flattened(logits, batch, (axis, self.classes)),
                lengths_of(logits, axis, batch),
                p.stack(rows, 1),
                flattened(state.start, batch, (self.beam,)),
                p.slice(labels, 1, 0, width),
                p.slice(flattened(counts, batch, (self.paths,)), 1, 0, width),
                flattened(state.frames, batch, ()),
            ),
            self.attributes,
        )
        return _Results(self, p, batch, [logits.size(dim) for dim in batch]).put(state, *results)


class _Results:
    """From arrays over rows to tensors over the streams."""

    def __init__(
        self, reader: NativeReader, backend: Backend, batch: tuple[Dim, ...], shape: list[Size]
    ) -> None:
        self.reader, self.backend, self.batch, self.shape = reader, backend, batch, shape

    def put(
        self, state: CtcBeamState, scores: Raw, last: Raw, start: Raw, frames: Raw, source: Raw,
        counts: Raw, labels: Raw, *rest: Raw,
    ) -> tuple[CtcBeamState, Tensor, Said]:  # fmt: skip
        """What the op gave."""
        p, reader = self.backend, self.reader
        columns = p.split(scores, [1] * (len(_SCORES) + 1), 1)
        named = [self._named(p.squeeze(column, (1,)), reader.beam) for column in columns]
        score, *parts = named
        lengths = self._named(counts, reader.paths)
        table = FULL.with_entries({reader.label: Entry(lengths.raw, lengths.dims)})
        longest = checks.longest_if_cheap(p, counts)

        def over_labels(raw: Raw) -> Tensor:
            if longest is not None:
                raw = p.slice(raw, 2, 0, longest)
            x = self._named(raw, reader.paths, reader.label)
            return x.with_lengths(table)

        found = state._replace(
            score=score,
            last=self._named(last, reader.beam),
            start=self._named(start, reader.beam),
            frames=self._named(frames),
            **dict(zip(_SCORES, parts, strict=True)),
        )
        log_probs, starts, ends = map(over_labels, rest)
        said = Said(over_labels(labels).labels_of(reader.classes), log_probs, starts, ends)
        return found, self._named(source, reader.paths).labels_of(reader.paths), said

    def _named(self, raw: Raw, *rest: Dim) -> Tensor:
        p = self.backend
        if len(self.batch) != 1:
            raw = p.reshape(raw, [*self.shape, *p.shape(raw)[1:]])
        return Tensor(raw, (*self.batch, *rest), backend=p)
