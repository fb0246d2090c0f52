"""A small model with dropout, a norm that keeps state, and a loss."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf

batch, time = sf.Dim("batch"), sf.Dim("time")
mel, hidden, labels = sf.Dim("mel", 3), sf.Dim("hidden", 5), sf.Dim("labels", 4)

FRAMEWORKS = ["torch", "tensorflow"]


class Model(sf.nn.Module):
    def __init__(self, rate: float = 0.3) -> None:
        self.encoder = sf.nn.GRU(mel, hidden)
        self.norm = sf.nn.BatchNorm(hidden)
        self.dropout = sf.nn.Dropout(rate)
        self.output = sf.nn.Linear(hidden, labels)

    def losses(self, x: Any, frames: Any, targets: Any) -> dict[str, sf.Tensor]:
        wrapped = sf.wrap(x, (batch, time, mel), lengths={time: frames})
        y, _ = self.encoder(wrapped, axis=time)
        logits = self.output(self.dropout(self.norm(y)))
        target = sf.wrap(targets, (batch, time), lengths={time: frames}, sparse_dim=labels)
        loss = sf.cross_entropy(
            estimated=logits, target=target, axis=labels, estimated_type="logits"
        )
        mean = sf.mean(loss, axis=(batch, time))
        return {"loss": mean, "twice": mean * 2.0}


def arrays(step: int) -> tuple[Any, ...]:
    """One batch, with NaN in the padding."""
    rng = np.random.default_rng(step)
    x = rng.standard_normal((3, 6, 3)).astype(np.float32)
    x[1, 2:], x[2, 4:] = np.nan, np.nan
    targets = rng.integers(0, 4, (3, 6)).astype(np.int32)
    return x, np.array([6, 2, 4], np.int32), targets


def trainer(backend: str, rate: float = 0.3, seed: int = 1, **options: Any) -> Any:
    sf.set_seed(seed)
    model = Model(rate).train()
    options = {"learning_rate": 0.05, **options}
    made = sf.training.trainer(backend, model, model.losses, **options)
    sf.backends.get(backend).set_seed(7)
    return made


def parameters(model: sf.nn.Module) -> dict[str, Any]:
    return {name: np.array(p.numpy()) for name, p in model.named_parameters().items()}


def same(a: dict[str, Any], b: dict[str, Any], **tolerance: float) -> None:
    assert set(a) == set(b)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], err_msg=name, **tolerance)


def identical(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert set(a) == set(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)
