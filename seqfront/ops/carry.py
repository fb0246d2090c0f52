"""Lengths through operations on the dims that they run over.

The lengths of `time` run over the batch. So what merges, splits, picks or reduces batch dims has to
do the same to the lengths, or the padding would be taken for data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seqfront.dim import Dim
from seqfront.lengths import Entry, Lengths
from seqfront.tensor import Tensor


def carried(x: Tensor, changed: Sequence[Dim], op: Callable[[Tensor], Tensor]) -> Lengths:
    """The table of `x`, with `op` applied to lengths that run over any of the `changed` dims."""
    if not x.lengths_table.entries:
        return x.lengths_table
    entries: dict[Dim, Entry] = {}
    for dim, entry in x.lengths_table.entries.items():
        touched = any(d in changed for d in entry.dims)
        if touched and all(d in x.dims for d in entry.dims):
            result = op(Tensor(entry.raw, entry.dims, backend=x.backend))
            entries[dim] = Entry(result.raw, result.dims)
    return x.lengths_table.with_entries(entries) if entries else x.lengths_table
