"""Converting tensors: dtype, device, framework."""

from __future__ import annotations

from seqfront import align, backends, dtypes, precision
from seqfront.lengths import Entry, Lengths
from seqfront.ops.create import moved_lengths
from seqfront.ops.mask import clean
from seqfront.tensor import Tensor


def cast(x: Tensor, dtype: str) -> Tensor:
    """Values in another dtype; floats to integers truncate towards zero."""
    align.check("cast", x)
    dtypes.check(dtype, "cast")
    if x.dtype == dtype:
        return x
    labels = x.sparse_dim if dtypes.is_int(dtype) else None
    raw = x.backend.cast(clean(x).raw, dtype)
    return Tensor(raw, x.dims, x.lengths_table, labels, backend=x.backend)


def widened(x: Tensor) -> Tensor:
    """`x` as it is added up: under `sf.autocast`, half precision as float32."""
    dtype = precision.sum_dtype(x.dtype)
    return x if dtype == x.dtype else cast(x, dtype)


def to_device(x: Tensor, device: str) -> Tensor:
    """Copied to a device, lengths too; the same tensor if it is there."""
    align.check("to_device", x)
    backend = x.backend
    raw = backend.to_device(x.raw, device)
    table = moved_lengths(x, device)
    return Tensor(raw, x.dims, table, x.sparse_dim, backend=backend, untrusted=x.untrusted)


def to_backend(x: Tensor, name: str) -> Tensor:
    """The same values as a tensor of another framework, detached, on the CPU."""
    align.check("to_backend", x)
    source, target = x.backend, backends.get(name)
    if target is source:
        return x
    raw = target.convert(source.to_numpy(x.raw), x.dtype)
    entries = {
        dim: Entry(target.convert(source.to_numpy(entry.raw), "int32"), entry.dims)
        for dim, entry in x.lengths_table.entries.items()
    }
    table = Lengths(entries)
    return Tensor(raw, x.dims, table, x.sparse_dim, backend=target, untrusted=x.untrusted)
