"""The library file of the TensorFlow ops: life in a SavedModel, and what it needs to be loaded."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_lattices import LOSSES, inputs_for, loss_and_grad, signature

from seqfront_tensorflow import native

ROOT = Path(__file__).parents[2]

FRESH_PROCESS = """
import sys
import numpy as np
import tensorflow as tf

library, model_file, data_file = sys.argv[1:]
tf.load_op_library(library)
with np.load(data_file) as data:
    inputs = [tf.constant(data[f"arr_{i}"]) for i in range(4)]
    want_loss, want_grad = data["loss"], data["grad"]
model = tf.saved_model.load(model_file)
np.testing.assert_array_equal(model.step(*inputs)[0], want_loss)
np.testing.assert_array_equal(model.step(*inputs)[1], want_grad)
assert "torch" not in sys.modules and "seqfront" not in sys.modules

import seqfront_tensorflow.native
with tf.GradientTape() as tape:
    tape.watch(inputs[0])
    total = tf.reduce_sum(model.loss(*inputs)[:2] * [1.0, 2.0])
np.testing.assert_array_equal(tape.gradient(total, inputs[0])[:2], want_grad[:2])
assert "torch" not in sys.modules
print("ok")
"""


@pytest.mark.parametrize(("name", "attrs"), LOSSES)
def test_saved_model_in_a_fresh_process(
    name: str, attrs: Mapping[str, Any], tmp_path: Path
) -> None:
    module = tf.Module()
    module.step = tf.function(
        lambda *inputs: loss_and_grad(name, attrs, *inputs), input_signature=signature(name)
    )
    module.loss = tf.function(
        lambda *inputs: native.call(name, inputs, attrs)[0], input_signature=signature(name)
    )
    tf.saved_model.save(module, str(tmp_path / "model"))
    inputs = inputs_for(name)
    loss, grad = module.step(*inputs)
    np.savez(tmp_path / "data.npz", *(x.numpy() for x in inputs), loss=loss, grad=grad)
    files = [str(native.library_path()), str(tmp_path / "model"), str(tmp_path / "data.npz")]
    done = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS, *files],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "ok", done.stderr


def test_every_declared_name_is_in_this_tensorflow() -> None:
    source = ROOT / "native" / "tensorflow"
    declared = set(re.findall(r"\b(TF_\w+)\(", (source / "tf_c_api.h").read_text()))
    stubbed = set(re.findall(r"EMPTY\((TF_\w+)\)", (source / "tf_stub.cpp").read_text()))
    assert declared == stubbed
    framework = ctypes.CDLL(str(Path(tf.sysconfig.get_lib()) / "libtensorflow_framework.so.2"))
    assert [name for name in sorted(declared) if not hasattr(framework, name)] == []
