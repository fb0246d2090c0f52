"""Attention against that of the frameworks, with their weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf

batch, time, feature = sf.Dim("batch"), sf.Dim("time"), sf.Dim("feature", 8)
LENGTHS = [5, 2, 4]


def _x() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((3, 5, 8)).astype(np.float32)


def _data() -> np.ndarray:
    return np.arange(5) < np.array(LENGTHS)[:, None]


def _copy(attention: Any, theirs: Any) -> None:
    """Weights of a `torch.nn.MultiheadAttention`: [3 * out, in], queries first."""
    weights = theirs.in_proj_weight.detach().numpy().reshape(3, 8, 8)
    biases = theirs.in_proj_bias.detach().numpy().reshape(3, 8)
    for layer, weight, bias in zip(
        (attention.query, attention.key, attention.value), weights, biases, strict=True
    ):
        layer.weight.assign(weight.T)
        layer.bias.assign(bias)
    _copy_linear(attention.output, theirs.out_proj)


def _copy_linear(linear: Any, theirs: Any) -> None:
    linear.weight.assign(theirs.weight.detach().numpy().T)
    linear.bias.assign(theirs.bias.detach().numpy())


def _random_biases(torch: Any, module: Any) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim == 1:
                parameter.normal_()


@pytest.mark.parametrize("causal", [False, True])
def test_as_multihead_attention_of_torch(causal: bool) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    _random_biases(torch, theirs)
    x = torch.tensor(_x())
    hidden = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1) if causal else None
    wanted, _ = theirs(x, x, x, key_padding_mask=torch.tensor(~_data()), attn_mask=hidden)
    with sf.use_backend("torch"):
        kind = sf.nn.CausalSelfAttention if causal else sf.nn.SelfAttention
        mine = kind(feature, 2)
    _copy(mine, theirs)
    found: Any = mine(sf.wrap(x, (batch, time, feature), lengths={time: LENGTHS}), axis=time)
    found = (found[0] if causal else found).raw_in((batch, time, feature)).detach().numpy()
    np.testing.assert_allclose(found[_data()], wanted.detach().numpy()[_data()], atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_as_transformer_encoder_layer_of_torch(activation: Any) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    theirs = torch.nn.TransformerEncoderLayer(
        8, 2, 12, dropout=0.0, activation=activation, batch_first=True, norm_first=True
    )
    _random_biases(torch, theirs)
    x = torch.tensor(_x())
    wanted = theirs(x, src_key_padding_mask=torch.tensor(~_data()))
    with sf.use_backend("torch"):
        mine = sf.models.TransformerEncoderLayer(
            feature, heads=2, inner=sf.Dim("inner", 12), activation=activation
        )
    _copy(mine.attention, theirs.self_attn)
    _copy_linear(mine.feed_forward.first, theirs.linear1)
    _copy_linear(mine.feed_forward.second, theirs.linear2)
    for norm, other in (
        (mine.attention_norm, theirs.norm1),
        (mine.feed_forward_norm, theirs.norm2),
    ):
        norm.scale.assign(other.weight.detach().numpy())
        norm.bias.assign(other.bias.detach().numpy())
    poisoned = torch.where(torch.tensor(_data())[:, :, None], x, torch.nan)
    found = mine(sf.wrap(poisoned, (batch, time, feature), lengths={time: LENGTHS}), axis=time)
    found = found.raw_in((batch, time, feature)).detach().numpy()
    np.testing.assert_allclose(found[_data()], wanted.detach().numpy()[_data()], atol=1e-5)


def test_as_multi_head_attention_of_keras() -> None:
    tf = pytest.importorskip("tensorflow")
    theirs = tf.keras.layers.MultiHeadAttention(2, 4, bias_initializer="normal")
    x = _x()
    wanted = theirs(x, x, attention_mask=_data()[:, None, :]).numpy()
    with sf.use_backend("tensorflow"):
        mine = sf.nn.SelfAttention(feature, 2)
    weights = {w.path.split("/", 1)[1]: w.numpy() for w in theirs.weights}
    for name, layer in (("query", mine.query), ("key", mine.key), ("value", mine.value)):
        layer.weight.assign(weights[f"{name}/kernel"].reshape(8, 8))
        layer.bias.assign(weights[f"{name}/bias"].reshape(8))  # type: ignore[union-attr]
    mine.output.weight.assign(weights["attention_output/kernel"].reshape(8, 8))
    mine.output.bias.assign(weights["attention_output/bias"])  # type: ignore[union-attr]
    raw = tf.constant(x)
    found = mine(sf.wrap(raw, (batch, time, feature), lengths={time: LENGTHS}), axis=time)
    found = found.numpy(batch, time, feature)
    np.testing.assert_allclose(found[_data()], wanted[_data()], atol=1e-5)


def test_a_query_without_keys_gives_zeros(backend_name: str) -> None:
    """And so does its gradient."""
    from seqfront import backends

    keys = time.clone("keys")
    backend = backends.get(backend_name)
    x = sf.wrap(backend.convert(_x()), (batch, time, feature), lengths={time: [5, 0, 4]})
    y = x.rename(time, keys)
    found = sf.dot_attention(x, y, y, feature=feature, axis=keys).numpy(batch, time, feature)
    assert np.all(found[1] == 0)
    assert np.all(np.isfinite(found))


def test_half_precision_does_its_softmax_in_float32(backend_name: str) -> None:
    """Sums of more than 2048 weights of one have no place in float16."""
    from seqfront import backends

    keys = sf.Dim("keys", 4096)
    backend = backends.get(backend_name)
    q = sf.wrap(backend.convert(np.zeros((1, 8), np.float16)), (time, feature))
    k = sf.wrap(backend.convert(np.zeros((4096, 8), np.float16)), (keys, feature))
    v = sf.wrap(backend.convert(np.ones((4096, 8), np.float16)), (keys, feature))
    found = sf.dot_attention(q, k, v, feature=feature, axis=keys)
    assert found.dtype == "float16"
    np.testing.assert_allclose(found.numpy(), 1.0, atol=2e-3)
