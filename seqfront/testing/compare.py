"""Comparing results: over their data, whatever the order of axes and the extent of the padding."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (NumPy declares the results of its array methods only in part.)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqfront.dim import Dim
from seqfront.testing.inputs import Ragged
from seqfront.testing.run import Output

TOLERANCES: Mapping[str, tuple[float, float]] = {
    "bfloat16": (2e-2, 2e-2),
    "float16": (4e-3, 4e-3),
    "float32": (2e-5, 1e-5),
    "float64": (1e-9, 1e-10),
}
"""Relative and absolute tolerance of values that went through a few operations."""


class MismatchError(AssertionError):
    """Two computations that should agree do not."""


Rows = Mapping[Dim, np.ndarray]
"""Which positions of some dims a variant has, in its order."""


def same_outputs(
    actual: Sequence[Output],
    expected: Sequence[Output],
    *,
    rows: Rows | None = None,
    dtypes: bool = True,
    tolerance: tuple[float, float],
) -> None:
    """Raise `MismatchError` unless two results agree in dims, dtypes, lengths and data.

    Args:
        actual: Computed now; axes in any order, padded as far as it likes.
        expected: What it should be.
        rows: Actual has only these rows of `expected`, in this order.
        dtypes: Compare dtypes, too.
        tolerance: Relative and absolute.
    """
    if len(actual) != len(expected):
        raise MismatchError(f"{len(actual)} results instead of {len(expected)}")
    for number, (mine, wanted) in enumerate(zip(actual, expected, strict=True)):
        where = f"result {number}" if len(expected) > 1 else "the result"
        _same_description(where, mine, wanted, dtypes)
        _same_lengths(where, mine, wanted, rows or {})
        values = aligned(mine.values, mine.dims, wanted.dims)
        data = aligned(mine.data(), mine.dims, wanted.dims)
        target = restricted(wanted.values, wanted.dims, rows or {})
        target_data = restricted(wanted.data(), wanted.dims, rows or {})
        same_data(where, values, data, target, target_data, wanted.dims, tolerance)


def _same_description(where: str, mine: Output, wanted: Output, dtypes: bool) -> None:
    if set(mine.dims) != set(wanted.dims) or len(mine.dims) != len(wanted.dims):
        raise MismatchError(f"{where} has dims {list(mine.dims)} instead of {list(wanted.dims)}")
    if mine.values.ndim != len(mine.dims):
        raise MismatchError(f"{where} has {mine.values.ndim} axes for dims {list(mine.dims)}")
    if dtypes and mine.dtype != wanted.dtype:
        raise MismatchError(f"{where} is {mine.dtype} instead of {wanted.dtype}")
    if mine.sparse_dim is not wanted.sparse_dim:
        raise MismatchError(f"{where} is labels of {mine.sparse_dim}, not of {wanted.sparse_dim}")


def _same_lengths(where: str, mine: Output, wanted: Output, rows: Rows) -> None:
    if set(mine.lengths) != set(wanted.lengths):
        raise MismatchError(f"{where} is ragged in {set(mine.lengths)}, not {set(wanted.lengths)}")
    for dim, entry in wanted.lengths.items():
        other = mine.lengths[dim]
        if set(other.dims) != set(entry.dims):
            raise MismatchError(f"{where}: lengths of {dim} over {other.dims}, not {entry.dims}")
        expected = restricted(entry.values, entry.dims, rows)
        found = aligned(other.values, other.dims, entry.dims)
        if found.shape != expected.shape or (found != expected).any():
            raise MismatchError(f"{where}: lengths of {dim} are {found}, not {expected}")


def same_data(
    where: str,
    values: np.ndarray,
    data: np.ndarray,
    target: np.ndarray,
    target_data: np.ndarray,
    dims: Sequence[Dim],
    tolerance: tuple[float, float],
) -> None:
    """Raise `MismatchError` unless arrays over the same dims agree where there is data."""
    if data.sum() != target_data.sum():
        raise MismatchError(
            f"{where} has {data.sum()} positions of data in {data.shape}, "
            f"instead of {target_data.sum()} in {target_data.shape}"
        )
    crop = tuple(slice(0, min(a, b)) for a, b in zip(values.shape, target.shape, strict=True))
    if (data[crop] != target_data[crop]).any() or data[crop].sum() != data.sum():
        raise MismatchError(f"{where} has its data elsewhere")
    mine = np.asarray(values)[crop][data[crop]]
    wanted = np.asarray(target)[crop][data[crop]]
    close = np.isclose(
        mine.astype(np.float64), wanted.astype(np.float64), *tolerance, equal_nan=True
    )
    if close.all():
        return
    places = np.argwhere(data[crop])[~close]
    shown = "\n".join(
        f"  at {_place(place, dims)}: {mine[i]} instead of {wanted[i]}"
        for place, i in zip(places[:6], np.flatnonzero(~close)[:6], strict=True)
    )
    raise MismatchError(f"{where} differs in {len(places)} of {mine.size} positions:\n{shown}")


def _place(place: Sequence[Any], dims: Sequence[Dim]) -> str:
    return ", ".join(f"{dim.name} {i}" for dim, i in zip(dims, place, strict=True)) or "its value"


def aligned(values: np.ndarray, dims: Sequence[Dim], wanted: Sequence[Dim]) -> np.ndarray:
    """With axes in the order of `wanted`."""
    return values.transpose([list(dims).index(dim) for dim in wanted])


def restricted(values: np.ndarray, dims: Sequence[Dim], rows: Rows) -> np.ndarray:
    """Only some rows of some dims."""
    for axis, dim in enumerate(dims):
        if dim in rows:
            values = values.take(rows[dim], axis)
    return values


def entry_of(lengths: Mapping[Dim, Ragged], dim: Dim, rows: Rows) -> Ragged | None:
    """Lengths of a dim, for some rows."""
    entry = lengths.get(dim)
    if entry is None:
        return None
    return Ragged(entry.dims, restricted(entry.values, entry.dims, rows))
