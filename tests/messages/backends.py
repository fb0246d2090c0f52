# ruff: noqa: E501  (texts are as long as they are)
"""Messages about backends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import seqfront as sf
from messages.message import Make, Message
from seqfront import BackendError, backends

batch, mel = sf.Dim("batch"), sf.Dim("mel", 4)


def another(w: Make) -> str:
    """The name of a second backend."""
    return "torch" if w.backend.name != "torch" else "tensorflow"


def without(module: str, call: Callable[[], Any]) -> Callable[[Make], Any]:
    """`call` where a module cannot be imported."""

    def run(w: Make) -> Any:
        with mock.patch.dict(sys.modules, {module: None}):
            return call()

    return run


MESSAGES = [
    Message(
        "two_backends",
        BackendError,
        lambda w: w.zeros(batch) + Make(another(w)).zeros(batch),
        (
            "add: two backends in one expression.\n"
            "  a  float32[batch≤3] numpy:cpu\n"
            "  b  float32[batch≤3] torch:cpu\n"
            '  fix: sf.to_backend(b, "numpy"), or make both under sf.use_backend("numpy").'
        ),
        only="numpy",
    ),
    Message(
        "unknown_backend",
        BackendError,
        lambda w: sf.set_backend("jax"),
        (
            "backend 'jax' is not known.\n"
            "  known  numpy, tensorflow, torch\n"
            "  fix: a package can offer one through the entry point group 'seqfront.backends'."
        ),
        only="any",
    ),
    Message(
        "backend_not_installed",
        BackendError,
        without("seqfront_torch", lambda: backends._load("torch")),
        (
            "backend 'torch' needs the module 'seqfront_torch', which is not installed.\n"
            '  fix: pip install "seqfront[torch]".'
        ),
        only="any",
    ),
    Message(
        "not_a_tensor",
        BackendError,
        lambda w: backends.of([1, 2]),
        (
            "this is no tensor of any backend.\n"
            "  value  builtins.list\n"
            "  fix: pass a NumPy array, a torch.Tensor or a tf.Tensor."
        ),
        only="any",
    ),
    Message(
        "no_gradients",
        BackendError,
        lambda w: sf.value_and_grad(lambda: w.zeros(), [w.zeros()]),
        (
            "value_and_grad: the backend 'numpy' computes no gradients.\n"
            '  fix: use "torch" or "tensorflow"; the NumPy backend is the reference for values.'
        ),
        only="numpy",
    ),
    Message(
        "unsupported_dtype",
        BackendError,
        lambda w: w.backend.cast(w.raw([1.0]), "float8"),
        (
            "the backend 'torch' has no float8.\n"
            "  fix: one of bool, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64."
        ),
        only="torch",
    ),
    Message(
        "unknown_device",
        BackendError,
        lambda w: sf.to_device(w.zeros(batch), "cuda:0"),
        ("the backend 'numpy' has no device 'cuda:0'.\n  known  cpu\n  fix: use one of these."),
        only="numpy",
    ),
    Message(
        "unknown_device",
        BackendError,
        lambda w: sf.zeros((mel,), like=w.zeros(mel), device="cuda:77"),
        ("the backend 'torch' has no device 'cuda:77'.\n  known  cpu\n  fix: use one of these."),
        only="torch",
    ),
    Message(
        "two_devices",
        BackendError,
        lambda w: w.zeros(mel) + sf.zeros((mel,), like=w.zeros(mel), device="meta"),
        (
            "add: two devices in one expression.\n"
            "  a  float32[mel:4] numpy:cpu\n"
            "  b  float32[mel:4] torch:meta\n"
            '  fix: sf.to_device(b, "cpu"); a model: seqfront_torch.module(model).to("cpu").'
        ),
        only="torch",
    ),
    Message(
        "two_devices",
        BackendError,
        lambda w: sf.where(w.zeros(mel) > 0, sf.to_device(w.zeros(mel), "meta"), 0.0),
        (
            "where: two devices in one expression.\n"
            "  a  bool[mel:4] numpy:cpu\n"
            "  b  float32[mel:4] torch:meta\n"
            '  fix: sf.to_device(b, "cpu"); a model: seqfront_torch.module(model).to("cpu").'
        ),
        only="torch",
    ),
]
