"""The backend: the groups of primitives together, the graph, randomness, and the native ops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import tensorflow as tf

import seqfront.backend
from seqfront.backend import Raw, Size
from seqfront_tensorflow import values
from seqfront_tensorflow.attention import Attention
from seqfront_tensorflow.contraction import Contraction
from seqfront_tensorflow.control import Control
from seqfront_tensorflow.convolution import Convolution
from seqfront_tensorflow.elementwise import Elementwise
from seqfront_tensorflow.gradient import Gradient
from seqfront_tensorflow.indexing import Indexing
from seqfront_tensorflow.inspection import Inspection
from seqfront_tensorflow.movement import Movement
from seqfront_tensorflow.recurrence import Recurrence
from seqfront_tensorflow.reduction import Reduction


def _raw_types() -> tuple[type, ...]:
    """The classes that tensors and variables really have, and their bases.

    They are found by making some in a graph, which does not start a device: a program may still
    choose its GPUs after loading this.
    """
    with tf.Graph().as_default():
        variable = tf.Variable(tf.constant(0.0))
        made = (tf.constant(0.0), variable, variable.assign(1.0))
    eager = getattr(tf.__internal__, "EagerTensor", tf.Tensor)
    return tuple(dict.fromkeys((eager, *map(type, made), tf.Tensor, tf.Variable)))


class Backend(
    Inspection,
    Elementwise,
    Reduction,
    Movement,
    Indexing,
    Contraction,
    Convolution,
    Control,
    Gradient,
    Attention,
    Recurrence,
    seqfront.backend.Backend,
):
    """Raw tensors are `tf.Tensor`s and `tf.Variable`s, eager or of a graph."""

    name: ClassVar[str] = "tensorflow"
    raw_types: ClassVar[tuple[type, ...]] = _raw_types()
    copies_for_native = True
    sizes_may_be_data = True

    # -- graph ------------------------------------------------------------------------------------

    def is_tracing(self) -> bool:
        """Whether a graph is being built."""
        return not tf.executing_eagerly()

    def compile(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """`tf.function`, without AutoGraph."""
        return tf.function(fn, autograph=False, reduce_retracing=True)

    def check(self, condition: Raw, message: str) -> Raw:
        """Fail with `message`: `tf.errors.InvalidArgumentError` in every mode."""
        if tf.executing_eagerly():
            if not condition:
                raise tf.errors.InvalidArgumentError(None, None, message)
            return condition
        with tf.control_dependencies([tf.debugging.Assert(condition, [message])]):
            return tf.identity(condition)

    # -- randomness -------------------------------------------------------------------------------

    def random_words(self, low: Raw, high: Raw, size: Size, device: str) -> Raw:
        """TensorFlow has the same generator, with the same order of words (XLA too)."""
        lower, upper = (tf.convert_to_tensor(word, tf.int64) for word in (low, high))
        key = tf.bitcast(tf.bitwise.left_shift(upper, 32) + lower, tf.uint64)
        with values.on(device):
            words = tf.raw_ops.StatelessRandomUniformFullIntV2(
                shape=values.sizes((size,)),
                key=key[None],
                counter=tf.zeros(2, tf.uint64),
                alg=1,  # Philox
                dtype=tf.uint32,
            )
            return tf.cast(words, tf.int64)

    def set_seed(self, seed: int) -> None:
        """Seed TensorFlow's global generator, which is all we draw from.

        `tf.random.set_seed` is left alone: it throws away every compiled kernel, which made the
        next step of a small model take seven times as long.
        """
        try:
            tf.random.get_global_generator().reset_from_seed(seed)
        except RuntimeError:  # with op determinism on, there is none without a seed
            tf.random.set_global_generator(tf.random.Generator.from_seed(seed))

    def random_state(self) -> Any:
        """State of the global generator: a NumPy array, or a tensor while tracing."""
        state = tf.random.get_global_generator().state.read_value()
        return state.numpy() if tf.executing_eagerly() else state

    def set_random_state(self, state: Any) -> None:
        """Continue from a state."""
        tf.random.get_global_generator().state.assign(state)

    # -- native -----------------------------------------------------------------------------------

    def native_call(
        self, op: str, inputs: Sequence[Raw | None], attributes: Mapping[str, float]
    ) -> tuple[Raw, ...]:
        """The results of one op of `seqfront.native.ops()`."""
        from seqfront_tensorflow import native

        tensors = [None if x is None else values.tensor(x) for x in inputs]
        return native.call(op, tensors, attributes)
