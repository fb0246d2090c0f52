"""A tensor at a glance, for notebooks and for rich: its dims, statistics of its data, a picture.

Padding has no part in any of it. In a trace, where there are no values, dims are all there is.

Nothing here runs before somebody asks: IPython calls `_repr_html_`, rich `__rich_console__`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfront import dtypes, show

if TYPE_CHECKING:
    from seqfront.tensor import Tensor

COLUMNS, ROWS = 48, 8
"""Size of the picture at most."""

_SHADES = "▁▂▃▄▅▆▇█"
_PADDING, _NOT_FINITE = "·", "!"


class Overview(NamedTuple):
    """What there is to show of a tensor, as text."""

    title: str
    axes: list[tuple[str, str, str]]
    """Dim, size, lengths."""
    statistics: list[tuple[str, str]]
    """Names and values, of data only."""
    picture: list[str]
    """Lines, the first of which says what they show."""


def of(x: Tensor) -> Overview:
    """The overview of a tensor."""
    sizes = x.backend.static_shape(x.raw)
    axes = [(d.name, _size(n), _lengths(x, d)) for d, n in zip(x.dims, sizes, strict=True)]
    if x.backend.is_tracing() or x.device == "meta":
        return Overview(show.tensor(x), axes, [], [])
    values: Any = np.asarray(x.backend.to_numpy(x.raw))
    valid = data(x, values.shape)
    return Overview(
        show.tensor(x), axes, _statistics(x.dtype, values[valid]), _picture(x, values, valid)
    )


def html(x: Tensor) -> str:
    """The overview as HTML."""
    shown = of(x)
    head = "<tr><th>dim</th><th>size</th><th>lengths</th></tr>"
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in shown.axes
    )
    parts = [f"<code>{escape(shown.title)}</code>"]
    if shown.axes:
        parts.append(f"<table>{head}{rows}</table>")
    if shown.statistics:
        parts.append(f"<div>{escape(_line(shown.statistics))}</div>")
    if shown.picture:
        caption, *lines = map(escape, shown.picture)
        parts.append(f'<div>{caption}</div><pre style="line-height:1">{"&#10;".join(lines)}</pre>')
    return f"<div>{''.join(parts)}</div>"


def rich(x: Tensor) -> Iterator[Any]:
    """The overview as things that rich prints."""
    from rich.table import Table
    from rich.text import Text

    shown = of(x)
    yield Text(shown.title, "bold")
    if shown.axes:
        table = Table("dim", "size", "lengths", box=None, pad_edge=False)
        for row in shown.axes:
            table.add_row(*map(Text, row))
        yield table
    if shown.statistics:
        yield Text(_line(shown.statistics))
    if shown.picture:
        yield Text("\n".join(shown.picture), no_wrap=True)


def _line(statistics: Sequence[tuple[str, str]]) -> str:
    return "  ".join(f"{name} {value}" for name, value in statistics)


# -- dims ------------------------------------------------------------------------------------------


def _size(size: int | None) -> str:
    return "?" if size is None else str(size)


def _lengths(x: Tensor, dim: Any) -> str:
    entry = x.lengths_table.of(dim, x.backend)
    if entry is None:
        return ""
    if x.backend.is_tracing():
        return "in the graph"
    lengths = x.backend.to_numpy(entry.raw).reshape(-1)
    if not lengths.size:
        return "none"
    low, high = int(lengths.min()), int(lengths.max())
    return str(low) if low == high else f"{low} to {high}"


def data(x: Tensor, shape: tuple[int, ...]) -> Any:
    """bool of the shape of the values: where they are data, not padding."""
    valid: Any = np.ones(shape, bool)
    for axis, dim in enumerate(x.dims):
        entry = x.lengths_table.of(dim, x.backend)
        if entry is None or any(over not in x.dims for over in entry.dims):
            continue
        places = [x.dims.index(over) for over in entry.dims]
        lengths: Any = np.transpose(x.backend.to_numpy(entry.raw), np.argsort(places))
        lengths = lengths.reshape([n if a in places else 1 for a, n in enumerate(shape)])
        along: list[int] = [n if a == axis else 1 for a, n in enumerate(shape)]
        valid &= np.reshape(np.arange(shape[axis]), along) < lengths
    return valid


# -- values ----------------------------------------------------------------------------------------


def _statistics(dtype: str, values: Any) -> list[tuple[str, str]]:
    """Least, mean, greatest of the finite values; how many are none."""
    found = [("values", f"{values.size:,}")]
    if dtype == "bool":
        return [*found, ("true", f"{int(values.sum()):,}")]
    finite = values[np.isfinite(values)] if dtypes.is_float(dtype) else values
    if finite.size:
        mean = finite.mean(dtype=np.float64)
        for name, value in (("min", finite.min()), ("mean", mean), ("max", finite.max())):
            found.append((name, f"{value:.4g}" if isinstance(value, np.floating) else str(value)))
    if dtypes.is_float(dtype):
        nans = int(np.isnan(values).sum())
        found += [("NaN", f"{nans:,}"), ("inf", f"{values.size - finite.size - nans:,}")]
    return found


def _picture(x: Tensor, values: Any, valid: Any) -> list[str]:
    """The two longest axes, at the start of all others, in shades; the longest runs across."""
    if not values.size or not x.dims:
        return []

    def rank(axis: int) -> tuple[int, bool, int]:
        """Of equally long ones, features before batches."""
        return -values.shape[axis], x.dims[axis].size is None, x.dims[axis].serial

    shown = sorted(range(len(x.dims)), key=rank)[1::-1]
    start = tuple(slice(None) if axis in shown else 0 for axis in range(values.ndim))
    values, valid = values[start].astype(np.float64), valid[start]
    if len(shown) == 1:
        values, valid = values[None], valid[None]
    elif shown[0] > shown[1]:
        values, valid = values.T, valid.T
    names = [x.dims[axis].name for axis in shown]
    ways = f"{names[0]} across" if len(names) == 1 else f"{names[0]} down, {names[1]} across"
    first = [f"{x.dims[axis].name} 0" for axis in range(len(x.dims)) if axis not in shown]
    return [", ".join([*first, ways]), *_shades(_pooled(values, valid))]


def _pooled(values: Any, valid: Any) -> Any:
    """Means of blocks of data, so that there are few; NaN where there is only padding, and
    infinity where there is something that is not finite."""
    rows, columns = _blocks(values.shape[0], ROWS), _blocks(values.shape[1], COLUMNS)
    result: Any = np.full((len(rows), len(columns)), np.nan)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            found = values[row, column][valid[row, column]]
            if found.size:
                result[i, j] = found.mean() if np.isfinite(found).all() else np.inf
    return result


def _blocks(size: int, most: int) -> list[slice]:
    """An axis in so many parts, about equally long."""
    count = min(size, most)
    return [slice(size * i // count, size * (i + 1) // count) for i in range(count)]


def _shades(blocks: Any) -> list[str]:
    finite = blocks[np.isfinite(blocks)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    scale = (len(_SHADES) - 1) / (high - low) if high > low else 0.0

    def shade(value: float) -> str:
        if np.isnan(value):
            return _PADDING
        return _SHADES[round((value - low) * scale)] if np.isfinite(value) else _NOT_FINITE

    return ["".join(map(shade, row)) for row in blocks.tolist()]
