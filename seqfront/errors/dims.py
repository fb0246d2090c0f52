"""Messages about dims, sizes, lengths and dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seqfront.errors.base import DimError, DTypeError, SeqfrontError, TraceError

if TYPE_CHECKING:
    from seqfront.dim import Dim
    from seqfront.tensor import Tensor

_IDENTITY = (
    "dims match by identity, never by name: pass the same Dim object, or x.rename(old, new)."
)


def _list(dims: Sequence[Any]) -> str:
    return f"[{', '.join(map(repr, dims))}]"


# -- making dims -----------------------------------------------------------------------------------


def bad_dim_name(name: object) -> DTypeError:
    """A name that is no text."""
    return DTypeError(
        "Dim: the name has to be text.",
        [("name", repr(name))],
        'a name and perhaps a size, as in Dim("mel", 80).',
    )


def bad_dim_size(name: str, size: object) -> DimError:
    """A size that is no count."""
    return DimError(
        f"Dim: the size of {name!r} has to be an int of at least 0, or None.",
        [("size", repr(size))],
        "lengths are data: give them to sf.wrap(raw, dims, lengths={dim: lengths}).",
    )


def bad_dim_operand(dim: Dim, operator: str, operand: object) -> DTypeError:
    """Arithmetic that dims do not have."""
    return DTypeError(
        f"Dim: {dim!r} {operator} {operand!r} has no meaning.",
        [("operand", f"{type(operand).__name__} {operand!r}")],
        "dims add and multiply with dims and ints, and divide by ints of at least 1.",
    )


# -- dims of tensors -------------------------------------------------------------------------------


def not_a_dim(op: str, value: object) -> DTypeError:
    """Something else where a dim is wanted, for example its name."""
    return DTypeError(
        f"{op}: dims are given as Dim objects.",
        [("came", f"{type(value).__name__} {_short(value)}")],
        'make a dim once, time = sf.Dim("time"), and pass that object; several as a tuple.',
    )


def missing_dim(op: str, x: Tensor, dim: Dim, name: str = "x") -> SeqfrontError:
    """A tensor without a dim that the operation needs."""
    if not hasattr(dim, "origin"):
        return not_a_dim(op, dim)
    namesake = next((d for d in x.dims if d.name == dim.name), None)
    if namesake is not None:
        return DimError(
            f"{op}: {name} has a dim called {dim.name!r}, but not this one.",
            [
                (name, x),
                (f"{name}'s", f"{namesake!r} made at {namesake.origin}"),
                ("wanted", f"{dim!r} made at {dim.origin}"),
            ],
            _IDENTITY,
        )
    alike = next((d for d in x.dims if dim.size is not None and d.size == dim.size), None)
    hint = f"did you mean {alike!r}?" if alike is not None else f"name one of {_list(x.dims)}."
    return DimError(f"{op}: dim {dim!r} is not in {name}.", [(name, x)], hint)


def wrong_dims(op: str, x: Tensor, wanted: Sequence[Dim], name: str = "x") -> DimError:
    """Dims that are not a permutation of the tensor's."""
    return DimError(
        f"{op}: the dims named are not those of {name}.",
        [(name, x), ("named", _list(wanted))],
        f"name every dim of {name} once, in the order you want.",
    )


def repeated_dim(op: str, dims: Sequence[Dim], dim: Dim) -> DimError:
    """One dim on two axes."""
    return DimError(
        f"{op}: {dim!r} would stand on two axes.",
        [("dims", _list(dims))],
        f'a tensor never holds one dim twice: use {dim.name}.clone("...") for the second.',
    )


def wrong_size(op: str, x: Tensor, dim: Dim, size: object) -> DimError:
    """A static dim on an axis of another size."""
    return DimError(
        f"{op}: {dim!r} does not fit an axis of size {size}.",
        [("x", x)],
        f"a dim of size {size}, or a dynamic one without size.",
    )


def sizes_differ(op: str, dim: Dim, a: Tensor, b: Tensor) -> DimError:
    """Two operands that disagree on the extent of a dim."""
    return DimError(
        f"{op}: the operands have different extents of {dim!r}.",
        [("a", a), ("b", b)],
        f"two axes of different extents are two dims: make the second one {dim.name}.clone().",
    )


