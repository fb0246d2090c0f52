"""SpecAugment: hiding bands of time and frequency while training."""

from __future__ import annotations

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.nn.module import Module
from seqfront.ops import create, elementwise
from seqfront.ops.dtype import cast
from seqfront.ops.mask import clean, own_lengths
from seqfront.ops.noise import random_uniform
from seqfront.tensor import Tensor


class SpecAugment(Module):
    """Zero over random bands of frequency and spans of time, in each sequence others
    (Park et al. 2019, arXiv:1904.08779); no time warping. The identity when not training.

    The width of a mask is uniform in 0 .. its limit, and its place uniform among those within the
    data, so that what a sequence looks like does not depend on how far it is padded.

    Args:
        frequency: The dim of frequencies; static.
        frequency_masks: Number of bands.
        frequency_width: Widest band.
        time_masks: Number of spans.
        time_width: Longest span.
        time_fraction: Longest span as a part of the sequence's length (p of the paper), in [0, 1].

    Example:
        >>> import seqfront as sf
        >>> time, mel = sf.Dim("time", 100), sf.Dim("mel", 80)
        >>> sf.nn.SpecAugment(mel).eval()(sf.ones((time, mel)), axis=time)
        float32[time:100, mel:80] numpy:cpu
    """

    def __init__(
        self,
        frequency: Dim,
        *,
        frequency_masks: int = 2,
        frequency_width: int = 27,
        time_masks: int = 2,
        time_width: int = 100,
        time_fraction: float = 1.0,
    ) -> None:
        limits = (frequency_masks, frequency_width, time_masks, time_width)
        names = ("frequency_masks", "frequency_width", "time_masks", "time_width")
        for name, value in zip(names, limits, strict=True):
            if type(value) is not int or value < 0:
                fix = "0 is no mask."
                raise errors.bad_argument("SpecAugment", name, value, "an int of at least 0", fix)
        if not 0.0 <= time_fraction <= 1.0:
            fix = "it is a part of the sequence."
            needed = "between 0 and 1"
            raise errors.bad_argument("SpecAugment", "time_fraction", time_fraction, needed, fix)
        self.frequency = frequency
        self.frequency_masks = frequency_masks
        self.frequency_width = frequency_width
        self.time_masks = time_masks
        self.time_width = time_width
        self.time_fraction = time_fraction

    def __call__(self, x: Tensor, *, axis: Dim) -> Tensor:
        """[..., axis, frequency] -> the same dims; `axis` may be ragged."""
        align.check("SpecAugment", x, axis, self.frequency)
        if not self.training:
            return x
        x = clean(x)
        for dim, masks, width, fraction in (
            (self.frequency, self.frequency_masks, self.frequency_width, 1.0),
            (axis, self.time_masks, self.time_width, self.time_fraction),
        ):
            rows = tuple(d for d in x.dims if d is not axis and d is not self.frequency)
            for _ in range(masks):
                hidden = _span(x, dim, rows, width, fraction)
                x = elementwise.where(hidden, 0.0, x)
        return x


def _span(x: Tensor, dim: Dim, rows: tuple[Dim, ...], width: int, fraction: float) -> Tensor:
    """bool over the rows and `dim`: true in one random span of each row."""
    length = _lengths(x, dim)
    longest = elementwise.minimum(elementwise.floor(length * fraction), float(width))
    draws = [random_uniform(rows, like=x) for _ in range(2)]
    size = elementwise.floor(elementwise.multiply(draws[0], longest + 1.0, allow_broadcast=True))
    size = elementwise.minimum(size, longest)  # a draw close to 1 may round up
    room = elementwise.add(length, -size, allow_broadcast=True)
    start = elementwise.minimum(elementwise.floor(draws[1] * (room + 1.0)), room)
    position = create.range_over(dim, dtype="float32", like=x)
    after = elementwise.binary("ge", position, start, allow_broadcast=True)
    before = elementwise.binary("lt", position, start + size, allow_broadcast=True)
    return after & before


def _lengths(x: Tensor, dim: Dim) -> Tensor:
    """How many positions each row has, as float32."""
    entry = own_lengths(x, dim)
    if entry is not None:
        return cast(Tensor(entry.raw, entry.dims, backend=x.backend), "float32")
    size = x.backend.convert(x.size(dim), "int32", x.device)
    return Tensor(x.backend.cast(size, "float32"), (), backend=x.backend)
