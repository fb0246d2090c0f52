"""Transcription networks of transducers: from frames of a signal to what they sound like."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.models.encoder.conformer import Conformer
from seqfront.models.encoder.emformer import Emformer
from seqfront.models.encoder.emformer_state import EmformerState
from seqfront.nn.linear import Linear
from seqfront.nn.module import Module
from seqfront.nn.norm import LayerNorm
from seqfront.ops.mask import masked
from seqfront.tensor import Tensor


def reduce_time(x: Tensor, *, axis: Dim, feature: Dim, stride: int, out_dim: Dim) -> Tensor:
    """Every `stride` frames as one, with the features of all of them one after another.

    Args:
        x: [..., axis, feature]; `axis` may be ragged. Frames at the end that are too few for
            another one are left out.
        axis: The dim of frames.
        feature: Features of a frame.
        stride: How many frames become one.
        out_dim: Their features, static: `feature * stride`, or as many.

    Returns:
        [..., axis // stride, out_dim].

    Example:
        >>> import seqfront as sf
        >>> time, mel, four = sf.Dim("time", 5), sf.Dim("mel", 2), sf.Dim("four", 4)
        >>> sf.models.reduce_time(
        ...     sf.ones((time, mel)), axis=time, feature=mel, stride=2, out_dim=four)
        float32[time//2:2, four:4] numpy:cpu
    """
    align.check("reduce_time", x, axis, feature)
    if out_dim.size is None or out_dim.size != (feature.size or 0) * stride:
        needed = f"a Dim of {(feature.size or 0) * stride}, {stride} frames of {feature!r}"
        fix = "out_dim=feature * stride."
        raise errors.bad_argument("reduce_time", "out_dim", out_dim, needed, fix)
    backend, x = x.backend, masked(x, 0.0)
    batch = tuple(dim for dim in x.dims if dim is not axis and dim is not feature)
    raw, at = x.raw_in((*batch, axis, feature)), len(batch)
    frames = backend.size(raw, at) // stride
    raw = backend.slice(raw, at, 0, frames * stride)
    raw = backend.reshape(raw, (*backend.shape(raw)[:at], frames, out_dim.size))
    dims = (*batch, axis // stride, out_dim)
    return Tensor(raw, dims, x.lengths_table, backend=backend)


class EmformerTranscriber(Module):
    """A map of each frame, time reduction, an Emformer, and a map to the joint network, normalised.

    Args:
        in_dim: Features of the input; static.
        out_dim: Features of the result: those of the joint network; static.
        frame_dim: Features of a frame before the time reduction; static.
        stride: How many frames become one.
        encoder: An Emformer of `frame_dim * stride` features. Its segments and contexts count
            reduced frames.
    """

    def __init__(
        self, in_dim: Dim, out_dim: Dim, *, frame_dim: Dim, stride: int, encoder: Emformer
    ) -> None:
        self.stride = stride
        self.input = Linear(in_dim, frame_dim, bias=False)
        self.encoder = encoder
        self.output = Linear(encoder.dim, out_dim)
        self.norm = LayerNorm(out_dim)
        self.chunk = Dim("chunk", (encoder.chunk.size or 0) * stride)

    def __call__(self, x: Tensor, *, axis: Dim, context: int = 0) -> Tensor:
        """Whole utterances at once.

        Args:
            x: [batch..., axis, in_dim]; `axis` may be ragged.
            axis: The dim of frames.
            context: So many frames at the end are only looked ahead at; a multiple of the stride.

        Returns:
            [batch..., axis // stride - context // stride, out_dim].
        """
        reduced = self._reduced(x, axis)
        context = self._context(context)
        return self._mapped(self.encoder(reduced, axis=axis // self.stride, context=context))

    def initial_state(self, batch: Sequence[Dim] = (), *, like: Tensor) -> EmformerState:
        """The state before the first chunk, as that of `Emformer`."""
        return self.encoder.initial_state(batch, like=like)

    def stream(
        self, x: Tensor, state: EmformerState | None = None, *, axis: Dim, context: int = 0
    ) -> tuple[Tensor, EmformerState]:
        """The next chunk of each stream: `stride` times as many frames as `Emformer.stream` takes,
        of which all else is true.

        Returns:
            [batch..., encoder.segment, out_dim], and the state to go on from.
        """
        size = (
            x.backend.static_shape(x.raw)[x.axis(axis)] if axis in getattr(x, "dims", ()) else None
        )
        if size is not None and size > (self.chunk.size or 0):
            segment, right = (self.encoder.segment.size or 0), self.encoder.right
            raise errors.chunk_too_long(x, axis, size, segment * self.stride, right * self.stride)
        y, state = self.encoder.stream(
            self._reduced(x, axis), state, axis=axis // self.stride, context=self._context(context)
        )
        return self._mapped(y), state

    def _reduced(self, x: Tensor, axis: Dim) -> Tensor:
        y = self.input(x)
        return reduce_time(
            y, axis=axis, feature=self.input.out_dim, stride=self.stride, out_dim=self.encoder.dim
        )

    def _mapped(self, x: Tensor) -> Tensor:
        return self.norm(self.output(x))

    def _context(self, context: int) -> int:
        if type(context) is not int or context % self.stride:
            raise errors.not_a_multiple("EmformerTranscriber", "context", context, self.stride)
        return context // self.stride


class ConformerTranscriber(Module):
    """Time reduction, a map of each frame, a Conformer, and a map to the joint network, normalised.

    Args:
        in_dim: Features of the input; static.
        out_dim: Features of the result: those of the joint network; static.
        stride: How many frames become one.
        encoder: A Conformer.
        encoder_dim: Its features.
    """

    def __init__(
        self, in_dim: Dim, out_dim: Dim, *, stride: int, encoder: Conformer, encoder_dim: Dim
    ) -> None:
        self.stride = stride
        self.input = Linear(in_dim * stride, encoder_dim)
        self.encoder = encoder
        self.output = Linear(encoder_dim, out_dim)
        self.norm = LayerNorm(out_dim)
        self.in_dim = in_dim

    def __call__(self, x: Tensor, *, axis: Dim) -> Tensor:
        """[batch..., axis, in_dim] -> [batch..., axis // stride, out_dim]."""
        joined = self.input.in_dim
        x = reduce_time(x, axis=axis, feature=self.in_dim, stride=self.stride, out_dim=joined)
        return self.norm(self.output(self.encoder(self.input(x), axis=axis // self.stride)))
