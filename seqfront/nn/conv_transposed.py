"""Transposed convolution layers, over one to three dims: more positions than before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from seqfront.dim import Dim
from seqfront.nn.init import GlorotUniform, Initializer
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.nn.spatial import Axes, axes_of, window_dims
from seqfront.ops.convolve_transposed import conv_transpose
from seqfront.ops.window_geometry import each_count
from seqfront.tensor import Tensor


class ConvolutionTranspose(Module):
    """What transposed convolutions over any number of dims share: `stride` positions for each one.

    Args:
        in_dim: Features of the input; static.
        out_dim: Features of the output; static.
        window: Size of the window, at least the stride; one int for all dims, or one for each.
        stride: How many positions each one becomes, likewise.
        padding: "same", "causal" or "valid", see `sf.conv_transpose`.
        bias: Whether to add a bias.
        weight_init: How the kernel [*windows, in_dim, out_dim] starts.
    """

    _rank: ClassVar[int]

    def __init__(
        self,
        in_dim: Dim,
        out_dim: Dim,
        window: int | Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: Literal["valid", "same", "causal"] = "same",
        bias: bool = True,
        weight_init: Initializer | None = None,
    ) -> None:
        name = type(self).__name__
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.windows = window_dims(name, window, self._rank)
        self.strides = each_count(name, "stride", stride, self._rank)
        self.padding: Literal["valid", "same", "causal"] = padding
        kernel_dims = (*self.windows, in_dim.clone() if in_dim is out_dim else in_dim, out_dim)
        self.weight = Parameter(kernel_dims, weight_init or GlorotUniform())
        self.bias = Parameter((out_dim,), 0.0) if bias else None

    def __call__(self, x: Tensor, *, axis: Axes) -> Tensor:
        """[..., *axis, in_dim] -> [..., *axis * stride, out_dim].

        Args:
            x: Any other dims are batch; the spatial ones may be ragged.
            axis: The spatial dims, in the order of the windows; of one, the dim alone.
        """
        axes = axes_of(type(self).__name__, axis, self._rank)
        y = conv_transpose(
            x,
            self.weight,
            spatial=list(zip(axes, self.windows, strict=True)),
            in_dim=self.in_dim,
            out_dim=self.out_dim,
            strides=self.strides,
            padding=self.padding,
        )
        return y if self.bias is None else y + self.bias


class ConvTranspose1d(ConvolutionTranspose):
    """Transposed convolution over one dim, which may be ragged; arguments as those of
    `ConvolutionTranspose`.

    Example:
        >>> import seqfront as sf
        >>> time, mel, out = sf.Dim("time", 5), sf.Dim("mel", 80), sf.Dim("out", 4)
        >>> sf.nn.ConvTranspose1d(mel, out, 3, stride=2)(sf.zeros((time, mel)), axis=time)
        float32[time*2:10, out:4] numpy:cpu
    """

    _rank = 1


class ConvTranspose2d(ConvolutionTranspose):
    """Transposed convolution over two dims, each of which may be ragged; arguments as those of
    `ConvolutionTranspose`.

    Example:
        >>> import seqfront as sf
        >>> height, width = sf.Dim("height", 4), sf.Dim("width", 5)
        >>> feature, colour = sf.Dim("feature", 8), sf.Dim("colour", 3)
        >>> layer = sf.nn.ConvTranspose2d(feature, colour, 4, stride=2)
        >>> layer(sf.zeros((height, width, feature)), axis=(height, width))
        float32[height*2:8, width*2:10, colour:3] numpy:cpu
    """

    _rank = 2


class ConvTranspose3d(ConvolutionTranspose):
    """Transposed convolution over three dims, each of which may be ragged; arguments as those of
    `ConvolutionTranspose`.

    Example:
        >>> import seqfront as sf
        >>> time, height, width = sf.Dim("time", 2), sf.Dim("height", 4), sf.Dim("width", 5)
        >>> feature, colour = sf.Dim("feature", 8), sf.Dim("colour", 3)
        >>> layer = sf.nn.ConvTranspose3d(feature, colour, (1, 2, 2), stride=(1, 2, 2))
        >>> layer(sf.zeros((time, height, width, feature)), axis=(time, height, width))
        float32[time:2, height*2:8, width*2:10, colour:3] numpy:cpu
    """

    _rank = 3
