"""Half precision where it is multiplied, float32 where it adds up: torch and TensorFlow alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED

import seqfront as sf
from seqfront import backends, precision

batch, time, labels = sf.Dim("batch"), sf.Dim("time"), sf.Dim("labels")
feature, inner, window = sf.Dim("feature", 8), sf.Dim("inner", 12), sf.Dim("window", 3)
vocab = sf.Dim("vocab", 5)
FRAMEWORKS = [name for name in INSTALLED if name != "numpy"]


def _inputs(name: str, dtype: str = "float32") -> sf.Tensor:
    values = np.random.default_rng(0).standard_normal((3, 6, 8)).astype("float32")
    raw = backends.get(name).convert(values, dtype)
    return sf.wrap(raw, (batch, time, feature), lengths={time: [6, 3, 2]})


def _kernel(name: str, *dims: sf.Dim) -> sf.Tensor:
    values = np.random.default_rng(1).standard_normal([dim.size or 0 for dim in dims])
    return sf.wrap(backends.get(name).convert(values, "float32"), dims)


def _losses(x: sf.Tensor) -> sf.Tensor:
    b = x.backend
    targets = sf.wrap(b.convert(np.array([1, 2, 7], "int32")), (batch,), sparse_dim=feature)
    logits = sf.sum(x, axis=time)
    return sf.cross_entropy(estimated=logits, target=targets, axis=feature, estimated_type="logits")


def _ctc(x: sf.Tensor) -> sf.Tensor:
    targets = sf.wrap(x.backend.convert(np.array([[1], [2], [7]], "int32")), (batch, labels))
    return sf.ctc_loss(
        logits=x, targets=targets.labels_of(feature), input_spatial_dim=time,
        targets_spatial_dim=labels, blank_index=0,
    )  # fmt: skip


PRODUCTS: dict[str, Callable[[sf.Tensor], sf.Tensor]] = {
    "dot": lambda x: sf.dot(x, _kernel(x.backend.name, feature, inner), reduce=feature),
    "linear": lambda x: sf.linear(
        x, _kernel(x.backend.name, feature, inner), _kernel(x.backend.name, inner),
        in_dim=feature, out_dim=inner,
    ),
    "conv": lambda x: sf.conv(
        x, _kernel(x.backend.name, window, feature, inner), spatial=[(time, window)],
        in_dim=feature, out_dim=inner, padding="same",
    ),
    "conv_transpose": lambda x: sf.conv_transpose(
        x, _kernel(x.backend.name, window, feature, inner), spatial=[(time, window)],
        in_dim=feature, out_dim=inner,
    ),
    "dot_attention": lambda x: sf.dot_attention(
        x, x.rename(time, labels), x.rename(time, labels), feature=feature, axis=labels
    ),
}  # fmt: skip
SUMS: dict[str, Callable[[sf.Tensor], sf.Tensor]] = {
    "sum": lambda x: sf.sum(x, axis=time),
    "mean": lambda x: sf.mean(x, axis=feature),
    "prod": lambda x: sf.prod(x, axis=feature),
    "logsumexp": lambda x: sf.logsumexp(x, axis=feature),
    "cumsum": lambda x: sf.cumsum(x, axis=time),
    "softmax": lambda x: sf.softmax(x, axis=time),
    "log_softmax": lambda x: sf.log_softmax(x, axis=feature),
    "mean_pool": lambda x: sf.mean_pool(x, axis=time, window=2),
    "LayerNorm": lambda x: sf.nn.LayerNorm(feature)(x),
    "RMSNorm": lambda x: sf.nn.RMSNorm(feature)(x),
    "GroupNorm": lambda x: sf.nn.GroupNorm(feature, 2)(x, axis=time),
    "BatchNorm": lambda x: sf.nn.BatchNorm(feature)(x),
    "LSTM": lambda x: sf.nn.LSTM(feature, inner)(x, axis=time)[0],
    "GRU": lambda x: sf.nn.GRU(feature, inner)(x, axis=time)[0],
    "cross_entropy": _losses,
    "ctc_loss": _ctc,
}


@pytest.mark.parametrize("backend", FRAMEWORKS)
@pytest.mark.parametrize("half", precision.HALVES)
def test_dtypes(backend: str, half: Any) -> None:
    x, wide = _inputs(backend), _inputs(backend, "float64")
    with sf.use_backend(backend), sf.autocast(half):
        for name, product in PRODUCTS.items():
            assert product(x).dtype == half, name
            if name != "dot_attention":
                assert product(wide).dtype == "float64", name
        for name, total in SUMS.items():
            assert total(sf.cast(x, half)).dtype == "float32", name
            assert total(x).dtype == "float32", name
        assert sf.exp(sf.cast(x, half)).dtype == half
        assert (sf.cast(x, half) + x).dtype == "float32"
        assert sf.max(sf.cast(x, half), axis=time).dtype == half


def test_numpy_computes_as_without() -> None:
    x = _inputs("numpy")
    for product in PRODUCTS.values():
        with sf.autocast():
            y = product(x)
        assert y.dtype == "float32"
        np.testing.assert_array_equal(y.numpy(), product(x).numpy())


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_where_it_holds(backend: str) -> None:
    x, linear = _inputs(backend), PRODUCTS["linear"]
    with sf.autocast("float16"):
        with sf.autocast("bfloat16"):
            assert linear(x).dtype == "bfloat16"
            with sf.autocast(enabled=False):
                assert linear(x).dtype == "float32"
        assert linear(x).dtype == "float16"
    with pytest.raises(ZeroDivisionError), sf.autocast():
        _ = 1 // 0
    assert linear(x).dtype == "float32"


MODELS: dict[str, Callable[[], sf.nn.Module]] = {
    "transformer": lambda: sf.models.TransformerEncoder(feature, layers=2, heads=2, inner=inner),
    "conformer": lambda: sf.models.Conformer(feature, layers=1, heads=2, inner=inner, window=3),
    "lstm": lambda: sf.nn.LSTM(feature, inner),
}


class Small(sf.nn.Module):
    """A bit of everything, quick to compile."""

    def __init__(self) -> None:
        self.conv = sf.nn.Conv1d(feature, feature, 3, padding="same")
        self.norm = sf.nn.LayerNorm(feature)
        self.linear = sf.nn.Linear(feature, inner)

    def __call__(self, x: sf.Tensor, *, axis: sf.Dim) -> sf.Tensor:
        return sf.softmax(self.linear(self.norm(x + self.conv(x, axis=axis))), axis=inner)


def _trained(
    make: Callable[[], Any], backend: str, *, half: bool, compile: bool = False
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Results, and gradients of the sum of their squares, all float32."""
    b, x = backends.get(backend), _inputs(backend)
    sf.set_seed(1)
    with sf.use_backend(backend):
        model = make()
        parameters = model.named_parameters()

        def outputs(raw: Any, n: Any) -> Any:
            with sf.autocast(enabled=half):
                y = model(sf.wrap(raw, x.dims, {time: n}), axis=time)
            y = sf.mask_padding(y[0] if isinstance(y, tuple) else y)
            assert y.dtype == "float32"
            return y.raw_in((batch, time, *(d for d in y.dims if d not in (batch, time))))

        run = _compiled(backend, outputs) if compile else outputs
        raws = (x.raw, x.lengths(time).raw)

        def loss() -> tuple[Any, Any]:
            y = run(*raws)
            return b.reduce("sum", b.binary("mul", y, y), (0, 1, 2)), y

        (_, y), grads = b.value_and_grad(loss, [p.raw for p in parameters.values()])
    assert {b.dtype(grad) for grad in grads} == {"float32"}
    return b.to_numpy(y), dict(zip(parameters, map(b.to_numpy, grads), strict=True))


