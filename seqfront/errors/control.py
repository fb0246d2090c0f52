"""Messages of control flow: structures that differ, loops that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfront.errors.base import DimError, DTypeError, SeqfrontError, TraceError

if TYPE_CHECKING:
    from seqfront.dim import Dim
    from seqfront.tensor import Tensor


def branches_differ(path: str, then: str, otherwise: str) -> DimError:
    """Two branches whose results have no common form."""
    return DimError(
        f"cond: {path} is not of one kind in both branches.",
        [("then", then), ("otherwise", otherwise)],
        "both branches give the same structure, dims, dtypes and ragged dims; extents and lengths "
        "may differ.",
    )


def state_changes(op: str, path: str, before: str, after: str) -> DimError:
    """A state that is another kind of thing after a step."""
    return DimError(
        f"{op}: {path} does not stay of one kind from step to step.",
        [("before", before), ("after", after)],
        "structure, dims, dtypes and ragged dims of the state stay; a number that changes is a "
        'tensor: sf.zeros((), dtype="int32", like=x).',
    )


def recomputed_differently(path: str, first: str, again: str) -> DimError:
    """A function that gives another kind of result when it runs again."""
    return DimError(
        f"checkpoint: {path} is of another kind when it is computed again.",
        [("first", first), ("again", again)],
        "fn depends on nothing but its arguments, parameters and random numbers.",
    )


def bad_predicate(op: str, name: str, value: Tensor) -> SeqfrontError:
    """A condition that is not one truth value."""
    cls = DTypeError if not value.dims else DimError
    return cls(
        f"{op}: {name} has to be one truth value.",
        [(name, value)],
        "a bool Tensor without dims: compare, then sf.any(x, axis=x.dims) or sf.all.",
    )


def nothing_to_carry(op: str) -> DTypeError:
    """A loop without a tensor in its state."""
    return DTypeError(
        f"{op}: there is no tensor in the state.",
        fix="give what changes from step to step as Tensors, in any structure.",
    )


def shared_state(path: str, x: Tensor, axis: Dim, missing: Dim) -> DimError:
    """State that sequences share, though each ends at its own step."""
    return DimError(
        f"scan: {path} has no dim {missing!r}, so it cannot stop with each sequence.",
        [(path, x), ("axis", f"{axis!r}, whose lengths run over {missing!r}")],
        f"give each sequence its own: sf.expand_dim(x, {missing.name}, like=xs).",
    )


def no_steps(axis: Dim) -> DimError:
    """A scan that does not know how far to go."""
    return DimError(
        f"scan: without xs, the size of {axis!r} is not known.",
        [(axis.name, f"dynamic, made at {axis.origin}")],
        f"give xs that have it, as in xs=sf.range_over({axis.name}, like=x); or a static size, "
        f"Dim({axis.name!r}, 120).",
    )


def no_growing_array(op: str, backend: str) -> TraceError:
    """A growing array in a loop of a graph that has only tensors."""
    return TraceError(
        f"{op}: a TensorArray cannot grow in a compiled loop or branch of {backend!r}.",
        fix="run the loop eagerly; or use sf.scan, whose ys are such an array; or carry a tensor "
        "of full size and write to it with sf.where.",
    )


def wrong_item(x: Tensor, wanted: str) -> DimError:
    """An item unlike those the array was made for."""
    return DimError(
        "TensorArray.push: x is not of the kind of the items.",
        [("x", x), ("items", wanted)],
        "dims, dtype and ragged dims are those of like in TensorArray.empty(like=...).",
    )


def not_a_gradient(number: int, gradient: object, x: Tensor) -> DTypeError:
    """What a rule of differentiation gave is no gradient of its argument."""
    shown = gradient if hasattr(gradient, "dims") else type(gradient).__name__
    return DTypeError(
        f"custom_gradient: backward gives no gradient of argument {number}.",
        [("gradient", shown), (f"argument {number}", x)],
        "backward gives, for each argument in order, a Tensor of its dims and dtype, or None.",
    )


def wrong_gradient_count(given: int, wanted: int) -> DTypeError:
    """More or fewer gradients than arguments."""
    return DTypeError(
        "custom_gradient: backward does not give one gradient for each argument.",
        [("gradients", given), ("arguments", wanted)],
        "give a tuple with a Tensor or None for each of xs.",
    )
