"""Convolution layers, over one to three dims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from seqfront import errors
from seqfront.dim import Dim
from seqfront.nn.init import GlorotUniform, Initializer
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.nn.spatial import Axes, axes_of, window_dims
from seqfront.ops.convolve import Paddings, conv, each_count
from seqfront.tensor import Tensor


class Convolution(Module):
    """What convolutions over any number of dims share.

    Args:
        in_dim: Features of the input; static.
        out_dim: Features of the output; static.
        window: Size of the window; one int for all dims, or one for each, as all that follow.
        stride: Step between positions of the output.
        padding: "valid", "same", "causal", or how many zeros before and after, see `sf.conv`. One
            for each dim may look like `padding=("causal", "same")`.
        dilation: Distance between positions of the window.
        groups: Features in so many separate parts; as many as features: each one by itself
            (depthwise).
        bias: Whether to add a bias.
        weight_init: How the kernel [*windows, in_dim / groups, out_dim] starts.
    """

    _rank: ClassVar[int]

    def __init__(
        self,
        in_dim: Dim,
        out_dim: Dim,
        window: int | Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: Paddings = "valid",
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        weight_init: Initializer | None = None,
    ) -> None:
        name = type(self).__name__
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.windows = window_dims(name, window, self._rank)
        if not isinstance(groups, int) or groups < 1 or (in_dim.size or 0) % groups:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.bad_argument(
                name,
                "groups",
                groups,
                f"a divisor of {in_dim!r}",
                "groups cut the input features into equal parts.",
            )
        self.strides = each_count(name, "stride", stride, self._rank)
        self.padding: Paddings = padding
        self.dilations = each_count(name, "dilation", dilation, self._rank)
        self.groups = groups
        group_dim = in_dim if groups == 1 and in_dim is not out_dim else (in_dim // groups).clone()
        kernel_dims = (*self.windows, group_dim, out_dim)
        self.weight = Parameter(kernel_dims, weight_init or GlorotUniform())
        self.bias = Parameter((out_dim,), 0.0) if bias else None

    def __call__(self, x: Tensor, *, axis: Axes) -> Tensor:
        """[..., *axis, in_dim] -> [..., *axis', out_dim].

        Args:
            x: Any other dims are batch; the spatial ones may be ragged.
            axis: The spatial dims, in the order of the windows; of one, the dim alone.

        Returns:
            Each spatial dim as derived from that of `x`: `axis.ceil_div(stride)` for "same" and
            "causal". Each sequence gives what it gives alone.
        """
        return self._convolved(x, axes_of(type(self).__name__, axis, self._rank), self.padding)

    def _convolved(self, x: Tensor, axes: Sequence[Dim], padding: Paddings) -> Tensor:
        y = conv(
            x,
            self.weight,
            spatial=list(zip(axes, self.windows, strict=True)),
            in_dim=self.in_dim,
            out_dim=self.out_dim,
            strides=self.strides,
            padding=padding,
            dilations=self.dilations,
            groups=self.groups,
        )
        return y if self.bias is None else y + self.bias


class Conv1d(Convolution):
    """Convolution over one dim, which may be ragged; arguments as those of `Convolution`.

    Example:
        >>> import seqfront as sf
        >>> time, mel, out = sf.Dim("time", 5), sf.Dim("mel", 80), sf.Dim("out", 4)
        >>> conv = sf.nn.Conv1d(mel, out, 3, stride=2, padding="same")
        >>> conv(sf.zeros((time, mel)), axis=time)
        float32[⌈time/2⌉:3, out:4] numpy:cpu
    """

    _rank = 1


class Conv2d(Convolution):
    """Convolution over two dims, each of which may be ragged; arguments as those of `Convolution`.

    Example:
        >>> import seqfront as sf
        >>> time, mel = sf.Dim("time", 5), sf.Dim("mel", 80)
        >>> one, out = sf.Dim("one", 1), sf.Dim("out", 4)
        >>> conv = sf.nn.Conv2d(one, out, 3, stride=(1, 2), padding=("causal", "same"))
        >>> conv(sf.zeros((time, mel, one)), axis=(time, mel))
        float32[time:5, ⌈mel/2⌉:40, out:4] numpy:cpu
    """

    _rank = 2


class Conv3d(Convolution):
    """Convolution over three dims, each of which may be ragged; arguments as those of
    `Convolution`.

    Example:
        >>> import seqfront as sf
        >>> time, height, width = sf.Dim("time", 5), sf.Dim("height", 8), sf.Dim("width", 9)
        >>> colour, out = sf.Dim("colour", 3), sf.Dim("out", 4)
        >>> conv = sf.nn.Conv3d(colour, out, (1, 3, 3), stride=(1, 2, 2), padding="same")
        >>> conv(sf.zeros((time, height, width, colour)), axis=(time, height, width))
        float32[time:5, ⌈height/2⌉:4, ⌈width/2⌉:5, out:4] numpy:cpu
    """

    _rank = 3
