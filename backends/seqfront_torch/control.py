"""Control flow and graphs: Python when eager, PyTorch's higher-order operators when traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch._higher_order_ops.scan import scan as traced_scan
from torch._higher_order_ops.while_loop import while_loop as traced_while_loop

from seqfront.backend import Size


def map_leaves(fn: Callable[..., Any], tree: Any, *trees: Any) -> Any:
    """`fn` over the leaves of nested tuples, lists and dicts of one structure."""
    if isinstance(tree, dict):
        return {key: map_leaves(fn, tree[key], *[t[key] for t in trees]) for key in tree}
    if isinstance(tree, tuple | list):
        return type(tree)([map_leaves(fn, *items) for items in zip(tree, *trees, strict=True)])
    return None if tree is None else fn(tree, *trees)


def leaves(tree: Any) -> list[torch.Tensor]:
    """The tensors of a tree, from left to right."""
    found: list[torch.Tensor] = []
    map_leaves(found.append, tree)
    return found


def unflatten(tree: Any, flat: Any) -> Any:
    """A tree like `tree` with other leaves, from left to right."""
    remaining = list(flat)
    return map_leaves(lambda _: remaining.pop(0), tree)


class Control:
    """Groups *control flow* and *graph* of the seam."""

    def cond(
        self, predicate: torch.Tensor, then: Callable[[], Any], otherwise: Callable[[], Any]
    ) -> Any:
        """One of two branches; both are traced, and the results must agree in their metadata."""
        if not torch.compiler.is_compiling():
            return then() if predicate else otherwise()
        found: Any = torch.cond(predicate, lambda: _sealed(then()), lambda: _sealed(otherwise()))
        return _opened(found)

    def while_loop(
        self,
        condition: Callable[[Any], torch.Tensor],
        body: Callable[[Any], Any],
        state: Any,
    ) -> Any:
        """Repeat `state = body(state)` while `condition(state)`."""
        if torch.compiler.is_compiling():
            flat = traced_while_loop(
                lambda *xs: condition(unflatten(state, xs)),
                lambda *xs: tuple(leaves(_cloned(body(unflatten(state, xs))))),
                tuple(leaves(_cloned(state))),  # PyTorch refuses one tensor in two places
            )
            return unflatten(state, flat)
        while condition(state):
            state = body(state)
        return state

    def scan(
        self,
        body: Callable[[Any, Any], tuple[Any, Any]],
        state: Any,
        xs: Any,
        size: Size,
        reverse: bool = False,
    ) -> tuple[Any, Any]:
        """`state, y = body(state, x[i])` along the first axis.

        Traced, this is PyTorch's `scan`: one graph for every length.
        """
        if size == 0:
            return state, _nothing(body, state, xs)
        if torch.compiler.is_compiling():
            return _traced(body, state, xs, reverse)
        steps = [x.unbind(0) for x in leaves(xs)]
        ys: list[Any] = []
        for i in range(size - 1, -1, -1) if reverse else range(size):
            state, y = body(state, unflatten(xs, [step[i] for step in steps]))
            ys.append(y)
        if reverse:
            ys.reverse()
        return state, map_leaves(lambda *items: torch.stack(items), ys[0], *ys[1:])

    def is_tracing(self) -> bool:
        """Within `torch.compile` or `torch.export`."""
        return torch.compiler.is_compiling() and _floats_are_constants()

    def compile(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """`torch.compile` into one graph for all sizes, `value_and_grad` included."""
        torch._dynamo.config.trace_autograd_ops = True  # a patch in each call would cost 40 us
        return torch.compile(fn, fullgraph=True, dynamic=True)

    def check(self, condition: torch.Tensor, message: str) -> torch.Tensor:
        """Fail at once on the CPU; traced and on a GPU when the check runs."""
        if torch.compiler.is_compiling() or condition.device.type != "cpu":
            torch._assert_async(condition, message)  # pyright: ignore[reportPrivateImportUsage]
        elif not condition:
            raise RuntimeError(message)
        return condition


def _floats_are_constants() -> bool:
    """Have Dynamo take numbers that functions find outside (a weight, an epsilon) as constants, not
    as inputs of the graph: the bodies of its loops and branches accept no inputs but tensors and
    integers, and fail. Runs while Dynamo traces."""
    torch._dynamo.config.specialize_float = True
    return True


_floats_are_constants._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _cloned(tree: Any) -> Any:
    """The higher-order operators forbid results that share memory with anything, and want those of
    two branches to lie in memory alike."""
    return map_leaves(lambda x: x.clone(memory_format=torch.contiguous_format), tree)


def _sealed(tree: Any) -> Any:
    """Copies in which integers travel as floats: the gradients of `cond` and `scan` want those.

    The dtype to go back to travels as a key, because the structure is all that gets out beside
    tensors. 32 and 64 bits are only read otherwise, so that every number arrives.
    """
    return map_leaves(_sealed_leaf, _cloned(tree))


def _sealed_leaf(x: torch.Tensor) -> Any:
    if x.is_floating_point():
        return x
    target = torch.float64 if x.dtype.itemsize == 8 else torch.float32
    return {_DTYPE_NAMES[x.dtype]: x.view(target) if x.dtype.itemsize >= 4 else x.to(target)}


def _opened(tree: Any) -> Any:
    """What was sealed."""
    if isinstance(tree, dict):
        dtype = _SEALS.get(next(iter(tree), None))
        if dtype is None:
            return {key: _opened(tree[key]) for key in tree}
        (x,) = tree.values()
        return x.view(dtype) if dtype.itemsize >= 4 else x.to(dtype)
    if isinstance(tree, tuple | list):
        return type(tree)([_opened(item) for item in tree])
    return tree


_SEALS: dict[Any, torch.dtype] = {
    f"sealed {dtype}": dtype
    for dtype in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
}
_DTYPE_NAMES = {dtype: key for key, dtype in _SEALS.items()}


def _traced(
    body: Callable[[Any, Any], tuple[Any, Any]], state: Any, xs: Any, reverse: bool
) -> tuple[Any, Any]:
    columns = [x.contiguous() for x in leaves(xs)]  # as their slices are while they are traced
    sealed = _sealed(state)
    start = leaves(sealed) or [columns[0].new_zeros((), dtype=torch.float32)]  # PyTorch wants some

    def step(flat_state: Any, flat_xs: Any) -> tuple[Any, Any]:
        now = _opened(unflatten(sealed, flat_state))
        new_state, y = body(now, unflatten(xs, flat_xs))
        return leaves(_sealed(new_state)) or [flat_state[0].clone()], _sealed(y)

    last, ys = traced_scan(step, start, columns, reverse=reverse)
    return _opened(unflatten(sealed, last)), _opened(ys)


def _nothing(body: Callable[[Any, Any], tuple[Any, Any]], state: Any, xs: Any) -> Any:
    """The stacked results of no step: `body` is asked for their shapes."""
    with torch.no_grad():
        _, y = body(state, map_leaves(lambda x: x.new_zeros(x.shape[1:]), xs))
    return map_leaves(lambda leaf: leaf.new_zeros((0, *leaf.shape)), y)
