"""How tensors print: one line, dims first.

`float32[batch≤8, time≤120, mel:80] torch:cpu`: `:` before the size of a static dim, `≤` before the
padded extent of a dynamic one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqfront.dim import Dim
    from seqfront.tensor import Tensor


class Text(str):
    """Text that a console shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def tensor(x: Tensor) -> str:
    """One line: dtype, dims, labels, backend and device; the value of a scalar."""
    backend = x.backend
    sizes = backend.static_shape(x.raw)
    axes = ", ".join(axis(dim, size) for dim, size in zip(x.dims, sizes, strict=True))
    labels = f" of {x.sparse_dim!r}" if x.sparse_dim is not None else ""
    value = ""
    if not x.dims and not backend.is_tracing():
        value = f" {backend.to_numpy(x.raw)}"
    return f"{x.dtype}[{axes}]{labels}{value} {backend.name}:{x.device}"


def axis(dim: Dim, size: Any) -> str:
    """A dim with the extent it has in a tensor."""
    if dim.size is not None:
        return f"{dim.name}:{dim.size}"
    return f"{dim.name}≤{'?' if size is None else size}"


def dims(axes: Sequence[Dim]) -> str:
    """Dims as a list."""
    return f"[{', '.join(map(repr, axes))}]"
