"""The native library where programs are rough: threads, forks, and more elements than 2^31."""

from __future__ import annotations

import mmap
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED

from seqfront import backends, native

FRAMES, LABELS, CLASSES = 40, 12, 60


def problem(seed: int) -> list[Any]:
    """Ragged sequences for the op `rnnt`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(3, FRAMES, LABELS + 1, CLASSES)).astype(np.float32)
    targets = rng.integers(1, CLASSES, (3, LABELS), np.int32)
    return [logits, targets, np.array([40, 31, 7], np.int32), np.array([12, 0, 5], np.int32)]


def loss(inputs: list[Any]) -> np.ndarray:
    return forward(inputs)[0]


def forward(inputs: list[Any]) -> list[np.ndarray]:
    """All outputs of the op, with two threads of the library's own."""
    op = native.ops()["rnnt"]
    return run(op, inputs + [None] * (len(op.inputs) - len(inputs)), {"blank": 0}, 2)


def run(
    op: native.NativeOp,
    inputs: list[Any],
    attributes: dict[str, float],
    threads: int,
    outputs: list[np.ndarray] | None = None,
) -> list[np.ndarray]:
    def buffer(x: np.ndarray) -> native.Buffer:
        strides = tuple(stride // x.itemsize for stride in x.strides)
        return native.Buffer(x.ctypes.data, x.shape, strides, x.dtype.name)

    element = op.element_dtype([None if x is None else x.dtype.name for x in inputs])
    shapes = op.output_shapes([None if x is None else x.shape for x in inputs])
    if outputs is None:
        outputs = [
            np.empty(s, spec.dtype(element)) for s, spec in zip(shapes, op.outputs, strict=True)
        ]
    given = [None if x is None else buffer(x) for x in inputs]
    native.call(op, given, op.arguments(attributes), [buffer(x) for x in outputs], threads)
    return outputs


def test_many_python_threads_at_once() -> None:
    problems = [problem(seed) for seed in range(8)]
    expected = [loss(p) for p in problems]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(loss, problems * 25))
    for i, value in enumerate(found):
        np.testing.assert_array_equal(value, expected[i % 8])


@pytest.mark.parametrize("name", INSTALLED)
def test_many_threads_through_a_framework(name: str) -> None:
    backend = backends.get(name)
    problems = [[backend.convert(x, None, None) for x in problem(seed)] for seed in range(4)]
    optional = [None] * (len(native.ops()["rnnt"].inputs) - 4)

    def call(inputs: list[Any]) -> np.ndarray:
        return backend.to_numpy(backend.native_call("rnnt", [*inputs, *optional], {"blank": 0})[0])

    expected = [call(p) for p in problems]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(call, problems * 10))
    for i, value in enumerate(found):
        np.testing.assert_array_equal(value, expected[i % 4])


def in_child(body: Callable[[], bool]) -> bool:
    """Whether `body` holds in a forked process; a deadlock ends after 30 seconds."""
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        os._exit(0 if body() else 1)
    return os.waitpid(child, 0)[1] == 0


def test_forked_processes() -> None:
    """The pool of the parent has run; the child has none of its threads."""
    inputs = problem(0)
    expected = loss(inputs)
    for _ in range(3):
        assert in_child(lambda: bool((loss(inputs) == expected).all()))
    np.testing.assert_array_equal(loss(inputs), expected)


def test_fork_while_other_threads_compute() -> None:
    inputs = problem(1)
    expected = loss(inputs)
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(lambda: [loss(inputs) for _ in range(50)]) for _ in range(3)]
        for _ in range(5):
            assert in_child(lambda: bool((loss(inputs) == expected).all()))
        for future in running:
            for value in future.result():
                np.testing.assert_array_equal(value, expected)


# -- more than 2^31 elements ----------------------------------------------------------------------

FAR = 2**31 + 64
"""A stride that no 32-bit index can follow."""


SPARSE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)


def far_apart(shape: tuple[int, ...], axis: int) -> np.ndarray:
    """float16 with a huge stride along one axis; only what is touched costs memory."""
    inner = int(np.prod(shape))
    memory = mmap.mmap(-1, 2 * (FAR * (shape[axis] - 1) + inner), flags=SPARSE)
    strides = [2 * int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
    strides[axis] = 2 * FAR
    flat = np.frombuffer(memory, np.float16)
    return np.lib.stride_tricks.as_strided(flat, shape, strides)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rows_further_apart_than_32_bits(axis: int) -> None:
    logits, *ints = problem(2)
    logits = logits[:2, :3, :3].astype(np.float16)
    ints = [ints[0][:2, :2], np.array([3, 2], np.int32), np.array([2, 1], np.int32)]
    ints[0] = np.ascontiguousarray(ints[0])
    apart = far_apart(logits.shape, axis)
    apart[...] = logits
    np.testing.assert_array_equal(loss([apart, *ints]), loss([logits, *ints]))
    gradients = []
    for x in (logits, apart):
        outputs = forward([x, *ints])
        half = native.ops()["rnnt_backward"]
        optional = [None] * (len(native.ops()["rnnt"].inputs) - 4)
        upstream = np.ones(2, np.float32)
        inputs = [x, *ints, *optional, *outputs[1:], upstream]
        gradients.append(run(half, inputs, {"blank": 0}, 1, [x])[0].copy())  # over the logits
    np.testing.assert_array_equal(gradients[1], gradients[0])


@pytest.mark.slow
def test_more_than_2_to_the_31_logits() -> None:
    """One dense array of zeros, of which the system keeps a single page."""
    classes, labels, frames = 2**19, 1, 2050
    size = frames * (labels + 1) * classes
    assert size > 2**31
    flat = np.frombuffer(mmap.mmap(-1, 2 * size, flags=SPARSE, prot=mmap.PROT_READ), np.float16)
    logits = flat.reshape(1, frames, labels + 1, classes)
    ints = [np.array([[classes - 1]], np.int32), np.array([frames], np.int32), np.ones(1, np.int32)]
    expected = (frames + 1) * np.log(classes) - np.log(frames)  # all alignments are equally likely
    np.testing.assert_allclose(loss([logits, *ints]), [expected], rtol=1e-6)