def _compiled(backend: str, function: Callable[..., Any]) -> Callable[..., Any]:
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    import torch

    return torch.compile(function, backend="aot_eager", fullgraph=True, dynamic=True)


def _close(found: Any, wanted: Any) -> None:
    """Within the rounding of eight bits; but not equal, as then nothing was rounded."""
    np.testing.assert_allclose(found[0], wanted[0], atol=0.05 * np.abs(wanted[0]).max())
    assert (found[0] != wanted[0]).any()
    largest = max(np.abs(grad).max() for grad in wanted[1].values())
    for name, grad in found[1].items():
        np.testing.assert_allclose(grad, wanted[1][name], atol=0.1 * largest)


@pytest.mark.parametrize("backend", FRAMEWORKS)
@pytest.mark.parametrize("name", ["transformer", "conformer"])
def test_models_are_close_to_float32(name: str, backend: str) -> None:
    wanted = _trained(MODELS[name], backend, half=False)
    _close(_trained(MODELS[name], backend, half=True), wanted)


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_lstm_is_float32(backend: str) -> None:
    wanted = _trained(MODELS["lstm"], backend, half=False)
    found = _trained(MODELS["lstm"], backend, half=True)
    np.testing.assert_array_equal(found[0], wanted[0])


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_compiled(backend: str) -> None:
    wanted = _trained(Small, backend, half=False)
    _close(_trained(Small, backend, half=True, compile=True), wanted)


def test_transformer_in_a_tf_function() -> None:
    pytest.importorskip("tensorflow")
    wanted = _trained(MODELS["transformer"], "tensorflow", half=False)
    _close(_trained(MODELS["transformer"], "tensorflow", half=True, compile=True), wanted)


@pytest.mark.slow
def test_transformer_in_torch_compile() -> None:
    pytest.importorskip("torch")

    def one() -> sf.nn.Module:
        return sf.models.TransformerEncoder(feature, layers=1, heads=2, inner=inner)

    wanted = _trained(one, "torch", half=False)
    _close(_trained(one, "torch", half=True, compile=True), wanted)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_keras_policy(policy: str) -> None:
    """A layer of Keras asks by its policy; variables stay float32."""
    pytest.importorskip("tensorflow")
    import keras

    from seqfront_tensorflow import keras_layer

    half = policy.removeprefix("mixed_")
    with sf.use_backend("tensorflow"):
        linear, norm = sf.nn.Linear(feature, inner), sf.nn.LayerNorm(feature)
    dims = (batch, time, feature)
    x = keras.Input((None, 8))
    first = keras_layer(norm, lambda x: norm(sf.wrap(x, dims)).raw, dtype=policy)
    second = keras_layer(linear, lambda x: linear(sf.wrap(x, dims)).raw, dtype=policy)
    middle = first(x)
    y = second(middle)
    assert (middle.dtype, y.dtype) == ("float32", half)
    trainer = keras.Model(x, keras.layers.Activation("linear", dtype="float32")(y))
    trainer.compile("sgd", "mse")
    values = _inputs("numpy").numpy()
    before = linear.weight.numpy()
    trainer.fit(values, np.zeros((3, 6, 12), "float32"), verbose=0)
    assert linear.weight.dtype == "float32"
    assert (linear.weight.numpy() != before).any()
