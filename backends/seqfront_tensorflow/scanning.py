"""Loops of a graph: `loop` is `tf.while_loop` for any shapes, `scan` a loop over the first axis.

`scan` keeps what it reads and writes in tensor lists: their gradient is a list again, so that the
whole takes linear time. (Indexing a tensor in the loop would add up a full-size gradient at each
step.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from seqfront.backend import Raw, Size
from seqfront_tensorflow import values
from seqfront_tensorflow.structure import map_leaves, rebuild, tensors

Op = tf.raw_ops
Body = Callable[[Any, Any], tuple[Any, Any]]


def loop(
    condition: Callable[[list[tf.Tensor]], Raw],
    body: Callable[[list[tf.Tensor]], Sequence[tf.Tensor]],
    state: Sequence[tf.Tensor],
    maximum: int | None = None,
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
        return tf.TensorShape(None)
    return tf.TensorShape([m if m == n else None for m, n in zip(a, b, strict=True)])


def _same(a: Sequence[tf.TensorShape], b: Sequence[tf.TensorShape]) -> bool:
    return all(str(m) == str(n) for m, n in zip(a, b, strict=True))


@dataclass
class _Outputs:
    """What `body` gives for one step: known before the loop is built."""

    structure: Any
    shapes: list[tf.TensorShape]
    dtypes: list[tf.DType]
    extents: list[tf.Tensor]
    """Of every output, as a vector: -1 where only a step of the loop can tell."""


def scan(body: Body, state: Any, xs: Any, size: Size, reverse: bool) -> tuple[Any, Any]:
    """`Backend.scan` while tracing."""
    count = values.size(size)
    columns, first_state = tensors(xs), tensors(state)
    outputs = _outputs(body, state, xs, columns, size)
    inputs = [
        Op.TensorListFromTensor(tensor=x, element_shape=_partial(x.shape[1:])) for x in columns
    ]  # noqa: E501
    written = [
        Op.TensorListReserve(element_shape=_partial(shape), num_elements=count, element_dtype=dtype)
        for shape, dtype in zip(outputs.shapes, outputs.dtypes, strict=True)
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
        after, y = body(rebuild(state, now), rebuild(xs, read))
        lists = [
            Op.TensorListSetItem(input_handle=handle, index=place, item=item)
            for handle, item in zip(lists, tensors(y), strict=True)
        ]
        return [i + 1, *lists, *tensors(after)]

    _, *last = loop(
        lambda flat: flat[0] < count,
        step,
        [tf.constant(0), *written, *first_state],
        size if isinstance(size, int) else None,
    )
    handles, last_state = last[: len(written)], last[len(written) :]
    ys = [_stacked(handle, outputs, i, size) for i, handle in enumerate(handles)]
    return rebuild(state, last_state), rebuild(outputs.structure, ys)


def _stacked(handle: tf.Tensor, outputs: _Outputs, i: int, size: Size) -> tf.Tensor:
    y = Op.TensorListStack(
        input_handle=handle,
        element_shape=outputs.extents[i],
        element_dtype=outputs.dtypes[i],
        num_elements=size if isinstance(size, int) else -1,
    )
    known = size if isinstance(size, int) else None
    return tf.ensure_shape(y, [known, *outputs.shapes[i]])


def _outputs(body: Body, state: Any, xs: Any, columns: Sequence[tf.Tensor], size: Size) -> _Outputs:
    """Trace one step on zeros, in a branch that runs only if the loop has no step at all.

    Then the extents of its outputs, which may depend on data, come from that one step.
    """
    seen: list[_Outputs] = []

    def step() -> list[tf.Tensor]:
        zeros = [tf.zeros(values.sizes(values.extents(x)[1:]), x.dtype) for x in columns]
        for zero, x in zip(zeros, columns, strict=True):
            zero.set_shape(x.shape[1:])
        _, y = body(rebuild(state, tensors(state)), rebuild(xs, zeros))
        flat = tensors(y)
        structure = map_leaves(lambda _: 0, y)
        seen.append(_Outputs(structure, [x.shape for x in flat], [x.dtype for x in flat], []))
        return [tf.shape(x) for x in flat]

    def unknown() -> list[tf.Tensor]:
        return [_partial(shape) for shape in seen[0].shapes]

    empty = tf.equal(values.size(size), 0)
    extents = tf.cond(empty, step, unknown)
    seen[0].extents = list(extents) if seen[0].shapes else []
    return seen[0]


def _partial(shape: tf.TensorShape) -> tf.Tensor:
    """A shape as a vector with -1 for what is not known."""
    known = [-1 if n is None else n for n in shape]
    return tf.constant(known, tf.int32, (len(known),))