def no_common_dims(op: str, xs: Sequence[Tensor]) -> DimError:
    """Operands none of which has all dims."""
    names = "abcdefgh"
    return DimError(
        f"{op}: no operand has the dims of all others.",
        [(names[i], x) for i, x in enumerate(xs)],
        "if the outer product is meant, say allow_broadcast=True; else check for a dim too many.",
    )


def lengths_differ(
    op: str, dim: Dim, a: Tensor, a_lengths: object, b: Tensor, b_lengths: object
) -> DimError:
    """Two operands that disagree on how long a dim is."""
    return DimError(
        f"{op}: the operands have different lengths of {dim!r}.",
        [("a", a), ("b", b), ("a's", a_lengths), ("b's", b_lengths)],
        f"two axes of different lengths are two dims: make the second one {dim.name}.clone().",
    )


# -- wrap ------------------------------------------------------------------------------------------


def wrong_rank(shape: Sequence[object], dtype: str, dims: Sequence[Dim]) -> DimError:
    """Another number of axes than dims."""
    return DimError(
        f"wrap: the raw tensor has {len(shape)} axes, and {len(dims)} dims were given.",
        [("raw", f"{dtype} {_shape(shape)}"), ("dims", _list(dims))],
        "one dim for each axis, in the order of the axes.",
    )


def wrong_extent(
    shape: Sequence[object], dtype: str, dims: Sequence[Dim], axis: int, size: object
) -> DimError:
    """A raw axis that is not as long as its static dim."""
    return DimError(
        "wrap: the raw shape does not fit the dims.",
        [
            ("raw", f"{dtype} {_shape(shape)}"),
            ("dims", _list(dims)),
            (f"axis {axis}", f"{size} is not {dims[axis].size}"),
        ],
        "check the order of the dims, or the size the dim was made with.",
    )


def bad_lengths_table(value: object) -> DTypeError:
    """Lengths that do not say which dim they are of."""
    return DTypeError(
        "wrap: lengths are given for each ragged dim.",
        [("lengths", f"{type(value).__name__} {_short(value)}")],
        "say which dim they are of: lengths={time: n}.",
    )


def foreign_lengths(dim: Dim, dims: Sequence[Dim]) -> DimError:
    """Lengths of a dim that is not there."""
    return DimError(
        f"wrap: lengths are given for {dim!r}, which is none of the dims.",
        [("dims", _list(dims))],
        "give lengths by the dims of the tensor: lengths={time: n}.",
    )


def bad_lengths_shape(dim: Dim, shape: Sequence[object], dims: Sequence[Dim]) -> DimError:
    """Raw lengths whose axes cannot be told."""
    return DimError(
        f"wrap: the lengths of {dim!r} do not fit the dims before it.",
        [("lengths", _shape(shape)), ("dims", _list(dims))],
        "raw lengths run over the first dims other than their own (the batch); for any other "
        "dims, wrap the lengths too.",
    )


def bad_lengths_dtype(dim: Dim, dtype: str) -> DTypeError:
    """Lengths that are no integers."""
    return DTypeError(
        f"wrap: the lengths of {dim!r} have to be integers.",
        [("lengths", dtype)],
        "convert them first: int32 or int64.",
    )


def lengths_out_of_range(dim: Dim, low: int, high: int, size: int) -> DimError:
    """Lengths beyond the data, or negative."""
    return DimError(
        f"wrap: the lengths of {dim!r} go beyond the data.",
        [("lengths", f"{low} to {high}"), ("needed", f"0 to {size}")],
        "lengths count positions of this axis, before any subsampling.",
    )


def already_wrapped(x: Tensor) -> DTypeError:
    """A tensor of ours where one of a framework is wanted."""
    return DTypeError(
        "wrap: this is a Tensor already.",
        [("raw", x)],
        "use it as it is; x.rename(old, new) gives it other dims.",
    )


