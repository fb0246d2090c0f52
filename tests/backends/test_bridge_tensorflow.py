"""seqfront_tensorflow.module, keras_layer and Tensors in tf.function."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from bridge_model import (
    KEYS,
    Model,
    arrays,
    batch,
    hidden,
    inputs,
    labels,
    mel,
    model,
    outputs,
    reference,
    time,
)

import seqfront as sf
import seqfront_tensorflow

SHAPES = [(3, 9), (2, 6), (4, 11), (5, 12)]
HALF = time.ceil_div(2)


@pytest.fixture
def net() -> Any:
    return seqfront_tensorflow.module(model("tensorflow").eval())


def _close(y: sf.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(outputs(y), expected, atol=1e-5)


def _loss(y: sf.Tensor) -> sf.Tensor:
    return sf.mean(y * y, axis=y.dims)


# -- the mirror ------------------------------------------------------------------------------------


def test_variables_by_attribute_path(net: Any) -> None:
    named = net.seqfront_module.named_parameters()
    assert list(named) == KEYS
    for path, parameter in named.items():
        item = net
        for part in path.split("."):
            item = getattr(item, part)
        assert item is parameter.raw
    assert {id(v) for v in net.variables} == {id(p.raw) for p in named.values()}
    assert len(net.trainable_variables) == len(KEYS) - 1
    assert [v is net.shift for v in net.non_trainable_variables] == [True]


def test_values_are_those_of_every_other_backend(net: Any) -> None:
    _close(net(inputs("tensorflow", 3, 9)), reference(3, 9))


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_parameters_of_other_backends_are_converted(backend: str) -> None:
    if backend == "torch":
        pass
    net = seqfront_tensorflow.module(model(backend).eval())
    _close(net(inputs("tensorflow", 3, 9)), reference(3, 9))
    assert len(net.trainable_variables) == len(KEYS) - 1


def test_variables_are_adopted_as_they_are() -> None:
    m = model("tensorflow")
    before = m.output.weight.raw
    assert seqfront_tensorflow.module(m).output.weight is before


def test_a_model_has_one_mirror(net: Any) -> None:
    m = net.seqfront_module
    assert seqfront_tensorflow.module(m) is net
    assert seqfront_tensorflow.module(m.conv) is net.conv
    m.extra = sf.nn.Parameter((mel,), 1.0)
    seqfront_tensorflow.module(m)
    assert m.extra.raw is net.extra


def test_the_model_reads_through_the_mirror(net: Any) -> None:
    net.output.weight = tf.Variable(tf.zeros_like(net.output.weight))
    assert not net.seqfront_module.output.weight.numpy().any()


@pytest.mark.parametrize("how", ["of the mirror", "of the model"])
def test_copies_are_independent(net: Any, how: str) -> None:
    if how == "of the mirror":
        other = copy.deepcopy(net)
    else:
        other = seqfront_tensorflow.module(copy.deepcopy(net.seqfront_module))
    _close(other(inputs("tensorflow", 3, 9)), reference(3, 9))
    other.output.weight.assign(tf.zeros_like(other.output.weight))
    assert not other.seqfront_module.output.weight.numpy().any()
    assert other.seqfront_module.tied is other.seqfront_module.output
    _close(net(inputs("tensorflow", 3, 9)), reference(3, 9))


def test_only_modules_have_mirrors() -> None:
    with pytest.raises(sf.BackendError) as caught:
        seqfront_tensorflow.module(tf.Module())
    assert str(caught.value) == (
        "seqfront_tensorflow.module: this is no seqfront module.\n"
        "  model  tensorflow.python.module.module.Module\n"
        "  fix: pass an sf.nn.Module."
    )


def test_checkpoints(net: Any, tmp_path: Path) -> None:
    path = tf.train.Checkpoint(model=net).save(str(tmp_path / "model"))
    keys = {name for name, _ in tf.train.list_variables(path)}
    assert "model/layers/0/weight/.ATTRIBUTES/VARIABLE_VALUE" in keys
    other = seqfront_tensorflow.module(model("tensorflow", seed=2).eval())
    tf.train.Checkpoint(model=other).restore(path).assert_consumed()
    _close(other(inputs("tensorflow", 3, 9)), reference(3, 9))


# -- training --------------------------------------------------------------------------------------


def test_gradient_tape_trains_the_model(net: Any) -> None:
    x = inputs("tensorflow", 3, 9)
    losses = []
    for _ in range(10):
        with tf.GradientTape() as tape:
            loss = _loss(net(x)).raw
        grads = tape.gradient(loss, net.trainable_variables)
        for variable, grad in zip(net.trainable_variables, grads, strict=True):
            variable.assign_sub(0.1 * grad)
        losses.append(float(loss))
    assert losses[-1] < losses[0]


def _run(code: str, **environment: str) -> str:
    """Last line that a fresh process prints."""
    lines = code.splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    start = "import numpy as np, seqfront as sf, seqfront_tensorflow\nfrom bridge_model import *\n"
    done = subprocess.run(
        [sys.executable, "-c", start + "\n".join(line[indent:] for line in lines)],
        cwd=Path(__file__).parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


# -- graphs ----------------------------------------------------------------------------------------


def test_one_trace_for_all_shapes_with_a_signature(net: Any) -> None:
    signature = [seqfront_tensorflow.spec((batch, time, mel), lengths={time: (batch,)})]
    encode = tf.function(net, input_signature=signature)
    for rows, frames in SHAPES:
        _close(encode(inputs("tensorflow", rows, frames)), reference(rows, frames))
    assert encode.experimental_get_tracing_count() == 1


def test_two_traces_without_a_signature(net: Any) -> None:
    encode = tf.function(net, reduce_retracing=True)
    for rows, frames in SHAPES:
        y = encode(inputs("tensorflow", rows, frames))
        assert y.lengths(HALF).dims == (batch,)
        _close(y, reference(rows, frames))
    assert encode.experimental_get_tracing_count() == 2


def test_a_signature_takes_results_of_operations(net: Any) -> None:
    signature = [seqfront_tensorflow.spec((batch, time, mel), lengths={time: (batch,)})]
    encode = tf.function(net, input_signature=signature)
    x = inputs("tensorflow", 3, 9)
    _close(encode(x + 0.0), reference(3, 9))


def test_other_dims_are_another_trace(net: Any) -> None:
    @tf.function
    def total(x: sf.Tensor) -> sf.Tensor:
        return sf.sum(x, axis=x.dims[1:])

    x = tf.ones((2, 3))
    for _ in range(2):
        total(sf.wrap(x, (batch, time)))
    assert total.experimental_get_tracing_count() == 1
    assert total(sf.wrap(x, (time, batch))).dims == (time,)
    assert total.experimental_get_tracing_count() == 2


def test_a_signature_refuses_other_dims(net: Any) -> None:
    signature = [seqfront_tensorflow.spec((batch, time, mel), lengths={time: (batch,)})]
    encode = tf.function(net, input_signature=signature)
    x = tf.zeros((2, 5, 6))
    with pytest.raises(TypeError, match="is not of the type Tensor over"):
        encode(sf.wrap(x, (batch, time, mel)))


def test_labels_in_a_signature() -> None:
    signature = [seqfront_tensorflow.spec((batch, time), "int32", sparse_dim=labels)]

    @tf.function(input_signature=signature)
    def vectors(x: sf.Tensor) -> sf.Tensor:
        assert x.sparse_dim is labels
        return sf.one_hot(x)

    y = vectors(sf.wrap(tf.constant([[1, 3]]), (batch, time), sparse_dim=labels))
    assert y.numpy(batch, time, labels).argmax(-1).tolist() == [[1, 3]]


def test_steps_carry_their_state() -> None:
    with sf.use_backend("tensorflow"):
        lstm = sf.nn.LSTM(mel, hidden)
    spec = seqfront_tensorflow.spec
    state_spec = sf.nn.LSTMState(spec((batch, hidden)), spec((batch, hidden)))

    @tf.function(input_signature=[spec((batch, mel)), state_spec])
    def step(x: sf.Tensor, state: sf.nn.LSTMState) -> Any:
        return lstm(x, axis=None, state=state)

    x = inputs("tensorflow", 3, 4)
    expected, _ = lstm(x, axis=time)
    state = lstm.initial_state((batch,), like=x)
    for i in range(4):
        y, state = step(sf.wrap(x.raw[:, i], (batch, mel)), state)
        assert isinstance(state, sf.nn.LSTMState)
        found, wanted = y.numpy(batch, hidden)[0], expected.numpy(batch, time, hidden)[0, i]
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert step.experimental_get_tracing_count() == 1


def test_train_step_as_a_graph(net: Any) -> None:
    signature = [seqfront_tensorflow.spec((batch, time, mel), lengths={time: (batch,)})]

    @tf.function(input_signature=signature)
    def step(x: sf.Tensor) -> Any:
        loss, grads = sf.value_and_grad(lambda: _loss(net(x)), net.seqfront_module.parameters())
        for parameter, grad in zip(net.seqfront_module.parameters(), grads, strict=True):
            parameter.raw.assign_sub(0.1 * grad.raw)
        return loss.raw

    losses = [float(step(inputs("tensorflow", 3, 9))) for _ in range(10)]
    assert losses[-1] < losses[0]
    assert step.experimental_get_tracing_count() == 1


def test_datasets_of_named_tensors() -> None:
    data = tf.data.Dataset.from_tensors(inputs("tensorflow", 3, 9))
    (x,) = data
    assert x.dims == (batch, time, mel)
    assert x.lengths(time).raw.numpy().tolist() == arrays(3, 9)[1].tolist()


# -- saved models ----------------------------------------------------------------------------------


class Recognizer(tf.Module):
    """Plain tensors in and out: what is saved does not know dims."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.net = seqfront_tensorflow.module(model)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 6]), tf.TensorSpec([None], tf.int32)])
    def __call__(self, x: Any, frames: Any) -> Any:
        y = self.net(sf.wrap(x, (batch, time, mel), lengths={time: frames}))
        return sf.mask_padding(y).raw_in((batch, HALF, labels)), y.lengths(HALF).raw


