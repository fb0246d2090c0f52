"""Greedy transducer search: the best label at every step, for a whole batch at once.

Frame by frame, every sequence emits labels until the blank is best or it has emitted `max_symbols`.
Sequences that emit nothing at a step keep their state, so that each gets what it gets alone. Frames
may come in parts: the state after one part is where the next goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.nn.recurrent import LSTMState
from seqfront.nn.stateful import kept
from seqfront.ops import create, elementwise
from seqfront.ops.index import gather
from seqfront.ops.nested import nested_map, nested_where
from seqfront.ops.reduce import argmax
from seqfront.tensor import Tensor


class PredictionNetwork(Protocol):
    """What the search needs of a prediction network."""

    def __call__(
        self, labels: Tensor, *, axis: Dim | None, state: LSTMState | None = None
    ) -> tuple[Tensor, LSTMState]:
        """One step (`axis=None`): features after `labels`, and the new state."""
        ...


class GreedyState(NamedTuple):
    """Where the search is, after the labels so far."""

    predicted: Tensor
    """What the prediction network gives after the last label: [batch, features]."""
    prediction: Any
    """State of the prediction network."""


class Transcript(NamedTuple):
    """What was recognised."""

    labels: Tensor
    """Over [batch, label]; ragged."""
    frames: Tensor
    """The frame of `encoded` at which each label was emitted, over the same dims."""
    label_dim: Dim
    """Positions of the labels."""
    state: GreedyState
    """To go on from, when more frames come."""


def greedy_transducer(
    encoded: Tensor,
    *,
    axis: Dim,
    predict: PredictionNetwork,
    join: Callable[[Tensor, Tensor], Tensor],
    classes: Dim,
    blank_index: int,
    max_symbols: int = 4,
    state: GreedyState | None = None,
) -> Transcript:
    """Transcribe a batch greedily. Eager only.

    Args:
        encoded: [batch, axis, features]; ragged.
        axis: The frames.
        predict: The prediction network; the blank starts it.
        join: From one frame and one prediction to logits over the classes.
        classes: Labels and the blank.
        blank_index: Class of the blank, which also is the start symbol.
        max_symbols: Most labels at one frame.
        state: That of the transcript of the frames before; default: there were none.

    Returns:
        New labels and their frames, as tensors of the same backend, and the state to go on from.
    """
    align.check("greedy_transducer", encoded, axis, name="encoded")
    batch = next((dim for dim in encoded.dims if dim in encoded.lengths(axis).dims), None)
    if batch is None:
        raise errors.needs_lengths("greedy_transducer", encoded, axis)
    count, frames = int(encoded.size(batch)), int(encoded.size(axis))
    lengths = encoded.lengths(axis)
    labels = create.full((batch,), blank_index, dtype="int32", like=encoded).labels_of(classes)
    predicted, memory = state or predict(labels, axis=None)
    found: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for frame in range(frames):
        at_frame = gather(encoded, indices=frame, axis=axis)
        active = lengths > frame
        for _ in range(max_symbols):
            best = argmax(join(at_frame, predicted), axis=classes)
            active = active & (best != blank_index)
            emitting = np.flatnonzero(active.numpy(batch))
            if emitting.size == 0:
                break
            values = best.numpy(batch)
            for row in emitting:
                found[row].append((int(values[row]), frame))
            labels = elementwise.where(active, best, labels).labels_of(classes)
            next_predicted, next_memory = predict(labels, axis=None, state=memory)
            predicted = elementwise.where(active, next_predicted, predicted)
            memory = nested_where(active, next_memory, memory)
    after = nested_map(kept, GreedyState(predicted, memory))  # lengths of these frames are past
    return _transcript(found, batch, classes, encoded, after)


def _transcript(
    found: list[list[tuple[int, int]]],
    batch: Dim,
    classes: Dim,
    like: Tensor,
    state: GreedyState,
) -> Transcript:
    lengths = np.array([len(row) for row in found], np.int32)
    table: Any = np.zeros((2, len(found), max([0, *lengths.tolist()])), np.int32)
    for row, pairs in enumerate(found):
        for position, pair in enumerate(pairs):
            table[:, row, position] = pair
    dim, backend = Dim("label"), like.backend
    raws = [backend.convert(part, "int32", like.device) for part in table]
    labels, frames = (create.wrap(raw, (batch, dim), {dim: lengths}) for raw in raws)
    return Transcript(labels.labels_of(classes), frames, dim, state)
