"""Making tensors: from the framework's own ones, and from nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqfront import align, backends, checks, dtypes, errors
from seqfront.backend import Backend, Raw, Size
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry, Lengths
from seqfront.tensor import Tensor


def wrap(
    raw: Any,
    dims: Sequence[Dim] = (),
    lengths: Mapping[Dim, Any] | None = None,
    *,
    sparse_dim: Dim | None = None,
) -> Tensor:
    """Give names to the axes of a framework's tensor.

    Args:
        raw: A NumPy array, torch.Tensor or tf.Tensor; numbers and lists become tensors of the
            default backend.
        dims: One dim for each axis, in order.
        lengths: For each ragged dim, how many positions are data: integers over the first of the
            other dims (the batch), as list, array or raw tensor; or a Tensor over any dims. What
            lies beyond may be anything.
        sparse_dim: The dim that integer values are indices into (labels).

    Raises:
        DimError: Axes and dims, or lengths and data, do not fit.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> batch, time = sf.Dim("batch"), sf.Dim("time")
        >>> sf.wrap(np.zeros((2, 5), "float32"), (batch, time), lengths={time: [5, 3]})
        float32[batch≤2, time≤5] numpy:cpu
    """
    if isinstance(raw, Tensor):
        raise errors.already_wrapped(raw)
    backend = backends.of(raw) if backends.is_raw(raw) else backends.default()
    if not backends.is_raw(raw):
        raw = _converted(backend, raw)
    dims = align.distinct("wrap", dims)
    dtypes.check(backend.dtype(raw), "wrap")
    _check_axes(backend, raw, dims)
    if sparse_dim is not None:
        align.distinct("wrap", (sparse_dim,))
    if sparse_dim is not None and not dtypes.is_int(backend.dtype(raw)):
        bare = Tensor(raw, dims, backend=backend)
        raise errors.wrong_dtype("wrap", "raw", bare, "an integer type, as it has a sparse_dim")
    table = FULL
    if lengths is not None and not isinstance(lengths, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.bad_lengths_table(lengths)
    if lengths:
        table = Lengths({d: _entry(backend, raw, dims, d, n) for d, n in lengths.items()})
    untrusted = bool(table.entries) and backend.dtype(raw) != "bool"
    return Tensor(raw, dims, table, sparse_dim, backend=backend, untrusted=untrusted)


def _converted(backend: Backend, value: Any, device: str | None = None) -> Raw:
    if backend.is_tracing():
        return backend.convert(value, None, device)
    try:
        raw = backend.convert(value, None, device)
        known = backend.dtype(raw) in dtypes.ALL
    except (TypeError, ValueError, RuntimeError, KeyError):  # what frameworks say differs
        raise errors.not_convertible(value) from None
    if not known:
        raise errors.not_convertible(value)
    return raw


def _check_axes(backend: Backend, raw: Raw, dims: tuple[Dim, ...]) -> None:
    shape = backend.static_shape(raw)
    if len(shape) != len(dims):
        raise errors.wrong_rank(shape, backend.dtype(raw), dims)
    for axis, (dim, size) in enumerate(zip(dims, shape, strict=True)):
        if dim.size is not None and size is not None and dim.size != size:
            raise errors.wrong_extent(shape, backend.dtype(raw), dims, axis, size)


def _entry(backend: Backend, raw: Raw, dims: tuple[Dim, ...], dim: Dim, lengths: Any) -> Entry:
    if dim not in dims:
        raise errors.foreign_lengths(dim, dims)
    if isinstance(lengths, Tensor):
        if lengths.backend is not backend:
            raise errors.two_backends("wrap", Tensor(raw, dims, backend=backend), lengths)
        over, values = lengths.dims, lengths.raw
        if any(d not in dims or d is dim for d in over):
            raise errors.bad_lengths_shape(dim, lengths.backend.static_shape(values), dims)
    else:
        own = backends.is_raw(lengths) and backends.of(lengths) is backend
        values = lengths if own else _converted(backend, lengths, backend.device(raw))
        others = tuple(d for d in dims if d is not dim)
        over = others[: len(backend.static_shape(values))]
    dtype = backend.dtype(values)
    if dtype not in dtypes.INTS:
        raise errors.bad_lengths_dtype(dim, dtype)
    _check_lengths(backend, raw, dims, dim, values, over)
    values = backend.to_device(values, backend.device(raw))
    return Entry(values if dtype == "int32" else backend.cast(values, "int32"), over)


def _check_lengths(
    backend: Backend, raw: Raw, dims: tuple[Dim, ...], dim: Dim, values: Raw, over: tuple[Dim, ...]
) -> None:
    shape, sizes = backend.static_shape(values), backend.static_shape(raw)
    wanted = [sizes[dims.index(d)] for d in over]
    if len(shape) != len(over) or any(
        a is not None and b is not None and a != b for a, b in zip(shape, wanted, strict=True)
    ):
        raise errors.bad_lengths_shape(dim, shape, dims)
    if not checks.may_look(backend, values):
        return
    array = backend.to_numpy(values)
    size = sizes[dims.index(dim)]
    if array.size and size is not None and (array.min() < 0 or array.max() > size):
        raise errors.lengths_out_of_range(dim, int(array.min()), int(array.max()), size)


def full(
    dims: Sequence[Dim],
    value: float,
    *,
    dtype: str | None = None,
    like: Tensor | None = None,
    device: str | None = None,
) -> Tensor:
    """A constant over dims.

    Args:
        dims: Dims of the result.
        value: Its value.
        dtype: Default: the dtype of `like`, else that of the number.
        like: Where sizes and lengths of dynamic dims, backend and device come from.
        device: "cpu", "cuda:0", ...; default: that of `like`, else "cpu".
    """
    return _full("full", dims, value, dtype, like, device)


def _full(
    op: str,
    dims: Sequence[Dim],
    value: float,
    dtype: str | None,
    like: Tensor | None,
    device: str | None,
) -> Tensor:
    dims = align.distinct(op, dims)
    backend, device, table = placed(op, like, device)
    if dtype is None:
        dtype = like.dtype if like is not None else dtypes.promote_scalar("bool", value)
    dtypes.check_number(op, "value", value, dtypes.check(dtype, op))
    shape = tuple([size_of(op, dim, like) for dim in dims])
    raw = backend.full(shape, value, dtype, device)
    return Tensor(raw, tuple(dims), table, backend=backend)


def zeros(
    dims: Sequence[Dim],
    *,
    dtype: str | None = None,
    like: Tensor | None = None,
    device: str | None = None,
) -> Tensor:
    """Zeros over dims; float32 unless said otherwise. Arguments as in `sf.full`."""
    return _full("zeros", dims, 0.0, dtype, like, device)


def ones(
    dims: Sequence[Dim],
    *,
    dtype: str | None = None,
    like: Tensor | None = None,
    device: str | None = None,
) -> Tensor:
    """Ones over dims; float32 unless said otherwise. Arguments as in `sf.full`."""
    return _full("ones", dims, 1.0, dtype, like, device)


def range_over(
    dim: Dim, *, dtype: str = "int32", like: Tensor | None = None, device: str | None = None
) -> Tensor:
    """0, 1, 2, ... along a dim, as labels of it; `like` gives the extent of a dynamic one."""
    align.distinct("range_over", (dim,))
    backend, device, table = placed("range_over", like, device)
    size = size_of("range_over", dim, like)
    raw = backend.arange(size, dtypes.check(dtype, "range_over"), device)
    labels = dim if dtypes.is_int(dtype) else None
    return Tensor(raw, (dim,), table, labels, backend=backend)


def placed(op: str, like: Tensor | None, device: str | None) -> tuple[Backend, str, Lengths]:
    """Backend and device to make a tensor on, and the lengths it takes over."""
    if like is None:
        return backends.default(), "cpu" if device is None else device, FULL
    align.check(op, like, name="like")
    if device is None or device == like.device:
        return like.backend, like.device, like.lengths_table
    return like.backend, device, moved_lengths(like, device)


def moved_lengths(x: Tensor, device: str) -> Lengths:
    """The table of `x`, on a device."""
    entries = {
        dim: Entry(x.backend.to_device(entry.raw, device), entry.dims)
        for dim, entry in x.lengths_table.entries.items()
    }
    return Lengths(entries) if entries else FULL


def size_of(op: str, dim: Dim, like: Tensor | None) -> Size:
    """Size of a dim: its own, or its extent in `like`."""
    if dim.size is not None:
        return dim.size
    if like is None:
        raise errors.size_unknown(op, dim)
    if dim not in like.dims:
        raise errors.missing_dim(op, like, dim, "like")
    return like.size(dim)
