"""The drop-ins where they are used: in modules, under autocast, in graphs, in other precisions."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from seqfront import errors
from seqfront.compat import torch as compat_torch
from seqfront.compat import torchaudio

FRAMES, LABELS = (6, 5), (3, 1)
TARGETS = ((1, 2, 2), (3, 1, 1))


def _torch_problem(dtype: Any = None) -> tuple[Any, ...]:
    import torch

    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, 4, 5, generator=generator, dtype=dtype)
    return logits, torch.tensor(TARGETS), torch.tensor(FRAMES), torch.tensor(LABELS)


# -- PyTorch --------------------------------------------------------------------------------------


def test_in_a_module_under_autocast() -> None:
    torch = pytest.importorskip("torch")

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.output = torch.nn.Linear(5, 5)
            self.loss = torchaudio.RNNTLoss(blank=0)

        def forward(self, x: Any, *ints: Any) -> Any:
            return self.loss(self.output(x), *ints)

    model = Model()
    exact = model(*_torch_problem())
    with torch.autocast("cpu", torch.bfloat16):
        assert model.output(_torch_problem()[0]).dtype == torch.bfloat16
        loss = model(*_torch_problem())
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=0.01)
    loss.backward()
    assert model.output.weight.grad.dtype == torch.float32
    assert model.output.weight.grad.any()


def test_ctc_under_autocast() -> None:
    """Its log-softmax is float32 then, as that is on PyTorch's list."""
    torch = pytest.importorskip("torch")
    logits, *ints = _torch_problem()
    x = logits[:, :, 0].transpose(0, 1).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        ours = compat_torch.ctc_loss(x.log_softmax(2), *ints)
        theirs = torch.nn.functional.ctc_loss(x.log_softmax(2), *ints)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs.float(), rtol=1e-2, atol=0)


def test_bfloat16_of_torch() -> None:
    torch = pytest.importorskip("torch")
    logits, *ints = _torch_problem(torch.bfloat16)
    logits.requires_grad_()
    loss = torchaudio.rnnt_loss(logits, *ints, blank=0)
    loss.backward()
    assert loss.dtype == torch.float32
    assert logits.grad.dtype == torch.bfloat16
    exact = torchaudio.rnnt_loss(logits.detach().double(), *ints, blank=0)
    torch.testing.assert_close(loss.double(), exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("reuse", [False, True])
def test_compiled_with_its_gradient(reuse: bool) -> None:
    """Through AOTAutograd, which has to be told what is overwritten; once for all sizes."""
    torch = pytest.importorskip("torch")
    from torch._dynamo.testing import CompileCounterWithBackend

    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    loss = torchaudio.RNNTLoss(0, reuse_logits_for_grads=reuse)

    def step(x: Any, *ints: Any) -> Any:
        return loss(x * 2, *ints)

    compiled = torch.compile(step, fullgraph=True, dynamic=True, backend=counter)
    graphs: list[int] = []
    for size in (6, 7, 9):
        x, *ints = _torch_problem()
        x = torch.nn.functional.pad(x, (0, 0, 0, 0, 0, size - 6)).requires_grad_()
        wanted, found = (torch.autograd.grad(fn(x, *ints), x)[0] for fn in (step, compiled))
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)
        graphs.append(counter.frame_count)
    assert len(set(graphs)) == 1


FIRST_CALL = """
import torch
from seqfront.compat import torchaudio
loss = torch.compile(torchaudio.rnnt_loss, fullgraph=True, backend="eager")
ints = [torch.ones(1, 1, dtype=torch.int32)] + [torch.ones(1, dtype=torch.int32)] * 2
print(round(float(loss(torch.zeros(1, 1, 2, 4), *ints)), 4))
"""

OBJECT_FIRST = """
from seqfront.compat.torchaudio import RNNTLoss
import torch
loss = torch.compile(RNNTLoss(), fullgraph=True, backend="eager")
ints = [torch.ones(1, 1, dtype=torch.int32)] + [torch.ones(1, dtype=torch.int32)] * 2
print(round(float(loss(torch.zeros(1, 1, 2, 4), *ints)), 4))
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", [FIRST_CALL, OBJECT_FIRST], ids=["function", "object"])
def test_the_first_call_of_a_program_may_be_compiled(program: str) -> None:
    pytest.importorskip("torch")
    run = [sys.executable, "-c", program]
    output = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    assert float(output) == pytest.approx(2 * np.log(4), abs=1e-4)


def test_no_second_derivative() -> None:
    torch = pytest.importorskip("torch")
    logits, *ints = _torch_problem()
    logits.requires_grad_()
    (grad,) = torch.autograd.grad(
        torchaudio.rnnt_loss(logits, *ints, blank=0), logits, create_graph=True
    )
    with pytest.raises(errors.NativeError, match="no second derivative"):
        grad.sum().backward()


# -- TensorFlow -----------------------------------------------------------------------------------


def test_variables_and_bfloat16_of_tensorflow() -> None:
    tf = pytest.importorskip("tensorflow")
    logits = tf.Variable(tf.random.stateless_normal([2, 6, 4, 5], (0, 1)))
    with tf.GradientTape() as tape:
        loss = torchaudio.rnnt_loss(logits, tf.constant(TARGETS), FRAMES, LABELS, blank=0)
    assert tape.gradient(loss, logits).shape == logits.shape
    half = tf.cast(logits, tf.bfloat16)
    loss = torchaudio.rnnt_loss(half, tf.constant(TARGETS), FRAMES, LABELS, blank=0)
    exact = torchaudio.rnnt_loss(
        tf.cast(half, tf.float64), tf.constant(TARGETS), FRAMES, LABELS, blank=0
    )
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, exact, rtol=1e-6)


def test_a_graph_of_any_number_of_classes() -> None:
    """The blank has to be counted from the start there."""
    tf = pytest.importorskip("tensorflow")
    x = tf.random.stateless_normal([2, 6, 4, 5], (0, 1))
    signature = [tf.TensorSpec([None] * 4)]

    def graph(blank: int) -> Any:
        def fn(x: Any) -> Any:
            return torchaudio.rnnt_loss(x, tf.constant(TARGETS), FRAMES, LABELS, blank)

        return tf.function(fn, input_signature=signature, autograph=False)

    wanted = torchaudio.rnnt_loss(x, tf.constant(TARGETS), FRAMES, LABELS, 0)
    np.testing.assert_array_equal(graph(0)(x), wanted)
    with pytest.raises(errors.DimError) as caught:
        graph(-1)(x)
    assert str(caught.value) == (
        "rnnt_loss: blank is -1, needed 0 or more, as the graph has any classes.\n"
        "  logits          float32[?, ?, ?, ?] for [batch, frames, labels+1, classes]\n"
        "  targets         int32[2, 3] for [batch, labels]\n"
        "  logit_lengths   int32[2] for [batch]\n"
        "  target_lengths  int32[2] for [batch]\n"
        "  fix: give the class axis a static size, or count the blank from the start."
    )


@pytest.mark.parametrize("first", ["torch", "tensorflow"])
def test_tensors_of_two_frameworks(first: str) -> None:
    tf, torch = pytest.importorskip("tensorflow"), pytest.importorskip("torch")
    logits = {"torch": torch.zeros, "tensorflow": tf.zeros}[first]((2, 6, 4, 5))
    foreign = {"torch": tf.constant, "tensorflow": torch.tensor}[first](TARGETS)
    with pytest.raises(errors.BackendError, match="targets is no tensor of the framework of"):
        torchaudio.rnnt_loss(logits, foreign, FRAMES, LABELS, blank=0)
