"""The native losses as PyTorch operators: registration, values, gradients, layouts, graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lattice_oracles
import numpy as np
import pytest
import torch

from seqfront import backends, errors, native

RNNT = {"blank": 1, "normalized": False}
CTC = {"blank": 1, "normalized": False, "max_approx": False, "label_loop": True}
LOSSES = [("rnnt", RNNT), ("ctc", CTC)]
BATCH, FRAMES, LABELS, CLASSES = 4, 5, 2, 6  # all different: equal ones share a symbol
Ints = tuple[Any, Any, Any]


def problem(op: str, dtype: Any = torch.float64, *, full: bool = False) -> tuple[Any, Ints]:
    """Logits, and targets with their lengths; `full` uses every position."""
    generator = torch.Generator().manual_seed(0)
    shape = (BATCH, FRAMES, LABELS + 1, CLASSES) if op == "rnnt" else (BATCH, FRAMES, CLASSES)
    logits = torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    targets = torch.tensor([[0, 2], [2, 2], [3, 0], [0, 0]], dtype=torch.int32)
    frames = torch.tensor([5, 5, 5, 5] if full else [5, 4, 2, 0], dtype=torch.int32)
    labels = torch.tensor([2, 2, 2, 2] if full else [2, 2, 1, 0], dtype=torch.int32)
    return logits, (targets, frames, labels)


def run(op: str, attributes: Any, logits: Any, ints: Ints) -> Any:
    return backends.get("torch").native_call(op, (logits, *ints), attributes)[0]


def operands(op: str, attributes: Any) -> list[Any]:
    """What follows the tensors in a call of the operator itself."""
    values = native.ops()[op].arguments(attributes)
    return [a.typed(v) for a, v in zip(native.ops()[op].attributes, values, strict=True)]


def gradient(op: str, attributes: Any, logits: Any, ints: Ints) -> Any:
    logits = logits.detach().requires_grad_()
    loss = run(op, attributes, logits, ints)
    weights = torch.arange(1.0, 1 + len(loss), dtype=loss.dtype)
    (grad,) = torch.autograd.grad((loss * weights).sum(), logits)
    return grad


def differences(fn: Callable[[Any], float], x: Any, step: float = 1e-6) -> Any:
    grad = torch.zeros_like(x)
    for i in range(x.numel()):
        ends = []
        for sign in (1, -1):
            moved = x.clone()
            moved.view(-1)[i] += sign * step
            ends.append(fn(moved))
        grad.view(-1)[i] = (ends[0] - ends[1]) / (2 * step)
    return grad


# -- values and gradients -------------------------------------------------------------------------


@pytest.mark.parametrize(("op", "attributes"), LOSSES)
def test_values_against_enumeration(op: str, attributes: Any) -> None:
    logits, (targets, frames, labels) = problem(op)
    loss = run(op, attributes, logits, (targets, frames, labels))
    for b in range(BATCH):
        t, u = int(frames[b]), int(labels[b])
        row = logits[b, :t, : u + 1] if op == "rnnt" else logits[b, :t]
        wanted = getattr(lattice_oracles, op)(row.numpy(), targets[b, :u].tolist(), blank=1)
        assert float(loss[b]) == pytest.approx(wanted)


@pytest.mark.parametrize(("op", "attributes"), LOSSES)
def test_gradient_against_differences(op: str, attributes: Any) -> None:
    logits, ints = problem(op)
    weights = torch.arange(1.0, 1 + BATCH, dtype=torch.float64)
    expected = differences(lambda x: float((run(op, attributes, x, ints) * weights).sum()), logits)
    torch.testing.assert_close(
        gradient(op, attributes, logits, ints), expected, rtol=1e-6, atol=1e-8
    )


def test_ctc_equals_pytorch() -> None:
    logits, (targets, frames, labels) = problem("ctc", torch.float32)
    frames = frames.clamp_min(3)  # PyTorch's gradient is NaN where no alignment exists
    logits.requires_grad_()
    theirs = torch.nn.functional.ctc_loss(
        logits.log_softmax(2).transpose(0, 1), targets, frames, labels, 1, "none"
    )
    ours = run("ctc", CTC, logits, (targets, frames, labels))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    (their_grad,) = torch.autograd.grad(theirs.sum(), logits)
    (our_grad,) = torch.autograd.grad(ours.sum(), logits)
    torch.testing.assert_close(our_grad, their_grad, rtol=1e-4, atol=1e-5)


def test_edit_distance() -> None:
    a = torch.tensor([[1, 2, 3], [1, 2, 3], [5, 0, 0]])
    b = torch.tensor([[1, 3, 3, 4], [0, 0, 0, 0], [5, 0, 0, 0]])
    lengths = torch.tensor([3, 3, 1]), torch.tensor([4, 0, 1])
    inputs = (a, lengths[0], b, lengths[1])
    (found,) = backends.get("torch").native_call("edit_distance", inputs, {})
    assert found.tolist() == [2, 3, 0]
    assert found.dtype == torch.int32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("op", "attributes"), LOSSES)
def test_dtypes(op: str, attributes: Any, dtype: Any) -> None:
    logits, ints = problem(op, dtype)
    loss = run(op, attributes, logits, ints)
    grad = gradient(op, attributes, logits, ints)
    assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert grad.dtype == dtype
    exact = run(op, attributes, logits.double(), ints)
    torch.testing.assert_close(loss.double(), exact, rtol=1e-5, atol=1e-5)
    expected = gradient(op, attributes, logits.double(), ints)
    tolerance = {torch.bfloat16: 2e-2, torch.float16: 2e-3}.get(dtype, 1e-5)
    torch.testing.assert_close(grad.double(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16])
def test_any_integers(dtype: Any) -> None:
    logits, ints = problem("ctc")
    loss = run("ctc", CTC, logits, tuple(x.to(dtype) for x in ints))
    assert loss.tolist() == run("ctc", CTC, logits, ints).tolist()


# -- layouts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("op", "attributes"), LOSSES)
def test_permuted_logits_are_read_in_place(op: str, attributes: Any) -> None:
    logits, ints = problem(op)
    permuted = logits.transpose(0, 1).contiguous().transpose(0, 1)
    assert not permuted.is_contiguous()
    torch.testing.assert_close(
        run(op, attributes, permuted, ints), run(op, attributes, logits, ints)
    )
    grad = gradient(op, attributes, permuted, ints)
    assert grad.stride() == permuted.stride()
    torch.testing.assert_close(grad, gradient(op, attributes, logits, ints))


@pytest.mark.parametrize(("op", "attributes"), LOSSES)
@pytest.mark.parametrize("layout", ["classes first", "padded classes", "expanded", "flipped rows"])
def test_any_strides(op: str, attributes: Any, layout: str) -> None:
    logits, ints = problem(op)
    if layout == "classes first":
        odd = logits.movedim(-1, 0).contiguous().movedim(0, -1)
    elif layout == "padded classes":
        odd = torch.nn.functional.pad(logits, (2, 3), value=9.0)[..., 2:-3]
    elif layout == "expanded":
        logits = logits[:1].expand(logits.shape).contiguous()
        odd = logits[:1].expand(logits.shape)
    else:
        odd = torch.repeat_interleave(logits, 2, 1)[:, ::2]
    targets = torch.stack([ints[0], ints[0]], 2)[..., 0]
    odd_ints = (targets, *ints[1:])
    torch.testing.assert_close(
        run(op, attributes, odd, odd_ints), run(op, attributes, logits, ints)
    )
    torch.testing.assert_close(
        gradient(op, attributes, odd, odd_ints), gradient(op, attributes, logits, ints)
    )


@pytest.mark.parametrize(("op", "attributes"), LOSSES)
def test_padding_is_never_read(op: str, attributes: Any) -> None:
    logits, (targets, frames, labels) = problem(op)
    poisoned = logits.clone()
    for b in range(BATCH):
        poisoned[b, int(frames[b]) :] = float("nan")
        if op == "rnnt":
            poisoned[b, :, int(labels[b]) + 1 :] = float("nan")
    clean = gradient(op, attributes, logits, (targets, frames, labels))
    found = gradient(op, attributes, poisoned, (targets, frames, labels))
    assert torch.equal(found, clean)
    assert found[3].abs().sum() == 0


@pytest.mark.parametrize(("op", "attributes"), LOSSES)
def test_empty_axes(op: str, attributes: Any) -> None:
    logits, (targets, frames, labels) = problem(op)
    assert run(op, attributes, logits[:0], (targets[:0], frames[:0], labels[:0])).shape == (0,)
    nothing = logits[:, :0]
    loss = run(op, attributes, nothing, (targets, frames * 0, labels))
    assert loss.tolist() == [float("inf")] * 3 + [0.0]
    assert gradient(op, attributes, nothing, (targets, frames * 0, labels)).shape == nothing.shape


# -- registration and graphs ----------------------------------------------------------------------


@pytest.mark.parametrize("needs_gradient", [False, True])
@pytest.mark.parametrize(("op", "attributes"), LOSSES)
@pytest.mark.parametrize("layout", ["plain", "frames first", "classes first"])
def test_opcheck_forward(op: str, attributes: Any, layout: str, needs_gradient: bool) -> None:
    logits, ints = problem(op, full=True)
    if layout == "frames first":
        logits = logits.transpose(0, 1).contiguous().transpose(0, 1)
    elif layout == "classes first":
        logits = logits.movedim(-1, 0).contiguous().movedim(0, -1)
    operator = getattr(torch.ops.seqfront, op).default
    optional = [None] * (len(native.ops()[op].inputs) - 4)
    inputs = (logits.requires_grad_(needs_gradient), *ints, *optional, *operands(op, attributes))
    torch.library.opcheck(operator, inputs)


@pytest.mark.parametrize(("op", "attributes"), LOSSES)
def test_opcheck_backward(op: str, attributes: Any) -> None:
    logits, ints = problem(op, full=True)
    optional = [None] * (len(native.ops()[op].inputs) - 4)
    tensors, numbers = (logits, *ints, *optional), operands(op, attributes)
    loss, *saved = getattr(torch.ops.seqfront, op).default(*tensors, *numbers)
    for half in (f"{op}_backward", f"{op}_backward_"):  # the second one writes over the logits
        backward = getattr(torch.ops.seqfront, half).default
        torch.library.opcheck(backward, (*tensors, *saved, torch.ones_like(loss), *numbers))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("layout", ["plain", "frames first", "classes first"])
@pytest.mark.parametrize(("op", "attributes"), LOSSES)
def test_gradient_over_the_logits(op: str, attributes: Any, layout: str, compiled: bool) -> None:
    original, ints = problem(op)
    if layout == "frames first":
        original = original.transpose(0, 1).contiguous().transpose(0, 1)
    elif layout == "classes first":
        original = original.movedim(-1, 0).contiguous().movedim(0, -1)
    expected = gradient(op, attributes, original, ints)
    weights = torch.arange(1.0, 1 + BATCH, dtype=torch.float64)
    leaf = original.clone().requires_grad_()
    memory: list[Any] = []

    def total(leaf: Any) -> Any:
        logits = leaf * 1.0
        if not compiled:
            memory.append(logits)
        return (run(op, {**attributes, "reuse": True}, logits, ints) * weights).sum()

    torch._dynamo.reset()
    loss = (torch.compile(total, backend="aot_eager") if compiled else total)(leaf)
    loss.backward()
    torch.testing.assert_close(leaf.grad, expected)
    if not compiled:
        torch.testing.assert_close(memory[0].detach(), expected)


def test_opcheck_edit_distance() -> None:
    _, (targets, _, lengths) = problem("ctc")
    torch.library.opcheck(
        torch.ops.seqfront.edit_distance.default, (targets, lengths, targets.flip(0), lengths)
    )


def test_opcheck_lstm() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = ((5, 3, 4), (4, 24), (6, 24), (24,), (3, 6), (3, 6))
    inputs = tuple(
        torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes
    )
    torch.library.opcheck(torch.ops.seqfront.lstm.default, inputs)


def test_lstm_gradient_against_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = ((4, 3, 2), (2, 12), (3, 12), (12,), (3, 3), (3, 3))
    inputs = [
        torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes
    ]
    assert torch.autograd.gradcheck(torch.ops.seqfront.lstm.default, inputs)


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("op", "attributes"), LOSSES)
def test_one_compile_for_all_sizes(op: str, attributes: Any, backend: str) -> None:
    from torch._dynamo.backends.registry import lookup_backend

    made: list[Any] = []

    def keep(graph: Any, inputs: Any) -> Any:
        made.append(graph)
        return lookup_backend(backend)(graph, inputs)

    def total(logits: Any, *ints: Any) -> Any:
        return run(op, attributes, logits * 2, ints).clamp(max=1e3).sum()

    torch._dynamo.reset()
    compiled = torch.compile(total, backend=keep, fullgraph=True, dynamic=True)
    logits, (targets, frames, labels) = problem(op)
    for rows, length in ((4, 5), (3, 5), (2, 4)):
        x = logits[:rows, :length].clone().requires_grad_()  # views have guards of their own
        ints = (targets[:rows].clone(), frames[:rows].clamp(max=length), labels[:rows].clone())
        found, expected = compiled(x, *ints), total(x, *ints)
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(torch.autograd.grad(found, x), torch.autograd.grad(expected, x))
    assert len(made) == 1


@pytest.mark.parametrize(("op", "attributes"), LOSSES)
@pytest.mark.parametrize("strict", [False, True])
def test_export(op: str, attributes: Any, strict: bool) -> None:
    class Loss(torch.nn.Module):
        def forward(self, logits: Any, targets: Any, frames: Any, labels: Any) -> Any:
            return run(op, attributes, logits, (targets, frames, labels))

    logits, ints = problem(op)
    rows, time = torch.export.Dim("rows"), torch.export.Dim("time")
    shapes = ({0: rows, 1: time}, {0: rows}, {0: rows}, {0: rows})
    program = torch.export.export(Loss(), (logits, *ints), dynamic_shapes=shapes, strict=strict)
    smaller = (logits[:3, :4].contiguous(), *(x[:3].clamp(max=4) for x in ints))
    assert (
        program.module()(*smaller).tolist() == run(op, attributes, smaller[0], smaller[1:]).tolist()
    )


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("op", "attributes"), LOSSES)
def test_no_second_derivative(op: str, attributes: Any) -> None:
    logits, ints = problem(op)
    logits.requires_grad_()
    loss = run(op, attributes, logits, ints)
    (grad,) = torch.autograd.grad(loss[:2].sum(), logits, create_graph=True)
    with pytest.raises(errors.NativeError, match="no second derivative"):
        grad.sum().backward()


@pytest.mark.parametrize(("op", "attributes"), LOSSES)
def test_lengths_out_of_range(op: str, attributes: Any) -> None:
    logits, (targets, frames, labels) = problem(op)
    with pytest.raises(errors.NativeError):
        run(op, attributes, logits, (targets, frames + 7, labels))


def test_every_native_op_is_registered() -> None:
    assert all(hasattr(torch.ops.seqfront, name) for name in native.ops())


def test_numpy_agrees() -> None:
    for op, attributes in LOSSES:
        logits, ints = problem(op)
        arrays = [x.numpy() for x in (logits, *ints)]
        (found,) = backends.get("numpy").native_call(op, arrays, attributes)
        np.testing.assert_allclose(found, run(op, attributes, logits, ints).numpy())
        reversed_classes = arrays[0][..., ::-1][..., ::-1]
        inputs = [reversed_classes, *arrays[1:]]
        (again,) = backends.get("numpy").native_call(op, inputs, attributes)
        np.testing.assert_allclose(found, again)
