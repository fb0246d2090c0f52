"""Messages of `sf.checked`: tensors that are not as annotated, and annotations that say nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seqfront.errors.base import DimError, DTypeError, SeqfrontError

if TYPE_CHECKING:
    from seqfront.dim import Dim
    from seqfront.tensor import Tensor

_IDENTITY = "dims match by identity: pass the same Dim object, or rename one: x.rename(old, new)."


# -- calls -----------------------------------------------------------------------------------------


def annotated_dtype(op: str, name: str, x: Tensor, shape: Any) -> DTypeError:
    """A dtype that is not of the kind."""
    return DTypeError(
        f"{op}: {name} is {x.dtype}, which is not {shape.kind.name}.",
        [(name, x), ("annotated", shape)],
        "sf.cast(x, dtype) converts values.",
    )


def annotated_missing(op: str, name: str, x: Tensor, shape: Any, text: str) -> DimError:
    """A dim that is not there."""
    return DimError(
        f"{op}: {name} has no dim {text}.",
        [(name, x), ("annotated", shape)],
        "x.rename(old, new) gives a tensor another dim; annotations mean dims by name.",
    )


def annotated_argument(
    op: str, name: str, x: Tensor, shape: Any, text: str, dim: Dim
) -> SeqfrontError:
    """A dim that is not there, and that the call was given."""
    return DimError(
        f"{op}: {name} has no dim {dim!r}, which {text} is.",
        [(name, x), ("annotated", shape), (text, f"{dim!r} made at {dim.origin}"), *_alike(x, dim)],
        f"{text} is an argument of this call: pass a dim that {name} has.",
    )


def _alike(x: Tensor, dim: Dim) -> list[tuple[str, str]]:
    return [("another", f"{d!r} made at {d.origin}") for d in x.dims if d.name == dim.name]


def annotated_extra(op: str, name: str, x: Tensor, shape: Any, extra: Sequence[Dim]) -> DimError:
    """Dims too many."""
    return DimError(
        f"{op}: {name} has dims that its annotation does not.",
        [(name, x), ("annotated", shape), ("too many", ", ".join(map(repr, extra)))],
        "reduce them before the call; in an annotation ... stands for any other dims.",
    )


def annotated_size(op: str, name: str, x: Tensor, shape: Any, item: Any, dim: Dim) -> DimError:
    """A dim of another size."""
    found = "dynamic" if dim.size is None else f"of size {dim.size}"
    return DimError(
        f"{op}: {dim.name} of {name} is {found}, not {item.size}.",
        [(name, x), ("annotated", shape)],
        f'a static dim has its size from the start: sf.Dim("{dim.name}", {item.size}).',
    )


def annotated_no_dim(op: str, name: str, shape: Any, text: str) -> DimError:
    """An expression that is no dim in this call."""
    return DimError(
        f"{op}: {text} in the annotation of {name} is no dim in this call.",
        [("annotated", shape)],
        "expressions are of dims seen in the call, of arguments, and of their attributes.",
    )


def annotated_labels(op: str, name: str, x: Tensor, shape: Any) -> DimError:
    """Integers that are not labels of the dim."""
    return DimError(
        f"{op}: the values of {name} are not labels of {shape.labels}.",
        [(name, x), ("annotated", shape)],
        "x.labels_of(dim) says of integers what they are indices into.",
    )


def annotated_tuple(op: str, name: str, value: object, count: int) -> DTypeError:
    """A result of another number of parts."""
    found = f"{type(value).__name__}"
    if isinstance(value, tuple):
        found += f" of {len(value)}"  # pyright: ignore[reportUnknownArgumentType]
    return DTypeError(
        f"{op}: {name} has to be a tuple of {count}.",
        [(name, found)],
        "give all that the annotation lists, in its order.",
    )


def two_meanings(op: str, text: str, a: Any, b: Any) -> DimError:
    """One name for two dims in one call. `a` and `b`: dims, and the tensor they were seen in."""
    facts: list[tuple[str, Any]] = [(a.name, a.x)]
    if b.x is not a.x:
        facts.append((b.name, b.x))
    facts += [(f"{bound.name}'s", _made(bound.dims)) for bound in (a, b)]
    return DimError(f"{op}: {text} is not the same in {a.name} and {b.name}.", facts, _IDENTITY)


def _made(dims: Sequence[Dim]) -> str:
    return ", ".join(f"{dim!r} made at {dim.origin}" for dim in dims) or "no dims"


def ambiguous_name(op: str, name: str, x: Tensor, text: str, found: Sequence[Dim]) -> DimError:
    """A name that two dims of one tensor have."""
    return DimError(
        f"{op}: {name} has {len(found)} dims called {text}.",
        [(name, x), *[(text, f"made at {dim.origin}") for dim in found]],
        'give one another name where it is made: dim.clone("key_time").',
    )


def no_alternative(
    op: str, name: str, x: Tensor, shapes: Sequence[Any], reasons: Sequence[SeqfrontError]
) -> DimError:
    """A tensor that is nothing of a union."""
    said = [reason.what.removeprefix(f"{op}: ") for reason in reasons]
    facts = [(str(shape), why) for shape, why in zip(shapes, said, strict=False)]
    return DimError(
        f"{op}: {name} is none of what its annotation allows.",
        [(name, x), *facts],
        "change the tensor to be one of these, or annotate what it is.",
    )


# -- annotations -----------------------------------------------------------------------------------


def bad_annotation(kind: str, item: object) -> DTypeError:
    """Something else than a class of tensors and a text."""
    return DTypeError(
        f"{kind}: an annotation has a class of tensors and a text.",
        [("annotated", f"{kind}[{_named(item)}]")],
        f'write {kind}[sf.Tensor, "batch time mel:80"]; plain tensors have no dims to name.',
    )


def _named(item: object) -> str:
    if isinstance(item, tuple):
        return ", ".join(map(_named, item))  # pyright: ignore[reportUnknownArgumentType]
    return item.__qualname__ if isinstance(item, type) else repr(item)


def unreadable_annotation(text: str, start: int, word: str) -> DimError:
    """A word that is no dim."""
    return DimError(
        "typing: the dims of an annotation cannot be read.",
        [("dims", text), ("", " " * start + "^" * len(word))],
        "each once: name, name:size, arithmetic without spaces; _; ... or *name; last, of name.",
    )


def unresolved_annotation(op: str, name: str, text: str) -> DTypeError:
    """An annotation with names that are not there at run time."""
    return DTypeError(
        f"{op}: the annotation of {name} has names that are not known at run time.",
        [(name, text)],
        "import them outside of `if TYPE_CHECKING:`; dims stand in quotes.",
    )


def cannot_check(value: object) -> DTypeError:
    """Neither a function nor a dataclass."""
    came = f"class {value.__qualname__}" if isinstance(value, type) else type(value).__name__
    return DTypeError(
        "checked: this is neither a function nor a dataclass.",
        [("came", came)],
        "decorate functions and methods; of a dataclass, write @sf.checked above @dataclass.",
    )
