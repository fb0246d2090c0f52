"""seqfront_tensorflow.wrap_layer: a Keras layer as a layer of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

import seqfront as sf
import seqfront_tensorflow
import seqfront_torch

batch, time, beam = sf.Dim("batch"), sf.Dim("time"), sf.Dim("beam", 2)
mel, hidden, labels = sf.Dim("mel", 4), sf.Dim("hidden", 6), sf.Dim("labels", 3)
HALF = time.ceil_div(2)
KEYS = [
    "front.conv1d.kernel",
    "front.conv1d.bias",
    "front.batch_normalization.gamma",
    "front.batch_normalization.beta",
    "front.batch_normalization.moving_mean",
    "front.batch_normalization.moving_variance",
    "front.dense.kernel",
    "front.dense.bias",
    "front.dense_1.kernel",
    "front.dense_1.bias",
    "output.weight",
    "output.bias",
]


class Model(sf.nn.Module):
    """Layers of Keras, and one of ours."""

    def __init__(self, seed: int = 0) -> None:
        keras.utils.set_random_seed(seed)
        sf.set_seed(seed)
        layers = keras.Sequential(
            [
                keras.layers.Conv1D(6, 3, strides=2),
                keras.layers.BatchNormalization(),
                keras.layers.Dense(5),
                keras.layers.Dropout(0.2),
                keras.layers.Dense(6),
            ]
        )
        self.front = seqfront_tensorflow.wrap_layer(
            layers,
            in_dims=(..., time, mel),
            out_dims=(..., HALF, hidden),
            call=lambda run, x: run(tf.pad(x, [[0, 0], [1, 1], [0, 0]])),
        )
        with sf.use_backend("tensorflow"):
            self.output = sf.nn.Linear(hidden, labels)

    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        return self.output(self.front(x))

    def losses(self, x: Any, frames: Any) -> dict[str, sf.Tensor]:
        y = self(sf.wrap(x, (batch, time, mel), lengths={time: frames}))
        return {"loss": sf.mean(y * y, axis=y.dims)}


def arrays(rows: int = 3, frames: int = 9) -> tuple[Any, Any]:
    rng = np.random.default_rng(rows)
    lengths = np.maximum(frames - 3 * np.arange(rows), 0).astype(np.int32)
    x = rng.standard_normal((rows, frames, 4)).astype(np.float32)
    x[np.arange(frames) >= lengths[:, None]] = np.nan
    return x, lengths


def inputs(rows: int = 3, frames: int = 9) -> sf.Tensor:
    x, lengths = map(tf.constant, arrays(rows, frames))
    return sf.wrap(x, (batch, time, mel), lengths={time: lengths})


def outputs(y: sf.Tensor) -> Any:
    return sf.mask_padding(y).numpy(batch, HALF, labels)


def plain(m: Any, rows: int = 3, frames: int = 9) -> Any:
    """The same in Keras alone."""
    x, lengths = arrays(rows, frames)
    padded = np.pad(np.nan_to_num(x), [(0, 0), (1, 1), (0, 0)])
    y = m.front.layer(padded, training=False) @ m.output.weight.raw + m.output.bias.raw
    mask = np.arange(y.shape[1]) < ((lengths + 1) // 2)[:, None]
    return y.numpy() * mask[..., None]


# -- dims ------------------------------------------------------------------------------------------


def test_padding_is_cleaned_and_lengths_follow() -> None:
    m = Model().eval()
    y = m(inputs())
    assert y.dims == (batch, HALF, labels)
    assert y.lengths(HALF).raw.numpy().tolist() == [5, 3, 2]
    np.testing.assert_allclose(outputs(y), plain(m), atol=1e-5)


def test_any_order_of_axes_and_any_batch() -> None:
    m = Model().eval()
    x = inputs()
    turned = sf.wrap(x.raw_in((time, mel, batch)), (time, mel, batch), {time: x.lengths(time)})
    np.testing.assert_allclose(outputs(m(turned)), outputs(m(x)), atol=1e-6)
    y = m(sf.stack([x, 2.0 * x], beam))
    assert set(y.dims) == {beam, batch, HALF, labels}
    first = sf.gather(y, indices=0, axis=beam)
    np.testing.assert_allclose(outputs(first), outputs(m(x)), atol=1e-6)
    alone = sf.wrap(tf.constant(np.nan_to_num(arrays()[0][0])), (time, mel))
    np.testing.assert_allclose(m(alone).numpy(HALF, labels), outputs(m(x))[0], atol=1e-6)


def test_a_layer_that_takes_a_mask() -> None:
    attend = keras.layers.MultiHeadAttention(2, 2)
    wrapped = seqfront_tensorflow.wrap_layer(
        attend,
        in_dims=[(batch, time, mel), (batch, time)],
        out_dims=(batch, time, mel),
        call=lambda run, x, mask: run(x, x, attention_mask=mask[:, None]),
    )
    x = inputs(2, 7)
    y = wrapped.eval()(x, x.mask(time))
    alone = x.raw[1:, :4]
    found = y.raw_in((batch, time, mel))[1:, :4]
    np.testing.assert_allclose(found, attend(alone, alone), atol=1e-6)


# -- parameters ------------------------------------------------------------------------------------


def test_parameters_are_those_of_the_model() -> None:
    Model()  # Keras counts its layers on; the names are not to depend on it
    m = Model()
    named = m.named_parameters()
    assert list(named) == KEYS
    assert [key for key, p in named.items() if not p.trainable] == KEYS[4:6]
    values = {id(v.value) for v in m.front.layer.weights}
    assert values == {id(p.raw) for key, p in named.items() if key.startswith("front")}
    net = seqfront_tensorflow.module(m)
    assert net.front.dense_1.kernel is m.front.layer.layers[4].kernel.value
    assert {id(v) for v in net.variables} == {id(p.raw) for p in named.values()}
    assert len(net.trainable_variables) == len(KEYS) - 2


def test_weights_of_the_same_name() -> None:
    class Twins(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.first = self.add_weight(shape=(4,), name="scale")
            self.second = self.add_weight(shape=(4,), name="scale")

        def call(self, x: Any) -> Any:
            return x * self.first * self.second

    twins = seqfront_tensorflow.wrap_layer(Twins(), in_dims=(..., mel), out_dims=(..., mel))
    assert list(twins.named_parameters()) == ["scale", "scale_1"]


def test_train_and_eval() -> None:
    m = Model().eval()
    x = inputs()
    np.testing.assert_array_equal(outputs(m(x)), outputs(m(x)))
    before = m.front.named_parameters()["batch_normalization.moving_mean"].numpy().copy()
    m.train()
    assert (outputs(m(x)) != outputs(m(x))).any()
    after = m.front.named_parameters()["batch_normalization.moving_mean"].numpy()
    assert (before != after).all()


def test_checkpoints(tmp_path: Path) -> None:
    m, other = Model(1), Model(2).eval()
    m(inputs())
    sf.save(m, tmp_path / "model.safetensors")
    sf.load(other, tmp_path / "model.safetensors")
    np.testing.assert_allclose(outputs(other(inputs())), plain(m), atol=1e-5)
    path = tf.train.Checkpoint(model=seqfront_tensorflow.module(m)).save(str(tmp_path / "model"))
    third = Model(3).eval()
    tf.train.Checkpoint(model=seqfront_tensorflow.module(third)).restore(path).assert_consumed()
    np.testing.assert_allclose(outputs(third(inputs())), plain(m), atol=1e-5)


def test_trainer() -> None:
    m = Model()
    trainer = sf.training.trainer("tensorflow", m, m.losses, learning_rate=0.02)
    before = m.front.layer.layers[0].kernel.numpy().copy()
    losses = [trainer.step(*arrays())["loss"] for _ in range(8)]
    assert losses[-1] < losses[0]
    assert (before != m.front.layer.layers[0].kernel.numpy()).all()


# -- graphs ----------------------------------------------------------------------------------------


def test_one_trace_for_all_shapes() -> None:
    m = Model().eval()
    signature = [seqfront_tensorflow.spec((batch, time, mel), lengths={time: (batch,)})]
    graph = tf.function(seqfront_tensorflow.module(m), input_signature=signature)
    for rows, frames in ((3, 9), (2, 13), (5, 15)):
        np.testing.assert_allclose(
            outputs(graph(inputs(rows, frames))), plain(m, rows, frames), atol=1e-5
        )
    assert graph.experimental_get_tracing_count() == 1


class Recognizer(tf.Module):
    """Plain tensors in and out."""

    def __init__(self, m: Model) -> None:
        super().__init__()
        self.net = seqfront_tensorflow.module(m)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 4]), tf.TensorSpec([None], tf.int32)])
    def __call__(self, x: Any, frames: Any) -> Any:
        y = self.net(sf.wrap(x, (batch, time, mel), lengths={time: frames}))
        return sf.mask_padding(y).raw_in((batch, HALF, labels))


@pytest.mark.parametrize("training", [False, True])
def test_saved_model(training: bool, tmp_path: Path) -> None:
    m = Model().train(training)
    tf.saved_model.save(Recognizer(m), str(tmp_path / "saved"))
    y = tf.saved_model.load(str(tmp_path / "saved"))(*map(tf.constant, arrays(5, 15)))
    assert (np.abs(y - plain(m, 5, 15)).max() < 1e-5) is not training


def test_keras_fit() -> None:
    m = Model()

    def call(x: Any, frames: Any) -> Any:
        y = m(sf.wrap(x, (batch, time, mel), lengths={time: frames}))
        return sf.mask_padding(y).raw_in((batch, HALF, labels))

    layer = seqfront_tensorflow.keras_layer(m, call)
    x, frames = keras.Input((None, 4)), keras.Input((), dtype="int32")
    net = keras.Model([x, frames], layer(x, frames))
    assert len(net.trainable_weights) == len(KEYS) - 2
    net.compile(keras.optimizers.Adam(0.02), "mse")
    before = [p.numpy().copy() for p in m.named_parameters().values()]
    data, target = list(arrays(4, 10)), np.zeros((4, 5, 3), np.float32)
    history = net.fit(data, target, epochs=6, batch_size=2, verbose=0).history["loss"]
    assert history[-1] < history[0]
    after = [p.numpy() for p in m.named_parameters().values()]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
    np.testing.assert_allclose(net.predict(data, verbose=0), plain(m, 4, 10), atol=1e-5)


# -- errors ----------------------------------------------------------------------------------------


def _fails(call: Any) -> str:
    with pytest.raises(sf.BackendError) as caught:
        call()
    return str(caught.value)


def _wrap(layer: Any) -> Any:
    return seqfront_tensorflow.wrap_layer(layer, in_dims=(..., mel), out_dims=(..., hidden))


def test_only_layers_of_keras_are_wrapped() -> None:
    assert _fails(lambda: _wrap(tf.Module())) == (
        "wrap_layer: this is no keras.layers.Layer.\n"
        "  layer  tensorflow.python.module.module.Module\n"
        "  fix: layers of seqfront are used as they are."
    )
    assert _fails(lambda: _wrap(keras.layers.Conv2D(6, 3))).startswith(
        "wrap_layer: the variables of this layer have not been made.\n"
        "  layer  keras.layers.Conv2D\n"
        "  why    "
    )


def test_other_backends_cannot_run_it() -> None:
    x = sf.wrap(torch.zeros(3, 9, 4), (batch, time, mel))
    assert _fails(lambda: Model()(x)) == (
        "wrap_layer: a layer of 'tensorflow' runs on 'tensorflow' only.\n"
        "  layer  keras.layers.Sequential\n"
        "  x      float32[batch≤3, time≤9, mel:4] torch:cpu\n"
        "  fix: a model runs on every backend if all its layers are those of seqfront."
    )
    wanted = (
        "a layer of 'tensorflow' cannot move to 'torch'.\n"
        "  its parameter  conv1d.kernel float32[axis0:3, axis1:4, axis2:6] tensorflow:cpu\n"
        "  fix: a model runs on every backend if all its layers are those of seqfront."
    )
    assert _fails(lambda: Model().to_backend("torch")) == wanted
    assert _fails(lambda: seqfront_torch.module(Model())) == wanted