def not_convertible(value: object) -> DTypeError:
    """A value that no array can be made of."""
    return DTypeError(
        "wrap: no tensor can be made of this value.",
        [("value", f"{type(value).__name__} {_short(value)}")],
        "pass an array or tensor, a number, or a nested list of numbers in equal rows.",
    )


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _shape(shape: Sequence[object]) -> str:
    return f"({', '.join('?' if size is None else str(size) for size in shape)})"


# -- values ----------------------------------------------------------------------------------------


def ambiguous_truth(x: Tensor) -> DimError:
    """`if tensor:`."""
    return DimError(
        "bool: a tensor with dims is neither true nor false.",
        [("x", x)],
        "sf.any(x, axis=...) or sf.all(x, axis=...); sf.where(condition, a, b) to choose.",
    )


def not_a_scalar(op: str, x: Tensor) -> DimError:
    """A number wanted of a tensor with dims."""
    return DimError(
        f"{op}: x has dims, so it is not one number.",
        [("x", x)],
        "reduce it first, for example sf.mean(x, axis=x.dims).",
    )


def no_indexing(x: Tensor) -> DTypeError:
    """`x[0]`, or a loop over a tensor."""
    return DTypeError(
        "indexing: a tensor has no first axis, so x[...] has no meaning.",
        [("x", x)],
        "sf.gather(x, indices=i, axis=dim); x.raw_in(dims) is the plain tensor.",
    )


def no_array(x: Tensor) -> DTypeError:
    """`np.asarray(x)`, `torch.as_tensor(x)` and the like."""
    return DTypeError(
        "array: a tensor has no order of axes, so it does not become an array by itself.",
        [("x", x)],
        "x.numpy(batch, time) is the array with the axes in that order, x.raw_in(dims) the raw "
        "tensor.",
    )


def not_an_operand(op: str, value: object) -> DTypeError:
    """Neither a tensor nor a number."""
    return DTypeError(
        f"{op}: an operand is neither a Tensor nor a number.",
        [("operand", f"{type(value).__module__}.{type(value).__name__}")],
        "wrap plain tensors with their dims first, sf.wrap(raw, dims); numbers are Python's.",
    )


def not_wrapped(op: str, name: str, value: object, needed: str = "a Tensor") -> DTypeError:
    """A plain tensor, or anything else, where a Tensor is wanted."""
    return DTypeError(
        f"{op}: {name} has to be {needed}.",
        [(name, f"{type(value).__module__}.{type(value).__name__}")],
        "wrap plain tensors with their dims first: sf.wrap(raw, dims).",
    )


def not_a_number(op: str, name: str, value: object, dtype: str) -> DTypeError:
    """A value that a tensor of the dtype cannot hold."""
    return DTypeError(
        f"{op}: {name} is no number that {dtype} can hold.",
        [(name, f"{type(value).__name__} {_short(value)}")],
        "give a Python number of the kind of the dtype.",
    )


def bad_integer_operand(op: str, x: Tensor, number: float) -> DTypeError:
    """Arithmetic that integers do not have."""
    return DTypeError(
        f"{op}: {number!r} has no meaning as the second operand of integers.",
        [("x", x)],
        'sf.cast(x, "float32") first, if infinity or a fraction is meant.',
    )


def unknown_dtype(op: str, dtype: object, known: Sequence[str]) -> DTypeError:
    """A dtype that is none of ours."""
    return DTypeError(
        f"{op}: the dtype cannot be {dtype!r}.",
        [("known", ", ".join(known))],
        "give one of these, by name.",
    )


def wrong_dtype(op: str, name: str, x: Tensor, needed: str) -> DTypeError:
    """Values of a kind that the operation has no meaning for."""
    return DTypeError(
        f"{op}: {name} has to be {needed}.", [(name, x)], "sf.cast(x, dtype) converts values."
    )


def needs_values(op: str, x: Tensor, why: str) -> TraceError:
    """Values asked for while a graph is being built."""
    return TraceError(
        f"{op}: {why} is not known while tracing.",
        [("x", x)],
        "compute it outside of the compiled function, or keep it as a tensor.",
    )