def test_saved_model_in_a_fresh_process_without_seqfront(tmp_path: Path) -> None:
    recognizer = Recognizer(model("numpy").eval())
    tf.saved_model.save(recognizer, str(tmp_path / "saved"))
    for rows, frames in SHAPES:
        np.savez(tmp_path / f"{rows}", *arrays(rows, frames), reference(rows, frames))
    code = f"""
        import sys
        import numpy as np, tensorflow as tf
        loaded = tf.saved_model.load({str(tmp_path / "saved")!r})
        for rows in {[rows for rows, _ in SHAPES]}:
            x, n, expected = np.load(f"{tmp_path}/{{rows}}.npz").values()
            y, lengths = loaded(tf.constant(x), tf.constant(n))
            np.testing.assert_allclose(y, expected, atol=1e-5)
            assert lengths.numpy().tolist() == [-(-k // 2) for k in n.tolist()]
        assert "seqfront" not in sys.modules
        assert loaded.net.output.weight.shape == (5, 4)
    """
    lines = code.splitlines()
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(line[8:] for line in lines)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


# -- Keras -----------------------------------------------------------------------------------------


def _layer(m: Model) -> Any:
    def recognize(x: Any, frames: Any) -> Any:
        y = m(sf.wrap(x, (batch, time, mel), lengths={time: frames}))
        return sf.mask_padding(y).raw_in((batch, HALF, labels))

    return seqfront_tensorflow.keras_layer(m, recognize, name="recognizer")


