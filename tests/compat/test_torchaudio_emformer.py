"""The Emformer against torchaudio's own, with its parameters."""

from __future__ import annotations

import copy
import io
from typing import Any

import numpy as np
import pytest
import torch
from oracles.torchaudio_models import emformer as original

import seqfront as sf
from seqfront.compat.torchaudio import Emformer

D, HEADS, INNER, LAYERS = 8, 2, 12, 2
GRID = [  # segment, left, right, memory, tanh on memories
    (4, 0, 0, 0, False), (4, 3, 2, 0, False), (4, 6, 2, 2, True), (2, 5, 3, 1, False),
    (1, 0, 0, 2, True), (3, 40, 7, 20, False),
]  # fmt: skip
LENGTHS = (1, 5, 8, 37, 70)


def pair(
    segment: int, left: int, right: int, memory: int, tanh: bool, layers: int = LAYERS
) -> tuple[Any, Any]:
    """Ours and theirs, with the same parameters, none of which is 0 or 1."""
    torch.manual_seed(segment)
    options: Any = {
        "left_context_length": left,
        "right_context_length": right,
        "max_memory_size": memory,
        "tanh_on_mem": tanh,
        "activation": ("relu", "gelu", "silu")[segment % 3],
    }
    theirs = original.Emformer(D, HEADS, INNER, layers, segment, **options).eval()
    for parameter in theirs.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter)
    ours = Emformer(D, HEADS, INNER, layers, segment, **options).eval()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def close(found: Any, wanted: Any, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("config", GRID, ids=str)
def test_forward_and_gradients(config: Any) -> None:
    """Outputs, and gradients of the input and of every parameter, by torchaudio's names."""
    ours, theirs = pair(*config)
    right = config[2]
    for length in LENGTHS:
        found = []
        for model in (ours, theirs):
            torch.manual_seed(length)
            x = torch.randn(1, length + right, D, requires_grad=True)
            y, lengths = model(x, torch.tensor([length]))
            model.zero_grad()
            (y * torch.cos(torch.arange(y.numel()).view(y.shape))).sum().backward()
            found.append((y.detach(), x.grad))
        assert lengths.tolist() == [length]
        close(*found)
    _same_gradients(ours, theirs)


def _same_gradients(ours: Any, theirs: Any) -> None:
    grads = {name: p.grad for name, p in theirs.named_parameters()}
    with torch.no_grad():
        for p in ours.parameters():
            p.copy_(p.grad)
    for name, value in ours.state_dict().items():
        scale = max(1.0, float(grads[name].abs().max()))
        close(value / scale, grads[name] / scale)


@pytest.mark.parametrize("config", GRID, ids=str)
def test_infer(config: Any) -> None:
    """Outputs and states, chunk by chunk; what is older than the stream means nothing."""
    ours, theirs = pair(*config)
    segment, left, right, memory, _ = config
    x = torch.randn(2, 9 * segment + right, D)
    whole, _ = ours(x, torch.full((2,), 9 * segment))
    mine = others = None
    for i in range(9):
        chunk, lengths = (
            x[:, i * segment :][:, : segment + right],
            torch.full((2,), segment + right),
        )
        with torch.no_grad():
            y, n, mine = ours.infer(chunk, lengths, mine)
            wanted, m, others = theirs.infer(chunk, lengths, others)
        close(y, wanted)
        close(y, whole[:, i * segment : (i + 1) * segment].detach())
        assert n.tolist() == m.tolist() == [segment] * 2
        age = (i + 1) * segment
        for a, b in zip(mine, others, strict=True):
            close(a[0][memory - min(memory, i + 1) :], b[0][memory - min(memory, i + 1) :])
            for part in (1, 2):
                close(a[part][left - min(left, age) :], b[part][left - min(left, age) :])
            assert a[3].tolist() == b[3].tolist() == [[age] * 2]
            assert [t.shape for t in a] == [t.shape for t in b]


def test_state_dicts_are_interchangeable() -> None:
    ours, theirs = pair(4, 3, 2, 1, False)
    wanted = theirs.state_dict()
    assert set(ours.state_dict()) == set(wanted)
    fresh = original.Emformer(D, HEADS, INNER, LAYERS, 4)
    fresh.load_state_dict(ours.state_dict())
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, wanted[name]), name
    inside = torch.nn.Sequential(torch.nn.Linear(2, 2), ours)
    assert "1.emformer_layers.0.attention.out_proj.bias" in inside.state_dict()
    inside.load_state_dict(copy.deepcopy(inside).state_dict(), assign=True)
    x = torch.randn(1, 11, D)
    close(ours(x, torch.tensor([9]))[0], theirs(x, torch.tensor([9]))[0])
    del wanted["emformer_layers.0.pos_ff.1.bias"]
    with pytest.raises(RuntimeError, match="Missing"):
        ours.load_state_dict(wanted)
    with pytest.raises(RuntimeError, match="Unexpected"):
        ours.load_state_dict({**theirs.state_dict(), "other": torch.zeros(1)})


