"""A loop along a dim, each sequence within its own length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from seqfront import align, dtypes, errors
from seqfront.backend import Backend, Raw, Size
from seqfront.dim import Dim
from seqfront.lengths import Entry
from seqfront.ops.leaf import Kind, parts
from seqfront.ops.mask import masked
from seqfront.ops.shape import expand_dim
from seqfront.ops.structure import Differ, Form, runs_apart
from seqfront.tensor import Tensor

State = TypeVar("State")


def scan(
    body: Callable[[State, Any], tuple[State, Any]],
    state: State,
    xs: Any = None,
    *,
    axis: Dim,
    reverse: bool = False,
) -> tuple[State, Any]:
    """`state, y = body(state, x)` for each position of a dim: a recurrent network of your own.

    A sequence's state stops at its own last position. Beyond it the body still runs, on ones for
    floats and zeros for integers; what it gives there is dropped, and has no gradient.

    Args:
        body: From the state and one position to the next state, and a result for this position.
        state: To start from: any structure of Tensors that have the batch dims, if `axis` is
            ragged. Its structure, dims, dtypes and ragged dims stay.
        xs: Any structure of Tensors that all have `axis`; `x` has the same structure, without it.
            None: there are none, and `axis` is static.
        axis: The dim to run along.
        reverse: From the end of each sequence to its start.

    Returns:
        The state after each sequence's last step, and all results with `axis`, 0 in the padding.
        A sequence without any position keeps the state it started from.

    Raises:
        DimError: The state is of another kind after a step, or has no place for a sequence of its
            own; names the place.

    Example:
        >>> import seqfront as sf
        >>> batch, time = sf.Dim("batch"), sf.Dim("time")
        >>> x = sf.wrap([[1.0, 2.0, 3.0], [4.0, 5.0, 0.0]], (batch, time), lengths={time: [3, 2]})
        >>> def decayed(total, x):
        ...     return 0.5 * total + x, total
        >>> last, before = sf.scan(decayed, sf.zeros((batch,), like=x), x, axis=time)
        >>> last.numpy(), before.numpy(batch, time)
        (array([4.25, 7.  ], dtype=float32), array([[0. , 1. , 2.5],
               [0. , 4. , 0. ]], dtype=float32))
    """
    align.distinct("scan", (axis,))
    if not callable(body):
        raise errors.bad_argument("scan", "body", body, "a function", "give a function or lambda.")

    def differ(path: str, before: str, after: str) -> errors.DimError:
        return errors.state_changes("scan", path, before, after)

    columns = _Columns(xs, axis, differ)
    form = Form("scan", "state", differ, columns.form.first, arrays=False)
    start = form.take(state)
    backend = form.backend
    results = Form("scan", "y", differ, form.first, arrays=False)
    lengths = _ends(form, columns, axis)
    moves = _moves(form, lengths)

    def step(now: list[Raw], x: list[Raw]) -> tuple[list[Raw], list[Raw]]:
        position, *rows = x
        new_state, y = _pair(body(form.put(now), columns.put(rows)))
        after = form.take(new_state)
        if lengths is not None:  # sequences that have ended keep the present state
            inside = backend.binary("lt", position, lengths.raw)
            masks = [align.moved(backend, inside, move) for move in moves]
            triples = zip(masks, after, now, strict=True)
            after = [backend.where(mask, new, old) for mask, new, old in triples]
        return after, results.take(y)

    size = columns.size()
    device = form.first.device if isinstance(form.first, Tensor) else "cpu"
    rows = [backend.arange(size, "int32", device), *columns.raws]
    if runs_apart(backend):
        step(start, [_first(backend, raw) for raw in rows])
    last, ys = backend.scan(step, start, rows, size, reverse)
    return form.put(last), results.put_stacked(ys, axis, lengths)


def _pair(found: Any) -> tuple[Any, Any]:
    pair = cast("tuple[Any, ...]", found)
    if not isinstance(found, tuple) or len(pair) != 2:
        fix = "body gives the next state, and y."
        raise errors.bad_argument("scan", "body(state, x)", pair, "a pair", fix)
    return pair[0], pair[1]


class _Columns:
    """`xs`, ready to be read position by position."""

    def __init__(self, xs: Any, axis: Dim, differ: Differ) -> None:
        self.axis = axis
        self.form = Form("scan", "xs", differ, arrays=False)
        self.form.take(xs)
        self.raws: list[Raw] = []
        leaves = self.form.leaves
        for path, x in leaves.items():
            align.check("scan", x, axis, name=path)
        align.check_sizes("scan", list(leaves.values()))
        self.lengths = (
            align.common_lengths("scan", list(leaves.values())).of(axis, self.form.backend)
            if leaves
            else None
        )
        for path, x in leaves.items():
            self._add(path, x)

    def _add(self, path: str, x: Tensor) -> None:
        """Parts of a leaf with `axis` first; from now on its kind is that of one position."""
        axis, kind = self.axis, self.form.kinds[path]
        values, *lengths = parts(masked(x, 1.0 if dtypes.is_float(x.dtype) else 0.0), kind)
        self.raws.append(self._leading(x, values, kind.dims))
        ragged: list[tuple[Dim, tuple[Dim, ...]]] = []
        for (dim, over), raw in zip(kind.ragged, lengths, strict=True):
            if dim is not axis:
                self.raws.append(self._leading(x, raw, over))
                ragged.append((dim, tuple([d for d in over if d is not axis])))
        dims = tuple([dim for dim in kind.dims if dim is not axis])
        self.form.kinds[path] = Kind(dims, kind.dtype, kind.sparse_dim, tuple(ragged))

    def _leading(self, x: Tensor, raw: Raw, dims: tuple[Dim, ...]) -> Raw:
        """A part of `x` with `axis` first; repeated along it, if it has none."""
        part = Tensor(raw, dims, backend=x.backend)
        if self.axis not in dims:
            part = expand_dim(part, self.axis, like=x)
        return part.raw_in((self.axis, *[dim for dim in dims if dim is not self.axis]))

    def size(self) -> Size:
        """Number of positions."""
        if self.axis.size is not None:
            return self.axis.size
        for x in self.form.leaves.values():
            return x.size(self.axis)
        raise errors.no_steps(self.axis)

    def put(self, rows: list[Raw]) -> Any:
        """`x` of one position."""
        return self.form.put(rows)


def _ends(form: Form, columns: _Columns, axis: Dim) -> Entry | None:
    """Where sequences end, if they differ in that and there is a state for each."""
    lengths = columns.lengths
    leaves = [*form.leaves.items(), *columns.form.leaves.items()]
    if lengths is None or not all(any(d in x.dims for _, x in leaves) for d in lengths.dims):
        return None
    for path, kind in form.kinds.items():
        for dim in lengths.dims:
            if any(dim not in over for over in (kind.dims, *[over for _, over in kind.ragged])):
                raise errors.shared_state(path, form.places[path], axis, dim)
    return lengths


def _moves(form: Form, lengths: Entry | None) -> list[align.Move | None]:
    """How a mask over the dims of the lengths meets each raw part of a state."""
    if lengths is None:
        return []
    overs: list[tuple[Dim, ...]] = []
    for kind in form.kinds.values():
        overs += [kind.dims, *[over for _, over in kind.ragged]]
    return [align.move_to(lengths.dims, over) for over in overs]


def _first(backend: Backend, raw: Raw) -> Raw:
    """Something like one position of a part."""
    shape = backend.shape(raw)[1:]
    return backend.full(shape, 0, backend.dtype(raw), backend.device(raw))
