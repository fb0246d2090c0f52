"""The greatest few, over one dim or several at once."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import align, errors
from seqfront.backend import Raw, Size
from seqfront.dim import Dim
from seqfront.lengths import Entry, Lengths
from seqfront.ops.mask import clean, data_mask, masked, own_lengths, padding_mask
from seqfront.ops.order import check_rows
from seqfront.ops.positions import apart, at_least, flat
from seqfront.ops.reduce import Axes, least, longest
from seqfront.ops.reduce import sum as reduce_sum
from seqfront.tensor import Tensor


def top_k(
    x: Tensor, k: int | None = None, *, axis: Axes, k_dim: Dim | None = None
) -> tuple[Tensor, Tensor | tuple[Tensor, ...], Dim]:
    """The `k` greatest of the data over dims, the greatest first.

    A row may have less data than `k`. So where data can be short (a ragged or a dynamic dim, or
    fewer positions than `k`), `k_dim` is ragged: its lengths say how many there are, and the rest
    is padding like any other. No value is made up.

    Args:
        x: Any dims; any dtype but bool.
        k: How many, at least 1. Default: the size of `k_dim`.
        axis: One dim, or several: then the greatest of all their positions together.
        k_dim: The dim of the result; static, of size `k`. Default: a new one. Keep one, if graphs
            are compiled: a new dim is another computation.

    Returns:
        Values over the other dims and `k_dim`; where they are, int64, as labels of `axis` (for
        several dims, a tuple of one for each); `k_dim`. Of equals, the lower position comes first,
        counted with the last dim of `axis` running fastest.

    Raises:
        DimError: `k` is no positive int or not the size of `k_dim`; lengths of another dim run
            over `axis`.

    Example:
        >>> import seqfront as sf
        >>> beam, vocab = sf.Dim("beam", 2), sf.Dim("vocab", 3)
        >>> x = sf.wrap([[0.1, 0.5, 0.2], [0.4, 0.3, 0.0]], (beam, vocab))
        >>> values, (source, label), best = sf.top_k(x, 2, axis=(beam, vocab))
        >>> values.raw, source.raw, label.raw
        (array([0.5, 0.4], dtype=float32), array([0, 1]), array([1, 0]))
    """
    axes = align.distinct("top_k", (axis,) if isinstance(axis, Dim) else axis)
    align.check("top_k", x, *axes)
    k_dim = _checked_k_dim(x, k, k_dim, axes)
    if x.dtype == "bool":
        raise errors.wrong_dtype("top_k", "x", x, "a number type")
    check_rows("top_k", x, *axes)
    x = clean(x)
    rest = tuple(dim for dim in x.dims if dim not in axes)
    backend, count = x.backend, k_dim.size or 0
    rows = flat(backend, _filled(x, axes).raw_in((*rest, *axes)), len(rest))
    order = _data_first(x, rest, axes)
    if order is not None:
        rows = backend.gather(rows, order, len(rest), len(rest))
    values, found = backend.top_k(at_least(backend, rows, count, least(x.dtype)), count)
    table = _lengths(x, axes, k_dim)
    positions = masked(Tensor(found, (*rest, k_dim), table, backend=backend), 0)
    if order is not None:
        order = at_least(backend, order, count, 0)
        raw = backend.gather(order, positions.raw, len(rest), len(rest))
        positions = Tensor(raw, positions.dims, table, backend=backend)
    best = Tensor(values, (*rest, k_dim), table, x.sparse_dim, backend=backend)
    indices = apart(positions, [x.size(dim) for dim in axes], axes)
    return masked(best, 0), indices[0] if isinstance(axis, Dim) else indices, k_dim


def _checked_k_dim(x: Tensor, k: object, k_dim: Dim | None, axes: Sequence[Dim]) -> Dim:
    if not axes:
        raise errors.bad_argument("top_k", "axis", axes, "at least one dim", "axis=vocab.")
    if k is None and k_dim is not None:
        k = k_dim.size
    if type(k) is not int or k < 1 or (k_dim is not None and k_dim.size != k):
        needed = "an int of at least 1" if k_dim is None else f"the size of {k_dim!r}, at least 1"
        raise errors.bad_argument("top_k", "k", k, needed, 'k=4, or k_dim=sf.Dim("beam", 4).')
    if k_dim is None:
        k_dim = Dim("k", k)
    align.distinct("top_k", (*x.dims, k_dim))
    return k_dim


def _filled(x: Tensor, axes: Sequence[Dim]) -> Tensor:
    mask = padding_mask(x, axes)
    if mask is None:
        return x
    raw = x.backend.where(mask, x.raw, least(x.dtype))
    return Tensor(raw, x.dims, x.lengths_table, backend=x.backend)


def _data_first(x: Tensor, rest: tuple[Dim, ...], axes: tuple[Dim, ...]) -> Raw | None:
    """Positions in an order with padding last; None: they are, or there is none.

    Padding has the least value, and data may have it too: then the lower position wins.
    """
    if all(own_lengths(x, dim) is None for dim in axes[1:]):
        return None
    backend = x.backend
    mask = padding_mask(x, axes)
    whole = backend.broadcast_to(mask, backend.shape(x.raw))
    padding = backend.unary("not", Tensor(whole, x.dims, backend=backend).raw_in((*rest, *axes)))
    rows = backend.cast(flat(backend, padding, len(rest)), "int32")
    return backend.sort(rows, len(rest))[1]


def _lengths(x: Tensor, axes: tuple[Dim, ...], k_dim: Dim) -> Lengths:
    """How many of the `k` there are, unless there are always enough."""
    table, backend, k = longest(x, axes), x.backend, k_dim.size or 0
    data = data_mask(x, axes)
    counted: tuple[Dim, ...] = () if data is None else tuple(d for d in axes if d in data.dims)
    full: Size = 1
    for dim in axes:
        full = full if dim in counted else full * x.size(dim)
    if data is None:
        if all(dim.size is not None for dim in axes) and full >= k:
            return table
        number = Tensor(backend.convert(full, "int32", x.device), (), backend=backend)
    else:
        whole = reduce_sum(data, axis=counted, mask=False)
        factor = full if isinstance(full, int) else backend.cast(full, "int32")
        number = Tensor(backend.binary("mul", whole.raw, factor), whole.dims, backend=backend)
    raw = backend.binary("min", number.raw, k)
    return table.with_entries({k_dim: Entry(raw, number.dims)})
