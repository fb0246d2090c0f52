"""Normalisation."""

from __future__ import annotations

from seqfront import align, dtypes
from seqfront.dim import Dim
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.ops.mask import clean
from seqfront.tensor import Tensor


class LayerNorm(Module):
    """Each vector over one dim to mean 0 and variance 1, then scaled and shifted
    (Ba et al. 2016, arXiv:1607.06450).

    Args:
        dim: The dim of the vectors; static.
        epsilon: Added to the variance.
    """

    def __init__(self, dim: Dim, *, epsilon: float = 1e-5) -> None:
        self.dim = dim
        self.epsilon = epsilon
        self.scale = Parameter((dim,), 1.0)
        self.bias = Parameter((dim,), 0.0)

    def __call__(self, x: Tensor) -> Tensor:
        """[..., dim] -> the same dims, float."""
        align.check("LayerNorm", x, self.dim)
        rest = tuple([dim for dim in x.dims if dim is not self.dim])
        backend = x.backend
        raw = clean(x).raw_in((*rest, self.dim))
        dtype = backend.dtype(raw)
        if not dtypes.is_float(dtype):
            raw = backend.cast(raw, dtypes.DEFAULT_FLOAT)
        scale, bias = self.scale.raw, self.bias.raw
        y = backend.layer_norm(raw, scale, bias, self.epsilon)
        return Tensor(y, (*rest, self.dim), x.lengths_table, backend=backend)
