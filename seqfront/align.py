"""How the dims of operands meet.

There is one rule, on every path: the result of an elementwise operation takes the dims of the
operand that has all of them, in that operand's order. If no operand has all, dims would multiply
unseen, so that is an error unless `allow_broadcast=True`; then the dims of the first come first.

What has to be done to the axes for it is a *plan*. It depends on the dims alone, so it is made once
and kept; while a graph is traced plans are made afresh, which costs nothing at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from seqfront import checks, errors
from seqfront.dim import Dim
from seqfront.lengths import FULL, Lengths, merged
from seqfront.plans import Plans
from seqfront.tensor import Tensor

if TYPE_CHECKING:
    from seqfront.backend import Backend, Raw


def check(op: str, x: Tensor, *dims: Dim, name: str = "x") -> None:
    """What every operation asks of an argument first: that it is a tensor, and has some dims."""
    if not isinstance(x, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_wrapped(op, name, x)
    for dim in dims:
        if dim not in x.dims:
            raise errors.missing_dim(op, x, dim, name)


def distinct(op: str, dims: Sequence[Dim]) -> tuple[Dim, ...]:
    """Dims given by the user, as a tuple: dims indeed, and none twice."""
    if not isinstance(dims, (tuple, list)):
        raise errors.not_a_dim(op, dims)
    for axis, dim in enumerate(dims):
        if not isinstance(dim, Dim):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.not_a_dim(op, dim)
        if dim in dims[:axis]:
            raise errors.repeated_dim(op, dims, dim)
    return tuple(dims)


def check_sizes(op: str, xs: Sequence[Tensor], apart: Sequence[Dim] = ()) -> None:
    """That a dim has one extent in all operands, as far as it is known; except dims `apart`."""
    seen: dict[Dim, int] = {}
    for x in xs:
        for dim, size in zip(x.dims, x.backend.static_shape(x.raw), strict=True):
            if size is None or dim in apart:
                continue
            known = seen.setdefault(dim, size)
            if known != size and dim.size is None:
                other = next(y for y in xs if dim in y.dims and _extent(y, dim) == known)
                raise errors.sizes_differ(op, dim, other, x)


def _extent(x: Tensor, dim: Dim) -> int | None:
    return x.backend.static_shape(x.raw)[x.dims.index(dim)]


class Move(NamedTuple):
    """Bring axes into place: transpose, then insert axes of size one. None: nothing to do."""

    permutation: tuple[int, ...] | None
    inserted: tuple[int, ...] | None


class Plan(NamedTuple):
    """Dims of the result, and how each operand gets there."""

    dims: tuple[Dim, ...]
    moves: tuple[Move | None, ...]


def plan(op: str, xs: Sequence[Tensor], allow_broadcast: bool = False) -> Plan:
    """The plan for operands; `DimError` if none has all dims and `allow_broadcast` is false."""
    key = tuple([x.dims for x in xs])
    made = _make_plan(key) if xs[0].backend.is_tracing() else _PLANS[key]
    if made is None:
        if not allow_broadcast:
            raise errors.no_common_dims(op, xs)
        dims = union(x.dims for x in xs)
        return Plan(dims, tuple([move(xs[0].backend, x.dims, dims) for x in xs]))
    return made


def _make_plan(operands: tuple[tuple[Dim, ...], ...]) -> Plan | None:
    for dims in operands:
        if all(dim in dims for other in operands for dim in other):
            return Plan(dims, tuple(move_to(other, dims) for other in operands))
    return None


_PLANS = Plans(_make_plan)


def union(operands: Sequence[tuple[Dim, ...]] | object) -> tuple[Dim, ...]:
    """All dims, in the order of their first appearance."""
    found: list[Dim] = []
    for dims in operands:  # type: ignore[attr-defined]
        found.extend(dim for dim in dims if dim not in found)  # pyright: ignore
    return tuple(found)


def move_to(dims: tuple[Dim, ...], wanted: tuple[Dim, ...]) -> Move | None:
    """How axes over `dims` come to broadcast against axes over `wanted`, which has them all."""
    present = [dim for dim in wanted if dim in dims]
    permutation = tuple(dims.index(dim) for dim in present)
    leading = wanted.index(present[0]) if present else len(wanted)
    inserted = tuple(axis for axis, dim in enumerate(wanted) if axis > leading and dim not in dims)
    if permutation == tuple(range(len(dims))):
        permutation = None
    if permutation is None and not inserted:
        return None
    # axes before the first present one are left to broadcasting
    shifted = tuple(axis - leading for axis in inserted)
    return Move(permutation, shifted or None)


def move(backend: Backend, dims: tuple[Dim, ...], wanted: tuple[Dim, ...]) -> Move | None:
    """`move_to`, made once for the same dims, but in a trace."""
    if backend.is_tracing():
        return move_to(dims, wanted)
    return _MOVES[dims, wanted]


def _make_move(key: tuple[tuple[Dim, ...], tuple[Dim, ...]]) -> Move | None:
    return move_to(*key)


_MOVES = Plans(_make_move)


def moved(backend: Backend, raw: Raw, move: Move | None) -> Raw:
    """Apply a move."""
    if move is None:
        return raw
    if move.permutation is not None:
        raw = backend.transpose(raw, move.permutation)
    if move.inserted is not None:
        raw = backend.expand_dims(raw, move.inserted)
    return raw


def ordered(x: Tensor, dims: tuple[Dim, ...]) -> Tensor:
    """The same tensor with its axes in the order of `dims`, which are all of them."""
    if x.dims == dims:
        return x
    raw, table, labels = x.raw_in(dims), x.lengths_table, x.sparse_dim
    return Tensor(raw, dims, table, labels, backend=x.backend, untrusted=x.untrusted)


def common_backend(op: str, xs: Sequence[Tensor]) -> Backend:
    """The one backend of all operands; `BackendError` if there are two."""
    for name, x in zip("abcdefgh" if len(xs) > 1 else "x", xs, strict=False):
        check(op, x, name=name)
    backend = xs[0].backend
    for x in xs[1:]:
        if x.backend is not backend:
            raise errors.two_backends(op, xs[0], x)
    return backend


def check_devices(op: str, xs: Sequence[Tensor]) -> None:
    """That operands lie on one device. This costs time, so it is asked when a framework failed."""
    first = next((x for x in xs if x.dims), xs[0])
    for x in xs:
        if x.dims and x.device != first.device:
            raise errors.two_devices(op, first, x)


def common_lengths(op: str, xs: Sequence[Tensor]) -> Lengths:
    """Lengths of all operands in one table; `DimError` if two of them contradict each other.

    Contradictions are looked for where that costs nothing: on the CPU, outside a trace.
    """
    tables: list[Lengths] = []
    for x in xs:
        table = x.lengths_table
        if table is not FULL and not any(table is seen for seen in tables):
            tables.append(table)
    if not tables:
        return FULL
    if len(tables) == 1:
        return tables[0]
    backend = xs[0].backend
    if not backend.is_tracing():
        _check_agreement(op, xs, backend)
    return merged(tables)


def _check_agreement(op: str, xs: Sequence[Tensor], backend: Backend) -> None:
    first: dict[Dim, Tensor] = {}
    for x in xs:
        for dim, entry in x.lengths_table.entries.items():
            other = first.setdefault(dim, x)
            mine, theirs = entry, other.lengths_table.entries[dim]
            if mine.raw is theirs.raw or mine.dims != theirs.dims:
                continue
            if not checks.may_look(backend, mine.raw, theirs.raw):
                continue
            a, b = backend.to_numpy(mine.raw), backend.to_numpy(theirs.raw)
            if a.shape != b.shape or (a != b).any():
                raise errors.lengths_differ(op, dim, other, b, x, a)
