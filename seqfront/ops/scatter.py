"""Writing by index: entries gathered into the positions that they name."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from seqfront import align, dtypes, errors
from seqfront.backend import Raw, ScatterName, Size
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.ops import elementwise
from seqfront.ops.carry import carried
from seqfront.ops.create import size_of
from seqfront.ops.index import look_at_range
from seqfront.ops.mask import clean, data_mask, masked
from seqfront.ops.reduce import Axes, greatest, least
from seqfront.ops.shape import expand_dim
from seqfront.tensor import Tensor

ScatterMode: TypeAlias = Literal["add", "max", "min", "logsumexp", "update"]
"""How entries with one position meet; of `update`, the last one stays."""


def scatter(
    x: Tensor,
    *,
    indices: Tensor,
    axis: Axes,
    out_dim: Dim,
    mode: ScatterMode = "add",
    fill: float | None = None,
    like: Tensor | None = None,
) -> Tensor:
    """Entries of `x` combined at positions of a new dim: the reverse of `gather`.

    Dims of `indices` other than `axis` go together with those of `x`: each sequence is written to
    positions of its own.

    Args:
        x: Has all dims of `indices`; its padding is not written anywhere.
        indices: Integers in 0 .. size - 1 over `axis`, and any other dims of `x`. Their padding
            may hold anything.
        axis: The dims that are scattered, all of them dims of `indices`.
        out_dim: The dim written to; if `indices` are labels, they have to be labels of it.
        mode: "add", "max", "min", "logsumexp", or "update": the last entry, counted in the order
            of `axis`, stays.
        fill: What a position gets that nothing is written to. Default: what is neutral: 0, -inf
            (or the least integer), +inf (or the greatest), -inf, and 0 for "update".
        like: Has `out_dim`, if that is dynamic; its lengths of it are those of the result.

    Returns:
        The dims of `indices` that stay, `out_dim`, the other dims of `x`. bool counts as int
        (except for "update"); "logsumexp" is float. No entry not written has a gradient.

    Raises:
        DimError: Indices out of range (looked for where that costs nothing), or dims that do not
            fit.

    Example:
        >>> import seqfront as sf
        >>> time, vocab = sf.Dim("time"), sf.Dim("vocab", 4)
        >>> labels = sf.wrap([2, 0, 2], (time,), sparse_dim=vocab)
        >>> x = sf.wrap([1.0, 2.0, 3.0], (time,))
        >>> sf.scatter(x, indices=labels, axis=time, out_dim=vocab).raw
        array([2., 0., 4., 0.], dtype=float32)
    """
    axes = align.distinct("scatter", (axis,) if isinstance(axis, Dim) else axis)
    _check(x, indices, axes, out_dim, mode)
    size = size_of("scatter", out_dim, like)
    look_at_range("scatter", indices, x, out_dim, size)
    table = align.common_lengths("scatter", (x, indices))
    x, indices = clean(_of_dtype(x, mode)), masked(indices, 0)
    place = _Places(x.with_lengths(table), indices, axes, size)
    result = place.combined(mode)
    if fill is not None:
        dtypes.check_number("scatter", "fill", fill, x.dtype)
        written = elementwise.binary("gt", place.counted(out_dim), 0)
        rows = Tensor(result, place.dims(out_dim), backend=x.backend)
        result = elementwise.where(written, rows, dtypes.number(fill, x.dtype)).raw
    known = indices.with_lengths(FULL)
    if like is not None and out_dim in like.dims:
        table = align.common_lengths("scatter", (x.with_lengths(table), like))
    kept = "update" if mode == "update" else "max"
    table = carried(
        x.with_lengths(table),
        axes,
        lambda n: scatter(
            n, indices=known, axis=axes, out_dim=out_dim, mode=kept, fill=0, like=like
        ),
    )
    labels = x.sparse_dim if mode in ("max", "min", "update") else None
    return masked(Tensor(result, place.dims(out_dim), table, labels, backend=x.backend), 0)


class _Places:
    """Where each entry goes, with all dims that go together as one.

    Padding goes to one more position at the end, which is cut off.
    """

    def __init__(self, x: Tensor, indices: Tensor, axes: tuple[Dim, ...], size: Size) -> None:
        data = data_mask(x, axes)
        for dim in () if data is None else data.dims:
            if dim not in indices.dims:
                indices = expand_dim(indices, dim, like=x)
        self.lead = tuple(dim for dim in x.dims if dim in indices.dims and dim not in axes)
        self.rest = tuple(dim for dim in x.dims if dim not in indices.dims)
        self.backend = x.backend
        self.sizes = [x.size(dim) for dim in self.lead]
        self.size = size
        over = (*self.lead, *axes)
        self.lead_shape = _product(self.sizes)
        self.count = self.lead_shape * _product([x.size(dim) for dim in axes])
        self.rest_shape = [x.size(dim) for dim in self.rest]
        self.updates = self.backend.reshape(
            x.raw_in((*over, *self.rest)), (self.count, *self.rest_shape)
        )
        self.rows: Size = self.lead_shape * size
        self.places = self._rows(indices, over, data)

    def _rows(self, indices: Tensor, over: tuple[Dim, ...], data: Tensor | None) -> Raw:
        backend = self.backend
        raw = backend.cast(indices.raw_in(over), "int64")
        stride = backend.convert(self.size, "int64", indices.device)
        for axis, dim in enumerate(reversed(self.lead)):
            number = backend.arange(indices.size(dim), "int64", indices.device)
            offset = backend.binary("mul", number, stride)
            behind = len(over) - (len(self.lead) - 1 - axis) - 1
            raw = backend.binary("add", raw, backend.expand_dims(offset, range(1, behind + 1)))
            extent = backend.convert(indices.size(dim), "int64", indices.device)
            stride = backend.binary("mul", stride, extent)
        if data is not None:
            mask = align.moved(backend, data.raw, align.move_to(data.dims, over))
            raw = backend.where(mask, raw, stride)  # by now the number of all rows
        return backend.reshape(raw, (self.count,))

    def dims(self, out_dim: Dim) -> tuple[Dim, ...]:
        """Dims of the result."""
        return (*self.lead, out_dim, *self.rest)

    def combined(self, mode: ScatterMode) -> Raw:
        """Updates at their places, over the dims of the result."""
        if mode == "logsumexp":
            return self._shaped(self._logsumexp())
        return self._shaped(self._scattered(mode, self.updates))

    def counted(self, out_dim: Dim) -> Tensor:
        """How many entries each position has, over the dims that go together and `out_dim`."""
        backend = self.backend
        device = backend.device(self.updates)
        zeros = backend.full((self.rows + 1,), 0, "int32", device)
        ones = backend.full((self.count,), 1, "int32", device)
        number = backend.slice(backend.scatter("add", zeros, self.places, ones), 0, 0, self.rows)
        raw = backend.reshape(number, (*self.sizes, self.size))
        return Tensor(raw, (*self.lead, out_dim), backend=backend)

    def _scattered(self, mode: ScatterName, updates: Raw) -> Raw:
        backend = self.backend
        dtype = backend.dtype(updates)
        neutral = {"max": least(dtype), "min": greatest(dtype)}.get(mode, 0)
        shape = (self.rows + 1, *self.rest_shape)
        start = backend.full(shape, neutral, dtype, backend.device(updates))
        return backend.scatter(mode, start, self.places, updates)

    def _logsumexp(self) -> Raw:
        backend = self.backend
        high = backend.stop_gradient(self._scattered("max", backend.stop_gradient(self.updates)))
        anchor = backend.where(backend.unary("is_finite", high), high, 0.0)
        own = backend.gather(anchor, self.places, 0)
        total = self._scattered(
            "add", backend.unary("exp", backend.binary("sub", self.updates, own))
        )
        empty = backend.binary("eq", total, 0.0)
        log = backend.unary("log", backend.where(empty, 1.0, total))
        return backend.where(empty, -math.inf, backend.binary("add", log, anchor))

    def _shaped(self, rows: Raw) -> Raw:
        kept = self.backend.slice(rows, 0, 0, self.rows)
        return self.backend.reshape(kept, (*self.sizes, self.size, *self.rest_shape))


def _product(sizes: list[Size]) -> Size:
    product: Size = 1
    for size in sizes:
        product = product * size
    return product


def _of_dtype(x: Tensor, mode: ScatterMode) -> Tensor:
    wanted = x.dtype
    if mode == "logsumexp":
        wanted = dtypes.to_float(wanted)
    elif mode != "update" and wanted == "bool":
        wanted = dtypes.DEFAULT_INT
    if wanted == x.dtype:
        return x
    raw = x.backend.cast(clean(x).raw, wanted)
    return Tensor(raw, x.dims, x.lengths_table, backend=x.backend)


def _check(x: Tensor, indices: Tensor, axes: tuple[Dim, ...], out_dim: Dim, mode: str) -> None:
    align.check("scatter", x, *axes)
    align.check("scatter", indices, *axes, name="indices")
    align.common_backend("scatter", (x, indices))
    align.check_sizes("scatter", (x, indices))
    modes = ("add", "max", "min", "logsumexp", "update")
    if mode not in modes:
        needed = "one of 'add', 'max', 'min', 'logsumexp', 'update'"
        raise errors.bad_argument("scatter", "mode", mode, needed, "'add' sums up.")
    if not dtypes.is_int(indices.dtype):
        raise errors.wrong_dtype("scatter", "indices", indices, "an integer type")
    if indices.sparse_dim is not None and indices.sparse_dim is not out_dim:
        raise errors.foreign_labels("scatter", indices, out_dim)
    if any(dim not in x.dims for dim in indices.dims):
        raise errors.no_common_dims("scatter", (x, indices))
    align.distinct("scatter", (*(dim for dim in x.dims if dim not in axes), out_dim))
