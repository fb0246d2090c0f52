"""What is missing or of the wrong kind around seqfront, simulated and raised by public API."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from messages.message import Make

import seqfront as sf
from seqfront import native

time, labels, vocab, mel = sf.Dim("time"), sf.Dim("labels"), sf.Dim("vocab", 5), sf.Dim("mel", 4)


def test_without_the_native_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_module", None)
    monkeypatch.setitem(sys.modules, "seqfront._native", None)
    make = Make("numpy")
    with pytest.raises(sf.NativeError) as caught:
        sf.ctc_loss(
            logits=make(np.zeros((3, 5)), time, vocab), targets=make([1, 2], labels, of=vocab),
            input_spatial_dim=time, targets_spatial_dim=labels, blank_index=0,
        )  # fmt: skip
    assert str(caught.value) == (
        "the native library is not part of this installation.\n"
        "  import  import of seqfront._native halted; None in sys.modules\n"
        "  fix: install with a C++17 compiler at hand: pip install ."
    )
    assert caught.value.__suppress_context__


def test_keras_on_another_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    import seqfront_tensorflow

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with sf.use_backend("tensorflow"), pytest.raises(sf.BackendError) as caught:
        seqfront_tensorflow.keras_layer(sf.nn.Linear(mel, vocab), lambda raw: raw)
    assert str(caught.value) == (
        "keras_layer: Keras does not run on TensorFlow here.\n"
        "  Keras runs on  jax\n"
        '  fix: set the environment variable KERAS_BACKEND="tensorflow" before importing Keras.'
    )


def test_no_module() -> None:
    with pytest.raises(sf.BackendError) as caught:
        sf.save(3, "model.safetensors")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "save: this is no seqfront module.\n  model  builtins.int\n  fix: pass an sf.nn.Module."
    )
