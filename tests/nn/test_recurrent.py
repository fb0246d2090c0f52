"""Recurrent layers against those of the frameworks, and on sequences of length zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf

batch, time = sf.Dim("batch"), sf.Dim("time")
mel, hidden = sf.Dim("mel", 4), sf.Dim("hidden", 6)
FRAMES = [5, 0, 3]


def _input(backend: str) -> sf.Tensor:
    x = np.random.default_rng(1).standard_normal((3, 5, 4), np.float32)
    x[1], x[2, 3:] = np.nan, np.nan
    lengths = sf.to_backend(sf.wrap(np.array(FRAMES, np.int32), (batch,)), backend)
    raw = sf.to_backend(sf.wrap(x, (batch, time, mel)), backend).raw
    return sf.wrap(raw, (batch, time, mel), lengths={time: lengths})


def test_gru_is_that_of_torch_with_the_same_weights() -> None:
    torch = pytest.importorskip("torch")
    ours = sf.nn.GRU(mel, hidden).to_backend("torch")
    theirs = torch.nn.GRU(4, 6, batch_first=True)
    with torch.no_grad():
        ours.input_weight.raw.copy_(theirs.weight_ih_l0.t())
        ours.hidden_weight.raw.copy_(theirs.weight_hh_l0.t())
        ours.bias.raw.copy_(theirs.bias_ih_l0)
        ours.bias.raw[:12] += theirs.bias_hh_l0[:12]
        ours.candidate_bias.raw.copy_(theirs.bias_hh_l0[12:])
    x = _input("torch")
    y, state = ours(x, axis=time)
    for row, count in enumerate(FRAMES):
        wanted, last = theirs(x.raw[row, :count]) if count else (x.raw[:0, 0], torch.zeros(1, 6))
        got = y.raw_in((batch, time, hidden))[row, :count]
        np.testing.assert_allclose(got.detach().numpy().reshape(count, 6), wanted.detach().numpy()
                                   .reshape(count, 6), atol=1e-6)  # fmt: skip
        final = state.hidden.raw[row].detach().numpy()
        np.testing.assert_allclose(final, last[0].detach().numpy(), atol=1e-6)


def test_gru_is_that_of_keras_with_the_same_weights() -> None:
    keras = pytest.importorskip("keras")
    ours = sf.nn.GRU(mel, hidden).to_backend("tensorflow")
    theirs = keras.layers.GRU(6, return_sequences=True)
    x = np.random.default_rng(2).standard_normal((3, 5, 4)).astype(np.float32)
    theirs.build(x.shape)
    rng = np.random.default_rng(3)
    theirs.set_weights([rng.standard_normal(w.shape) for w in theirs.get_weights()])
    kernel, recurrent, (bias, recurrent_bias) = theirs.get_weights()

    def ordered(w: Any) -> Any:  # Keras has z, r, n
        z, r, n = np.split(w, 3, -1)
        return np.concatenate([r, z, n], -1)

    ours.input_weight.assign(ordered(kernel))
    ours.hidden_weight.assign(ordered(recurrent))
    ours.candidate_bias.assign(recurrent_bias[12:])
    recurrent_bias[12:] = 0
    ours.bias.assign(ordered(bias + recurrent_bias))
    tensor = sf.to_backend(sf.wrap(x, (batch, time, mel)), "tensorflow")
    y, _ = ours(tensor, axis=time)
    np.testing.assert_allclose(y.numpy(batch, time, hidden), theirs(x), atol=2e-6)


@pytest.mark.parametrize("backend", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize("kind", [sf.nn.LSTM, sf.nn.GRU])
def test_an_empty_sequence_keeps_its_initial_state(backend: str, kind: Any) -> None:
    layer = kind(mel, hidden).to_backend(backend)
    x = _input(backend)
    start = type(layer.initial_state((batch,), like=x))(
        *[part + 0.5 for part in layer.initial_state((batch,), like=x)]
    )
    _, state = layer(x, axis=time, state=start)
    for part in state:
        values = part.numpy(batch, hidden)
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values[1], 0.5)
        assert (values[0] != 0.5).all()


def test_bidirectional_starts_from_states() -> None:
    layer = sf.nn.Bidirectional(sf.nn.GRU(mel, hidden), sf.nn.GRU(mel, sf.Dim("back", 3)))
    x = _input("numpy")
    _, state = layer(x, axis=time)
    _, again = layer(x, axis=time, state=state)
    expected = layer.back(sf.reverse(x, axis=time), axis=time, state=state[1])[1]
    np.testing.assert_array_equal(again[1].hidden.numpy(), expected.hidden.numpy())


def test_bidirectional_refuses_what_does_not_go_together() -> None:
    layer = sf.nn.GRU(mel, hidden)
    with pytest.raises(sf.DimError) as caught:
        sf.nn.Bidirectional(layer, layer)
    assert str(caught.value) == (
        "Bidirectional: back cannot be 'GRU'.\n"
        "  needed  another layer than ahead, over mel:4 too\n"
        "  fix: make two layers with the same in_dim."
    )
    with pytest.raises(sf.DimError) as caught:
        sf.nn.Bidirectional(layer, sf.nn.Linear(mel, hidden))  # type: ignore[arg-type]
    assert str(caught.value).endswith("a recurrent layer\n  fix: sf.nn.LSTM or GRU.")
    both = sf.nn.Bidirectional(layer, sf.nn.GRU(mel, sf.Dim("back", 3)))
    with pytest.raises(sf.DimError) as caught:
        both(sf.zeros((sf.Dim("steps", 2), mel)), axis=time)
    assert "Bidirectional" in str(caught.value)


def test_a_gru_refuses_the_state_of_an_lstm() -> None:
    x = _input("numpy")
    state = sf.nn.LSTM(mel, hidden).initial_state((batch,), like=x)
    with pytest.raises(sf.DimError) as caught:
        sf.nn.GRU(mel, hidden)(x, axis=time, state=state)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "GRU: state cannot be LSTMState.\n"
        "  needed  GRUState(hidden)\n"
        "  fix: pass on what the GRU gave, or start from its initial_state(...)."
    )
