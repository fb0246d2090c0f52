"""An encoder for streams, and reading with it chunk by chunk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import seqfront as sf
from seqfront import backends
from seqfront.nn.conv import ConvState
from seqfront.recipes.transducer import StreamState, Transducer


class EncoderState(NamedTuple):
    """The past of streams."""

    convolutions: tuple[ConvState, ConvState]
    emformer: sf.models.EmformerState


class StreamingEncoder(sf.nn.Module):
    """Two causal convolutions, which know the order of frames, and a small Emformer.

    Args:
        in_dim: Features of a frame.
        out_dim: Features of the result.
        stride: How many frames become one.
        segment: Frames of a segment, after that.
        right: Frames ahead of a segment, after that.
        left: Frames before it.
        layers: Of the Emformer.
        width: Its features.
    """

    def __init__(
        self,
        in_dim: sf.Dim,
        out_dim: sf.Dim,
        *,
        stride: int,
        segment: int,
        right: int,
        left: int,
        layers: int = 2,
        width: int = 128,
    ) -> None:
        low, high = sf.Dim("low", width // 2), sf.Dim("high", width)
        self.conv1 = sf.nn.Conv1d(in_dim, low, 5, padding="causal")
        self.conv2 = sf.nn.Conv1d(low, high, 5, padding="causal")
        self.norm = sf.nn.LayerNorm(high)
        encoder = sf.models.Emformer(
            sf.Dim("encoded", width),
            layers=layers,
            heads=4,
            inner=sf.Dim("inner", 2 * width),
            segment=segment,
            left=left,
            right=right,
            dropout=0.1,
        )
        self.transcriber = sf.models.EmformerTranscriber(
            high,
            out_dim,
            frame_dim=sf.Dim("frame", width // stride),
            stride=stride,
            encoder=encoder,
        )
        self.segment = encoder.segment
        self.chunk = self.transcriber.chunk
        self.hop = segment * stride

    def __call__(self, x: sf.Tensor, *, axis: sf.Dim) -> tuple[sf.Tensor, sf.Dim]:
        """[batch, axis, features] -> [batch, axis // stride, out], and the dim of its frames."""
        x = sf.relu(self.conv1(x, axis=axis))
        x = self.norm(sf.relu(self.conv2(x, axis=axis)))
        return self.transcriber(x, axis=axis), axis // self.transcriber.stride

    def stream(
        self, x: sf.Tensor, state: EncoderState | None = None, *, axis: sf.Dim
    ) -> tuple[sf.Tensor, EncoderState]:
        """The next chunk: a segment, and the frames ahead of it, which come again in the next.

        The convolutions see both; they go on from the state at the end of the segment.
        """
        batch = tuple(dim for dim in x.dims if dim not in (axis, self.conv1.in_dim))
        first, second = state.convolutions if state else (None, None)
        first = first or self.conv1.initial_state(batch, like=x)
        y, _ = self.conv1(x, axis=axis, state=first)
        y = sf.relu(y)
        second = second or self.conv2.initial_state(batch, like=y)
        z, _ = self.conv2(y, axis=axis, state=second)
        encoded, after = self.transcriber.stream(
            self.norm(sf.relu(z)), state and state.emformer, axis=axis
        )
        past = (self._past(self.conv1, x, axis, first), self._past(self.conv2, y, axis, second))
        return encoded, EncoderState(past, after)

    def _past(self, conv: sf.nn.Conv1d, x: sf.Tensor, axis: sf.Dim, state: ConvState) -> ConvState:
        """The state of a convolution after the segment, without what lies ahead."""
        segment = sf.slice(x, axis=axis, end=self.hop)
        return conv(segment, axis=axis.slice(0, self.hop), state=state)[1]


def chunks(encoder: StreamingEncoder, frames: Any, counts: Any) -> Iterator[tuple[Any, Any]]:
    """Cut streams into chunks: pairs of float32 [stream, chunk, feature] and the frames there are.

    Args:
        encoder: Says how long they are, and how far apart they start.
        frames: NumPy [stream, frame, feature].
        counts: NumPy [stream]: how many frames there are.
    """
    size = encoder.chunk.size or 0
    for start in range(0, int(np.max(counts)), encoder.hop):
        part = frames[:, start : start + size]
        part = np.pad(part, [(0, 0), (0, size - part.shape[1]), (0, 0)])
        there: Any = np.minimum(np.maximum(counts - start, 0), size)
        yield part, there.astype(np.int32)


class StreamReading(NamedTuple):
    """What came of reading streams chunk by chunk."""

    labels: list[list[int]]
    """Of each stream."""
    seconds: list[float]
    """That each chunk took."""


def read_streams(
    model: Transducer, backend: str, frames: Any, counts: Any, *, batch: sf.Dim, feature: sf.Dim
) -> StreamReading:
    """Read streams side by side, chunk by chunk, from NumPy arrays as `chunks` takes them."""
    convert = backends.get(backend).convert
    labels: list[list[int]] = [[] for _ in counts]
    seconds: list[float] = []
    chunk = model.encoder.chunk
    state: StreamState | None = None
    for part, there in chunks(model.encoder, frames, counts):
        started = time.perf_counter()
        x = sf.wrap(convert(part), (batch, chunk, feature), {chunk: convert(there)})
        found, state = model.read_chunk(x, state, axis=chunk)
        rows = labels_of(found, batch)
        seconds.append(time.perf_counter() - started)
        for row, new in zip(labels, rows, strict=True):
            row.extend(new)
    return StreamReading(labels, seconds)


def labels_of(transcript: sf.search.Transcript, batch: sf.Dim) -> list[list[int]]:
    """The labels of each sequence, as plain lists."""
    values = transcript.labels.numpy(batch, transcript.label_dim)
    counts = transcript.labels.lengths(transcript.label_dim).numpy()
    return [[int(label) for label in row[:n]] for row, n in zip(values, counts, strict=True)]