def test_keras_layer_shares_the_variables() -> None:
    m = model("tensorflow")
    layer = _layer(m)
    assert [v.name for v in layer.weights if not v.trainable] == ["shift"]
    assert len(layer.trainable_weights) == len(KEYS) - 1
    weight = next(v for v in layer.weights if v.name == "output.weight")
    assert weight.value is m.output.weight.raw


def test_keras_layer_eager() -> None:
    layer = _layer(model("tensorflow"))
    y = layer(*arrays(3, 9))
    np.testing.assert_allclose(y, reference(3, 9), atol=1e-5)
    assert layer.seqfront_module.training


def test_keras_fit_trains_the_model(tmp_path: Path) -> None:
    import keras

    m = model("numpy")
    layer = _layer(m)
    x, frames = keras.Input((None, 6)), keras.Input((), dtype="int32")
    trainer = keras.Model([x, frames], layer(x, frames))
    trainer.compile(keras.optimizers.Adam(0.02), "mse")
    data, n = arrays(4, 10)
    targets = np.zeros((4, 5, 4), "float32")
    before = trainer.evaluate([data, n], targets, verbose=0)
    history = trainer.fit([data, n], targets, epochs=8, batch_size=2, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    after = trainer.evaluate([data, n], targets, verbose=0)
    assert after < before
    y = m.eval()(inputs("tensorflow", 4, 10))
    np.testing.assert_allclose(np.square(outputs(y)).mean(), after, rtol=1e-4)
    trainer.save_weights(tmp_path / "m.weights.h5")
    other = _layer(model("numpy", seed=2))
    again = keras.Model([x, frames], other(x, frames))
    again.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(again.predict([data, n], verbose=0), outputs(y), atol=1e-5)


def test_a_keras_layer_has_no_configuration(tmp_path: Path) -> None:
    import keras

    layer = _layer(model("tensorflow").eval())
    x, frames = keras.Input((None, 6)), keras.Input((), dtype="int32")
    net = keras.Model([x, frames], layer(x, frames))
    with pytest.raises(sf.BackendError) as caught:
        net.save(tmp_path / "net.keras")
    assert str(caught.value) == (
        "keras_layer: a layer around a model of Python code has no configuration.\n"
        "  model  Model\n"
        "  fix: keep the weights, net.save_weights(path) or sf.save(model, path); "
        "serve net.export(path)."
    )
    net.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    y = served.serve([tf.constant(array) for array in arrays(3, 9)])
    np.testing.assert_allclose(y, reference(3, 9), atol=1e-5)


def test_keras_on_another_framework_is_an_error() -> None:
    code = """
        try:
            seqfront_tensorflow.keras_layer(model("numpy"), print)
        except sf.BackendError as error:
            print(repr(str(error)))
    """
    assert _run(code, KERAS_BACKEND="torch") == repr(
        "keras_layer: Keras does not run on TensorFlow here.\n"
        "  Keras runs on  torch\n"
        '  fix: set the environment variable KERAS_BACKEND="tensorflow" before importing Keras.'
    )
