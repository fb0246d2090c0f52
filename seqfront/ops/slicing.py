"""Part of a dim, by position."""

from __future__ import annotations

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.ops import elementwise
from seqfront.ops.bounds import at_bounds
from seqfront.ops.carry import carried
from seqfront.ops.mask import clean, masked, own_lengths
from seqfront.ops.positions import never_empty, positions, read_at
from seqfront.tensor import Tensor


def slice(
    x: Tensor,
    *,
    axis: Dim,
    start: int | Tensor | None = None,
    end: int | Tensor | None = None,
    step: int = 1,
    out_dim: Dim | None = None,
) -> Tensor:
    """Positions `start:end:step` of a dim, counted as Python does.

    Of a ragged dim, each sequence is cut as if it were alone: `end=-1` is without the last of its
    own positions, `start=-2` its own last two. Beyond the data there is nothing: a short sequence
    gives less, down to nothing.

    Args:
        x: Has `axis`.
        axis: The dim to cut.
        start: The first position; negative: counted from the end. Default: the first. A Tensor
            of integers gives every sequence a start of its own; over dims that `x` does not have,
            it takes several parts of each.
        end: The first position that is no part any more, likewise. Default: all to the end.
        step: Every so many positions, at least 1.
        out_dim: The dim of the result, made once; needed if a bound is a Tensor. A static one
            takes at most as many positions as it has, so that `start` alone takes windows of
            one size; a dynamic one is padded as far as `x` is, so that no size is data.

    Returns:
        The same dims, with `axis.slice(start, end, step)` for `axis`: the same part of the same
        dim is the same dim everywhere. With `out_dim`, that, and its lengths say how much of each
        part is data.

    Raises:
        DimError: `start`, `end` or `step` is no such int, or `out_dim` is missing.
        DTypeError: A Tensor as bound has no integers.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> x = sf.wrap([1, 2, 3, 4, 5], (time,))
        >>> y = sf.slice(x, axis=time, start=-3, step=2)
        >>> y.raw, y.dims
        (array([3, 5], dtype=int32), (time[-3::2],))

        >>> part, pair = sf.Dim("part"), sf.Dim("pair", 2)
        >>> y = sf.slice(x, axis=time, start=sf.wrap([0, 2, 4], (part,)), out_dim=pair)
        >>> y.raw, y.lengths(pair).raw
        (array([[1, 2],
               [3, 4],
               [5, 0]], dtype=int32), array([2, 2, 1], dtype=int32))
    """
    align.distinct("slice", (axis,))
    align.check("slice", x, axis)
    for name, value in (("start", start), ("end", end)):
        if value is not None and type(value) is not int and not isinstance(value, Tensor):
            needed = "an int, a Tensor of ints or None"
            raise errors.bad_argument("slice", name, value, needed, f"{name}=2.")
    if type(step) is not int or step < 1:
        fix = "step=2 takes every other position; sf.reverse turns a dim round."
        raise errors.bad_argument("slice", "step", step, "an int of at least 1", fix)
    if out_dim is not None or isinstance(start, Tensor) or isinstance(end, Tensor):
        return at_bounds(x, axis, start, end, step, out_dim)
    x, backend, physical = clean(x), x.backend, x.axis(axis)
    out_dim = axis.slice(start, end, step)
    if out_dim is axis:
        return x
    dims = align.distinct("slice", [out_dim if dim is axis else dim for dim in x.dims])
    lengths = own_lengths(x, axis)
    if lengths is not None and start is not None and start < 0:
        return _from_the_end(x, axis, start, out_dim, step)
    stop = x.size(axis) if end is None else end
    raw = backend.slice(x.raw, physical, start or 0, stop, step)
    table = carried(x, (axis,), lambda n: slice(n, axis=axis, start=start, end=end, step=step))
    result = Tensor(raw, dims, table, x.sparse_dim, backend=backend)
    return masked(result, 0) if lengths is not None else result


def _from_the_end(x: Tensor, axis: Dim, start: int, out_dim: Dim, step: int) -> Tensor:
    """Each sequence from a position that depends on its own length."""
    backend = x.backend
    count = -(start // step) if out_dim.size is None else out_dim.size
    offsets = positions(backend, out_dim, count, x.device) * step
    first = elementwise.maximum(x.lengths(axis) + start, 0)
    source = elementwise.add(first, offsets, allow_broadcast=True)
    last = Tensor(backend.convert(x.size(axis), "int32", x.device), (), backend=backend) - 1
    source = elementwise.minimum(source, elementwise.maximum(last, 0))
    return masked(read_at(never_empty(x, axis), axis, source, out_dim, x.lengths_table), 0)
