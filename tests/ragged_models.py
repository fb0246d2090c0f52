"""Small models of every family with a loss over ragged batches, a batch, and a trainer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import seqfront as sf

batch, time, label = sf.Dim("batch"), sf.Dim("time"), sf.Dim("label")
mel, symbol = sf.Dim("mel", 6), sf.Dim("symbol", 7)


def _emformer() -> sf.nn.Module:
    return sf.models.emformer_rnnt_model(
        input_dim=mel, encoding_dim=12, num_symbols=symbol, segment_length=4,
        right_context_length=2, time_reduction_input_dim=8, time_reduction_stride=2,
        transformer_num_heads=2, transformer_ffn_dim=16, transformer_num_layers=2,
        transformer_left_context_length=4, transformer_max_memory_size=2,
        transformer_tanh_on_mem=True, symbol_embedding_dim=8, num_lstm_layers=1,
        lstm_layer_norm=True, lstm_layer_norm_epsilon=1e-3,
    )  # fmt: skip


class Transducer(sf.nn.Module):
    """RNN-T on an Emformer."""

    def __init__(self) -> None:
        self.rnnt = _emformer()

    def loss(self, x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        return self.rnnt.loss(x, y, axis=time, targets_axis=label, blank_index=6)


class Ctc(sf.nn.Module):
    """CTC on LSTMs, with masks on time and frequency."""

    def __init__(self) -> None:
        hidden = sf.Dim("hidden", 8)
        self.mask = sf.nn.SpecAugment(mel)
        self.encoder = sf.nn.LSTM(mel, hidden)
        self.norm = sf.nn.BatchNorm(hidden)
        self.output = sf.nn.Linear(hidden, symbol)

    def loss(self, x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        h, _ = self.encoder(self.mask(x, axis=time), axis=time)
        return sf.ctc_loss(
            logits=self.output(self.norm(h)), targets=y, input_spatial_dim=time,
            targets_spatial_dim=label, blank_index=6, infeasible="zero",
        )  # fmt: skip


class Frames(sf.nn.Module):
    """A label for each frame, by a Transformer, with label smoothing."""

    def __init__(self) -> None:
        self.encoder = sf.models.TransformerEncoder(
            mel, layers=1, heads=2, inner=sf.Dim("inner", 8), dropout=0.1
        )
        self.output = sf.nn.Linear(mel, symbol)

    def loss(self, x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        target = sf.argmax(x, axis=mel).labels_of(symbol)
        smooth = sf.label_smoothing(target, 0.1, axis=symbol)
        logits = self.output(self.encoder(x, axis=time))
        loss = sf.cross_entropy(
            estimated=logits, target=smooth, axis=symbol, estimated_type="logits"
        )
        return sf.sum(loss, axis=time) + 0.0 * sf.cast(y.lengths(label), loss.dtype)


class Conformer(sf.nn.Module):
    """RNN-T, pruned, on a Conformer."""

    def __init__(self) -> None:
        self.rnnt = sf.models.conformer_rnnt_model(
            input_dim=mel, encoding_dim=12, time_reduction_stride=2,
            conformer_input_dim=8, conformer_ffn_dim=16, conformer_num_layers=1,
            conformer_num_heads=2, conformer_window=3, conformer_dropout=0.1,
            num_symbols=symbol, symbol_embedding_dim=8,
        )  # fmt: skip

    def loss(self, x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
        return self.rnnt.loss(x, y, axis=time, targets_axis=label, blank_index=6)


MODELS = [Transducer, Ctc, Frames, Conformer]


def batch_arrays(seed: int) -> tuple[np.ndarray, ...]:
    """Frames, their counts, labels and theirs; ragged."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((3, 16, 6)).astype(np.float32)
    labels = rng.integers(0, 6, (3, 3)).astype(np.int32)
    return x, np.array([16, 12, 8], np.int32), labels, np.array([3, 1, 2], np.int32)


def make_trainer(kind: Callable[[], Any], device: str) -> Any:
    """A trainer with all that there is, of a model on a device."""
    sf.set_seed(3)
    with sf.use_backend("torch"):
        model = kind().train()

    def losses(x: Any, frames: Any, labels: Any, counts: Any) -> dict[str, sf.Tensor]:
        wrapped = sf.wrap(x, (batch, time, mel), {time: frames})
        targets = sf.wrap(labels, (batch, label), {label: counts}, sparse_dim=symbol)
        return {"loss": sf.mean(model.loss(wrapped, targets), axis=batch)}

    import seqfront_torch

    seqfront_torch.module(model).to(device)
    return sf.training.trainer(
        "torch", model, losses, learning_rate=sf.training.warmup_cosine(0.01, 2, 10),
        optimizer=sf.training.AdamW(weight_decay=0.01), clip_norm=1.0, average=0.9,
    )  # fmt: skip
