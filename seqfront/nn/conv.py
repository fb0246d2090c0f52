"""Convolution layers."""

from __future__ import annotations

from typing import Literal

from seqfront import errors
from seqfront.dim import Dim
from seqfront.nn.init import GlorotUniform, Initializer
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.ops.convolve import conv
from seqfront.ops.convolve_transposed import conv_transpose
from seqfront.ops.window_geometry import Padding
from seqfront.tensor import Tensor


class Conv1d(Module):
    """Convolution over one dim, which may be ragged.

    Args:
        in_dim: Features of the input; static.
        out_dim: Features of the output; static.
        window: Size of the window.
        stride: Step between positions of the output.
        padding: "valid", "same", "causal", or how many zeros before and after.
        dilation: Distance between positions of the window.
        groups: Features in so many separate parts.
        bias: Whether to add a bias.
        weight_init: How the kernel [window, in_dim / groups, out_dim] starts.
    """

    def __init__(
        self,
        in_dim: Dim,
        out_dim: Dim,
        window: int,
        *,
        stride: int = 1,
        padding: Padding = "valid",
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        weight_init: Initializer | None = None,
    ) -> None:
        self.in_dim = in_dim
        self.out_dim = out_dim
        if not isinstance(window, int) or window < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.bad_argument(
                "Conv1d",
                "window",
                window,
                "an int of at least 1",
                "it is the number of positions that are seen at once.",
            )
        self.window = Dim("window", window)
        if not isinstance(groups, int) or groups < 1 or (in_dim.size or 0) % groups:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.bad_argument(
                "Conv1d",
                "groups",
                groups,
                f"a divisor of {in_dim!r}",
                "groups cut the input features into equal parts.",
            )
        self.stride = stride
        self.padding: Padding = padding
        self.dilation = dilation
        self.groups = groups
        group_dim = in_dim if groups == 1 and in_dim is not out_dim else (in_dim // groups).clone()
        kernel_dims = (self.window, group_dim, out_dim)
        self.weight = Parameter(kernel_dims, weight_init or GlorotUniform())
        self.bias = Parameter((out_dim,), 0.0) if bias else None

    def __call__(self, x: Tensor, *, axis: Dim) -> Tensor:
        """[..., axis, in_dim] -> [..., axis', out_dim], where axis' is derived from `axis`:
        `axis.ceil_div(stride)` for "same" and "causal"."""
        y = conv(
            x,
            self.weight,
            spatial=[(axis, self.window)],
            in_dim=self.in_dim,
            out_dim=self.out_dim,
            strides=(self.stride,),
            padding=self.padding,
            dilations=(self.dilation,),
            groups=self.groups,
        )
        return y if self.bias is None else y + self.bias


class ConvTranspose1d(Module):
    """Transposed convolution over one dim, which may be ragged: `stride` positions for each one.

    Args:
        in_dim: Features of the input; static.
        out_dim: Features of the output; static.
        window: Size of the window, at least the stride.
        stride: How many positions each one becomes.
        padding: "same", "causal" or "valid", see `sf.conv_transpose`.
        bias: Whether to add a bias.
        weight_init: How the kernel [window, in_dim, out_dim] starts.

    Example:
        >>> import seqfront as sf
        >>> time, mel, out = sf.Dim("time", 5), sf.Dim("mel", 80), sf.Dim("out", 4)
        >>> sf.nn.ConvTranspose1d(mel, out, 3, stride=2)(sf.zeros((time, mel)), axis=time)
        float32[time*2:10, out:4] numpy:cpu
    """

    def __init__(
        self,
        in_dim: Dim,
        out_dim: Dim,
        window: int,
        *,
        stride: int = 1,
        padding: Literal["valid", "same", "causal"] = "same",
        bias: bool = True,
        weight_init: Initializer | None = None,
    ) -> None:
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.window = Dim("window", window)
        self.stride = stride
        self.padding: Literal["valid", "same", "causal"] = padding
        kernel_dims = (self.window, in_dim.clone() if in_dim is out_dim else in_dim, out_dim)
        self.weight = Parameter(kernel_dims, weight_init or GlorotUniform())
        self.bias = Parameter((out_dim,), 0.0) if bias else None

    def __call__(self, x: Tensor, *, axis: Dim) -> Tensor:
        """[..., axis, in_dim] -> [..., axis * stride, out_dim]."""
        y = conv_transpose(
            x,
            self.weight,
            spatial=[(axis, self.window)],
            in_dim=self.in_dim,
            out_dim=self.out_dim,
            strides=(self.stride,),
            padding=self.padding,
        )
        return y if self.bias is None else y + self.bias
