"""The transducer against torchaudio's own, with its parameters; checkpoints of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracles.torchaudio_models import rnnt as original

import seqfront as sf
from seqfront.compat import torchaudio

CONFIG: dict[str, Any] = {
    "input_dim": 5, "encoding_dim": 6, "num_symbols": 7, "segment_length": 8,
    "right_context_length": 4, "time_reduction_input_dim": 4, "time_reduction_stride": 2,
    "transformer_num_heads": 2, "transformer_ffn_dim": 9, "transformer_num_layers": 2,
    "transformer_dropout": 0.1, "transformer_activation": "gelu",
    "transformer_left_context_length": 5, "transformer_max_memory_size": 2,
    "transformer_weight_init_scale_strategy": "depthwise", "transformer_tanh_on_mem": True,
    "symbol_embedding_dim": 10, "num_lstm_layers": 2, "lstm_layer_norm": True,
    "lstm_layer_norm_epsilon": 1e-3, "lstm_dropout": 0.3,
}  # fmt: skip


def pair(**options: Any) -> tuple[Any, Any]:
    """Ours and theirs, with the same parameters, none of which is 0 or 1."""
    torch.manual_seed(0)
    theirs = original.emformer_rnnt_model(**{**CONFIG, **options}).eval()
    for parameter in theirs.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter)
    ours = torchaudio.emformer_rnnt_model(**{**CONFIG, **options}).eval()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def close(found: Any, wanted: Any, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("normalized", [True, False])
def test_forward_and_gradients(normalized: bool) -> None:
    ours, theirs = pair(lstm_layer_norm=normalized)
    x = torch.randn(1, 27, 5)
    targets = torch.randint(0, 7, (1, 4))
    found = []
    for model in (ours, theirs):
        logits, *lengths, state = model(x, torch.tensor([23]), targets, torch.tensor([4]))
        (logits * torch.cos(torch.arange(logits.numel()).view(logits.shape))).sum().backward()
        assert [n.tolist() for n in lengths] == [[11], [4]]
        found.append((logits, state))
    close(*found)
    grads = {name: p.grad for name, p in theirs.named_parameters()}
    with torch.no_grad():
        for p in ours.parameters():
            p.copy_(p.grad)
    for name, value in ours.state_dict().items():
        scale = max(1.0, float(grads[name].abs().max()))
        close(value / scale, grads[name] / scale)
    assert set(grads) == set(ours.state_dict())


def test_streaming_steps_and_joins() -> None:
    ours, theirs = pair()
    x, state, other = torch.randn(2, 3 * 8 + 4, 5), None, None
    whole, lengths = ours.transcribe(x, torch.tensor([24, 24]))
    assert lengths.tolist() == [12, 12]
    with torch.no_grad():
        for i in range(3):
            chunk, n = x[:, 8 * i : 8 * i + 12], torch.tensor([12, 12])
            y, m, state = ours.transcribe_streaming(chunk, n, state)
            wanted, k, other = theirs.transcribe_streaming(chunk, n, other)
            close(y, wanted)
            close(y, whole[:, 4 * i : 4 * i + 4])
            assert m.tolist() == k.tolist() == [4, 4]
        labels, one = torch.randint(0, 7, (2, 3)), torch.tensor([1, 1])
        state = other = None
        for i in range(3):
            y, _, state = ours.predict(labels[:, i : i + 1], one, state)
            wanted, _, other = theirs.predict(labels[:, i : i + 1], one, other)
            close(y, wanted)
            close(state, other)
        both = [model.join(whole, lengths, wanted, one)[0] for model in (ours, theirs)]
        close(*both)


def test_a_batch_is_its_sequences() -> None:
    ours, theirs = pair()
    lengths, counts = torch.tensor([23, 9]), torch.tensor([2, 4])
    x, targets = torch.randn(2, 27, 5), torch.randint(0, 7, (2, 4))
    x[1, 13:] = float("nan")
    logits, frames, _, state = ours(x, lengths, targets, counts)
    for row in range(2):
        n, u = int(lengths[row]), int(counts[row])
        alone = theirs(
            x[row : row + 1, : n + 4], torch.tensor([n]), targets[row : row + 1, :u],
            torch.tensor([u]),
        )  # fmt: skip
        close(logits[row, : frames[row], :u], alone[0][0])
        close([part[row] for part in state[1]], [part[0] for part in alone[3][1]])


def test_the_base_model() -> None:
    """Its parameters, by name and shape, without the values."""
    with torch.device("meta"):
        theirs = original.emformer_rnnt_base(4097)
    ours = torchaudio.emformer_rnnt_base(4097)
    wanted = {name: tuple(value.shape) for name, value in theirs.state_dict().items()}
    assert {name: tuple(value.shape) for name, value in ours.state_dict().items()} == wanted
    count = sum(p.numel() for p in ours.parameters())
    assert count == sum(p.numel() for p in theirs.parameters())
    assert round(count / 1e6, 1) == 76.7


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("normalized", [True, False])
def test_converted_checkpoints(tmp_path: Path, normalized: bool, nested: bool) -> None:
    """Into a model over named dims, on every backend; also from a trainer's checkpoint."""
    _, theirs = pair(lstm_layer_norm=normalized)
    state = theirs.state_dict()
    if nested:
        state = {"state_dict": {f"model.{name}": x for name, x in state.items()}, "epoch": 3}
    torch.save(state, tmp_path / "theirs.pt")
    file = tmp_path / "ours.safetensors"
    paths = torchaudio.convert(tmp_path / "theirs.pt", file, {"step": "7"})
    batch, time, labels = sf.Dim("batch"), sf.Dim("time"), sf.Dim("labels")
    x = np.random.default_rng(0).standard_normal((1, 27, 5)).astype(np.float32)
    targets = np.array([[6, 1, 2]])
    n, u = torch.tensor([23]), torch.tensor([3])
    wanted = theirs(torch.tensor(x), n, torch.tensor(targets), u)[0].detach().numpy()
    for backend in ("numpy", "torch", "tensorflow"):
        with sf.use_backend(backend):
            model = sf.models.emformer_rnnt_model(**{**CONFIG, "lstm_layer_norm": normalized})
        assert sf.load(model.eval(), file) == {"step": "7"}
        assert sorted(model.named_parameters()) == sorted(paths)
        raw = sf.backends.get(backend).convert
        logits = model(
            sf.wrap(raw(x), (batch, time, model.transcriber.input.in_dim)),
            sf.wrap(raw(targets), (batch, labels), sparse_dim=model.predictor.embedding.labels),
            axis=time, targets_axis=labels, context=4,
        )  # fmt: skip
        classes = model.joiner.output.out_dim
        found = logits.numpy(batch, time // 2 - 2, labels, classes)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_parameters_of_other_models_are_refused(tmp_path: Path) -> None:
    torch.save({"encoder.weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(sf.CheckpointError) as caught:
        torchaudio.convert(tmp_path / "other.pt", tmp_path / "ours.safetensors")
    assert str(caught.value) == (
        "torchaudio's Emformer and RNNT have no parameter 'encoder.weight'.\n"
        "  parameter  encoder.weight\n"
        "  fix: names are those of state_dict() of torchaudio.models.Emformer or RNNT."
    )


def test_bfloat16_checkpoints_keep_their_bits(tmp_path: Path) -> None:
    _, theirs = pair()
    torch.save(theirs.bfloat16().state_dict(), tmp_path / "theirs.pt")
    torchaudio.convert(tmp_path / "theirs.pt", tmp_path / "ours.safetensors")
    ours = torchaudio.emformer_rnnt_model(**CONFIG)
    sf.load(ours.model, tmp_path / "ours.safetensors")
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value.float()), name


def test_on_tensorflow() -> None:
    import tensorflow as tf

    ours, theirs = pair()
    with sf.use_backend("tensorflow"):
        model = torchaudio.emformer_rnnt_model(**CONFIG).eval()
    for name, parameter in ours.model.named_parameters().items():
        model.model.named_parameters()[name].assign(parameter.numpy())
    x, targets = np.random.default_rng(0).standard_normal((1, 27, 5)), [[6, 1, 2]]
    x = x.astype(np.float32)
    logits, n, u, state = model(tf.constant(x), tf.constant([23]), tf.constant(targets), [3])
    wanted = theirs(torch.tensor(x), torch.tensor([23]), torch.tensor(targets), torch.tensor([3]))
    np.testing.assert_allclose(logits, wanted[0].detach(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(state[1][0], wanted[3][1][0].detach(), rtol=1e-5, atol=1e-5)
    assert n.numpy().tolist() == [11]
    assert np.asarray(u).tolist() == [3]
