"""What is expected of one argument: a tensor, one of several things, or a container of them."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Protocol, Union, cast, get_args, get_origin

from seqfront import errors
from seqfront.errors import SeqfrontError
from seqfront.tensor import Tensor
from seqfront.typing.annotations import Shape
from seqfront.typing.matching import Call


class Expected(Protocol):
    """Something that a value can be held to."""

    def mismatch(self, call: Call, name: str, value: Any) -> SeqfrontError | None:
        """Why a value, called `name`, is not what is expected; None if it is."""
        ...

    def each(self) -> Expected:
        """The same of each item of a container."""
        ...

    def shapes(self) -> list[Shape]:
        """All that tensors are held to."""
        ...


class _Each:
    def each(self: Expected) -> Expected:
        return Items(self)


class OneTensor(_Each):
    """A tensor of a shape."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def mismatch(self, call: Call, name: str, value: Any) -> SeqfrontError | None:
        """Why it is not."""
        if isinstance(value, self.shape.tensor):
            return call.mismatch(name, value, self.shape)
        return errors.not_wrapped(call.op, name, value, f"a {self.shape.tensor.__name__}")

    def shapes(self) -> list[Shape]:
        """The one."""
        return [self.shape]


class OneOf(_Each):
    """One of several; a value that is no tensor may be anything else that the union has.

    Args:
        parts: What there is to check.
        others: Whether the union has other parts, which are not checked.
    """

    def __init__(self, parts: list[Expected], others: bool) -> None:
        self.parts = parts
        self.others = others

    def mismatch(self, call: Call, name: str, value: Any) -> SeqfrontError | None:
        """Why it is none; names get their meaning from the first part that fits."""
        if self.others and not isinstance(value, (Tensor, list, tuple, Mapping)):
            return None
        found: list[SeqfrontError] = []
        for part in self.parts:
            before = dict(call.bound)
            error = part.mismatch(call, name, value)
            if error is None:
                return None
            call.bound = before
            found.append(error)
        if len(found) == 1 or not isinstance(value, Tensor):
            return found[0]
        return errors.no_alternative(call.op, name, value, self.shapes(), found)

    def shapes(self) -> list[Shape]:
        """Those of all parts."""
        return [shape for part in self.parts for shape in part.shapes()]


class Items(_Each):
    """All items of a sequence, or values of a mapping."""

    def __init__(self, item: Expected) -> None:
        self.item = item

    def mismatch(self, call: Call, name: str, value: Any) -> SeqfrontError | None:
        """Why the first that does not fit does not; what is no container is not ours to judge."""
        for key, item in _items(value):
            error = self.item.mismatch(call, f"{name}[{key!r}]", item)
            if error is not None:
                return error
        return None

    def shapes(self) -> list[Shape]:
        """Those of an item."""
        return self.item.shapes()


class Row(_Each):
    """A tuple of a fixed number of things. None: anything."""

    def __init__(self, parts: list[Expected | None]) -> None:
        self.parts = parts

    def mismatch(self, call: Call, name: str, value: Any) -> SeqfrontError | None:
        """Why the first that does not fit does not."""
        found = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else ()
        if len(found) != len(self.parts):
            return errors.annotated_tuple(call.op, name, cast("object", value), len(self.parts))
        for i, part in enumerate(self.parts):
            error = None if part is None else part.mismatch(call, f"{name}[{i}]", found[i])
            if error is not None:
                return error
        return None

    def shapes(self) -> list[Shape]:
        """Those of all parts."""
        return [shape for part in self.parts if part is not None for shape in part.shapes()]


def expected(hint: Any) -> Expected | None:
    """What an annotation expects, as far as tensors are concerned; None: nothing."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        shapes = [note for note in arguments[1:] if isinstance(note, Shape)]
        return OneTensor(shapes[0]) if shapes else expected(arguments[0])
    if origin is Union or origin is types.UnionType:
        return _one_of([expected(part) for part in arguments])
    if origin is tuple and arguments[-1:] != (...,):
        parts = [expected(part) for part in arguments]
        return Row(parts) if any(part is not None for part in parts) else None
    if origin is tuple or (isinstance(origin, type) and issubclass(origin, (Sequence, Mapping))):
        last = expected(arguments[0] if origin is tuple else arguments[-1])
        return None if last is None else Items(last)
    return None


def _one_of(parts: list[Expected | None]) -> Expected | None:
    found = [part for part in parts if part is not None]
    return OneOf(found, len(found) < len(parts)) if found else None


def _items(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return list(cast("Mapping[Any, Any]", value).items())
    if isinstance(value, (list, tuple)):
        return list(enumerate(cast("Sequence[Any]", value)))
    return []
