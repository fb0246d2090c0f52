"""Dims and layouts that the cases share."""

from __future__ import annotations

from seqfront import Dim
from seqfront.testing import Layout, ragged

batch = Dim("batch")
group = Dim("group")
"""A second batch dim."""
time = Dim("time")
key_time = time.clone("key_time")
feature = Dim("feature", 4)
out = Dim("out", 6)
vocab = Dim("vocab", 7)
window = Dim("window", 3)

PLAIN = Layout({batch: 3, group: 2, time: 5})
"""Nothing ragged."""

RAGGED = Layout(
    {batch: 3, group: 2, time: 5, key_time: 6},
    {time: ragged(batch, [5, 2, 4]), key_time: ragged(batch, [3, 6, 1])},
)
"""Each sequence with its own length."""

TWO_BATCH_DIMS = Layout(
    {batch: 3, group: 2, time: 5}, {time: ragged((batch, group), [[5, 2], [1, 4], [3, 3]])}
)
"""Lengths over two batch dims."""
