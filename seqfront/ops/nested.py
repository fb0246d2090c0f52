"""Operations on states: tuples, lists, dicts and dataclasses of tensors, as searches carry them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, cast

from seqfront import align, dtypes, errors
from seqfront.backend import Backend, Size
from seqfront.dim import Dim
from seqfront.lengths import Entry, Lengths, merged
from seqfront.ops.elementwise import where
from seqfront.ops.index import gather
from seqfront.ops.join import concat
from seqfront.ops.mask import clean
from seqfront.tensor import Tensor


def nested_map(fn: Callable[..., Any], state: Any, *others: Any) -> Any:
    """A function of tensors on each tensor of a structure.

    Args:
        fn: Takes a tensor of `state`, and the one at the same place of each of `others`.
        state: Tensors in tuples, named tuples, lists, dicts and dataclasses, in any depth. Whatever
            else is in there (None, numbers, dims) stays as it is in `state`.
        others: Structures of the same form.

    Returns:
        A structure of the same form and types.

    Raises:
        DimError: Structures differ.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> sf.nested_map(lambda x: (x + 1).raw, {"h": sf.wrap([1, 2], (time,)), "n": None})
        {'h': array([2, 3], dtype=int32), 'n': None}
    """
    if isinstance(state, Tensor):
        for other in others:
            align.check("nested_map", other, name="a part")
        return fn(state, *others)
    parts, rest = children(state), [children(other) for other in others]
    if parts is None:
        _check_form(state, others, not any(isinstance(other, Tensor) for other in others))
        return state
    same = [type(other) is type(state) for other in others]
    same += [inner is not None and inner.keys() == parts.keys() for inner in rest]
    _check_form(state, others, all(same))
    inners = cast("list[dict[str, Any]]", rest)
    return with_children(
        state, [nested_map(fn, parts[name], *[inner[name] for inner in inners]) for name in parts]
    )


def children(value: Any) -> dict[str, Any] | None:
    """The parts of a tuple, named tuple, list, dict or dataclass, by name as in an expression; None
    for anything else."""
    if isinstance(value, (Tensor, type)):
        return None
    if dataclasses.is_dataclass(value):
        return {f".{f.name}": getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
    if isinstance(value, dict):
        found = cast("dict[Any, Any]", value)
        return {f"[{key!r}]": found[key] for key in found}
    if isinstance(value, (tuple, list)):
        items = cast("tuple[Any, ...]", value)
        names: Any = getattr(items, "_fields", None)
        if names is not None:
            return {f".{name}": item for name, item in zip(names, items, strict=True)}
        return {f"[{i}]": item for i, item in enumerate(items)}
    return None


def with_children(value: Any, parts: Sequence[Any]) -> Any:
    """A value like this one, with other parts in the same order."""
    if isinstance(value, dict):
        keys = list(cast("dict[Any, Any]", value))
        return type(value)(dict(zip(keys, parts, strict=True)))  # pyright: ignore
    if isinstance(value, (tuple, list)):
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)  # pyright: ignore
    names = [field.name for field in dataclasses.fields(value) if field.init]
    return dataclasses.replace(value, **dict(zip(names, parts, strict=True)))


def nested_where(condition: Tensor, a: Any, b: Any) -> Any:
    """`where` on each pair of tensors of two structures, as a search keeps old states.

    Args:
        condition: bool, over dims that every tensor has.
        a: Where the condition holds.
        b: Where it does not; of the same form.

    Returns:
        A structure of the form of `a`. A ragged dim may have other lengths in `a` than in `b`, and
        be padded otherwise: the lengths of the result are those of what is chosen.

    Raises:
        DimError: Structures differ.

    Example:
        >>> import seqfront as sf
        >>> beam = sf.Dim("beam")
        >>> new, old = sf.wrap([1, 2], (beam,)), sf.wrap([8, 9], (beam,))
        >>> sf.nested_where(sf.wrap([True, False], (beam,)), (new,), (old,))[0].raw
        array([1, 9], dtype=int32)
    """
    align.check("nested_where", condition, name="condition")

    def chosen(x: Tensor, y: Tensor) -> Tensor:
        return where(condition, *_of_one_layout(condition, x, y))

    return nested_map(chosen, a, b)


def _of_one_layout(condition: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Two tensors that may be ragged in different ways, with the lengths of what is chosen."""
    mine, theirs = x.lengths_table, y.lengths_table
    if mine is theirs:
        return x, y
    entries: dict[Dim, Entry] = {}
    for dim in (*mine.entries, *(dim for dim in theirs.entries if dim not in mine.entries)):
        known = all(dim in t.dims or dim in t.lengths_table.entries for t in (x, y))
        if known and dim not in condition.dims:
            lengths = [Tensor(t.raw, t.dims, backend=x.backend) for t in
                       (x.lengths(dim), y.lengths(dim))]  # fmt: skip
            taken = where(condition, *lengths, allow_broadcast=True)
            entries[dim] = Entry(taken.raw, taken.dims)
    table = merged((mine, theirs)).with_entries(entries)
    x, y = clean(x), clean(y)
    ragged = [dim for dim in x.dims if dim in y.dims and dim.size is None and
              table.of(dim, x.backend) is not None and dim not in condition.dims]  # fmt: skip
    sizes = {dim: _larger(x.backend, x.size(dim), y.size(dim)) for dim in ragged}
    return _extended(x, sizes, table), _extended(y, sizes, table)


def _larger(backend: Backend, a: Size, b: Size) -> Size:
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    if backend.sizes_may_be_data:
        return backend.binary("max", a, b)
    return max(a, b)


