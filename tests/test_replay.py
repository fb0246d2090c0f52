"""One training step on three frameworks: draws recorded on one, replayed to the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED

import seqfront as sf
from seqfront import backends
from seqfront.randomness import Draw

batch, time = sf.Dim("batch"), sf.Dim("time")
feature, inner = sf.Dim("feature", 8), sf.Dim("inner", 12)
LENGTHS = [6, 3, 0]


class Regularised(sf.nn.Module):
    """All that draws: masks of the input, dropout of weights, of attention and of activations."""

    def __init__(self) -> None:
        self.augment = sf.nn.SpecAugment(
            feature, frequency_masks=1, frequency_width=2, time_masks=1, time_width=2
        )
        self.encoder = sf.models.TransformerEncoder(
            feature, layers=2, heads=2, inner=inner, dropout=0.3
        )
        self.lstm = sf.nn.WeightDropout(sf.nn.LSTM(feature, inner), 0.3)

    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        y, _ = self.lstm(self.encoder(self.augment(x, axis=time), axis=time), axis=time)
        return y


def _step(backend_name: str, draws: list[Draw] | None) -> tuple[np.ndarray, dict[str, Any]]:
    """Results, and gradients of all parameters; records into `draws` if that is empty."""
    backend = backends.get(backend_name)
    values = np.random.default_rng(3).standard_normal((3, 6, 8)).astype("float32")
    sf.set_seed(5)
    with sf.use_backend(backend_name):
        model = Regularised()
        x = sf.wrap(backend.convert(values), (batch, time, feature), lengths={time: LENGTHS})

        def loss() -> tuple[sf.Tensor, sf.Tensor]:
            y = model(x)
            return sf.sum(y * y, axis=(batch, time, inner)), y

        if draws is None:
            with sf.randomness.record() as recorded:
                loss()
            return np.zeros(0), {"draws": recorded}
        with sf.randomness.replay(draws):
            if not backend.has_gradients:
                return sf.mask_padding(loss()[1]).numpy(batch, time, inner), {}
            parameters = model.named_parameters()
            (_, y), grads = sf.value_and_grad(loss, list(parameters.values()))
    found = {name: grad.numpy() for name, grad in zip(parameters, grads, strict=True)}
    return sf.mask_padding(y).numpy(batch, time, inner), found


@pytest.mark.parametrize("source", INSTALLED)
def test_one_step_is_the_same_on_every_framework(source: str) -> None:
    draws = _step(source, None)[1]["draws"]
    kinds = {draw.kind for draw in draws}
    assert kinds == {"uniform"}
    assert len(draws) > 10
    results = {name: _step(name, draws) for name in INSTALLED}
    wanted = results["numpy"][0]
    for values, _ in results.values():
        np.testing.assert_allclose(values, wanted, 1e-4, 1e-5)
    gradients = [found for _, found in results.values() if found]
    for found in gradients[1:]:
        assert list(found) == list(gradients[0])
        for name, grad in found.items():
            scale = np.abs(gradients[0][name]).max()
            np.testing.assert_allclose(grad, gradients[0][name], 1e-3, 1e-4 * max(scale, 1.0))
    assert any(np.abs(grad).max() > 0.1 for found in gradients for grad in found.values())
