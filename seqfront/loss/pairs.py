"""From two named tensors of tokens to the plain arrays that the ops over pairs take."""

from __future__ import annotations

from typing import NamedTuple

from seqfront import align, dtypes, errors
from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.lengths import Lengths
from seqfront.loss.lattice import flattened, lengths_of
from seqfront.ops.shape import expand_dim
from seqfront.tensor import Tensor


class Pairs(NamedTuple):
    """Two sequences for each position of the batch, in plain arrays."""

    backend: Backend
    batch: tuple[Dim, ...]
    table: Lengths
    inputs: tuple[Raw, Raw, Raw, Raw]
    """Tokens int32 [count, positions] and lengths int32 [count] of the first, and of the second."""
    whole: Tensor
    """The one that has all batch dims."""

    def tensor(self, raw: Raw, *rest: Dim) -> Tensor:
        """A result [count, *rest] over the batch dims and `rest`."""
        backend = self.backend
        if len(self.batch) != 1:
            sizes = [self.whole.size(dim) for dim in self.batch]
            raw = backend.reshape(raw, [*sizes, *backend.shape(raw)[1:]])
        return Tensor(raw, (*self.batch, *rest), self.table, backend=backend)


def pairs(op: str, names: tuple[str, str], xs: tuple[Tensor, Tensor], on: tuple[Dim, Dim]) -> Pairs:
    """Check two tensors of tokens and lay them out; `on` are the dims of their positions."""
    a, b = xs
    for name, x, dim in zip(names, xs, on, strict=True):
        align.check(op, x, dim, name=name)
        if not dtypes.is_int(x.dtype):
            raise errors.wrong_dtype(op, name, x, "an integer type")
    if a.sparse_dim is not None and b.sparse_dim is not None and a.sparse_dim is not b.sparse_dim:
        raise errors.foreign_labels(op, b, a.sparse_dim)
    backend = align.common_backend(op, xs)
    align.check_sizes(op, xs, on)
    table = align.common_lengths(op, xs)
    batches = [tuple(d for d in x.dims if d is not dim) for x, dim in zip(xs, on, strict=True)]
    whole = a if set(batches[0]) >= set(batches[1]) else b
    batch = batches[0 if whole is a else 1]
    if not set(batch) >= {*batches[0], *batches[1]}:
        raise errors.no_common_dims(op, xs)
    inputs: list[Raw] = []
    for x, dim, other in ((a, on[0], b), (b, on[1], a)):
        for missing in (d for d in batch if d not in x.dims):
            x = expand_dim(x, missing, like=other)
        inputs.append(backend.cast(flattened(x, batch, (dim,)), "int32"))
        inputs.append(lengths_of(x, dim, batch))
    return Pairs(backend, batch, table, (inputs[0], inputs[1], inputs[2], inputs[3]), whole)
