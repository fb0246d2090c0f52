"""Branches and loops that run in every mode: Python's own when eager, nodes of a graph when traced.

    state = sf.while_loop(lambda s: s.step < 10, advance, State(step, x))

Structures in and out are tuples, named tuples, lists, dicts and dataclasses of Tensors, in any
depth. Their tensors keep the lengths of their own dims.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from seqfront import align, errors
from seqfront.backend import Raw
from seqfront.ops.structure import Form, runs_apart
from seqfront.tensor import Tensor

Result = TypeVar("Result")
State = TypeVar("State")


def cond(predicate: Tensor, then: Callable[[], Result], otherwise: Callable[[], Result]) -> Result:
    """The result of one of two branches; the other does not run.

    Args:
        predicate: One truth value: bool without dims.
        then: Run where it holds. Tensors that a branch refers to get their gradients.
        otherwise: Run where it does not; gives the same structure, dims, dtypes and ragged dims.
            While a graph is traced both are traced, and it is an error if they differ.

    Returns:
        What the branch gave, axes in any order. Extents and lengths may differ between branches
        (in a graph compiled by PyTorch, lengths only).

    Raises:
        DimError: The results of the branches differ in more than that; names the place.

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> x = sf.wrap([3.0, -4.0], (time,))
        >>> sf.cond(sf.sum(x, axis=time) > 0, lambda: x, lambda: -x).numpy()
        array([-3.,  4.], dtype=float32)
    """
    _check_predicate("cond", "predicate", predicate)
    _check_callable("cond", then=then, otherwise=otherwise)
    backend = predicate.backend
    form = Form("cond", "the result", errors.branches_differ, predicate)
    if runs_apart(backend):
        form.take(then())
        form.take(otherwise())
    raws = backend.cond(predicate.raw, lambda: form.take(then()), lambda: form.take(otherwise()))
    return form.put(raws)


def while_loop(
    condition: Callable[[State], Tensor], body: Callable[[State], State], state: State
) -> State:
    """Repeat `state = body(state)` while `condition(state)`.

    Args:
        condition: Gives one truth value: bool without dims.
        body: Gives the next state: the same structure, dims, dtypes and ragged dims.
        state: To start from. May hold a `sf.TensorArray`, for what grows.

    Returns:
        The first state that the condition does not hold for. Extents and lengths may change from
        step to step (in a graph compiled by PyTorch, lengths only). Gradients flow through every
        step, eager and in graphs.

    Raises:
        DimError: The state changes in more than that; names the place.

    Example:
        >>> import seqfront as sf
        >>> row, column = sf.Dim("row", 2), sf.Dim("column", 2)
        >>> a = sf.wrap([[2.0, 0.0], [0.0, 1.0]], (row, column))
        >>> def step(state):  # power iteration: the eigenvector of the greatest eigenvalue
        ...     v, n = state
        ...     v = sf.dot(a, v, reduce=column).rename(row, column)
        ...     return v / sf.sqrt(sf.sum(v * v, axis=column)), n + 1
        >>> v, n = sf.while_loop(lambda s: s[1] < 20, step, (sf.ones((column,)), sf.wrap(0)))
        >>> sf.round(v).numpy(), int(n)
        (array([1., 0.], dtype=float32), 20)
    """
    _check_callable("while_loop", condition=condition, body=body)

    def differ(path: str, before: str, after: str) -> errors.DimError:
        return errors.state_changes("while_loop", path, before, after)

    form = Form("while_loop", "state", differ)
    start = form.take(state)
    backend = form.backend

    def goes_on(raws: list[Raw]) -> Raw:
        value = condition(form.put(raws))
        _check_predicate("while_loop", "condition(state)", value)
        return value.raw

    def step(raws: list[Raw]) -> list[Raw]:
        return form.take(body(form.put(raws)))

    if runs_apart(backend):
        goes_on(start)
        step(start)
    return form.put(backend.while_loop(goes_on, step, start))


def _check_predicate(op: str, name: str, value: Tensor) -> None:
    align.check(op, value, name=name)
    if value.dims or value.dtype != "bool":
        raise errors.bad_predicate(op, name, value)


def _check_callable(op: str, **functions: object) -> None:
    for name, function in functions.items():
        if not callable(function):
            raise errors.bad_argument(
                op, name, function, "a function", f"give {name} as a function or a lambda."
            )
