"""`seqfront.Tensor` as argument and result of `tf.function`.

A Tensor speaks the protocol of `tf.nest`, so TensorFlow takes it apart into its raw tensor and its
lengths, with the dims as the static rest. For one trace from the first call on, say what comes:

    x = seqfront_tensorflow.spec((batch, time, mel), lengths={time: (batch,)})

    @tf.function(input_signature=[x])
    def encode(x): ...

What a trace depends on is the type of a Tensor: its dims, its sparse dim, and which lengths it has.
Without a signature, a second shape is traced anew with open sizes, and serves all others. A trace
for Tensors from outside, which may have NaN in their padding, also serves results of operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from seqfront import backends, dtypes
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry, Lengths
from seqfront.tensor import Tensor


def spec(
    dims: Sequence[Dim],
    dtype: str = "float32",
    lengths: Mapping[Dim, Sequence[Dim]] | None = None,
    *,
    sparse_dim: Dim | None = None,
) -> Tensor:
    """What `sf.wrap` gives, with `tf.TensorSpec`s in place of tensors, for `input_signature`.

    Args:
        dims: Dims in the order of the axes; dynamic ones may have any size.
        dtype: Dtype of the values.
        lengths: For each ragged dim, the dims that its lengths are over.
        sparse_dim: The dim that integer values are indices into.

    Returns:
        A Tensor that no operation takes.
    """
    dtypes.check(dtype, "spec")
    table = FULL
    if lengths:
        table = Lengths(
            {dim: Entry(_spec(over, "int32"), tuple(over)) for dim, over in lengths.items()}
        )
    backend = backends.get("tensorflow")
    untrusted = bool(lengths) and dtypes.is_float(dtype)
    raw = _spec(dims, dtype)
    return Tensor(raw, tuple(dims), table, sparse_dim, backend=backend, untrusted=untrusted)


def _spec(dims: Sequence[Dim], dtype: str) -> tf.TensorSpec:
    return tf.TensorSpec([dim.size for dim in dims], tf.as_dtype(dtype))


class TensorType(tf.types.experimental.TraceType):
    """Type of a Tensor in a trace: its static part, and the types of its raw tensors."""

    def __init__(self, static: Any, parts: Sequence[tf.types.experimental.TraceType]) -> None:
        self.backend, self.dims, self.sparse_dim, self.untrusted, self.over = static
        self.parts = tuple(parts)

    @property
    def static(self) -> Any:
        """As `Tensor.__tf_flatten__` gives it."""
        return self.backend, self.dims, self.sparse_dim, self.untrusted, self.over

    def _alike(self, other: object) -> bool:
        """Whether they differ in sizes at most, and in what the padding may hold."""
        if not isinstance(other, TensorType):
            return False
        mine, theirs = ((t.dims, t.sparse_dim, t.over) for t in (self, other))
        return mine == theirs

    def is_subtype_of(self, other: tf.types.experimental.TraceType) -> bool:
        """Whether a trace for `other` serves this."""
        return (
            isinstance(other, TensorType)
            and self._alike(other)
            and (other.untrusted or not self.untrusted)
            and all(a.is_subtype_of(b) for a, b in zip(self.parts, other.parts, strict=True))
        )

    def most_specific_common_supertype(self, others: Sequence[Any]) -> TensorType | None:
        """The type of a trace that serves all; None if there is none."""
        if not all(map(self._alike, others)):
            return None
        parts = [
            part.most_specific_common_supertype(rest)
            for part, *rest in zip(self.parts, *(t.parts for t in others), strict=True)
        ]
        if None in parts:
            return None
        untrusted = any(t.untrusted for t in (self, *others))
        return TensorType((self.backend, self.dims, self.sparse_dim, untrusted, self.over), parts)

    def placeholder_value(self, placeholder_context: Any) -> Tensor:
        """The Tensor that the traced function gets."""
        return self._tensor([part.placeholder_value(placeholder_context) for part in self.parts])

    def to_tensors(self, value: Tensor) -> list[tf.Tensor]:
        """The raw tensors of a value."""
        raws = zip(self.parts, value.__tf_flatten__()[1], strict=True)
        return [tensor for part, raw in raws for tensor in part.to_tensors(raw)]

    def from_tensors(self, tensors: Iterator[tf.Tensor]) -> Tensor:
        """The Tensor of raw tensors."""
        return self._tensor([part.from_tensors(tensors) for part in self.parts])

    def flatten(self) -> list[tf.types.experimental.TraceType]:
        """Types of all raw tensors."""
        return [leaf for part in self.parts for leaf in part.flatten()]

    def cast(self, value: Tensor, cast_context: Any) -> Tensor:
        """A value as one of this type; ValueError or TypeError if it is none."""
        if not isinstance(value, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{value!r} is no seqfront.Tensor.")
        static, raws = value.__tf_flatten__()
        if not self._alike(TensorType(static, self.parts)) or (static[3] and not self.untrusted):
            raise ValueError(f"{value!r} is not of the type {self!r}.")
        return self._tensor(
            [part.cast(raw, cast_context) for part, raw in zip(self.parts, raws, strict=True)]
        )

    def _tensor(self, raws: Sequence[Any]) -> Tensor:
        return Tensor.__tf_unflatten__(self.static, tuple(raws))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TensorType)
            and self.static == other.static
            and self.parts == other.parts
        )

    def __hash__(self) -> int:
        return hash((self.dims, self.sparse_dim, self.untrusted, self.over, self.parts))

    def __repr__(self) -> str:
        return f"Tensor over {list(self.dims)} of {list(self.parts)}"


def register() -> None:
    """Teach `seqfront.Tensor` the tracing protocol of `tf.function`."""
    setattr(Tensor, "__tf_tracing_type__", _tracing_type)  # noqa: B010  (the class knows no TF)


def _tracing_type(x: Tensor, context: Any) -> TensorType:
    static, raws = x.__tf_flatten__()
    return TensorType(
        static,
        [
            raw
            if isinstance(raw, tf.types.experimental.TraceType)
            else raw.__tf_tracing_type__(context)
            for raw in raws
        ],
    )
