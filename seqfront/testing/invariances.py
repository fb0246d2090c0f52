"""What ought to change nothing: the same inputs in another guise.

A `Variant` holds the inputs in that guise, and says how its results and gradients relate to those
of the case itself. `variants(case)` gives all that the case does not exclude.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (NumPy declares the results of its array methods only in part.)

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from seqfront.dim import Dim
from seqfront.testing.case import Case
from seqfront.testing.compare import Rows, entry_of, restricted
from seqfront.testing.inputs import Argument, Ragged, Spec

GARBAGE = (10**6, -7)
"""What integers in the padding are replaced by, as far as the dtype reaches."""


@dataclass(frozen=True)
class Variant:
    """Inputs of a case in another guise, in parts that together are the whole."""

    name: str
    """What was done; before a first "/", which kind of thing that is."""
    parts: tuple[tuple[Mapping[str, Argument], Rows], ...]
    """Arguments to run with, and the rows of the case that they hold."""
    rows_changed: Rows = field(default_factory=dict[Dim, np.ndarray])
    """Rows whose data is other than in the case, and whose results are only looked at for NaN."""
    same_dtypes: bool = True
    """Whether dtypes of the results are those of the case."""

    @property
    def kind(self) -> str:
        """The kind of disguise."""
        return self.name.partition("/")[0]


def variants(case: Case) -> list[Variant]:
    """All that should change nothing."""
    return list(_variants(case, case.arguments()))


def _variants(case: Case, base: Mapping[str, Argument]) -> Iterator[Variant]:
    padded = any(x.lengths for x in base.values())
    if padded and not case.reads_padding:
        yield _whole("poison", {name: poisoned(x) for name, x in base.items()})
    if padded and not case.reads_padding and not case.extent_matters:
        wide = {n: long(widened(case.inputs[n], x, case)) for n, x in base.items()}
        yield Variant("wider", ((wide, {}),), same_dtypes=False)
    if not case.order_matters:
        yield from _orders(base)
    yield from _rows(case, base)
    if padded and case.batch and not case.no_empty_row and not case.mixes_batch:
        first = {case.batch[0]: np.array([0])}
        emptied = {name: empty_first(x, case.batch[0]) for name, x in base.items()}
        yield Variant("empty-row", ((emptied, {}),), first)


def _whole(name: str, arguments: Mapping[str, Argument]) -> Variant:
    return Variant(name, ((arguments, {}),))


# -- padding ---------------------------------------------------------------------------------------


def poisoned(x: Argument) -> Argument:
    """NaN, or garbage, wherever there is no data."""
    return x.with_values(np.where(x.data(), x.values, _poison(x.values)))


def _poison(values: np.ndarray) -> np.ndarray:
    kind = values.dtype.kind
    if kind == "f":
        return np.full(values.shape, np.nan, values.dtype)
    if kind == "b":
        return ~values
    limits = np.iinfo(values.dtype)
    choices = [np.clip(number, limits.min, limits.max) for number in GARBAGE]
    return np.resize(np.array(choices, values.dtype), values.shape)


def widened(spec: Spec, x: Argument, case: Case, by: int = 2) -> Argument:
    """With more padding: poison behind dims that are ragged here, else finite garbage."""
    sizes = {d: n + by if d in case.layout.lengths else n for d, n in case.layout.sizes.items()}
    larger = replace(case.layout, sizes=sizes)
    shape = tuple(
        larger.size(d) if larger.is_padded(d) else n
        for d, n in zip(x.dims, x.values.shape, strict=True)
    )
    if shape == x.values.shape:
        return poisoned(x)
    extra = [(0, new - old) for new, old in zip(shape, x.values.shape, strict=True)]
    values = np.pad(x.values, extra, mode="wrap" if x.values.size else "constant")
    wide = x.with_values(values)
    return poisoned(wide) if x.lengths else wide


def long(x: Argument) -> Argument:
    """Integers and lengths as int64, as data loaders of PyTorch give them."""
    values = x.values.astype(np.int64) if x.values.dtype.kind in "iu" else x.values
    lengths = {dim: Ragged(n.dims, n.values.astype(np.int64)) for dim, n in x.lengths.items()}
    return replace(x, values=values, lengths=lengths)


def empty_first(x: Argument, batch: Dim) -> Argument:
    """The first row without any data."""
    lengths: dict[Dim, Ragged] = {}
    for dim, entry in x.lengths.items():
        if batch in entry.dims:
            values = entry.values.copy()
            values[(slice(None),) * entry.dims.index(batch) + (0,)] = _least_length(dim)
            entry = Ragged(entry.dims, values)
        lengths[dim] = entry
    return replace(x, lengths=lengths)


def _least_length(dim: Dim) -> int:
    """Length of a dim whose roots have length zero: `labels + 1` is 1 then."""
    expr = dim.expr
    if expr is None or len(expr.dims) > 1:
        return 0
    inner = _least_length(next(iter(expr.dims)))
    if expr.op == "pad":
        return max(inner + sum(expr.args), 0)
    if expr.op == "scale":
        return inner * expr.args[0]
    return -(-inner // expr.args[0]) if expr.op == "ceil_div" else inner // expr.args[0]


# -- order of axes ---------------------------------------------------------------------------------


def _orders(base: Mapping[str, Argument]) -> Iterator[Variant]:
    """Each input in other orders (all of them, up to three axes), and all reversed at once."""
    for name, x in base.items():
        for number, order in enumerate(_permutations(len(x.dims))):
            yield _whole(f"order/{name}-{number}", {**base, name: reordered(x, order)})
    if any(len(x.dims) > 1 for x in base.values()):
        flipped = {n: reordered(x, tuple(range(len(x.dims)))[::-1]) for n, x in base.items()}
        yield _whole("order/reversed", flipped)


def _permutations(rank: int) -> list[tuple[int, ...]]:
    found = list(itertools.permutations(range(rank)))[1:]
    return found if len(found) < 6 else found[:: len(found) // 5]


def reordered(x: Argument, order: tuple[int, ...]) -> Argument:
    """With axes in another order."""
    dims = tuple(x.dims[i] for i in order)
    return replace(x, values=x.values.transpose(order).copy(), dims=dims)


# -- rows ------------------------------------------------------------------------------------------


def _rows(case: Case, base: Mapping[str, Argument]) -> Iterator[Variant]:
    sizes = {dim: case.layout.size(dim) for dim in case.batch}
    for dim, size in sizes.items():
        rows = {dim: np.roll(np.arange(size), 1)}
        yield Variant(f"permuted/{dim.name}", ((_chosen(base, rows, lambda x: x), rows),))
    if not case.batch or case.mixes_batch or case.extent_matters:
        return
    parts: list[tuple[Mapping[str, Argument], Rows]] = []
    for index in itertools.product(*map(range, sizes.values())):
        rows = {dim: np.array([i]) for dim, i in zip(sizes, index, strict=True)}
        alone = {d: e for x in _chosen(base, rows, lambda x: x).values() for d, e in
                 x.lengths.items()}  # fmt: skip
        parts.append((_chosen(base, rows, lambda x, alone=alone: cut(x, alone)), rows))
    yield Variant("single", tuple(parts))


def _chosen(
    base: Mapping[str, Argument], rows: Rows, then: Callable[[Argument], Argument]
) -> dict[str, Argument]:
    return {name: then(chosen(x, rows)) for name, x in base.items()}


def chosen(x: Argument, rows: Rows) -> Argument:
    """Only some rows."""
    lengths = {dim: entry_of(x.lengths, dim, rows) for dim in x.lengths}
    known = {dim: entry for dim, entry in lengths.items() if entry is not None}
    return replace(x, values=restricted(x.values, x.dims, rows), lengths=known)


def cut(x: Argument, lengths: Mapping[Dim, Ragged]) -> Argument:
    """One sequence to its own lengths, as if it had never been in a batch."""
    values = x.values
    for axis, dim in enumerate(x.dims):
        if dim in lengths and dim.size is None:
            values = values.take(range(int(lengths[dim].values.max(initial=0))), axis)
    return x.with_values(values)


def row_mask(shape: tuple[int, ...], dims: tuple[Dim, ...], rows: Rows) -> np.ndarray:
    """bool of a shape: positions that lie in any of these rows."""
    mask = np.zeros(shape, bool)
    for axis, dim in enumerate(dims):
        if dim in rows:
            mask[(slice(None),) * axis + (rows[dim],)] = True
    return mask
