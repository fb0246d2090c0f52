"""CUDA tensors in PyTorch: which kernels they get, and what they are told where there are none.

No GPU is needed, nor used. The way from an operator to the kernels is that of CUDA tensors, but for
the device itself: the library of CUDA kernels is the one that runs on the host (built by `make
test-native`), and memory of the host stands for that of a GPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqfront import errors, native

ROOT = Path(__file__).parents[2]
ON_HOST = ROOT / "build/native-tests/tests/libseqfront_cuda_on_host.so"

torch = pytest.importorskip("torch")
operators = pytest.importorskip("seqfront_torch.native")


def run(program: str, library: Path | str) -> str:
    """What a program prints, with the CUDA kernels of `library`, which a process loads once."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "backends"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "SEQFRONT_CUDA_LIBRARY": str(library), "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


CALL = """
from seqfront import errors, native
try:
    native.call_cuda(native.ops()["rnnt"], [], [], [], lambda count: 0, 3, 0)
except errors.NativeError as error:
    print(error)
"""


def test_no_library() -> None:
    text = run(CALL, "/nowhere/libseqfront_cuda.so")
    assert text == (
        "rnnt: this installation has no CUDA kernels.\n"
        "  device  cuda:3\n"
        "  reason  /nowhere/libseqfront_cuda.so: cannot open shared object file: "
        "No such file or directory\n"
        '  fix: move the tensors, sf.to_device(x, "cpu"), or install where nvcc is found: '
        "pip install . -C cmake.define.SEQFRONT_CUDA=ON\n"
    )


needs_kernels = pytest.mark.skipif(
    not ON_HOST.exists(), reason="the kernels for the host are not built: make test-native"
)


def test_an_op_without_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    op = native.ops()["edit_distance"]
    nothing = SimpleNamespace(has_cuda_kernel=lambda name: False, cuda_missing=lambda: "")
    monkeypatch.setattr(native, "library", lambda: nothing)
    with pytest.raises(errors.NativeError) as caught:
        native.call_cuda(op, [], [], [], lambda count: 0, 3, 0)
    assert str(caught.value) == (
        "edit_distance: the op has no CUDA kernel yet.\n"
        "  device  cuda:3\n"
        '  fix: move the tensors: sf.to_device(x, "cpu").'
    )


# Losses and gradients on the CPU, and then by way of CUDA.
LOSSES = """
from types import SimpleNamespace

import torch

import seqfront as sf
import seqfront_torch.native as operators
from seqfront import native

batch, time, labels, vocab = map(sf.Dim, ("batch", "time", "labels", "vocab"))
CTC = {}
OPTIONS = [
    CTC, {}, {"fastemit": 0.1, "clamp": 0.1}, {"hat": True, "topology": "constrained"},
    {"reuse_logits": True},
]


def losses(dtype, options):
    generator = torch.Generator().manual_seed(1)
    ctc = options is CTC
    shape, rows = ((3, 5, 7), []) if ctc else ((3, 5, 4, 7), [labels + 1])
    raw = torch.randn(shape, generator=generator).to(dtype).requires_grad_()
    frames = torch.tensor([5, 2, 4])
    targets = sf.wrap(
        torch.tensor([[1, 2, 3], [4, 0, 0], [5, 5, 0]], dtype=torch.int32),
        (batch, labels),
        lengths={labels: torch.tensor([3, 1, 2])},
        sparse_dim=vocab,
    )
    logits = sf.wrap(raw, (batch, time, *rows, vocab), lengths={time: frames})
    loss = (sf.ctc_loss if ctc else sf.rnnt_loss)(
        logits=logits, targets=targets, input_spatial_dim=time, targets_spatial_dim=labels,
        blank_index=0, **options,
    )
    loss.raw.sum().backward()
    return loss.raw.detach(), raw.grad


cases = [(d, o) for d in (torch.float32, torch.float64, torch.bfloat16) for o in OPTIONS]
expected = [losses(*case) for case in cases]
calls = []


def on_cuda(op, inputs, arguments, outputs, threads):
    calls.append(op.name)
    operators._run_cuda(op, inputs, arguments, outputs, torch.device("cpu"))


native.call = on_cuda
torch.cuda.current_stream = lambda device: SimpleNamespace(device_index=0, cuda_stream=0)
for case, pair in zip(cases, expected):
    for got, wanted in zip(losses(*case), pair):
        torch.testing.assert_close(got, wanted, rtol=1e-2 if "bf" in str(case[0]) else 1e-5,
                                   atol=1e-6)
assert sorted({*calls}) == ["ctc", "ctc_backward", "rnnt", "rnnt_backward"], calls
"""


def check_file(file: str) -> None:
    """Run the tests of a file with the kernels for the host."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file],
        env={**os.environ, "SEQFRONT_CUDA_LIBRARY": str(ON_HOST)},
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]


@needs_kernels
def test_losses_by_way_of_cuda() -> None:
    assert run(LOSSES, ON_HOST) == ""


@needs_kernels
def test_every_op_by_way_of_cuda() -> None:
    """What the registry asks of native ops, in every dtype: the test that also runs on GPUs."""
    check_file("tests/gpu/test_gpu_native_ops.py")


@needs_kernels
def test_cases_of_lattices_by_way_of_cuda() -> None:
    """Values, gradients and disguises."""
    check_file("tests/cases/cuda_kernels.py")


@pytest.mark.skipif(
    not Path(native.library_directory(), "libseqfront_cuda.so").exists(),
    reason="this installation has no CUDA kernels",
)
def test_no_gpu() -> None:
    """The library loads without a driver, and says at a call that there is none."""
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    op = native.ops()["rnnt"]
    logits = torch.zeros(1, 2, 1, 3)
    arrays = [logits, *(torch.zeros(n, dtype=torch.int32) for n in ((1, 0), 1, 1))]
    buffers = [operators._buffer(x) for x in arrays]
    shapes = op.output_shapes([*(x.shape for x in arrays), None, None])
    with pytest.raises(errors.NativeError, match="cudaGetDevice: "):
        native.call_cuda(
            op,
            [*buffers, None, None],
            op.arguments({}),
            [operators._buffer(torch.empty(shape)) for shape in shapes],
            lambda count: 0,
            0,
            0,
        )


def test_floating_inputs_on_two_devices() -> None:
    logits, lengths = torch.zeros(1, 2, 1, 3), torch.zeros(1, dtype=torch.int32)
    elsewhere = torch.zeros(1, 2, 1, 2, device="meta")
    targets = torch.zeros(1, 0, dtype=torch.int32)
    with pytest.raises(errors.NativeError) as caught:
        operators._split(
            native.ops()["tdt"], (logits, elsewhere, targets, lengths, lengths, lengths)
        )
    assert str(caught.value) == (
        "tdt: its inputs are on more than one device.\n"
        "  logits           cpu\n"
        "  duration_logits  meta\n"
        "  fix: move one of them with sf.to_device."
    )
