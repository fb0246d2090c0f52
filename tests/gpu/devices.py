"""Devices of these tests, and the way from PyTorch's operators to the CUDA kernels.

Three settings: a GPU; the CPU; and the CPU with the CUDA kernels compiled for the host (see
native/README.md), where memory of the host stands for that of a GPU and all else is as on one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Sequence
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
import torch

import seqfront_torch.native as operators
from seqfront import errors, native

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ON_HOST = DEVICE == "cpu" and "SEQFRONT_CUDA_LIBRARY" in os.environ
"""Whether the CUDA kernels are those for the host."""

HAS_KERNELS = DEVICE == "cuda" or ON_HOST


WITHOUT = ("ctc_prefix_beam", "few_rows", "joint_top_labels", "layer_norm", "normalized_lstm")
"""Ops that on CUDA are composed, or PyTorch's. All others take there what they take on the CPU."""


def expect_refusal(error: errors.NativeError) -> NoReturn:
    """A test that asks for one of these on CUDA cannot pass; of any other op an error is one."""
    text = str(error).splitlines()[0]
    if text not in [f"{op}: the op has no CUDA kernel yet." for op in WITHOUT]:
        raise error
    pytest.xfail(text)


@contextlib.contextmanager
def cuda_kernels() -> Generator[None]:
    """Native ops run as on a GPU, also where kernels for the host stand for it."""
    if not ON_HOST:
        yield
        return
    call, stream = native.call, torch.cuda.current_stream

    def on_cuda(
        op: Any, inputs: Sequence[Any], arguments: list[float], outputs: Sequence[Any], threads: int
    ) -> None:
        operators._run_cuda(op, inputs, arguments, outputs, torch.device("cpu"))

    def no_stream(device: Any) -> Any:
        return SimpleNamespace(device_index=0, cuda_stream=0)

    native.call, torch.cuda.current_stream = on_cuda, no_stream  # type: ignore[assignment]
    try:
        yield
    finally:
        native.call, torch.cuda.current_stream = call, stream


def to_device(values: Any) -> Any:
    """Tensors on the device of the tests; other things as they are."""
    return values.to(DEVICE) if isinstance(values, torch.Tensor) else values


@contextlib.contextmanager
def exact_products() -> Generator[None]:
    """No TensorFloat-32."""
    flags = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = flags
