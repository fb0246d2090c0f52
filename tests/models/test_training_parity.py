"""One transducer, one seed, two frameworks: the learning curves of an Emformer agree.

float64 shows that the mathematics is one, float32 what users see. Losses are compared, and not
parameters: biases of keys have no influence, and Adam makes steps of the rounding of zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf

batch, time, label = sf.Dim("batch"), sf.Dim("time"), sf.Dim("label")
mel, symbol = sf.Dim("mel", 6), sf.Dim("symbol", 5)
STEPS = 40


class _Model(sf.nn.Module):
    def __init__(self, dtype: str) -> None:
        sf.set_seed(11)
        self.rnnt = sf.models.emformer_rnnt_model(
            input_dim=mel, encoding_dim=12, num_symbols=symbol, segment_length=4,
            right_context_length=2, time_reduction_input_dim=8, time_reduction_stride=2,
            transformer_num_heads=2, transformer_ffn_dim=16, transformer_num_layers=2,
            transformer_left_context_length=4, transformer_max_memory_size=2,
            transformer_tanh_on_mem=True, symbol_embedding_dim=8, num_lstm_layers=1,
            lstm_layer_norm=True, lstm_layer_norm_epsilon=1e-3,
        )  # fmt: skip
        for p in self.rnnt.parameters():
            p.owned_by({"value": p.numpy().astype(dtype)}, "value")

    def losses(self, frames: Any, counts: Any, labels: Any, label_counts: Any) -> Any:
        x = sf.wrap(frames, (batch, time, mel), {time: counts})
        y = sf.wrap(labels, (batch, label), {label: label_counts}, sparse_dim=symbol)
        loss = self.rnnt.loss(x, y, axis=time, targets_axis=label, blank_index=4)
        return {"loss": sf.mean(loss, axis=batch)}


def _curve(backend: str, dtype: str) -> np.ndarray:
    model = _Model(dtype)
    trainer = sf.training.trainer(
        backend, model.train(), model.losses, learning_rate=5e-3,
        optimizer=sf.training.AdamW(weight_decay=0.01), clip_norm=1.0,
    )  # fmt: skip
    rng = np.random.default_rng(5)
    table = rng.standard_normal((5, 6))
    values: list[float] = []
    for _ in range(STEPS):
        labels = rng.integers(0, 4, (6, 4)).astype(np.int32)
        frames = np.repeat(table[labels], 4, 1) + 0.1 * rng.standard_normal((6, 16, 6))
        counts = rng.integers(2, 5, 6).astype(np.int32)
        values.append(trainer.step(frames.astype(dtype), 4 * counts, labels, counts)["loss"])
    return np.array(values)


@pytest.mark.parametrize(("dtype", "noise"), [("float64", 1e-11), ("float32", 1e-5)])
def test_curves_agree_on_both_frameworks(dtype: str, noise: float) -> None:
    """Measured: relative differences of at most 5e-16 and 2e-7 over all steps."""
    first, second = (_curve(backend, dtype) for backend in ("torch", "tensorflow"))
    assert first[-1] < 0.3 * first[0]
    np.testing.assert_allclose(first, second, rtol=noise)
