"""Every message in full, through public API, on every backend, eager and traced."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from frameworks import INSTALLED
from messages import MESSAGES
from messages.message import Make, Message, covered, said

import seqfront as sf
from seqfront import errors

DIRECT: dict[str, tuple[Callable[[], Exception], str]] = {
    "native_missing": (
        lambda: errors.native_missing("No module named 'seqfront._native'"),
        "the native library is not part of this installation.\n"
        "  import  No module named 'seqfront._native'\n"
        "  fix: install with a C++17 compiler at hand: pip install .",
    ),
    "native_device": (
        lambda: errors.native_device("ctc", "cuda:0", "libseqfront_cuda.so: no such file"),
        "ctc: this installation has no CUDA kernels.\n"
        "  device  cuda:0\n"
        "  reason  libseqfront_cuda.so: no such file\n"
        '  fix: move the tensors, sf.to_device(x, "cpu"), or install where nvcc is found: '
        "pip install . -C cmake.define.SEQFRONT_CUDA=ON",
    ),
    "native_no_kernel": (
        lambda: errors.native_no_kernel("ctc", "cuda:0"),
        "ctc: the op has no CUDA kernel yet.\n"
        "  device  cuda:0\n"
        '  fix: move the tensors: sf.to_device(x, "cpu").',
    ),
    "native_mixed_devices": (
        lambda: errors.native_mixed_devices(
            "tdt", ("logits", "cuda:0"), ("duration_logits", "cpu")
        ),
        "tdt: its inputs are on more than one device.\n"
        "  logits           cuda:0\n"
        "  duration_logits  cpu\n"
        "  fix: move one of them with sf.to_device.",
    ),
    "native_refused": (
        lambda: errors.native_refused("ctc: a label is out of range"),
        "ctc: a label is out of range",
    ),
    "no_second_derivative": (
        lambda: errors.no_second_derivative("rnnt"),
        "rnnt: the native op has no second derivative.\n"
        '  fix: implementation="composed" computes the loss in operations that have one.',
    ),
    "extra_missing": (
        lambda: errors.extra_missing("the recipe", "soundfile", "audio"),
        "the recipe needs the module 'soundfile', which is not installed.\n"
        '  fix: pip install "seqfront[audio]".',
    ),
    "recordings_missing": (
        lambda: errors.recordings_missing(None, "--data is not given"),
        "spoken_digits: it needs recordings, and --data is not given.\n"
        "  --data  not given\n"
        "  wanted  16-bit wave files called {digit}_{speaker}_{take}.wav\n"
        "  fix: clone https://github.com/Jakobovski/free-spoken-digit-dataset (CC BY-SA 4.0), "
        "and pass --data that folder, or a tar archive of it.",
    ),
    "unreadable_recording": (
        lambda: errors.unreadable_recording("7_ann_3.wav", "8 bits a sample"),
        "spoken_digits: a recording is no 16-bit wave file.\n"
        "  file    7_ann_3.wav\n"
        "  reason  8 bits a sample\n"
        "  fix: convert it, or take it away.",
    ),
    "nothing_held_out": (
        lambda: errors.nothing_held_out("eve", "ann, bo", 60, 0),
        "spoken_digits: takes must be left to train on, and others to be held out.\n"
        "  to train on  60\n"
        "  held out     0\n"
        "  --speaker    eve\n"
        "  speakers     ann, bo\n"
        "  fix: hold out one of several speakers, or have more than ten takes of each.",
    ),
    "not_a_module": (
        lambda: errors.not_a_module("module", 3),
        "module: this is no seqfront module.\n  model  builtins.int\n  fix: pass an sf.nn.Module.",
    ),
    "wrong_keras_backend": (
        lambda: errors.wrong_keras_backend("jax"),
        "keras_layer: Keras does not run on TensorFlow here.\n"
        "  Keras runs on  jax\n"
        '  fix: set the environment variable KERAS_BACKEND="tensorflow" before importing Keras.',
    ),
}
"""Messages that this machine cannot be brought to (a missing package, a GPU), or that the tests of
the bridges and of the native ops raise."""

ELSEWHERE = {
    "bad_metadata": "tests/test_checkpoint.py",
    "branches_differ": "tests/test_control_flow.py",
    "unknown_parameter": "tests/compat/test_torchaudio_rnnt.py",
    "checkpoint_misfit": "tests/test_checkpoint.py",
    "bound_parameter": "tests/backends/test_wrapped_torch.py",
    "foreign_framework": "tests/backends/test_wrapped_torch.py",
    "no_growing_array": "tests/test_control_flow.py",
    "no_configuration": "tests/backends/test_bridge_tensorflow.py",
    "not_a_checkpoint": "tests/test_checkpoint.py",
    "not_a_layer": "tests/backends/test_wrapped_torch.py",
    "optimizer_misfit": "tests/training/test_optimizers.py",
    "other_result": "tests/backends/test_wrapped_torch.py",
    "unbuilt_layer": "tests/backends/test_wrapped_torch.py",
    "room_exceeded": "tests/nn/test_streaming_compiled.py",
}


def _on_backends() -> list[Any]:
    found: list[Any] = []
    for number, message in enumerate(MESSAGES):
        names = [message.only] if message.only else INSTALLED
        names = ["numpy"] if message.only == "any" else names
        found += [
            pytest.param(message, name, id=f"{message}-{number}-{name}")
            for name in names
            if name in INSTALLED
        ]
    return found


@pytest.mark.parametrize(("message", "backend"), _on_backends())
def test_full_text(message: Message, backend: str) -> None:
    with pytest.raises(message.error) as caught:
        message.call(Make(backend))
    assert type(caught.value) is message.error
    assert said(caught.value, backend) == message.text


def _compilers() -> dict[str, Callable[..., Any]]:
    """As users compile. (With `fullgraph=True`, PyTorch turns every exception into its own.)"""

    def torch_compile(fn: Callable[..., Any]) -> Callable[..., Any]:
        import torch

        torch._dynamo.reset()
        return torch.compile(fn, backend="eager")

    def tf_function(fn: Callable[..., Any]) -> Callable[..., Any]:
        import tensorflow as tf

        return tf.function(fn)

    return {"torch": torch_compile, "tensorflow": tf_function}


def _traced() -> list[Any]:
    return [
        pytest.param(message, name, id=f"{message}-{number}-{name}")
        for number, message in enumerate(MESSAGES)
        for name in ("torch", "tensorflow")
        if not message.only and not message.eager and name in INSTALLED
    ]


@pytest.mark.parametrize(("message", "backend"), _traced())
def test_first_line_while_tracing(message: Message, backend: str) -> None:
    """The type and the sentence are the same in a graph; extents may be unknown there."""
    make = Make(backend)
    compiled = _compilers()[backend]

    def fails(raw: Any) -> Any:
        message.call(make)
        return raw

    with pytest.raises(message.error) as caught:
        compiled(fails)(make.raw([1.0]))
    assert said(caught.value, backend).splitlines()[0] == message.text.splitlines()[0]


@pytest.mark.parametrize("builder", DIRECT)
def test_text_of_what_cannot_happen_here(builder: str) -> None:
    make, text = DIRECT[builder]
    assert str(make()) == text


def test_every_builder_has_its_text_tested() -> None:
    builders = {name for name, value in vars(errors).items() if inspect.isfunction(value)}
    tested = covered(MESSAGES) | set(DIRECT) | set(ELSEWHERE)
    assert builders - tested == set()
    assert tested - builders == set()


def test_form_of_messages() -> None:
    """One sentence that ends in a stop, aligned facts, at most one fix, which comes last."""
    for message in MESSAGES:
        first, *rest = message.text.split("\n")
        assert first.endswith("."), first
        assert all(line.startswith("  ") for line in rest)
        fixes = [i for i, line in enumerate(rest) if line.startswith("  fix: ")]
        assert fixes in ([], [len(rest) - 1])


def test_classes() -> None:
    parents = {
        sf.DimError: ValueError, sf.DTypeError: TypeError, sf.BackendError: TypeError,
        sf.TraceError: RuntimeError, sf.NativeError: RuntimeError, sf.CheckpointError: ValueError,
    }  # fmt: skip
    for cls, parent in parents.items():
        assert issubclass(cls, parent)
        assert issubclass(cls, sf.SeqfrontError)


def test_errors_can_be_pickled() -> None:
    error = sf.DimError("what is wrong.", [("x", 3)], "mend it.")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is sf.DimError
    assert str(again) == str(error) == "what is wrong.\n  x  3\n  fix: mend it."
    assert (again.what, again.facts, again.fix) == (error.what, error.facts, error.fix)
