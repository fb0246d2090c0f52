"""Whether a tensor is what its annotation says, and what the names of dims stand for in a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from seqfront import errors
from seqfront.dim import Dim
from seqfront.errors import SeqfrontError
from seqfront.tensor import Tensor
from seqfront.typing.annotations import Item, Shape


class Bound(NamedTuple):
    """What a name stands for: dims (one, but for `*batch`), and the tensor they were seen in."""

    dims: tuple[Dim, ...]
    name: str
    x: Tensor


class Call:
    """One call of a checked function.

    Args:
        op: The function, for messages.
        arguments: Its arguments by name.
    """

    def __init__(self, op: str, arguments: Mapping[str, Any]) -> None:
        self.op = op
        self.arguments = arguments
        self.bound: dict[str, Bound] = {}

    def mismatch(self, name: str, x: Tensor, shape: Shape) -> SeqfrontError | None:
        """Why a tensor, called `name`, is not of a shape; None if it is."""
        if x.dtype not in shape.kind.members:
            return errors.annotated_dtype(self.op, name, x, shape)
        left = list(x.dims)
        for item in shape.items:
            found = self._find(name, x, shape, item, left)
            if not isinstance(found, Dim):
                return found
            if item.size is not None and found.size != item.size:
                return errors.annotated_size(self.op, name, x, shape, item, found)
            left.remove(found)
        return self._other_dims(name, x, shape, left) or self._labels(name, x, shape)

    def _find(
        self, name: str, x: Tensor, shape: Shape, item: Item, dims: list[Dim]
    ) -> Dim | SeqfrontError:
        """The dim that an item means, one of `dims`; it gives the name its meaning in this call."""
        if item.value is not None:
            return self._evaluated(name, x, shape, item, dims)
        if item.text == "_":
            return self._blank(name, x, shape, item, dims)
        argument = self.arguments.get(item.text)
        if isinstance(argument, Dim):
            if argument in dims:
                return argument
            return errors.annotated_argument(self.op, name, x, shape, item.text, argument)
        known = self.bound.get(item.text)
        if known is not None and known.dims[0] in dims:
            return known.dims[0]
        found = [dim for dim in dims if dim.name == item.text]
        if known is not None and found:
            return errors.two_meanings(self.op, item.text, known, Bound((found[0],), name, x))
        if len(found) > 1:
            return errors.ambiguous_name(self.op, name, x, item.text, found)
        if not found:
            return errors.annotated_missing(self.op, name, x, shape, item.text)
        self.bound[item.text] = Bound((found[0],), name, x)
        return found[0]

    def _blank(
        self, name: str, x: Tensor, shape: Shape, item: Item, dims: list[Dim]
    ) -> Dim | SeqfrontError:
        fitting = [dim for dim in dims if item.size is None or dim.size == item.size]
        if fitting:
            return fitting[0]
        return errors.annotated_missing(self.op, name, x, shape, str(item))

    def _evaluated(
        self, name: str, x: Tensor, shape: Shape, item: Item, dims: list[Dim]
    ) -> Dim | SeqfrontError:
        scope = {**self.arguments}
        for known, bound in self.bound.items():
            if bound.dims and not isinstance(scope.get(known), Dim):
                scope[known] = bound.dims[0]
        unknown = [n for n in item.names if not isinstance(scope.get(n), (Dim, int))]
        if unknown:
            return self._solved(name, x, shape, item, dims, scope, unknown)
        dim = _value(item, scope)
        if dim is None:
            return errors.annotated_no_dim(self.op, name, shape, item.text)
        if dim in dims:
            return dim
        return errors.annotated_missing(self.op, name, x, shape, item.text)

    def _solved(
        self,
        name: str,
        x: Tensor,
        shape: Shape,
        item: Item,
        dims: list[Dim],
        scope: dict[str, Any],
        unknown: list[str],
    ) -> Dim | SeqfrontError:
        """The dim that an expression means, if its names say of what the tensor's dims are made."""
        for dim in dims:
            inner = {part.name: part for part in _parts(dim)}
            if any(n not in inner for n in unknown):
                continue
            meanings = {n: inner[n] for n in unknown}
            if _value(item, {**scope, **meanings}) is dim:
                for known, part in meanings.items():
                    self.bound[known] = Bound((part,), name, x)
                return dim
        return errors.annotated_missing(self.op, name, x, shape, item.text)

    def _other_dims(
        self, name: str, x: Tensor, shape: Shape, left: list[Dim]
    ) -> SeqfrontError | None:
        if shape.rest is None:
            return errors.annotated_extra(self.op, name, x, shape, left) if left else None
        if shape.rest == "...":
            return None
        known = self.bound.setdefault(shape.rest, Bound(tuple(left), name, x))
        if len(left) == len(known.dims) and all(dim in known.dims for dim in left):
            return None
        return errors.two_meanings(self.op, shape.rest, known, Bound(tuple(left), name, x))

    def _labels(self, name: str, x: Tensor, shape: Shape) -> SeqfrontError | None:
        if shape.labels is None:
            return None
        if x.sparse_dim is None:
            return errors.annotated_labels(self.op, name, x, shape)
        found = self._find(name, x, shape, shape.labels, [x.sparse_dim])
        if not isinstance(found, Dim):
            return found
        if shape.labels.size is not None and found.size != shape.labels.size:
            return errors.annotated_labels(self.op, name, x, shape)
        return None


def _value(item: Item, scope: Mapping[str, Any]) -> Dim | None:
    """The dim that an expression gives; None if it gives none."""
    if item.value is None:
        return None
    try:
        found = item.value(scope)
    except (AttributeError, KeyError, TypeError):
        return None
    return found if isinstance(found, Dim) else None


def _parts(dim: Dim) -> list[Dim]:
    """A dim and all it is derived from."""
    found = [dim]
    for operand in () if dim.expr is None else dim.expr.dims:
        found.extend(_parts(operand))
    return found
