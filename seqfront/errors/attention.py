"""Messages of attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfront.errors.base import DimError

if TYPE_CHECKING:
    from seqfront.dim import Dim
    from seqfront.tensor import Tensor


def shared_key_axis(query: Tensor, axis: Dim) -> DimError:
    """Queries and keys along one dim."""
    return DimError(
        f"dot_attention: the query has the dim of the keys, {axis!r}.",
        [("query", query), ("axis", repr(axis))],
        "keys need a dim of their own: key_time = time.clone('key_time'), "
        "and then key.rename(time, key_time).",
    )


def foreign_bias(energy: Tensor, bias: Tensor) -> DimError:
    """A bias over dims that no pair of query and key has."""
    return DimError(
        "dot_attention: the bias has a dim that neither query nor key has.",
        [("bias", bias), ("query . key", energy)],
        "the bias runs over dims of queries and keys, without their features.",
    )


def unexpected_source(source: Tensor) -> DimError:
    """A source for a decoder without attention to one."""
    return DimError(
        "TransformerDecoder: there is a source, but none was meant.",
        [("source", source)],
        "make the decoder with source_dim=, the features of the source.",
    )


def missing_source(x: Tensor) -> DimError:
    """A decoder made for a source, without one."""
    return DimError(
        "TransformerDecoder: there is no source to attend to.",
        [("x", x)],
        "source=decoder.project(encoded, time); or make the decoder without a source_dim.",
    )


def room_exceeded(op: str, place: Dim, count: int) -> DimError:
    """More positions than a state was made for."""
    return DimError(
        f"{op}: the state has no room for so many positions.",
        [("capacity", repr(place)), ("needed", count)],
        "give initial_state a larger capacity, or none: the state grows then.",
    )


def heads_do_not_divide(layer: str, dim: Dim, heads: int) -> DimError:
    """Features that heads cannot share equally."""
    return DimError(
        f"{layer}: {heads} heads do not divide {dim.size} features.",
        [("dim", repr(dim)), ("heads", heads)],
        "heads cut the features into equal parts.",
    )


def chunk_too_long(x: Tensor, axis: Dim, size: int, segment: int, right: int) -> DimError:
    """More frames at once than a segment and what lies ahead of it."""
    return DimError(
        f"Emformer.stream: the chunk has {size} frames, of which a segment and what lies ahead "
        f"are {segment + right}.",
        [("x", x), ("axis", repr(axis)), ("segment", segment), ("right", right)],
        f"give {segment + right} frames, and go on from {segment} frames later; "
        "or encoder(x, axis=...) for all at once.",
    )


def not_a_multiple(op: str, name: str, value: object, stride: int) -> DimError:
    """Frames that time reduction would cut in two."""
    return DimError(
        f"{op}: {name} is {value}, no multiple of the stride {stride}.",
        [(name, value), ("stride", stride)],
        f"time reduction makes one frame of {stride}: give a multiple of {stride}.",
    )


def no_streaming(transcriber: str) -> DimError:
    """A transcription network that sees whole utterances only."""
    return DimError(
        f"RNNT.transcribe_streaming: a {transcriber} does not stream.",
        [("transcriber", transcriber)],
        "use an EmformerTranscriber, or model.transcribe for whole utterances.",
    )