@pytest.mark.parametrize("lengths", [(9, 16, 3), (9,), (0, 7, 2)])
def test_a_batch_is_its_sequences(lengths: tuple[int, ...]) -> None:
    """Where torchaudio looks at padding: lengths that are no multiple of the segment, with a right
    context; and a single sequence with padding."""
    ours, theirs = pair(4, 6, 2, 2, False)
    x = torch.randn(len(lengths), 16 + 2, D)
    for row, n in enumerate(lengths):
        x[row, n + 2 :] = float("nan")
    y, _ = ours(x, torch.tensor(lengths))
    for row, n in enumerate(lengths):
        if n:
            alone, _ = theirs(x[row : row + 1, : n + 2], torch.tensor([n]))
            close(y[row, :n], alone[0])


def test_streams_of_any_age_in_one_batch() -> None:
    """torchaudio takes the age of the first; and changes the states that it is given."""
    ours, theirs = pair(4, 6, 2, 2, False)
    chunks = torch.randn(4, 1, 6, D)
    old = None
    with torch.no_grad():
        for chunk in chunks[:3]:
            _, _, old = ours.infer(chunk, torch.tensor([6]), old)
        _, _, new = ours.infer(chunks[3], torch.tensor([6]))
        both = [
            [torch.cat(parts, 1) for parts in zip(a, b, strict=True)]
            for a, b in zip(old, new, strict=True)
        ]
        kept = copy.deepcopy(both)
        y, _, after = ours.infer(chunks[1:3, 0], torch.tensor([6, 6]), both)
        torch.testing.assert_close(both, kept, rtol=0, atol=0)
        for row, state in enumerate((old, new)):
            wanted, _, later = theirs.infer(chunks[1 + row], torch.tensor([6]), state)
            close(y[row], wanted[0])
            assert after[0][3][0, row] == later[0][3][0, 0]


def test_short_last_chunks_end_as_a_whole_utterance_does() -> None:
    ours, _ = pair(4, 6, 3, 1, False)
    frames = torch.tensor([9, 5, 12])
    x = torch.randn(3, 15, D)
    whole, _ = ours(x, frames)
    states = None
    for i in range(3):
        chunk = torch.nn.functional.pad(x[:, 4 * i : 4 * i + 7], (0, 0, 0, 7))[:, :7]
        there = (frames + 3 - 4 * i).clamp(0, 7)
        y, n, states = ours.infer(chunk, there, states)
        for row in range(3):
            close(y[row, : n[row]], whole[row, 4 * i : 4 * i + int(n[row])])
    assert states[0][3].tolist() == [frames.tolist()]


def test_half_precision_streams() -> None:
    """torchaudio fails; the softmax is float32 within."""
    ours, theirs = pair(4, 6, 2, 2, True)
    ours.bfloat16()
    states = others = None
    with torch.no_grad():
        for chunk in torch.randn(3, 2, 6, D):
            y, _, states = ours.infer(chunk.bfloat16(), torch.tensor([6, 6]), states)
            wanted, _, others = theirs.infer(chunk, torch.tensor([6, 6]), others)
            assert y.dtype == torch.bfloat16
            torch.testing.assert_close(y.float(), wanted, rtol=0.1, atol=0.1)


def test_float64_is_exact() -> None:
    """Of whole utterances and streams; torchaudio's softmax is float32 there."""
    ours, theirs = pair(4, 6, 2, 2, False)
    ours.double()
    x = torch.randn(1, 18, D, dtype=torch.float64)
    whole, _ = ours(x, torch.tensor([16]))
    states = None
    for i in range(4):
        y, _, states = ours.infer(x[:, 4 * i : 4 * i + 6], torch.tensor([6]), states)
        close(y, whole[:, 4 * i : 4 * i + 4], 1e-12)
    close(theirs.double()(x, torch.tensor([16]))[0], whole, 1e-6)


