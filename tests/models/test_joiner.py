"""Joiners that compute something else than their class says: nothing may read their weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends

joint, vocab = sf.Dim("joint", 6), sf.Dim("vocab", 5)
batch, time, label = sf.Dim("batch"), sf.Dim("time"), sf.Dim("label")


class Sharper(sf.models.Joiner):
    """Other logits from the same parameters."""

    def __call__(self, encoded: sf.Tensor, predicted: sf.Tensor) -> sf.Tensor:
        return super().__call__(encoded, predicted) * 3.0


class SharperLayer(sf.nn.Linear):
    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        return super().__call__(x) * 3.0


def of_a_derived_class() -> sf.models.Joiner:
    return Sharper(joint, vocab)


def with_another_layer() -> sf.models.Joiner:
    joiner = sf.models.Joiner(joint, vocab)
    joiner.output = SharperLayer(joint, vocab)
    return joiner


@pytest.mark.parametrize("name", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize("make", [of_a_derived_class, with_another_layer])
def test_the_loss_is_that_of_its_logits(make: Any, name: str) -> None:
    sf.set_seed(5)
    joiner = make().to_backend(name)
    assert not joiner.is_plain()
    backend, random = backends.get(name), np.random.default_rng(1)

    def wrapped(raw: Any, dims: Any, **options: Any) -> sf.Tensor:
        return sf.wrap(backend.convert(raw), dims, **options)

    encoded = wrapped(random.normal(size=(2, 5, 6)).astype("float32"), (batch, time, joint))
    predicted = wrapped(random.normal(size=(2, 3, 6)).astype("float32"), (batch, label + 1, joint))
    targets = wrapped(np.array([[1, 2], [3, 4]], "int32"), (batch, label), sparse_dim=vocab)
    options: Any = {"input_spatial_dim": time, "targets_spatial_dim": label, "blank_index": 0}
    loss = joiner.loss(encoded, predicted, targets, skip_below=1e-4, **options)
    logits = joiner(encoded, predicted)
    expected = sf.rnnt_loss(logits=logits, targets=targets, **options)
    np.testing.assert_allclose(loss.numpy(batch), expected.numpy(batch), rtol=1e-6)


def test_a_derived_class_with_no_other_logits_is_plain() -> None:
    class Named(sf.models.Joiner):
        def describe(self) -> str:
            return "mine"

    assert Named(joint, vocab).is_plain()
    assert sf.models.Joiner(joint, vocab).is_plain()
