"""What cases cannot show of control flow: errors of graphs, one graph for all sizes, examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED
from messages.message import said

import seqfront as sf
from seqfront import backends
from seqfront.lengths import FULL

batch, time, row, column = sf.Dim("batch"), sf.Dim("time"), sf.Dim("row"), sf.Dim("column")
label, step, vocab = sf.Dim("label"), sf.Dim("step"), sf.Dim("vocab", 5)
GRAPHS = [name for name in INSTALLED if name != "numpy"]


@pytest.fixture(params=INSTALLED)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=GRAPHS)
def graphs(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _compiled(framework: str, fn: Any) -> Any:
    """As users compile, but without generating code."""
    if framework == "tensorflow":
        import tensorflow as tf

        return tf.function(fn, reduce_retracing=True)
    import torch

    torch._dynamo.reset()
    return torch.compile(fn, fullgraph=True, dynamic=True, backend="eager")


def _branches(x: sf.Tensor, then: Any, otherwise: Any) -> Any:
    return sf.cond(sf.all(x > 0.0, axis=x.dims), then, otherwise)


BRANCHES = [
    (
        lambda x: (lambda: {"y": x}, lambda: {"y": sf.sum(x, axis=time)}),
        "the result['y']",
        "float32[batch≤?, time≤?] numpy:cpu, time ragged over batch",
        "float32[batch≤?] numpy:cpu",
    ),
    (
        lambda x: (lambda: (x, x), lambda: (x, sf.cast(x, "float64"))),
        "the result[1]",
        "float32[batch≤?, time≤?] numpy:cpu, time ragged over batch",
        "float64[batch≤?, time≤?] numpy:cpu, time ragged over batch",
    ),
    (lambda x: (lambda: [x], lambda: (x,)), "the result", "list of [0]", "tuple of [0]"),
    (lambda x: (lambda: (x, 1), lambda: (x, 2)), "the result[1]", "1", "2"),
    (
        lambda x: (lambda: x, lambda: x.with_lengths(FULL)),
        "the result",
        "float32[batch≤?, time≤?] numpy:cpu, time ragged over batch",
        "float32[batch≤?, time≤?] numpy:cpu",
    ),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BRANCHES)))
def test_branches_that_differ(graphs: str, number: int) -> None:
    """Text of `branches_differ`; the branch that does not run is not looked at when eager."""
    make, path, then, otherwise = BRANCHES[number]
    b = backends.get(graphs)
    caught: list[sf.DimError] = []

    def fn(raw: Any, n: Any) -> Any:
        x = sf.wrap(raw, (batch, time), lengths={time: n})
        try:
            _branches(x, *make(x))
        except sf.DimError as error:
            caught.append(error)
        return raw

    if graphs == "tensorflow":
        import tensorflow as tf

        spec = [tf.TensorSpec((None, None)), tf.TensorSpec((None,), tf.int32)]
        tf.function(fn, input_signature=spec).get_concrete_function()
        (error,) = caught
        assert said(error, graphs) == (
            f"cond: {path} is not of one kind in both branches.\n"
            f"  then       {then}\n"
            f"  otherwise  {otherwise}\n"
            "  fix: both branches give the same structure, dims, dtypes and ragged dims; extents "
            "and lengths may differ."
        )
        return
    import torch

    def fails(raw: Any, n: Any) -> Any:
        x = sf.wrap(raw, (batch, time), lengths={time: n})
        _branches(x, *make(x))
        return raw

    inputs = b.convert(np.ones((2, 3), np.float32)), b.convert(np.array([3, 2], np.int32))
    with pytest.raises(torch._dynamo.exc.Unsupported, match="cond: the result"):
        _compiled(graphs, fails)(*inputs)


def _counted(x: sf.Tensor) -> sf.Tensor:
    def body(s: Any) -> Any:
        return s[0].push(x), s[1] + 1

    start = sf.TensorArray.empty(like=x), sf.zeros((), dtype="int32", like=x)
    return sf.while_loop(lambda s: s[1] < 3, body, start)[0].stack(axis=step)


def test_no_growing_array_in_a_compiled_loop() -> None:
    torch = pytest.importorskip("torch")
    fn = torch.compile(lambda raw: _counted(sf.wrap(raw, (batch,))).raw, backend="eager")
    with pytest.raises(sf.TraceError) as caught:
        fn(torch.ones(2))
    assert str(caught.value) == (
        "while_loop: a TensorArray cannot grow in a compiled loop or branch of 'torch'.\n"
        "  fix: run the loop eagerly; or use sf.scan, whose ys are such an array; or carry a "
        "tensor of full size and write to it with sf.where."
    )


def test_an_array_of_no_items(framework: str) -> None:
    x = sf.wrap(backends.get(framework).convert(np.ones((2, 5), np.float32)), (batch, vocab))
    none = sf.TensorArray.empty(like=x).stack(axis=step)
    assert none.numpy(step, batch, vocab).shape == (0, 2, 5)
    assert none.dtype == "float32"


def test_an_array_is_immutable(framework: str) -> None:
    x = sf.wrap(backends.get(framework).convert(np.ones(2, np.float32)), (batch,))
    one = sf.TensorArray.empty(like=x).push(x)
    two, other = one.push(x * 2.0), one.push(x * 3.0)
    assert one.stack(axis=step).numpy(step, batch).tolist() == [[1, 1]]
    assert two.stack(axis=step).numpy(step, batch).tolist() == [[1, 1], [2, 2]]
    assert other.stack(axis=step).numpy(step, batch).tolist() == [[1, 1], [3, 3]]


def test_static_steps_in_a_graph() -> None:
    tf = pytest.importorskip("tensorflow")
    three = sf.Dim("three", 3)

    @tf.function(input_signature=[tf.TensorSpec((None,)), tf.TensorSpec((), tf.int32)])
    def run(raw: Any, steps: Any) -> Any:
        x = sf.wrap(raw, (batch,))
        start = sf.TensorArray.empty(like=x), sf.zeros((), dtype="int32", like=x)
        array, _ = sf.while_loop(
            lambda s: s[1] < sf.wrap(steps), lambda s: (s[0].push(x), s[1] + 1), start
        )
        return array.stack(axis=three).raw

    assert run(tf.ones(2), 3).shape == (3, 2)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.ones(2), 2)


# -- examples a user may start from ----------------------------------------------------------------


def power_iteration(a: sf.Tensor) -> sf.Tensor:
    """The eigenvector of the greatest eigenvalue, to a precision."""

    def body(s: Any) -> Any:
        v = sf.dot(a, s[0], reduce=column).rename(row, column)
        v = v / sf.sqrt(sf.sum(v * v, axis=column))
        return v, sf.max(sf.abs(v - s[0]), axis=column)

    start = sf.ones((column,), like=a), sf.ones((), like=a)
    return sf.while_loop(lambda s: s[1] > 1e-6, body, start)[0]


MATRIX = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 1.0]], np.float32)


def _is_eigenvector(v: np.ndarray) -> bool:
    largest = np.linalg.eigh(MATRIX)[1][:, -1]
    return bool(np.allclose(np.abs(v), np.abs(largest), atol=1e-4))


def test_power_iteration(framework: str) -> None:
    a = sf.wrap(backends.get(framework).convert(MATRIX), (row, column))
    assert _is_eigenvector(power_iteration(a).numpy())


def test_power_iteration_compiled(graphs: str) -> None:
    b = backends.get(graphs)
    run = _compiled(graphs, lambda raw: power_iteration(sf.wrap(raw, (row, column))).raw)
    assert _is_eigenvector(b.to_numpy(run(b.convert(MATRIX))))


def spell(scores: sf.Tensor, start: sf.Tensor) -> sf.Tensor:
    """A greedy label loop: the best next label until every row has found label 0, the end."""

    def body(s: Any) -> Any:
        last, found, lengths, active = s
        best = sf.argmax(sf.gather(scores, indices=last, axis=vocab), axis=label)
        best = sf.cast(best.labels_of(vocab), "int32")
        active = active & (best != 0)
        return best, found.push(best), lengths + sf.cast(active, "int32"), active

    none = sf.zeros((batch,), dtype="int32", like=start)
    empty = sf.TensorArray.empty(like=start)
    state = start, empty, none, none == 0
    _, found, lengths, _ = sf.while_loop(lambda s: sf.any(s[3], axis=batch), body, state)
    return found.stack(axis=step, lengths=lengths)


CHAIN = np.eye(5, dtype=np.float32)[[0, 0, 1, 2, 3]]
"""After label n comes n - 1."""


def _spelled(raw: Any, start: Any) -> tuple[Any, Any]:
    scores = sf.wrap(raw, (vocab, label))
    labels = spell(scores, sf.wrap(start, (batch,), sparse_dim=vocab))
    return labels.raw_in((batch, step)), labels.lengths(step).raw


def test_greedy_labels(framework: str) -> None:
    b = backends.get(framework)
    labels, lengths = _spelled(b.convert(CHAIN), b.convert(np.array([3, 1, 4], np.int32)))
    assert b.to_numpy(labels).tolist() == [[2, 1, 0, 0], [0, 0, 0, 0], [3, 2, 1, 0]]
    assert b.to_numpy(lengths).tolist() == [2, 0, 3]


def test_greedy_labels_in_a_graph() -> None:
    tf = pytest.importorskip("tensorflow")
    signature = [tf.TensorSpec((5, 5)), tf.TensorSpec((None,), tf.int32)]
    run = tf.function(_spelled, input_signature=signature)
    for start, lengths in (([3, 1, 4], [2, 0, 3]), ([1], [0])):
        assert run(tf.constant(CHAIN), tf.constant(start))[1].numpy().tolist() == lengths
