"""Subsampling: fewer frames, of more meaning each."""

from __future__ import annotations

from seqfront import errors
from seqfront.dim import Dim
from seqfront.nn.containers import ModuleList
from seqfront.nn.conv import Conv1d
from seqfront.nn.module import Module
from seqfront.ops import elementwise
from seqfront.tensor import Tensor


class ConvSubsampling(Module):
    """Convolutions over time that each leave every second frame, with ReLU in between
    (as in Synnaeve et al. 2019, arXiv:1911.08460).

    Args:
        in_dim: Features of the input; static.
        out_dim: Features of the result, and in between; static.
        factor: How many frames become one: a power of two, at least 2.
        window: Frames that a convolution sees.

    Example:
        >>> import seqfront as sf
        >>> time, mel, feature = sf.Dim("time", 10), sf.Dim("mel", 4), sf.Dim("feature", 8)
        >>> subsample = sf.models.ConvSubsampling(mel, feature, factor=4)
        >>> subsample(sf.ones((time, mel)), axis=time)
        float32[⌈time/4⌉:3, feature:8] numpy:cpu
    """

    def __init__(self, in_dim: Dim, out_dim: Dim, *, factor: int = 4, window: int = 3) -> None:
        if not isinstance(factor, int) or factor < 2 or factor & (factor - 1):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.bad_argument(
                "ConvSubsampling",
                "factor",
                factor,
                "a power of two, at least 2",
                "each convolution leaves every second frame.",
            )
        self.factor = factor
        self.layers = ModuleList()
        for _ in range(factor.bit_length() - 1):
            self.layers.append(Conv1d(in_dim, out_dim, window, stride=2, padding="same"))
            in_dim = out_dim

    def __call__(self, x: Tensor, *, axis: Dim) -> Tensor:
        """[batch..., axis, in_dim] -> [batch..., axis.ceil_div(factor), out_dim]."""
        for layer in self.layers:
            x = elementwise.relu(layer(x, axis=axis))
            axis = axis.ceil_div(2)
        return x