def _extended(x: Tensor, sizes: dict[Dim, Size], table: Lengths) -> Tensor:
    """Padded to larger extents, with another table of lengths."""
    sides = [(0, sizes[dim] - x.size(dim)) if dim in sizes else (0, 0) for dim in x.dims]
    grows = any(not isinstance(more, int) or more > 0 for _, more in sides)
    raw = x.backend.pad(x.raw, sides, 0) if grows else x.raw
    return Tensor(raw, x.dims, table, x.sparse_dim, backend=x.backend)


def nested_mask(state: Any, *, mask: Tensor, value: float = 0.0) -> Any:
    """Each tensor of a structure where a mask holds, and a value elsewhere.

    Args:
        state: Tensors in any structure; those that do not have all dims of `mask` stay.
        mask: bool.
        value: What stands where the mask does not hold, converted to the dtype of each tensor.

    Returns:
        A structure of the same form.

    Raises:
        DTypeError: `mask` is no bool.

    Example:
        >>> import seqfront as sf
        >>> beam = sf.Dim("beam")
        >>> state = {"score": sf.wrap([5.0, 6.0], (beam,)), "step": sf.wrap(4)}
        >>> alive = sf.wrap([True, False], (beam,))
        >>> sf.nested_mask(state, mask=alive)["score"].raw
        array([5., 0.], dtype=float32)
    """
    align.check("nested_mask", mask, name="mask")
    if mask.dtype != "bool":
        raise errors.wrong_dtype("nested_mask", "mask", mask, "bool")

    def kept(x: Tensor) -> Tensor:
        if any(dim not in x.dims for dim in mask.dims):
            return x
        return where(mask, x, dtypes.number(value, x.dtype))

    return nested_map(kept, state)


def nested_gather(state: Any, *, indices: Tensor | int, axis: Dim) -> Any:
    """`gather` on each tensor of a structure that has a dim, as a beam picks its survivors.

    Args:
        state: Tensors in any structure; those without `axis` stay as they are.
        indices: As for `gather`.
        axis: The dim read from.

    Returns:
        A structure of the same form.

    Raises:
        DimError: An index is out of range.

    Example:
        >>> import seqfront as sf
        >>> beam = sf.Dim("beam", 3)
        >>> state = {"score": sf.wrap([5, 6, 7], (beam,)), "step": sf.wrap(4)}
        >>> best = sf.wrap([2, 0, 2], (beam,), sparse_dim=beam)
        >>> moved = sf.nested_gather(state, indices=best, axis=beam)
        >>> moved["score"].raw, moved["step"].raw
        (array([7, 5, 7], dtype=int32), array(4, dtype=int32))
    """
    align.distinct("nested_gather", (axis,))

    def picked(x: Tensor) -> Tensor:
        return gather(x, indices=indices, axis=axis) if axis in x.dims else x

    return nested_map(picked, state)


def nested_concat(*states: tuple[Any, Dim], out_dim: Dim) -> Any:
    """Structures one after another along a dim, as streams of several batches go on in one.

    Args:
        states: Pairs of a structure and the dim to join; of one form. Of tensors without that dim,
            those of the first stay.
        out_dim: The dim of all; one of the others may serve.

    Returns:
        A structure of the same form. A ragged dim may be padded more in one than in another.

    Raises:
        DimError: Structures differ, or other dims than those to join.

    Example:
        >>> import seqfront as sf
        >>> old, new, streams = sf.Dim("old", 2), sf.Dim("new", 1), sf.Dim("streams", 3)
        >>> a, b = {"n": sf.wrap([1, 2], (old,))}, {"n": sf.wrap([3], (new,))}
        >>> sf.nested_concat((a, old), (b, new), out_dim=streams)["n"].raw
        array([1, 2, 3], dtype=int32)
    """
    if not states:
        raise errors.nothing_to_join("nested_concat")
    dims = [dim for _, dim in states]
    apart = [dim.clone() if dim in dims[:i] else dim for i, dim in enumerate(dims)]

    def joined(*parts: Tensor) -> Tensor:
        if not any(dim in x.dims for x, dim in zip(parts, dims, strict=True)):
            return parts[0]
        pairs = zip(parts, dims, apart, strict=True)
        xs = [x if dim is own else x.rename(dim, own) for x, dim, own in pairs]
        whole = _of_one_extent(list(zip(xs, apart, strict=True)))
        return concat(*zip(whole, apart, strict=True), out_dim=out_dim)

    first, *others = [state for state, _ in states]
    return nested_map(joined, first, *others)


def _of_one_extent(pairs: Sequence[tuple[Tensor, Dim]]) -> list[Tensor]:
    """Tensors padded to common extents of their ragged dims, but for those to join."""
    sizes: dict[Dim, Size] = {}
    for x, joined in pairs:
        for dim in x.lengths_table.entries:
            if dim in x.dims and dim is not joined and dim.size is None:
                size = x.size(dim)
                sizes[dim] = _larger(x.backend, sizes[dim], size) if dim in sizes else size
    return [_extended(clean(x), sizes, x.lengths_table) for x, _ in pairs]


def _check_form(state: object, others: tuple[Any, ...], same: bool) -> None:
    if not same:
        names = ", ".join(type(other).__name__ for other in others)
        raise errors.bad_argument(
            "nested_map",
            "a part",
            f"{type(state).__name__} beside {names}",
            "the same structure in all states",
            "states have the same types, lengths and keys.",
        )
