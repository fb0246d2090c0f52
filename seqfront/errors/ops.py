"""Messages of operations: shapes, indices, joins, gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqfront.errors.base import BackendError, DimError, DTypeError

if TYPE_CHECKING:
    from seqfront.dim import Dim
    from seqfront.tensor import Tensor


def size_unknown(op: str, dim: Dim) -> DimError:
    """A dynamic dim without data to take its size from."""
    return DimError(
        f"{op}: the size of {dim!r} is not known.",
        [(dim.name, f"dynamic, made at {dim.origin}")],
        f"give a tensor that has it, as in like=x; or a static size, Dim({dim.name!r}, 120).",
    )


def ragged_dim(op: str, x: Tensor, dim: Dim) -> DimError:
    """A ragged dim where padding would get between the data."""
    return DimError(
        f"{op}: {dim!r} is ragged, so padding would lie between the data.",
        [("x", x), ("lengths", x.lengths(dim))],
        "sf.mask_padding(x) and then x.with_lengths(seqfront.lengths.FULL), if that is meant.",
    )


def nothing_to_merge(x: Tensor) -> DimError:
    """No dim named."""
    return DimError("merge_dims: no dim is named.", [("x", x)], "name at least one dim of x.")


def cannot_split(x: Tensor, axis: Dim, into: Sequence[Dim]) -> DimError:
    """Sizes that do not multiply to the dim's."""
    return DimError(
        f"split_dim: {axis!r} cannot be split into {', '.join(map(repr, into))}.",
        [("x", x)],
        "the sizes have to multiply to that of the dim; one of them may be dynamic.",
    )


def cannot_part(x: Tensor, axis: Dim, parts: Sequence[Dim]) -> DimError:
    """Sizes that do not add up to the dim's."""
    return DimError(
        f"split: {axis!r} cannot be cut into ({', '.join(map(repr, parts))}).",
        [("x", x), ("ragged", "yes" if x.is_ragged(axis) else "no")],
        "sizes add up to that of the dim; one part may be dynamic, of a ragged dim one has to be.",
    )


def nothing_to_join(op: str) -> DimError:
    """No tensor given."""
    return DimError(f"{op}: no tensor is given.", fix="give at least one.")


def no_such_result(op: str, xs: Sequence[Tensor], dim: Dim) -> DimError:
    """A dim of the result that no operand has."""
    return DimError(
        f"{op}: no tensor has {dim!r}, a dim of the result.",
        [*((f"{number}", x) for number, x in enumerate(xs, 1)), ("made at", dim.origin)],
        "sf.expand_dim repeats a tensor along a new dim.",
    )


def bad_argument(op: str, name: str, value: object, needed: str, fix: str) -> DimError:
    """An argument that is none of what it can be."""
    text = " ".join(repr(value).split())
    return DimError(
        f"{op}: {name} cannot be {text if len(text) <= 60 else type(value).__name__}.",
        [("needed", needed)],
        fix,
    )


def kernel_misfit(x: Tensor, kernel: Tensor, in_dim: Dim, groups: int) -> DimError:
    """A kernel for another number of features."""
    return DimError(
        "conv: the features of the kernel do not fit those of x.",
        [("x", x), ("kernel", kernel), ("in_dim", repr(in_dim)), ("groups", groups)],
        "the kernel has in_dim / groups input features, and groups divides both features.",
    )


def negative_padding(x: Tensor, axis: Dim, left: object, right: object) -> DimError:
    """Fewer than no positions to add."""
    return DimError(
        f"pad: {axis!r} can be padded by whole numbers of positions only, of at least 0.",
        [("x", x), ("left", repr(left)), ("right", repr(right))],
        "give left and right as ints of at least 0.",
    )


def foreign_labels(op: str, indices: Tensor, axis: Dim) -> DimError:
    """Labels of one dim used on another."""
    return DimError(
        f"{op}: the indices are labels of {indices.sparse_dim!r}, not of {axis!r}.",
        [("indices", indices), ("axis", f"{axis!r} made at {axis.origin}")],
        "if they mean the same, say so: indices.labels_of(axis).",
    )


def no_labels(op: str, x: Tensor) -> DimError:
    """Plain integers where labels are needed."""
    return DimError(
        f"{op}: it is not said which dim the values are labels of.",
        [("x", x)],
        "sf.wrap(..., sparse_dim=vocab), or x.labels_of(vocab).",
    )


def index_out_of_range(op: str, x: Tensor, axis: Dim, low: int, high: int, size: int) -> DimError:
    """Positions that are not there."""
    return DimError(
        f"{op}: an index lies outside of {axis!r}.",
        [("x", x), ("indices", f"{low} to {high}"), ("needed", f"0 to {size - 1}")],
        "positions start at 0; labels have to be made with the vocabulary of this dim.",
    )


def torn_sequences(op: str, x: Tensor, axis: Dim, ragged: Dim) -> DimError:
    """Positions of a dim mixed, while each has sequences of its own length."""
    return DimError(
        f"{op}: the lengths of {ragged!r} run over {axis!r}, so sequences would be torn apart.",
        [("x", x), ("lengths", x.lengths(ragged))],
        f"reduce or mask {ragged!r} first.",
    )


def window_beyond_data(op: str, x: Tensor, dim: Dim, size: int, window: int) -> DimError:
    """A window that is longer than the data."""
    return DimError(
        f"{op}: the window over {dim!r} is longer than the data.",
        [("x", x), ("size", size), ("window", window)],
        'padding="same" or "causal", or longer input.',
    )


def nothing_to_differentiate() -> DTypeError:
    """An empty list of parameters."""
    return DTypeError(
        "value_and_grad: there is nothing to differentiate by.",
        fix="give at least one parameter or tensor.",
    )


def not_differentiable(name: str, value: object, needed: str) -> DTypeError:
    """A result or a parameter that has no gradient."""
    return DTypeError(
        f"value_and_grad: {name} has to be {needed}.",
        [(name, value if hasattr(value, "dims") else type(value).__name__)],
        "fn gives a scalar Tensor, or a pair of one and anything else; wrt are float Tensors.",
    )


def foreign_gradient(value: Tensor, wrt: Tensor) -> BackendError:
    """Differentiation across frameworks."""
    return BackendError(
        "value_and_grad: the value and what it is differentiated by are of two backends.",
        [("value", value), ("wrt", wrt)],
        f'move one of them first: sf.to_backend(x, "{wrt.backend.name}").',
    )


def bad_rate(op: str, rate: object) -> DimError:
    """A probability that is none."""
    return DimError(
        f"{op}: the rate has to be between 0 and 1.",
        [("rate", repr(rate))],
        "it is a probability: 0.1 for one in ten.",
    )


def not_trainable(dtype: str) -> DTypeError:
    """A parameter that has no gradient."""
    return DTypeError(
        f"Parameter: {dtype} has no gradient, so it cannot be trained.",
        fix="a float dtype, or trainable=False for kept state.",
    )


def wrong_value_shape(x: Tensor, shape: Sequence[int]) -> DimError:
    """An array that is no value of a parameter."""
    return DimError(
        "assign: the value does not have the dims of the parameter.",
        [("parameter", x), ("value", tuple(shape))],
        "an array with one axis for each dim, in their order; or a Tensor over the same dims.",
    )
