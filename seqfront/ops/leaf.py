"""One tensor of a structure as raw parts: its values, then the lengths of its ragged dims.

A leaf takes along the lengths of its own dims that run over its own dims, and no others: so what
comes out of a branch or a loop is the same whether a graph was traced or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry, Lengths
from seqfront.ops.mask import clean, own_lengths
from seqfront.tensor import Tensor


class Kind(NamedTuple):
    """The static part of a tensor."""

    dims: tuple[Dim, ...]
    dtype: str
    sparse_dim: Dim | None
    ragged: tuple[tuple[Dim, tuple[Dim, ...]], ...]
    """Dims with lengths of their own, and what these run over."""

    def is_of(self, other: Kind) -> bool:
        """Whether they agree but for the order of axes."""
        return self == other or (
            self.dtype == other.dtype
            and self.sparse_dim is other.sparse_dim
            and set(self.dims) == set(other.dims)
            and {dim: set(over) for dim, over in self.ragged}
            == {dim: set(over) for dim, over in other.ragged}
        )

    def stacked(self, axis: Dim) -> Kind:
        """Of many such tensors along a new dim, which comes first."""
        ragged = tuple([(dim, (axis, *over)) for dim, over in self.ragged])
        return Kind((axis, *self.dims), self.dtype, self.sparse_dim, ragged)


def kind_of(x: Tensor) -> Kind:
    """The static part of a tensor."""
    if not x.lengths_table.entries:
        return Kind(x.dims, x.dtype, x.sparse_dim, ())
    found = [(dim, own_lengths(x, dim)) for dim in x.dims]
    ragged = tuple([(dim, entry.dims) for dim, entry in found if entry is not None])
    return Kind(x.dims, x.dtype, x.sparse_dim, ragged)


def parts(x: Tensor, kind: Kind) -> list[Raw]:
    """Raw parts of a tensor of this kind, axes in the order of the kind."""
    x = clean(x)
    raws = [x.raw_in(kind.dims)]
    for dim, over in kind.ragged:
        entry = own_lengths(x, dim)
        if entry is not None:
            raws.append(Tensor(entry.raw, entry.dims, backend=x.backend).raw_in(over))
    return raws


def assembled(raws: Sequence[Raw], kind: Kind, backend: Backend) -> Tensor:
    """The tensor of such parts."""
    table = FULL
    if kind.ragged:
        pairs = zip(kind.ragged, raws[1:], strict=True)
        table = Lengths({dim: Entry(raw, over) for (dim, over), raw in pairs})
    return Tensor(raws[0], kind.dims, table, kind.sparse_dim, backend=backend)


def described(x: Tensor, kind: Kind) -> str:
    """A tensor in an error that may be about its ragged dims."""
    text = repr(x)
    for dim, over in kind.ragged:
        text += f", {dim!r} ragged over {', '.join(map(repr, over)) or 'all'}"
    return text
