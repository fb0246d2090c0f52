"""Where windows that slide along a dim go: what convolution, pooling and `window` share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, cast

from seqfront import errors
from seqfront.dim import Dim
from seqfront.tensor import Tensor

Padding: TypeAlias = Literal["valid", "same", "causal"] | tuple[int, int]
"""`valid`: none. `same`: as many positions as before, divided by the stride, a rest counting;
the window's middle is on the position (its left middle if it is even). `causal`: the window ends
at the position. Or how many zeros before and after."""


Paddings: TypeAlias = Padding | Sequence[Padding]
"""One for all spatial dims, or one for each: `("causal", "same")`."""


def each_count(op: str, name: str, value: int | Sequence[int], count: int) -> tuple[int, ...]:
    """One int for all spatial dims, or one for each, as one for each."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
    if len(values) != count or not all(type(n) is int and n > 0 for n in values):
        several = "" if count == 1 else f", or {count} of them"
        fix = "it counts positions."
        raise errors.bad_argument(op, name, value, f"an int of at least 1{several}", fix)
    return cast("tuple[int, ...]", values)


def each_padding(padding: Paddings, count: int) -> Sequence[Padding]:
    """A padding for each spatial dim. A pair of ints is one padding, for all of them."""
    several = isinstance(padding, (tuple, list)) and len(padding) == count
    if several and not any(isinstance(part, int) for part in padding):
        return cast("Sequence[Padding]", padding)
    return (cast("Padding", padding),) * count


def span_of(op: str, window: Dim, gap: int) -> int:
    """How many positions a window reaches over."""
    if window.size is None:
        raise errors.size_unknown(op, window)
    if window.size == 0:
        raise errors.bad_argument(
            op,
            "the window",
            window,
            "at least one position",
            "give the window dim a larger size.",
        )
    return (window.size - 1) * gap + 1


def margins(op: str, padding: Padding, span: int) -> tuple[int, int]:
    """How many positions a padding adds before and after, for a window of a span."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        return (span - 1) // 2, span - 1 - (span - 1) // 2
    if padding == "causal":
        return span - 1, 0
    numbers = isinstance(padding, tuple) and len(padding) == 2  # pyright: ignore[reportUnnecessaryIsInstance, reportUnnecessaryComparison]
    if not numbers or not all(isinstance(n, int) and n >= 0 for n in padding):  # pyright: ignore[reportUnnecessaryIsInstance]
        needed = "'valid', 'same', 'causal', or a pair of ints of at least 0"
        raise errors.bad_argument(
            op,
            "padding",
            padding,
            needed,
            "'same' keeps the length, 'causal' looks back only, 'valid' adds nothing.",
        )
    return padding


def windows_over(
    op: str, x: Tensor, dim: Dim, span: int, sides: tuple[int, int], stride: int
) -> Dim:
    """The dim of all windows of a span over a dim padded on both sides, `stride` apart.

    `DimError` if a static dim has no room for one. (A dynamic one may: then there are none.)
    """
    added = sides[0] + sides[1]
    if dim.size is not None and dim.size + added < span:
        raise errors.window_beyond_data(op, x, dim, dim.size + added, span)
    return dim.pad(0, added - (span - 1)).ceil_div(stride)


def lacking(size: object, added: int, span: int) -> int:
    """How many positions are missing for a single window; only known when sizes are."""
    return max(span - size - added, 0) if isinstance(size, int) else 0
