"""Control flow: Python's own when eager, graph ops while tracing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from seqfront.backend import Raw, Size
from seqfront_tensorflow import scanning, values
from seqfront_tensorflow.structure import leaves, map_leaves, rebuild, tensors

Op = tf.raw_ops


class Control:
    """Group *control flow* of the seam."""

    def cond(self, predicate: Raw, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
        """One of two branches."""
        if values.eager() or not isinstance(predicate, tf.Tensor | tf.Variable):
            return then() if predicate else otherwise()
        structure: list[Any] = []

        def run(branch: Callable[[], Any]) -> tuple[tf.Tensor, ...]:
            structure.append(branch())
            return tuple(tensors(structure[-1]))

        found = tf.cond(predicate, lambda: run(then), lambda: run(otherwise))
        return rebuild(structure[0], found)

    def while_loop(
        self, condition: Callable[[Any], Raw], body: Callable[[Any], Any], state: Any
    ) -> Any:
        """Repeat `state = body(state)` while `condition(state)`."""
        if values.eager():
            while condition(state):
                state = body(state)
            return state
        found = scanning.loop(
            lambda flat: condition(rebuild(state, flat)),
            lambda flat: tensors(body(rebuild(state, flat))),
            tensors(state),
        )
        return rebuild(state, found)

    def scan(
        self,
        body: Callable[[Any, Any], tuple[Any, Any]],
        state: Any,
        xs: Any,
        size: Size,
        reverse: bool = False,
    ) -> tuple[Any, Any]:
        """`state, y = body(state, x[i])` along the first axis."""
        if not values.eager():
            return scanning.scan(body, state, xs, size, reverse)
        count = int(size)
        if count == 0:
            _, y = body(state, map_leaves(lambda x: tf.zeros(x.shape[1:], x.dtype), xs))
            return state, map_leaves(lambda x: tf.zeros((0, *x.shape), x.dtype), y)
        columns = [Op.Unpack(value=x, num=count, axis=0) for x in leaves(xs)]
        ys: list[Any] = [None] * count
        for i in reversed(range(count)) if reverse else range(count):
            state, ys[i] = body(state, rebuild(xs, (column[i] for column in columns)))
        rows: Sequence[Any] = list(zip(*map(leaves, ys), strict=True))
        return state, rebuild(ys[0], (Op.Pack(values=list(row), axis=0) for row in rows))

    def array_empty(self, like: Raw) -> Any:
        """A tensor list, which loops of a graph carry. Its first item is zeros, never given out:
        with it, an array without items has a shape."""
        shape = tf.constant(
            [-1 if n is None else n for n in like.shape], tf.int32, (len(like.shape),)
        )
        array = Op.EmptyTensorList(
            element_shape=shape, max_num_elements=-1, element_dtype=like.dtype
        )
        return self.array_push(array, tf.zeros_like(like))

    def array_push(self, array: Any, x: Raw) -> Any:
        """The list with one more item."""
        return Op.TensorListPushBack(input_handle=array, tensor=x)

    def array_stack(self, array: Any, dtype: str, shape: Sequence[int | None]) -> Raw:
        """All items along a new first axis."""
        known = tf.constant([-1 if n is None else n for n in shape], tf.int32, (len(shape),))
        stacked = Op.TensorListStack(
            input_handle=array, element_shape=known, element_dtype=tf.as_dtype(dtype)
        )
        return tf.ensure_shape(stacked, [None, *shape])[1:]