def test_dropout_is_that_of_training() -> None:
    torch.manual_seed(0)
    model = Emformer(D, HEADS, INNER, 1, 4, 0.5)
    x, n = torch.randn(2, 20, D), torch.tensor([20, 20])
    assert not torch.equal(model(x, n)[0], model(x, n)[0])
    model.eval()
    assert torch.equal(model(x, n)[0], model(x, n)[0])


@pytest.mark.parametrize("strategy", ["depthwise", "constant", None])
def test_initial_weights(strategy: str | None) -> None:
    """Standard deviations of the first and third layer are those of torchaudio."""
    sizes = (64, 2, 8, 3, 4)
    theirs = original.Emformer(*sizes, weight_init_scale_strategy=strategy).state_dict()
    ours = Emformer(*sizes, weight_init_scale_strategy=strategy).state_dict()
    for layer in (0, 2):
        for part in ("emb_to_key_value", "emb_to_query"):
            name = f"emformer_layers.{layer}.attention.{part}.weight"
            ratio = float(ours[name].std() / theirs[name].std())
            assert abs(ratio - 1) < 0.06, (name, ratio)


def test_on_tensorflow() -> None:
    """Raw tensors of TensorFlow, eagerly and in a graph, with torchaudio's parameters."""
    import tensorflow as tf

    ours, theirs = pair(4, 6, 2, 2, True)
    with sf.use_backend("tensorflow"):
        model = Emformer(
            D, HEADS, INNER, LAYERS, 4, left_context_length=6, right_context_length=2,
            max_memory_size=2, tanh_on_mem=True, activation="gelu",
        ).eval()  # fmt: skip
    for name, parameter in ours.model.named_parameters().items():
        model.model.named_parameters()[name].assign(parameter.numpy())
    assert len(model.trainable_variables) == len(list(theirs.parameters()))
    x = np.random.default_rng(0).standard_normal((2, 14, D)).astype(np.float32)
    lengths = np.array([12, 7], np.int32)
    y, n = model(tf.constant(x), tf.constant(lengths))
    for row, frames in enumerate(lengths):
        alone, _ = theirs(torch.tensor(x[row : row + 1, : frames + 2]), torch.tensor([frames]))
        np.testing.assert_allclose(y[row, :frames], alone[0].detach(), rtol=1e-5, atol=1e-5)
    assert n.numpy().tolist() == [12, 7]
    infer = tf.function(model.infer, autograph=False)
    states = others = None
    for i in range(2):
        chunk = x[:, 4 * i : 4 * i + 6]
        y, n, states = infer(tf.constant(chunk), tf.constant([6, 6]), states)
        wanted, _, others = theirs.infer(torch.tensor(chunk), torch.tensor([6, 6]), others)
        np.testing.assert_allclose(y, wanted.detach(), rtol=1e-5, atol=1e-5)
        assert [s.shape for s in states[0]] == [s.shape for s in others[0]]
    assert states[0][3].numpy().tolist() == [[8, 8]]


def test_as_a_module_of_pytorch() -> None:
    """Copied, pickled, compiled, under autocast."""
    ours, _ = pair(4, 6, 2, 2, True)
    x, lengths = torch.randn(2, 6, D), torch.tensor([6, 6])
    with torch.no_grad():
        wanted, _, states = ours.infer(x, lengths)
        file = io.BytesIO()
        torch.save(ours, file)
        file.seek(0)
        for copied in (copy.deepcopy(ours), torch.load(file, weights_only=False)):
            assert isinstance(copied, Emformer)
            assert torch.equal(copied.infer(x, lengths)[0], wanted)
        later = ours.infer(x, lengths, states)[0]
        torch._dynamo.reset()
        compiled = torch.compile(ours.infer, backend="eager", fullgraph=True)
        close(compiled(x, lengths, states)[0], later)
        with torch.autocast("cpu", torch.bfloat16):
            y, _, after = ours.infer(x, lengths, ours.infer(x, lengths)[2])
        torch.testing.assert_close(y, later, rtol=0.1, atol=0.1)
        assert after[0][3].tolist() == [[8, 8]]


def test_no_frames_and_no_sequences() -> None:
    """Where torchaudio has errors of concatenation."""
    ours, _ = pair(4, 6, 2, 2, False)
    assert ours(torch.randn(2, 2, D), torch.tensor([0, 0]))[0].shape == (2, 0, D)
    none = torch.zeros(0, dtype=torch.int32)
    assert ours(torch.randn(0, 9, D), none)[0].shape == (0, 7, D)
    assert ours.infer(torch.randn(0, 6, D), none)[0].shape == (0, 4, D)
