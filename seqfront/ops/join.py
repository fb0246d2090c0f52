"""Joining along dims; ragged sequences join where their data ends."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry, Lengths
from seqfront.ops import elementwise
from seqfront.ops.index import gather
from seqfront.ops.mask import clean, own_lengths
from seqfront.ops.shape import expand_dim
from seqfront.tensor import Tensor


def concat(*parts: tuple[Tensor, Dim], out_dim: Dim | None = None) -> Tensor:
    """Tensors one after another along a dim.

    Args:
        parts: Pairs of a tensor and its dim to join; all other dims are common to all.
        out_dim: Default: the sum of the dims, `a + b`.

    Returns:
        Dims of the first, `out_dim` in the place of its joined one. Of ragged dims the data is
        joined, without gaps, and lengths add up.

    Example:
        >>> import seqfront as sf
        >>> start, end = sf.Dim("start", 2), sf.Dim("end", 3)
        >>> sf.concat((sf.zeros((start,)), start), (sf.ones((end,)), end))
        float32[start+end:5] numpy:cpu
    """
    if not parts:
        raise errors.nothing_to_join("concat")
    for part in parts:
        if not isinstance(part, tuple) or len(part) != 2:  # pyright: ignore[reportUnnecessaryIsInstance, reportUnnecessaryComparison]
            raise errors.bad_argument(
                "concat",
                "a part",
                part,
                "a pair (tensor, dim to join)",
                "sf.concat((a, time), (b, time)).",
            )
        align.check("concat", *part)
    parts = tuple((clean(x), dim) for x, dim in parts)
    xs = [x for x, _ in parts]
    backend = align.common_backend("concat", xs)
    align.check_sizes("concat", xs, [dim for _, dim in parts])
    first, first_dim = parts[0]
    others = [d for d in first.dims if d is not first_dim]
    for x, dim in parts:
        if {d for d in x.dims if d is not dim} != set(others):
            raise errors.no_common_dims("concat", xs)
    if out_dim is None:
        out_dim = first_dim
        for _, dim in parts[1:]:
            out_dim = out_dim + dim
    align.distinct("concat", (*others, out_dim))
    table = _joined_lengths(align.common_lengths("concat", xs), parts, out_dim)
    dtype = first.dtype
    for x in xs[1:]:
        dtype = dtypes.promote(dtype, x.dtype)
    raws = [
        backend.cast(x.raw_in([dim if d is first_dim else d for d in first.dims]), dtype)
        for x, dim in parts
    ]
    dims = tuple(out_dim if d is first_dim else d for d in first.dims)
    joined = Tensor(
        backend.concat(raws, first.axis(first_dim)), dims, table, first.sparse_dim, backend=backend
    )
    size = backend.static_shape(joined.raw)[joined.axis(out_dim)]
    if out_dim.size is not None and size is not None and out_dim.size != size:
        raise errors.wrong_size("concat", first, out_dim, size)
    if all(own_lengths(x, dim) is None for x, dim in parts[:-1]):
        return _with_end(joined, parts, out_dim)
    return _closed_up(joined, parts, out_dim)


def _joined_lengths(table: Lengths, parts: Sequence[tuple[Tensor, Dim]], out_dim: Dim) -> Lengths:
    """Of dims whose lengths run over the joined ones (a batch), the lengths are joined, too."""
    over: dict[Dim, tuple[Dim, ...]] = {}
    for x, dim in parts:
        for ragged, entry in x.lengths_table.entries.items():
            if dim in entry.dims and all(d in x.dims for d in entry.dims):
                over[ragged] = tuple(d for d in entry.dims if d is not dim)
    joined: dict[Dim, Entry] = {}
    for ragged, rest in over.items():
        pieces = [(_lengths_over(x, ragged, (*rest, dim)), dim) for x, dim in parts]
        whole = concat(*pieces, out_dim=out_dim)
        joined[ragged] = Entry(whole.raw, whole.dims)
    return table.with_entries(joined) if joined else table


def _lengths_over(x: Tensor, ragged: Dim, dims: Sequence[Dim]) -> Tensor:
    lengths = x.lengths(ragged)
    for dim in dims:
        if dim not in lengths.dims:
            lengths = expand_dim(lengths, dim, like=x)
    return lengths.with_lengths(FULL)


def _with_end(joined: Tensor, parts: Sequence[tuple[Tensor, Dim]], out_dim: Dim) -> Tensor:
    """Without gaps: only the last part may be ragged."""
    last, dim = parts[-1]
    own = own_lengths(last, dim)
    if own is None:
        return joined
    backend, end = joined.backend, own.raw
    for x, before in parts[:-1]:
        end = backend.binary("add", end, backend.convert(x.size(before), "int32", joined.device))
    entries = {out_dim: Entry(end, own.dims)}
    return joined.with_lengths(joined.lengths_table.with_entries(entries))


def _closed_up(joined: Tensor, parts: Sequence[tuple[Tensor, Dim]], out_dim: Dim) -> Tensor:
    """Ragged parts lie with their padding between them: read them without."""
    backend = joined.backend
    size = joined.size(out_dim)
    position = Tensor(backend.arange(size, "int32", joined.device), (out_dim,), backend=backend)
    source, end, shift = position, parts[0][0].lengths(parts[0][1]), 0
    for (x, dim), (previous, previous_dim) in zip(parts[1:], parts[:-1], strict=True):
        whole = backend.convert(previous.size(previous_dim), "int32", joined.device)
        gap = Tensor(whole, (), backend=backend) - previous.lengths(previous_dim)
        shift = elementwise.add(gap, shift, allow_broadcast=True)
        beyond = elementwise.binary("ge", position, end, allow_broadcast=True)
        source = elementwise.where(
            beyond, elementwise.add(position, shift, allow_broadcast=True), source,
            allow_broadcast=True,
        )  # fmt: skip
        end = elementwise.add(end, x.lengths(dim), allow_broadcast=True)
    source = elementwise.where(
        elementwise.binary("lt", position, end, allow_broadcast=True), source, 0,
        allow_broadcast=True,
    )  # fmt: skip
    inner = out_dim.clone()
    table = joined.lengths_table.with_entries({out_dim: Entry(end.raw, end.dims)})
    values = joined.rename(out_dim, inner)
    result = gather(values, indices=source.with_lengths(table), axis=inner)
    return result.with_lengths(table)


def stack(xs: Sequence[Tensor], dim: Dim) -> Tensor:
    """Tensors with the same dims as positions of a new first dim."""
    if not isinstance(xs, (tuple, list)):
        raise errors.bad_argument("stack", "xs", xs, "a list of tensors", "sf.stack([a, b], dim).")
    if not xs:
        raise errors.nothing_to_join("stack")
    backend = align.common_backend("stack", xs)
    xs = [clean(x) for x in xs]
    align.distinct("stack", (dim, *xs[0].dims))
    align.check_sizes("stack", xs)
    if any(set(x.dims) != set(xs[0].dims) for x in xs):
        raise errors.no_common_dims("stack", xs)
    if dim.size is not None and dim.size != len(xs):
        raise errors.wrong_size("stack", xs[0], dim, len(xs))
    table = align.common_lengths("stack", xs)
    dtype = xs[0].dtype
    for x in xs[1:]:
        dtype = dtypes.promote(dtype, x.dtype)
    raw = backend.stack([backend.cast(x.raw_in(xs[0].dims), dtype) for x in xs], 0)
    return Tensor(raw, (dim, *xs[0].dims), table, xs[0].sparse_dim, backend=backend)
