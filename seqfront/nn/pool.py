"""Pooling layers, over one to three dims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from seqfront.nn.module import Module
from seqfront.nn.spatial import Axes, axes_of
from seqfront.ops.pool import max_pool, mean_pool
from seqfront.ops.window_geometry import Paddings, each_count
from seqfront.tensor import Tensor


class Pooling(Module):
    """What pooling layers share.

    Args:
        window: Size of the window; one int for all dims, or one for each.
        stride: Step between windows, likewise; default: the window.
        padding: As in `sf.conv`; positions that are no data are not looked at.
    """

    _rank: ClassVar[int]
    _pool: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        window: int | Sequence[int],
        *,
        stride: int | Sequence[int] | None = None,
        padding: Paddings = "valid",
    ) -> None:
        name = type(self).__name__
        self.windows = each_count(name, "window", window, self._rank)
        given = window if stride is None else stride
        self.strides = each_count(name, "stride", given, self._rank)
        self.padding: Paddings = padding

    def __call__(self, x: Tensor, *, axis: Axes) -> Tensor:
        """[..., *axis] -> [..., *axis'], each one derived from that of `x`.

        Args:
            x: Any other dims are kept; the spatial ones may be ragged.
            axis: The spatial dims, in the order of the windows; of one, the dim alone.
        """
        axes = axes_of(type(self).__name__, axis, self._rank)
        return self._pool(
            x, axis=axes, window=self.windows, stride=self.strides, padding=self.padding
        )


class MaxPool1d(Pooling):
    """Greatest value in each window of a dim; arguments as those of `Pooling`.

    Example:
        >>> import seqfront as sf
        >>> time, mel = sf.Dim("time", 5), sf.Dim("mel", 80)
        >>> sf.nn.MaxPool1d(2, padding="same")(sf.zeros((time, mel)), axis=time)
        float32[⌈time/2⌉:3, mel:80] numpy:cpu
    """

    _rank = 1
    _pool = staticmethod(max_pool)


class MaxPool2d(Pooling):
    """Greatest value in each window of two dims; arguments as those of `Pooling`.

    Example:
        >>> import seqfront as sf
        >>> height, width = sf.Dim("height", 4), sf.Dim("width", 6)
        >>> sf.nn.MaxPool2d((1, 2))(sf.zeros((height, width)), axis=(height, width))
        float32[height:4, ⌈(width-1)/2⌉:3] numpy:cpu
    """

    _rank = 2
    _pool = staticmethod(max_pool)


class MaxPool3d(Pooling):
    """Greatest value in each window of three dims; arguments as those of `Pooling`.

    Example:
        >>> import seqfront as sf
        >>> time, height, width = sf.Dim("time", 2), sf.Dim("height", 4), sf.Dim("width", 6)
        >>> pool = sf.nn.MaxPool3d((1, 2, 2), padding="same")
        >>> pool(sf.zeros((time, height, width)), axis=(time, height, width))
        float32[time:2, ⌈height/2⌉:2, ⌈width/2⌉:3] numpy:cpu
    """

    _rank = 3
    _pool = staticmethod(max_pool)


class MeanPool1d(Pooling):
    """Mean of the data in each window of a dim; arguments as those of `Pooling`.

    Example:
        >>> import seqfront as sf
        >>> time, mel = sf.Dim("time", 5), sf.Dim("mel", 80)
        >>> sf.nn.MeanPool1d(2, padding="same")(sf.zeros((time, mel)), axis=time)
        float32[⌈time/2⌉:3, mel:80] numpy:cpu
    """

    _rank = 1
    _pool = staticmethod(mean_pool)


class MeanPool2d(Pooling):
    """Mean of the data in each window of two dims; arguments as those of `Pooling`.

    Example:
        >>> import seqfront as sf
        >>> height, width = sf.Dim("height", 4), sf.Dim("width", 6)
        >>> sf.nn.MeanPool2d((1, 2))(sf.zeros((height, width)), axis=(height, width))
        float32[height:4, ⌈(width-1)/2⌉:3] numpy:cpu
    """

    _rank = 2
    _pool = staticmethod(mean_pool)


class MeanPool3d(Pooling):
    """Mean of the data in each window of three dims; arguments as those of `Pooling`.

    Example:
        >>> import seqfront as sf
        >>> time, height, width = sf.Dim("time", 2), sf.Dim("height", 4), sf.Dim("width", 6)
        >>> pool = sf.nn.MeanPool3d((1, 2, 2), padding="same")
        >>> pool(sf.zeros((time, height, width)), axis=(time, height, width))
        float32[time:2, ⌈height/2⌉:2, ⌈width/2⌉:3] numpy:cpu
    """

    _rank = 3
    _pool = staticmethod(mean_pool)
