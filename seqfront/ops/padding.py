"""More positions before and after the data of a dim, each sequence padded at its own end."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.lengths import Lengths
from seqfront.ops import elementwise
from seqfront.ops.carry import carried
from seqfront.ops.mask import clean, own_lengths
from seqfront.ops.positions import aligned, never_empty, positions, read_at
from seqfront.tensor import Tensor

PadMode: TypeAlias = Literal["constant", "reflect", "replicate", "circular"]
"""What new positions hold: one value; the data mirrored at its first and last position, which are
not repeated; the first and the last position; or the data over again."""


def pad(
    x: Tensor,
    *,
    axis: Dim,
    left: int = 0,
    right: int = 0,
    mode: PadMode = "constant",
    value: float = 0,
) -> Tensor:
    """More positions before and after the data of a dim.

    Args:
        x: Has `axis`.
        axis: The dim to pad. Of a ragged one, every sequence is padded where its data ends, with
            what it has itself.
        left: How many before, at least 0.
        right: How many after, at least 0.
        mode: "constant": `value`. "reflect": 3 2 | 1 2 3 | 2 1, to and fro as often as a short
            sequence needs it, as NumPy does; one position is repeated. "replicate": 1 1 | 1 2 3 |
            3 3. "circular": 2 3 | 1 2 3 | 1 2.
        value: What to put there; in every mode, what a sequence of length zero is padded with.

    Returns:
        The same dims, with `axis.pad(left, right)` for `axis` (also `left + axis + right`).

    Raises:
        DimError: `left` or `right` is no int of at least 0, or there is no such mode.

    Example:
        >>> import seqfront as sf
        >>> batch, time = sf.Dim("batch"), sf.Dim("time")
        >>> x = sf.wrap([[1, 2, 3], [4, 5, 0]], (batch, time), lengths={time: [3, 2]})
        >>> sf.pad(x, axis=time, left=1, right=1, mode="reflect").numpy()[1, :4]
        array([5, 4, 5, 4], dtype=int32)
    """
    align.check("pad", x, axis)
    if not all(isinstance(n, int) and n >= 0 for n in (left, right)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.negative_padding(x, axis, left, right)
    if mode not in get_args(PadMode):
        needed = "one of 'constant', 'reflect', 'replicate', 'circular'"
        raise errors.bad_argument("pad", "mode", mode, needed, "'replicate' repeats both ends.")
    dtypes.check_number("pad", "value", value, x.dtype)
    x, out_dim = clean(x), axis.pad(left, right)
    table = carried(x, (axis,), lambda n: pad(n, axis=axis, left=left, right=right, mode=mode))
    if out_dim is axis:
        return x
    if mode == "constant":
        return _constant(x, axis, (left, right), out_dim, table, value)
    return _from_data(x, axis, (left, right), out_dim, table, mode, value)


def _constant(
    x: Tensor, axis: Dim, sides: tuple[int, int], out_dim: Dim, table: Lengths, value: float
) -> Tensor:
    backend, physical = x.backend, x.axis(axis)
    raw = backend.pad(
        x.raw, [sides if i == physical else (0, 0) for i in range(len(x.dims))], value
    )
    dims = tuple(out_dim if d is axis else d for d in x.dims)
    result = Tensor(raw, dims, table, x.sparse_dim, backend=backend)
    lengths = own_lengths(x, axis)
    if lengths is None or sides[1] == 0:
        return result
    end = Tensor(lengths.raw, lengths.dims, backend=backend) + sides[0]
    position = positions(backend, out_dim, result.size(out_dim), x.device)
    data = elementwise.binary("lt", position, end, allow_broadcast=True)
    return elementwise.where(data, result, value).labels_of(x.sparse_dim)


def _from_data(
    x: Tensor,
    axis: Dim,
    sides: tuple[int, int],
    out_dim: Dim,
    table: Lengths,
    mode: PadMode,
    value: float,
) -> Tensor:
    """Every position read from one of the same sequence."""
    backend, entry, size = x.backend, own_lengths(x, axis), x.size(axis)
    if entry is None:
        count = Tensor(backend.convert(size, "int32", x.device), (), backend=backend)
    else:
        count = Tensor(entry.raw, entry.dims, backend=backend)
    position = positions(backend, out_dim, size + (sides[0] + sides[1]), x.device) - sides[0]
    source = _source(mode, position, count)
    result = read_at(never_empty(x, axis), axis, source, out_dim, table)
    if entry is None and isinstance(size, int) and size > 0:
        return result
    some = count > 0
    mask = aligned(some.raw, some.dims, result)
    raw = backend.where(mask, result.raw, dtypes.number(value, x.dtype))
    return Tensor(raw, result.dims, table, x.sparse_dim, backend=backend)


def _source(mode: PadMode, position: Tensor, count: Tensor) -> Tensor:
    """Positions of the data, 0 .. count - 1 (0 of no data), for positions before and after it."""
    if mode == "replicate":
        last = elementwise.maximum(count - 1, 0)
        low = elementwise.maximum(position, 0)
        return elementwise.binary("min", low, last, allow_broadcast=True)
    period = count if mode == "circular" else (count - 1) * 2
    period = elementwise.maximum(period, 1)
    turned = elementwise.binary("mod", position, period, allow_broadcast=True)
    if mode == "circular":
        return turned
    return elementwise.minimum(
        turned, elementwise.binary("sub", period, turned, allow_broadcast=True)
    )
