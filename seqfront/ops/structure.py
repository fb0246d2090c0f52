"""Structures of tensors, taken apart for the seam and put together again.

Below the seam, branches and loops pass flat lists of raw tensors. What is static about them (the
structure, the kinds of its tensors, what else is in there) is a `Form`. Two branches, or a state
before and after a step, have to be of one form; the first place that is not is named in an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from seqfront import backends, errors
from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.errors import SeqfrontError
from seqfront.lengths import Entry
from seqfront.ops.array import TensorArray
from seqfront.ops.leaf import Kind, assembled, described, kind_of, parts
from seqfront.ops.mask import masked
from seqfront.ops.nested import children, with_children
from seqfront.tensor import Tensor

Differ = Callable[[str, str, str], SeqfrontError]
"""The error about a place of which there are two descriptions."""


class Form:
    """The form of what it takes first; everything it takes later has to be of that form.

    Args:
        op: The operation, for errors.
        name: What the structure is called there, as in "state".
        differ: Makes the error about a place that is of two kinds.
        first: A tensor of the backend that all have; None: the first one tells.
        arrays: Whether a `TensorArray` may be among the tensors.
    """

    def __init__(
        self,
        op: str,
        name: str,
        differ: Differ,
        first: Any = None,
        *,
        arrays: bool = True,
    ) -> None:
        self.op = op
        self.name = name
        self.differ = differ
        self.first = first
        self.arrays = arrays
        self.known = False
        self.structure: Any = None
        self.places: dict[str, Any] = {}
        self.kinds: dict[str, Kind] = {}

    def take(self, structure: Any) -> list[Raw]:
        """The raw parts of a structure, in the order of the form."""
        places: dict[str, Any] = {}
        _walk(self.name, structure, places)
        if not self.known:
            self._learn(structure, places)
        else:
            self._compare(places)
        raws: list[Raw] = []
        for path, kind in self.kinds.items():
            leaf = places[path]
            raws += leaf.raws if isinstance(leaf, TensorArray) else parts(leaf, kind)
        return raws

    def put(self, raws: Sequence[Raw]) -> Any:
        """A structure of this form with other raw parts."""
        return _rebuilt(self.structure, iter([self._leaf(*cut) for cut in self._cut(raws)]))

    def put_stacked(self, raws: Sequence[Raw], axis: Dim, lengths: Entry | None) -> Any:
        """A structure of this form whose raw parts, of Tensors only, were stacked along `axis`."""
        leaves: list[Tensor] = []
        for _, kind, own in self._cut(raws):
            x = assembled(own, kind.stacked(axis), self.backend)
            if lengths is not None:
                x = x.with_lengths(x.lengths_table.with_entries({axis: lengths}))
            leaves.append(masked(x, 0.0))
        return _rebuilt(self.structure, iter(leaves))

    @property
    def leaves(self) -> dict[str, Any]:
        """Tensors and arrays by place."""
        return {path: self.places[path] for path in self.kinds}

    def _learn(self, structure: Any, places: dict[str, Any]) -> None:
        for path, value in places.items():
            if isinstance(value, (Tensor, TensorArray)):
                self._check(path, value)
                self.kinds[path] = value.kind if isinstance(value, TensorArray) else kind_of(value)
            elif children(value) is None and not _is_plain(value) and backends.is_raw(value):
                raise errors.not_wrapped(self.op, path, value)
        self.structure, self.places, self.known = structure, places, True

    def _check(self, path: str, value: Any) -> None:
        """That a leaf is one that the backend can carry here."""
        if self.first is None:
            self.first = value
        backend = self.first.backend
        if value.backend is not backend:
            raise errors.two_backends(self.op, self.first, value)
        if not isinstance(value, TensorArray):
            return
        if not self.arrays:
            fix = "what grows comes out of sf.scan as y; sf.while_loop carries arrays."
            raise errors.bad_argument(self.op, path, value, "a Tensor", fix)
        if runs_apart(backend):
            raise errors.no_growing_array(self.op, backend.name)

    def _compare(self, places: dict[str, Any]) -> None:
        for path, first in self.places.items():
            other = places[path]
            if not self._alike(path, first, other):
                raise self.differ(path, _described(first), _described(other))
            if isinstance(other, (Tensor, TensorArray)):
                self._check(path, other)

    def _alike(self, path: str, first: Any, other: Any) -> bool:
        if isinstance(first, Tensor):
            return isinstance(other, Tensor) and kind_of(other).is_of(self.kinds[path])
        if isinstance(first, TensorArray):
            return isinstance(other, TensorArray) and other.kind.is_of(first.kind)
        if type(first) is not type(other):
            return False
        inner, others = children(first), children(other)
        if inner is not None and others is not None:
            return inner.keys() == others.keys()
        return first is other or (_is_plain(first) and first == other)

    def _cut(self, raws: Sequence[Raw]) -> list[tuple[str, Kind, Sequence[Raw]]]:
        """Place, kind and raw parts of every leaf."""
        found: list[tuple[str, Kind, Sequence[Raw]]] = []
        at = 0
        for path, kind in self.kinds.items():
            end = at + 1 + len(kind.ragged)
            found.append((path, kind, raws[at:end]))
            at = end
        return found

    def _leaf(self, path: str, kind: Kind, raws: Sequence[Raw]) -> Tensor | TensorArray:
        if isinstance(self.places[path], TensorArray):
            return TensorArray(kind, raws, self.backend)
        return assembled(raws, kind, self.backend)

    @property
    def backend(self) -> Backend:
        """Whose tensors they are."""
        if self.first is None:
            raise errors.nothing_to_carry(self.op)
        return self.first.backend


def runs_apart(backend: Backend) -> bool:
    """Whether functions given to control flow are now traced apart, so that nothing static gets out
    of them. Then they are run once more before: for their forms, and for our errors. Nothing uses
    the values, so the compiler drops them."""
    return backend.is_tracing() and backend.bodies_see_tensors_only


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str, Dim))


def _walk(path: str, value: Any, places: dict[str, Any]) -> None:
    """Every place of a structure by name, outer ones first."""
    places[path] = value
    for name, part in (children(value) or {}).items():
        _walk(path + name, part, places)


def _rebuilt(structure: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(structure, (Tensor, TensorArray)):
        return next(leaves)
    inner = children(structure)
    if inner is None:
        return structure
    return with_children(structure, [_rebuilt(part, leaves) for part in inner.values()])


def _described(value: Any) -> str:
    if isinstance(value, Tensor):
        return described(value, kind_of(value))
    inner = children(value)
    if inner is None:
        return repr(value)
    return f"{type(value).__name__} of {', '.join(inner) or 'nothing'}"
