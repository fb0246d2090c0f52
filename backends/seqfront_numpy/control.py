"""Control flow, "gradients" (there are none), parameters and graph (there is none either)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from seqfront import errors


def map_leaves(fn: Callable[..., Any], tree: Any, *trees: Any) -> Any:
    """`fn` over the leaves of nested tuples, lists and dicts of one structure."""
    if isinstance(tree, dict):
        return {key: map_leaves(fn, tree[key], *(t[key] for t in trees)) for key in tree}
    if isinstance(tree, tuple | list):
        return type(tree)(map_leaves(fn, *items) for items in zip(tree, *trees, strict=True))
    return None if tree is None else fn(tree, *trees)


class Control:
    """Groups *control flow*, *gradient*, *parameters* and *graph* of the seam."""

    def cond(
        self, predicate: np.ndarray, then: Callable[[], Any], otherwise: Callable[[], Any]
    ) -> Any:
        """One of two branches."""
        return then() if predicate else otherwise()

    def while_loop(
        self,
        condition: Callable[[Any], np.ndarray],
        body: Callable[[Any], Any],
        state: Any,
    ) -> Any:
        """Repeat `state = body(state)` while `condition(state)`."""
        while condition(state):
            state = body(state)
        return state

    def scan(
        self,
        body: Callable[[Any, Any], tuple[Any, Any]],
        state: Any,
        xs: Any,
        size: int,
        reverse: bool = False,
    ) -> tuple[Any, Any]:
        """`state, y = body(state, x[i])` along the first axis."""
        if size == 0:
            nothing = map_leaves(lambda x: np.zeros(x.shape[1:], x.dtype), xs)
            _, y = body(state, nothing)
            return state, map_leaves(lambda leaf: np.zeros((0, *leaf.shape), leaf.dtype), y)
        ys: list[Any] = []
        for i in reversed(range(size)) if reverse else range(size):
            state, y = body(state, map_leaves(lambda x, i=i: np.asarray(x[i]), xs))
            ys.append(y)
        if reverse:
            ys.reverse()
        return state, map_leaves(lambda *leaves: np.stack(leaves), ys[0], *ys[1:])

    def stop_gradient(self, x: np.ndarray) -> np.ndarray:
        """The same array."""
        return x

    def custom_gradient(
        self,
        forward: Callable[..., np.ndarray],
        backward: Callable[..., Sequence[np.ndarray | None]],
        *xs: np.ndarray,
    ) -> np.ndarray:
        """`forward(*xs)`."""
        return forward(*xs)

    def value_and_grad(
        self, fn: Callable[[], tuple[np.ndarray, Any]], wrt: Sequence[np.ndarray]
    ) -> NoReturn:
        """Not possible: `BackendError`."""
        raise errors.no_gradients("value_and_grad", "numpy")

    def no_grad(self, fn: Callable[[], Any]) -> Any:
        """`fn()`."""
        return fn()

    def checkpoint(self, fn: Callable[..., Any], *xs: np.ndarray) -> Any:
        """`fn(*xs)`."""
        return fn(*xs)

    def is_tracing(self) -> bool:
        """Never."""
        return False

    def compile(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """`fn` itself."""
        return fn

    def check(self, condition: np.ndarray, message: str) -> np.ndarray:
        """Fail at once."""
        if not condition:
            raise RuntimeError(message)
        return condition
