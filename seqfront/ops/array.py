"""Arrays that grow: what a loop finds, step by step, until its number of steps is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqfront import align, errors
from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.ops import create
from seqfront.ops.leaf import Kind, assembled, kind_of, parts
from seqfront.ops.mask import masked
from seqfront.tensor import Tensor


class TensorArray:
    """Tensors of one kind, one after another. Immutable: `push` gives a longer one.

    It is state that `sf.while_loop` carries, among Tensors; with TensorFlow also in the loop of a
    graph, where it is a list of the runtime. PyTorch has no such list in a compiled loop: there it
    is refused. (`sf.scan` gives its `y` stacked on every backend.)

    Example:
        >>> import seqfront as sf
        >>> batch, step = sf.Dim("batch", 2), sf.Dim("step")
        >>> x = sf.wrap([1, 5], (batch,))
        >>> array = sf.TensorArray.empty(like=x).push(x).push(x + 1).push(x + 2)
        >>> array.stack(axis=step).numpy(batch, step)
        array([[1, 2, 3],
               [5, 6, 7]], dtype=int32)
    """

    __slots__ = ("backend", "kind", "raws")

    backend: Backend
    """Whose tensors they are."""
    kind: Kind
    """The static part of every item."""
    raws: tuple[Any, ...]
    """Growing arrays of the backend: of the values, and of the lengths of each ragged dim."""

    def __init__(self, kind: Kind, raws: Sequence[Any], backend: Backend) -> None:
        self.kind = kind
        self.raws = tuple(raws)
        self.backend = backend

    @classmethod
    def empty(cls, *, like: Tensor) -> TensorArray:
        """An array without items.

        Args:
            like: A tensor as the items will be: dims, extents, dtype and ragged dims.
        """
        align.check("TensorArray.empty", like, name="like")
        kind, backend = kind_of(like), like.backend
        return cls(kind, [backend.array_empty(raw) for raw in parts(like, kind)], backend)

    def push(self, x: Tensor) -> TensorArray:
        """The array with one more item, in constant time.

        Args:
            x: Dims in any order, dtype, labels and ragged dims as of `like`.

        Raises:
            DimError: It is not of that kind.
        """
        align.check("TensorArray.push", x)
        if x.backend is not self.backend or not kind_of(x).is_of(self.kind):
            raise errors.wrong_item(x, repr(self))
        pushed = zip(self.raws, parts(x, self.kind), strict=True)
        raws = [self.backend.array_push(array, raw) for array, raw in pushed]
        return TensorArray(self.kind, raws, self.backend)

    def stack(self, *, axis: Dim, lengths: Tensor | None = None) -> Tensor:
        """All items as one tensor.

        Args:
            axis: The new dim, in the order of pushing; of a static one, the size is the number of
                items.
            lengths: How many items count, where that differs from row to row: integers over dims
                of the items. What lies beyond becomes 0.

        Returns:
            `axis` and the dims of the items.

        Raises:
            DimError: The items have `axis`, or are not as many as its size.
        """
        align.distinct("TensorArray.stack", (axis,))
        kind = self.kind.stacked(align.distinct("TensorArray.stack", (axis, *self.kind.dims))[0])
        raws = [self._stacked(raws, i, axis) for i, raws in enumerate(self.raws)]
        x = assembled(raws, kind, self.backend)
        size = self.backend.static_shape(x.raw)[0]
        if axis.size is not None and size is not None and size != axis.size:
            raise errors.wrong_size("TensorArray.stack", x, axis, size)
        if axis.size is not None and size is None:
            raws[0] = self.backend.reshape(raws[0], [x.size(dim) for dim in x.dims])
            x = assembled(raws, kind, self.backend)
        if lengths is None:
            return x
        entries = create.wrap(x.raw, x.dims, {axis: lengths}).lengths_table.entries
        return masked(x.with_lengths(x.lengths_table.with_entries(entries)), 0.0)

    def _stacked(self, array: Any, part: int, axis: Dim) -> Raw:
        """Values (part 0) or lengths as one raw tensor."""
        dims = self.kind.ragged[part - 1][1] if part else self.kind.dims
        dtype = "int32" if part else self.kind.dtype
        return self.backend.array_stack(array, dtype, [dim.size for dim in dims])

    def __repr__(self) -> str:
        kind = self.kind
        labels = f" of {kind.sparse_dim!r}" if kind.sparse_dim is not None else ""
        ragged = "".join(
            [f", {dim!r} ragged over {', '.join(map(repr, over))}" for dim, over in kind.ragged]
        )
        axes = ", ".join(map(repr, kind.dims))
        return f"TensorArray of {kind.dtype}[{axes}]{labels} {self.backend.name}{ragged}"
