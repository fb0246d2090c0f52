"""The state of a streaming Emformer: what every stream knows of its past.

Streams in one batch may be of any age: what is valid of a state follows from the age of its stream.
A state is never changed; every chunk gives a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.ops import elementwise
from seqfront.ops.nested import nested_concat, nested_gather, nested_map
from seqfront.tensor import Tensor


class EmformerLayerState(NamedTuple):
    """The past of one layer. The newest is last; what is older than the stream means nothing."""

    memory: Tensor
    """[batch..., memory, features]: memories of the segments before, as they came in."""
    past: Tensor
    """[batch..., past, key_value]: keys of the frames before, and beside them their values."""


class EmformerState(NamedTuple):
    """The past of streams, as `Emformer.stream` takes and gives it."""

    age: Tensor
    """int32 over [batch...]: frames so far."""
    layers: tuple[EmformerLayerState, ...]

    def select(self, indices: Tensor, *, axis: Dim) -> EmformerState:
        """Some of the streams, in any order, also several times.

        Args:
            indices: Integers over a dim (a new one, or `axis` itself): which stream.
            axis: The dim of the streams.
        """
        align.check("EmformerState.select", self.age, axis, name="age")
        return nested_gather(self, indices=indices, axis=axis)

    def reset(self, streams: Tensor) -> EmformerState:
        """Streams anew where `streams`, bool over [batch...], is true; the others go on."""
        align.check("EmformerState.reset", streams, name="streams")
        if streams.dtype != "bool":
            raise errors.wrong_dtype("EmformerState.reset", "streams", streams, "bool")

        def kept(x: Tensor) -> Tensor:
            return elementwise.where(streams, 0, x)

        return nested_map(kept, self)


def concat_states(states: Sequence[tuple[EmformerState, Dim]], *, out_dim: Dim) -> EmformerState:
    """The streams of several states in one batch.

    Args:
        states: Pairs of a state and the dim of its streams.
        out_dim: The dim of all streams; one of the others may serve.

    Raises:
        DimError: Other dims than those of the streams differ, as those of two models do.
    """
    if not states:
        raise errors.nothing_to_join("concat_states")
    return cast(EmformerState, nested_concat(*states, out_dim=out_dim))
