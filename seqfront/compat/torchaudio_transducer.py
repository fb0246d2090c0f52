"""A transducer with torchaudio's methods, as its search uses it: one utterance, plain lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from seqfront import errors
from seqfront.backend import Backend, Raw
from seqfront.compat.torchaudio_models import RNNT
from seqfront.models.decoder.joiner import Joiner
from seqfront.search.transducer.array_models import ArrayJoiner, array_prediction
from seqfront.search.transducer.best_labels import (
    BestLabels,
    best_labels,
    has_native,
    joiner_weights,
)
from seqfront.search.transducer.calls import Calls
from seqfront.search.transducer.lookahead import Looks
from seqfront.search.transducer.panels import Panels
from seqfront.search.transducer.prefix_tree import Node, Predicted, rows_of


class Transducer:
    """The model, with the frames of one utterance.

    Args:
        model: What has `predict` and `join`.
        backend: Of the frames.
        encoded: What `transcribe` gave: [1, frames, joint].
        blank: Negative: from the end.
        temperature: Divides the logits.
        count: How many labels are looked for.
        calls: To count in.
        panels: Where weights are kept.
    """

    def __init__(
        self,
        model: Any,
        backend: Backend,
        encoded: Raw,
        blank: int,
        temperature: float,
        count: int,
        calls: Calls,
        panels: Panels,
    ) -> None:
        self.model = model
        self.backend = backend
        self.temperature = temperature
        self.count = count
        self.calls = calls
        self._frames = backend.squeeze(encoded, (0,))
        self._device = backend.device(encoded)
        self.blank = self._checked(blank)
        self._joiner = self._own_joiner(panels)
        self._predictor = None
        if self._joiner is not None:
            self._predictor = array_prediction(model.model.predictor, backend, panels)
        self._structure: list[int] = []

    # -- labels to features -----------------------------------------------------------------------

    def predict(self, wanted: Sequence[tuple[Node, Node | None]]) -> None:
        """Ask the prediction network about label sequences, each after its parent; or about the
        start, after None."""
        parents = [parent for _, parent in wanted if parent is not None]
        labels = [node.label if parent else self.blank for node, parent in wanted]
        if parents and self._predictor is not None:
            memories = [node.known.memory[:, node.row] for node in parents]
            known = Predicted(None, *self._predictor(labels, memories))
        else:
            known = self._asked_predictor(labels, parents)
        for row, (node, _) in enumerate(wanted):
            node.known, node.row = known, row
        self.calls.count_predictor(len(wanted))

    def _asked_predictor(self, labels: Sequence[int], parents: Sequence[Node]) -> Predicted:
        backend = self.backend
        targets = backend.convert(np.array(labels, np.int32)[:, None], None, self._device)
        state = self._nested(rows_of(backend, parents)[1:]) if parents else None
        features, _, after = self.model.predict(targets, self._ones(len(labels)), state)
        return self.known(backend.squeeze(features, (1,)), after)

    def known(self, features: Raw, state: Sequence[Sequence[Raw]]) -> Predicted:
        """Of label sequences: features [sequences, joint], and the state, by layer."""
        self._structure = [len(layer) for layer in state]
        parts = (features, *[part for layer in state for part in layer])
        arrays: list[Any] = [None, None]
        if self._joiner is not None:
            arrays[0] = self.backend.to_numpy(features)
        if self._predictor is not None:
            arrays[1] = np.stack([self.backend.to_numpy(part) for part in parts[1:]])
        return Predicted(parts, *arrays)

    def features(self, known: Predicted, row: int) -> Raw:
        """Of one label sequence: [1, joint]."""
        if known.rows is None:  # all at once: calls of a framework take longer than these copies
            rows: Any = known.features
            rows = known.parts[0] if known.parts else self._converted(rows)
            sizes = [1] * (self.backend.static_shape(rows)[0] or 0)
            known.rows = self.backend.split(rows, sizes, 0)
        return known.rows[row]

    def state(self, known: Predicted, row: int) -> list[list[Raw]]:
        """The state after one label sequence, by layer: each part [1, ...]."""
        if known.parts is None:
            return self._nested([self._converted(x[row : row + 1]) for x in known.memory])
        return self._nested([self.backend.slice(x, 0, row, row + 1) for x in known.parts[1:]])

    def _converted(self, array: Any) -> Raw:
        """A copy, so that users may write into it."""
        return self.backend.convert(array.copy(), None, self._device)

    def _nested(self, parts: Sequence[Raw]) -> list[list[Raw]]:
        rest = iter(parts)
        return [[next(rest) for _ in range(count)] for count in self._structure]

    def _ones(self, count: int) -> Raw:
        return self.backend.full((count,), 1, "int32", self._device)

    # -- what comes next --------------------------------------------------------------------------

    def looks(self, frames: Sequence[int], nodes: Sequence[Node], places: Sequence[int]) -> Looks:
        """After the label sequences nodes[places] at these frames."""
        self.calls.count_joiner(len(frames))
        ask = self._asked if self._joiner is None else self._fused
        blank, log_probs, labels = ask(frames, nodes, places)
        flat = log_probs.reshape(-1).tolist(), labels.reshape(-1).tolist()
        return Looks(blank.tolist(), *flat, log_probs.shape[1])

    def _fused(
        self, frames: Sequence[int], nodes: Sequence[Node], places: Sequence[int]
    ) -> BestLabels:
        joiner = cast("ArrayJoiner", self._joiner)
        features = [node.known.features[node.row] for node in nodes]
        return BestLabels(*joiner(frames, features, places))

    def _asked(
        self, frames: Sequence[int], nodes: Sequence[Node], places: Sequence[int]
    ) -> BestLabels:
        backend = self.backend
        found = best_labels(backend, self._logits(frames, nodes, places), self.blank, self.count)
        return BestLabels(*map(backend.to_numpy, found))

    def _logits(self, frames: Sequence[int], nodes: Sequence[Node], places: Sequence[int]) -> Raw:
        """[pairs, classes]."""
        backend, ones = self.backend, self._ones(len(frames))

        def at(x: Raw, indices: Sequence[int]) -> Raw:
            where = backend.convert(np.array(indices, np.int32), None, self._device)
            return backend.expand_dims(backend.gather(x, where, 0), (1,))

        features = rows_of(backend, nodes)[0]
        logits, *_ = self.model.join(at(self._frames, frames), ones, at(features, places), ones)
        logits = backend.squeeze(logits, (1, 2))
        return logits if self.temperature == 1 else backend.binary("div", logits, self.temperature)

    def _own_joiner(self, panels: Panels) -> ArrayJoiner | None:
        """The joiner of seqfront's own transducers, if the native op can read it."""
        if not isinstance(self.model, RNNT):
            return None
        joiner: Any = self.model.model.joiner
        backend, frames = self.backend, self._frames
        if (
            not isinstance(joiner, Joiner)
            or not joiner.is_plain()
            or not has_native(backend, frames, self.count)
        ):
            return None
        tensors = [x for x in (frames, *joiner_weights(joiner)) if x is not None]
        if {(backend.dtype(x), backend.device(x)) for x in tensors} != {("float32", "cpu")}:
            return None
        return ArrayJoiner(
            joiner,
            backend,
            frames,
            panels,
            blank=self.blank,
            count=self.count,
            temperature=self.temperature,
        )

    def _checked(self, blank: int) -> int:
        classes = self._classes()
        if classes is None and blank >= 0:
            return blank
        if type(blank) is not int or classes is None or not -classes <= blank < classes:
            needed = f"an int in {-(classes or 0)} .. {(classes or 0) - 1}"
            fix = "negative counts from the end."
            raise errors.bad_argument("RNNTBeamSearch", "blank", blank, needed, fix)
        return blank % classes

    def _classes(self) -> int | None:
        """How many there are: found by asking the joiner, if need be."""
        if isinstance(self.model, RNNT):
            return self.model.model.joiner.output.out_dim.size
        return None
