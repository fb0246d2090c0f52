"""Convolution layers, over one to three dims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, overload

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.lengths import Lengths
from seqfront.nn.init import GlorotUniform, Initializer
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.nn.spatial import Axes, axes_of, window_dims
from seqfront.nn.stateful import Stateful, blank, kept, wrong_state
from seqfront.ops.convolve import conv
from seqfront.ops.join import concat
from seqfront.ops.shape import expand_dim, squeeze
from seqfront.ops.slicing import slice
from seqfront.ops.window_geometry import Paddings, each_count
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
        self._reach = ((self.windows[0].size or 1) - 1) * self.dilations[0]
        self._past = Dim("past", self._reach)
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


class ConvState(NamedTuple):
    """The last `window - 1` frames (as far as the window reaches), over [batch..., past, in_dim];
    zeros before the first."""

    frames: Tensor


class Conv1d(Convolution, Stateful):
    """Convolution over one dim, which may be ragged; arguments as those of `Convolution`.

    A causal one, without strides, may also run part by part with a state.

    Example:
        >>> import seqfront as sf
        >>> time, mel, out = sf.Dim("time", 5), sf.Dim("mel", 80), sf.Dim("out", 4)
        >>> conv = sf.nn.Conv1d(mel, out, 3, stride=2, padding="same")
        >>> conv(sf.zeros((time, mel)), axis=time)
        float32[⌈time/2⌉:3, out:4] numpy:cpu
        >>> conv, frame = sf.nn.Conv1d(mel, out, 3, padding="causal"), sf.zeros((mel,))
        >>> y, state = conv(frame, axis=None, state=conv.initial_state(like=frame))
        >>> y
        float32[out:4] numpy:cpu
    """

    _rank = 1
    _step = Dim("step", 1)

    def initial_state(
        self, batch: Sequence[Dim] = (), *, like: Tensor, capacity: int | Dim | None = None
    ) -> ConvState:
        """Zeros for the frames before the first."""
        if self.padding not in ("causal", ("causal",)) or self.strides != (1,):
            given = {"padding": self.padding, "stride": self.strides[0]}
            fix = "other windows wait for frames to come, and strides leave some out."
            needed = "padding='causal', stride=1"
            raise errors.bad_argument("Conv1d", "a layer with a state", given, needed, fix)
        align.check("Conv1d", like, name="like")
        dims, dtype = (*batch, self._past, self.in_dim), dtypes.to_float(like.dtype)
        return ConvState(blank("Conv1d", dims, like=like, dtype=dtype))

    @overload
    def __call__(self, x: Tensor, *, axis: Axes, state: None = None) -> Tensor: ...
    @overload
    def __call__(
        self, x: Tensor, *, axis: Dim | None, state: ConvState
    ) -> tuple[Tensor, ConvState]: ...
    def __call__(
        self, x: Tensor, *, axis: Axes | None, state: ConvState | None = None
    ) -> Tensor | tuple[Tensor, ConvState]:
        """[..., axis, in_dim] -> [..., axis', out_dim], and the state, if there is one.

        Args:
            x: Any other dims are batch.
            axis: The dim to run along, which may be ragged. None: one step, with a state.
            state: Of the frames before.
        """
        if state is None:
            return super().__call__(x, axis=() if axis is None else axis)
        if not isinstance(state, ConvState):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise wrong_state("Conv1d", state, "ConvState(frames)")
        if axis is None:
            align.check("Conv1d", x, self.in_dim)
            y, after = self._continued(expand_dim(x, self._step), self._step, state)
            return squeeze(y, self._step), after
        (dim,) = axes_of("Conv1d", axis, 1)
        return self._continued(x, dim, state)

    def _continued(self, x: Tensor, axis: Dim, state: ConvState) -> tuple[Tensor, ConvState]:
        align.check("Conv1d", x, axis, self.in_dim)
        align.check("Conv1d", state.frames, self._past, self.in_dim, name="frames")
        if self._reach == 0:
            return self._convolved(x, (axis,), "valid"), state
        longer = axis.pad(self._reach, 0)
        frames = concat((state.frames, self._past), (x, axis), out_dim=longer)
        y = self._convolved(frames, (longer,), "valid")
        at = longer.pad(0, -self._reach)
        last = slice(frames, axis=longer, start=-self._reach)
        last = last.rename(longer.slice(-self._reach), self._past)
        return y.rename(at, axis).with_lengths(x.lengths_table), ConvState(_full(last, self._past))


def _full(x: Tensor, dim: Dim) -> Tensor:
    """Without lengths of a dim that is full, and of dims that are gone."""
    table = kept(x).lengths_table
    return x.with_lengths(Lengths({d: n for d, n in table.entries.items() if d is not dim}))


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
