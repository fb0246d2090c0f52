"""A language model as a scorer: any module that reads labels step by step and gives logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.lengths import Entry
from seqfront.nn.linear import Linear
from seqfront.nn.stateful import kept
from seqfront.ops import create
from seqfront.ops.dtype import cast
from seqfront.ops.elementwise import where
from seqfront.ops.index import gather
from seqfront.ops.nested import nested_map
from seqfront.ops.softmax import log_softmax
from seqfront.search.scorers.scorer import Scorer
from seqfront.tensor import Tensor


class LabelModel(Protocol):
    """What the scorer needs of a language model."""

    def __call__(
        self, labels: Tensor, *, axis: Dim | None, state: Any = None
    ) -> tuple[Tensor, Any]:
        """One step (`axis=None`): logits of what follows `labels`, and the new state."""
        ...


class LanguageModelState(NamedTuple):
    """What a language model knows of hypotheses."""

    log_probs: Tensor
    """[batch..., classes of the model]: of what comes next."""
    memory: Any
    """The state of the model."""


class LanguageModel(Scorer):
    """Log-probabilities by a language model: `sf.models.TransformerDecoder` without a source,
    `sf.models.LSTMPrediction` onto its own labels, or any module with such steps.

    Args:
        model: `model(labels, axis=None, state=state)` gives logits and the next state.
        start_index: What the model reads first; negative: from the end.
        end_index: The symbol whose probability is that of ending. None: ending counts nothing.
        classes: Of the model. Default: what it says itself (`output` or `projection`).
        search_classes: Of the search, if those are others; then `labels` brings them together.
        labels: The model's label for each class of the search, in order; -1 where it has none:
            such a class is ruled out.
        temperature: Divides the logits.
        capacity: How many labels there will be at most, with the start symbol, for models whose
            state grows with them (more would be an error). A graph compiled by PyTorch needs it.

    Raises:
        DimError: The classes are unknown; an index or a label is out of range.

    Example:
        >>> import seqfront as sf
        >>> vocab, feature, inner = sf.Dim("vocab", 7), sf.Dim("feature", 8), sf.Dim("inner", 16)
        >>> model = sf.models.TransformerDecoder(vocab, feature, layers=1, heads=2, inner=inner)
        >>> lm = sf.search.LanguageModel(model, start_index=1, end_index=2)
        >>> batch, beam = sf.Dim("batch", 3), sf.Dim("beam", 4)
        >>> state = lm.initial_state((batch, beam), like=sf.ones(()))
        >>> lm.score(state)
        float32[batch:3, beam:4, vocab:7] numpy:cpu
    """

    bounds = (-math.inf, 0.0)

    def __init__(
        self,
        model: LabelModel,
        *,
        start_index: int,
        end_index: int | None = None,
        classes: Dim | None = None,
        search_classes: Dim | None = None,
        labels: Sequence[int] | None = None,
        temperature: float = 1.0,
        capacity: int | Dim | None = None,
    ) -> None:
        op = type(self).__name__
        self.model = model
        self.own = _classes(op, model, classes)
        self.classes = search_classes or self.own
        self.start = class_index(op, "start_index", start_index, self.own)
        self.end = None if end_index is None else class_index(op, "end_index", end_index, self.own)
        self.labels = _labels(op, labels, self.own, self.classes)
        self.temperature = positive(op, "temperature", temperature)
        self.capacity = capacity

    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> LanguageModelState:
        """After the start symbol."""
        start = kept(create.full(tuple(batch), self.start, dtype="int32", like=like))
        memory = None
        if self.capacity is not None:
            model: Any = self.model
            memory = model.initial_state(tuple(batch), like=start, capacity=self.capacity)
        return self._step(start, memory, like.dtype)

    def score(self, state: LanguageModelState) -> Tensor:
        """[batch..., classes]: log-probabilities of the next label."""
        if self.labels is None:
            return state.log_probs
        row = gather(state.log_probs, indices=self._own_labels(state.log_probs), axis=self.own)
        known = row.backend.convert([label >= 0 for label in self.labels], "bool", row.device)
        known = Tensor(known, (self.classes,), backend=row.backend)
        return where(known, row, -math.inf)

    def advance(self, state: LanguageModelState, labels: Tensor) -> LanguageModelState:
        """After one label more."""
        if self.labels is not None:
            labels = labels.labels_of(self.classes)
            labels = gather(self._own_labels(labels), indices=labels, axis=self.classes)
        return self._step(labels, state.memory, state.log_probs.dtype)

    def final(self, state: LanguageModelState) -> Tensor | None:
        """[batch...]: log-probability of the end symbol."""
        if self.end is None:
            return None
        return gather(state.log_probs, indices=self.end, axis=self.own)

    def _step(self, labels: Tensor, memory: Any, dtype: str) -> LanguageModelState:
        logits, memory = self._run(labels.labels_of(self.own), memory)
        align.check(type(self).__name__, logits, self.own, name="what the model gave")
        if self.temperature != 1.0:
            logits = logits / self.temperature
        log_probs = log_softmax(cast(logits, dtype), axis=self.own)

        def own(x: Tensor) -> Tensor:
            return _ragged(kept(x), labels)

        return LanguageModelState(kept(log_probs), nested_map(own, memory))

    def _run(self, labels: Tensor, memory: Any) -> tuple[Tensor, Any]:
        return self.model(labels, axis=None, state=memory)

    def _own_labels(self, like: Tensor) -> Tensor:
        """int32 [classes of the search]: labels of the model."""
        labels = [max(label, 0) for label in self.labels or ()]
        raw = like.backend.convert(labels, "int32", like.device)
        return Tensor(raw, (self.classes,), sparse_dim=self.own, backend=like.backend)


def _ragged(x: Tensor, labels: Tensor) -> Tensor:
    """A part of a state, ragged in what grows, as searches bring together hypotheses that have
    grown differently."""
    grows = [d for d in x.dims if d.size is None and d not in labels.dims and not x.is_ragged(d)]
    if not grows:
        return x
    backend, device = x.backend, x.device
    none = backend.full([labels.size(dim) for dim in labels.dims], 0, "int32", device)
    entries: dict[Dim, Entry] = {}
    for dim in grows:
        size = backend.convert(x.size(dim), "int32", device)
        entries[dim] = Entry(backend.binary("add", none, size), labels.dims)
    return x.with_lengths(x.lengths_table.with_entries(entries))


def class_index(op: str, name: str, index: object, classes: Dim) -> int:
    """An index of a class, from 0; negative ones count from the end."""
    size = classes.size
    if size is None:
        raise errors.size_unknown(op, classes)
    if type(index) is not int or not -size <= index < size:
        needed, fix = f"an int in {-size} .. {size - 1}", "negative counts from the end."
        raise errors.bad_argument(op, name, index, needed, fix)
    return index % size


def positive(op: str, name: str, value: float) -> float:
    """A number above 0."""
    if not value > 0:
        raise errors.bad_argument(op, name, value, "above 0", "1.0 changes nothing.")
    return value


def _classes(op: str, model: object, classes: Dim | None) -> Dim:
    for part in ("output", "projection"):
        layer = getattr(model, part, None)
        if classes is None and isinstance(layer, Linear):
            return layer.out_dim
    if not isinstance(classes, Dim):
        needed = "a Dim, as the model does not tell what it gives"
        raise errors.bad_argument(op, "classes", classes, needed, "classes=vocab.")
    return classes


def _labels(op: str, labels: Sequence[int] | None, own: Dim, classes: Dim) -> list[int] | None:
    if labels is None and classes is own:
        return None
    found = list(() if labels is None else labels)
    known = all(isinstance(label, int) and -1 <= label < (own.size or 0) for label in found)  # pyright: ignore[reportUnnecessaryIsInstance]
    if not known or len(found) != classes.size:
        needed = f"a label of {own!r}, or -1, for each class of {classes!r}"
        fix = "labels[i] is what the model calls class i of the search."
        raise errors.bad_argument(op, "labels", labels, needed, fix)
    return found
