"""Embedding: a vector for each label."""

from __future__ import annotations

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.nn.init import Initializer, Normal
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.ops.index import gather
from seqfront.tensor import Tensor


class Embedding(Module):
    """Vectors of labels.

    Args:
        labels: The dim that inputs are labels of; static.
        out_dim: Features of the vectors; static.
        weight_init: How the table [labels, out_dim] starts.
    """

    def __init__(
        self, labels: Dim, out_dim: Dim, *, weight_init: Initializer | None = None
    ) -> None:
        self.labels = labels
        self.out_dim = out_dim
        self.weight = Parameter((labels, out_dim), weight_init or Normal(1.0))

    def __call__(self, x: Tensor) -> Tensor:
        """Integers [...] that are labels (`sparse_dim`) of `labels` -> [..., out_dim].

        Padding may hold anything. Labels out of range are an error on the CPU outside a trace.
        """
        align.check("Embedding", x)
        if not dtypes.is_int(x.dtype):
            raise errors.wrong_dtype("Embedding", "x", x, "an integer type")
        if x.sparse_dim is None:
            raise errors.no_labels("Embedding", x)
        return gather(self.weight, indices=x, axis=self.labels)
