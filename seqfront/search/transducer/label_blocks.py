"""Greedy search by label looping outside of graphs: frames in blocks, only where they are needed.

As in `label_looping`, each round gives every sequence its next label and runs the
prediction network once. But the joiner reads a block of frames at once, of those sequences only
that still look for their label: until a sequence has one, the joiner's input does not depend on
what it finds. Most frames are blank, and a matrix product of a few rows takes as long as one of a
single row, so what lies in a block behind a label, and was read in vain, costs less than calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqfront.backend import product
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry
from seqfront.ops.create import zeros
from seqfront.ops.nested import nested_where
from seqfront.search.transducer.emission import Choice, Emission
from seqfront.search.transducer.greedy_state import Emitted, GreedyState
from seqfront.search.transducer.walk import Walk
from seqfront.tensor import Tensor

_ROWS = Dim("rows")
"""Sequences that look for a label."""
_BLOCK = Dim("block")
"""Frames of each that are read at once."""
BLOCK_ROWS = 32
"""Frames that the joiner reads at once, of all sequences together; of each, at least one."""


class Blocks:
    """Label looping over one part of the frames; arguments as for `Loops`."""

    def __init__(
        self,
        emission: Emission,
        encoded: Tensor,
        *,
        axis: Dim,
        batch: Sequence[Dim],
        label: Dim,
        max_symbols: int,
    ) -> None:
        self.emission = emission
        self.divisor = emission.divisor(like=encoded)
        self.batch = tuple(batch)
        self.label = label
        self.max_symbols = max_symbols
        self.backend = encoded.backend
        self.shape = [int(encoded.size(dim)) for dim in batch]
        self.count = int(product(self.shape))
        self.extent = int(encoded.size(axis))
        none = zeros(self.batch, dtype="int32", like=encoded)
        self.lengths = self._rows(none + encoded.lengths(axis)).astype(np.int64)
        in_dim = emission.transducer.in_dim
        raw = encoded.raw_in((*batch, axis, in_dim))
        self.frames = self.backend.reshape(raw, (self.count * self.extent, encoded.size(in_dim)))

    def run(self, state: GreedyState) -> Emitted:
        """The labels, and where the frames lead."""
        transducer, prediction = self.emission.transducer, state.prediction
        at, score = self._rows(state.skip), self._rows(state.score)
        walk = Walk(at, score, self.lengths, self.max_symbols)
        while walk.goes_on():
            walk.start_label()
            features = self._flat(prediction.features)
            while (rows := walk.searching()).size:
                self._read(walk, rows, features)
            if walk.found.any():
                walk.keep_label()
                label = np.where(walk.found, walk.label, transducer.blank)
                after = transducer.advance(prediction, self._tensor(label, "int32"))
                prediction = nested_where(self._tensor(walk.found, "bool"), after, prediction)
        labels, log_probs, starts, ends = self._columns(walk, state.score.dtype)
        score = self._tensor(walk.score, state.score.dtype)
        at = self._tensor(walk.at, "int32")
        return Emitted(labels, log_probs, starts, ends, score, at, prediction)

    def _read(self, walk: Walk, rows: Any, features: Tensor) -> None:
        """One block of frames."""
        at = walk.frames_of(rows, max(1, BLOCK_ROWS // rows.size))
        index = self.backend.convert(rows[:, None] * self.extent + at, "int64", self.device)
        raw = self.backend.gather(self.frames, index, 0)
        dims = (_ROWS, _BLOCK, self.emission.transducer.in_dim)
        block = Tensor(raw, dims, backend=self.backend)
        which = self.backend.convert(rows, "int64", self.device)
        own = self.backend.gather(features.raw, which, 0)
        after = Tensor(own, features.dims, backend=self.backend)
        choice = self.emission(block, after, self.divisor)
        walk.go(rows, Choice(*[x.numpy(_ROWS, _BLOCK) for x in choice]))

    @property
    def device(self) -> str:
        """Where the frames are."""
        return self.backend.device(self.frames)

    def _flat(self, features: Tensor) -> Tensor:
        """[rows, ...] of [batch..., ...]."""
        rest = tuple([dim for dim in features.dims if dim not in self.batch])
        raw = features.raw_in((*self.batch, *rest))
        sizes = [features.size(dim) for dim in rest]
        raw = self.backend.reshape(raw, (self.count, *sizes))
        return Tensor(raw, (_ROWS, *rest), backend=self.backend)

    def _tensor(self, values: Any, dtype: str) -> Tensor:
        """[batch...] of values by row."""
        raw = self.backend.convert(values.reshape(self.shape), dtype, self.device)
        return Tensor(raw, self.batch, backend=self.backend)

    def _rows(self, x: Tensor) -> Any:
        """NumPy [rows] of [batch...]."""
        return x.numpy(*self.batch).reshape(-1)

    def _columns(self, walk: Walk, dtype: str) -> list[Tensor]:
        """Labels, log-probs, starts and ends, ragged."""
        labels, log_probs, starts, ends, lengths = walk.columns()
        own = self._tensor(lengths, "int32")
        table = FULL.with_entries({self.label: Entry(own.raw, self.batch)})
        found: list[Tensor] = []
        kinds = ((labels, "int32"), (log_probs, dtype), (starts, "int32"), (ends, "int32"))
        for values, kind in kinds:
            shaped = values.reshape(*self.shape, values.shape[-1])
            raw = self.backend.convert(shaped, kind, self.device)
            found.append(Tensor(raw, (*self.batch, self.label), table, backend=self.backend))
        found[0] = found[0].labels_of(self.emission.transducer.classes)
        return found
