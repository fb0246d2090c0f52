"""Loops of a graph: `loop` is `tf.while_loop` for any shapes, `scan` a loop over the first axis.

`scan` keeps what it reads and writes in tensor lists: their gradient is a list again, so that the
whole takes linear time. (Indexing a tensor in the loop would add up a full-size gradient at each
step.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import tensorflow as tf

from seqfront.backend import Raw, Size
from seqfront_tensorflow import values
from seqfront_tensorflow.structure import map_leaves, rebuild, tensors

Op = tf.raw_ops
Tensors = Sequence[tf.Tensor]
Body = Callable[[Any, Any], tuple[Any, Any]]


def loop(
    condition: Callable[[list[tf.Tensor]], Raw],
    body: Callable[[list[tf.Tensor]], Sequence[tf.Tensor]],
    state: Sequence[tf.Tensor],
    maximum: int | tf.Tensor | None = None,
) -> list[tf.Tensor]:
    """`tf.while_loop` whose state may change its extents.

    TensorFlow wants shapes that hold for every step. The first guess is what the state starts with;
    if the body gives something less known, the two are merged and the loop is traced again.
    """
    shapes = [x.shape for x in state]
    found: list[tf.TensorShape] = []

    def step(*flat: tf.Tensor) -> tuple[tf.Tensor, ...]:
        found.clear()
        after = tuple(body(list(flat)))
        found.extend(x.shape for x in after)
        return after

    while True:
        try:
            return list(
                tf.while_loop(
                    lambda *flat: condition(list(flat)),
                    step,
                    tuple(state),
                    shape_invariants=tuple(shapes),
                    maximum_iterations=maximum,
                )
            )
        except ValueError:
            merged = [_merged(a, b) for a, b in zip(shapes, found, strict=False)]
            if len(found) != len(shapes) or _same(merged, shapes):
                raise
            shapes = merged


def _merged(a: tf.TensorShape, b: tf.TensorShape) -> tf.TensorShape:
    if a.rank is None or a.rank != b.rank:
        return tf.TensorShape(cast(Any, None))  # not even the rank is known
    return tf.TensorShape([m if m == n else None for m, n in zip(a, b, strict=True)])


def _same(a: Sequence[tf.TensorShape], b: Sequence[tf.TensorShape]) -> bool:
    return all(str(m) == str(n) for m, n in zip(a, b, strict=True))


@dataclass
class Rows:
    """What one step writes to one of the results."""

    shape: tf.TensorShape
    dtype: tf.DType
    extents: tf.Tensor
    """The shape as a vector: with an empty loop all of it, else -1 where only a step can tell."""


def steps(
    body: Callable[[list[tf.Tensor], list[tf.Tensor]], tuple[Tensors, Tensors]],
    state: Tensors,
    columns: Tensors,
    results: Sequence[Rows],
    size: Size,
    reverse: bool,
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """`state, y = body(state, x[i])` on flat lists, with what `body` gives known beforehand."""
    count = values.size(size)
    inputs = [
        Op.TensorListFromTensor(tensor=x, element_shape=_partial(x.shape[1:])) for x in columns
    ]
    written = [
        Op.TensorListReserve(
            element_shape=_partial(rows.shape), num_elements=count, element_dtype=rows.dtype
        )
        for rows in results
    ]

    def step(flat: list[tf.Tensor]) -> list[tf.Tensor]:
        i, lists, now = flat[0], flat[1 : 1 + len(written)], flat[1 + len(written) :]
        place = count - 1 - i if reverse else i
        read = [
            Op.TensorListGetItem(
                input_handle=handle,
                index=place,
                element_shape=_partial(x.shape[1:]),
                element_dtype=x.dtype,
            )
            for handle, x in zip(inputs, columns, strict=True)
        ]
        after, found = body(now, read)
        lists = [
            Op.TensorListSetItem(input_handle=handle, index=place, item=item)
            for handle, item in zip(lists, found, strict=True)
        ]
        return [i + 1, *lists, *after]

    known = size if isinstance(size, int) else None
    first = [tf.constant(0), *written, *state]
    # XLA has to know how often, or it cannot keep what the gradient needs
    _, *last = loop(lambda flat: flat[0] < count, step, first, count if known is None else known)
    ys: list[tf.Tensor] = []
    for handle, rows in zip(last, results, strict=False):
        y = Op.TensorListStack(
            input_handle=handle,
            element_shape=rows.extents,
            element_dtype=rows.dtype,
            num_elements=-1 if known is None else known,
        )
        ys.append(tf.ensure_shape(y, [known, *rows.shape]))
    return last[len(results) :], ys


def scan(body: Body, state: Any, xs: Any, size: Size, reverse: bool) -> tuple[Any, Any]:
    """`Backend.scan` while tracing."""
    columns, first = tensors(xs), tensors(state)
    structure, results = _results(body, state, xs, columns, size)

    def step(now: list[tf.Tensor], rows: list[tf.Tensor]) -> tuple[Tensors, Tensors]:
        after, y = body(rebuild(state, now), rebuild(xs, rows))
        return tensors(after), tensors(y)

    last, ys = steps(step, first, columns, results, size, reverse)
    return rebuild(state, last), rebuild(structure, ys)


def _results(
    body: Body, state: Any, xs: Any, columns: Tensors, size: Size
) -> tuple[Any, list[Rows]]:
    """Structure and rows of what `body` writes.

    One step is traced on zeros, in a branch that runs only if the loop has no step at all. Then the
    extents of the results, which may depend on data, come from there.
    """
    seen: list[Any] = []

    def step() -> list[tf.Tensor]:
        zeros = [tf.zeros(values.sizes(values.extents(x)[1:]), x.dtype) for x in columns]
        for zero, x in zip(zeros, columns, strict=True):
            zero.set_shape(x.shape[1:])
        _, y = body(rebuild(state, tensors(state)), rebuild(xs, zeros))
        flat = tensors(y)
        seen.append((map_leaves(lambda _: 0, y), [(x.shape, x.dtype) for x in flat]))
        return [tf.shape(x) for x in flat]

    def unknown() -> list[tf.Tensor]:
        return [_partial(shape) for shape, _ in seen[0][1]]

    extents = tf.cond(tf.equal(values.size(size), 0), step, unknown)
    structure, kinds = seen[0]
    found = zip(kinds, extents if kinds else (), strict=True)
    return structure, [Rows(shape, dtype, vector) for (shape, dtype), vector in found]


def _partial(shape: tf.TensorShape) -> tf.Tensor:
    """A shape as a vector with -1 for what is not known."""
    known = [-1 if n is None else n for n in shape]
    return tf.constant(known, tf.int32, (len(known),))
