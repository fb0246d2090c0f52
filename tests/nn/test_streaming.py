"""Whole sequences are their parts, one after another, and their single steps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends

batch, group, time, part = sf.Dim("batch"), sf.Dim("group"), sf.Dim("time"), sf.Dim("part")
mel, out, inner, vocab = sf.Dim("mel", 4), sf.Dim("out", 6), sf.Dim("inner", 5), sf.Dim("vocab", 7)
FRAMES = 7

LAYERS: dict[str, Callable[[], Any]] = {
    "lstm": lambda: sf.nn.LSTM(mel, out),
    "gru": lambda: sf.nn.GRU(mel, out),
    "conv": lambda: sf.nn.Conv1d(mel, out, 3, padding="causal"),
    "conv-dilated": lambda: sf.nn.Conv1d(mel, out, 2, dilation=3, padding="causal", groups=2),
    "conv-of-one": lambda: sf.nn.Conv1d(mel, out, 1, padding="causal"),
    "attention": lambda: sf.nn.CausalSelfAttention(mel, 2),
    "attention-rotary": lambda: sf.nn.CausalSelfAttention(mel, 2, position=sf.nn.RotaryPosition),
    "attention-alibi": lambda: sf.nn.CausalSelfAttention(mel, 2, position=sf.nn.ALiBi),
    "attention-relative": lambda: sf.nn.CausalSelfAttention(
        mel, 2, position=functools.partial(sf.nn.RelativePosition, reach=2)
    ),
    "attention-transformer-xl": lambda: sf.nn.CausalSelfAttention(
        mel, 2, position=sf.nn.TransformerXLPosition
    ),
    "position": lambda: sf.nn.SinusoidalPosition(mel),
    "sequential": lambda: sf.nn.Sequential(
        sf.nn.SinusoidalPosition(mel),
        sf.nn.Conv1d(mel, out, 3, padding="causal"),
        sf.relu,
        sf.nn.LayerNorm(out),
        sf.nn.GRU(out, inner),
    ),
    "decoder-layer": lambda: sf.models.TransformerDecoderLayer(mel, heads=2, inner=inner),
    "decoder": lambda: sf.models.TransformerDecoder(vocab, mel, layers=2, heads=2, inner=inner),
    "conformer": lambda: sf.models.Conformer(
        mel, layers=2, heads=2, inner=inner, window=3, causal=True
    ),
    "conformer-batch-norm": lambda: sf.models.Conformer(
        mel, layers=1, heads=2, inner=inner, window=3, causal=True, norm="batch"
    ),
    "prediction": lambda: sf.models.LSTMPrediction(vocab, mel, inner, out),
}
GROWING = [name for name in LAYERS if name.startswith(("attention", "decoder", "conformer"))]

CHUNKS: dict[str, list[list[int]]] = {
    "ones": [[1] * 3] * 7,
    "threes": [[3] * 3, [3] * 3, [1] * 3],
    "mixed": [[2] * 3, [1] * 3, [4] * 3],
    "ragged": [[2, 0, 3], [0, 1, 3], [4, 2, 0], [1, 1, 1]],
}
"""Lengths of the rows in each part; each row goes on where its own data ended."""


def _model(name: str, backend: str) -> Any:
    sf.set_seed(3)
    with sf.use_backend(backend):
        return LAYERS[name]().eval()


def _values(name: str) -> np.ndarray:
    rng = np.random.default_rng(1)
    if name in ("decoder", "prediction"):
        return rng.integers(0, 7, (3, FRAMES)).astype(np.int32)
    return rng.standard_normal((3, FRAMES, 4)).astype(np.float32)


def _wrap(
    values: np.ndarray, backend: str, axis: sf.Dim | None = None, lengths: Any = None
) -> sf.Tensor:
    raw = backends.get(backend).convert(values)
    axes = () if axis is None else (axis,)
    if values.dtype == np.int32:
        return sf.wrap(raw, (batch, *axes), lengths, sparse_dim=vocab)
    return sf.wrap(raw, (batch, *axes, mel), lengths)


def _array(y: sf.Tensor, *axes: sf.Dim) -> np.ndarray:
    features = [dim for dim in y.dims if dim not in (batch, *axes)]
    return y.numpy(batch, *axes, *features)


def _whole(model: Any, values: np.ndarray, backend: str) -> np.ndarray:
    y = model(_wrap(values, backend, time), axis=time)
    return _array(y[0] if isinstance(y, tuple) else y, time)


def _in_parts(
    model: Any, values: np.ndarray, backend: str, chunks: Sequence[Sequence[int]], state: Any
) -> list[np.ndarray]:
    """Each row by itself, as far as its parts go."""
    rows: list[list[np.ndarray]] = [[], [], []]
    done = [0, 0, 0]
    for lengths in chunks:
        padded = np.zeros((3, max(lengths), *values.shape[2:]), values.dtype)
        if values.dtype != np.int32:
            padded[:] = np.nan
        for row, n in enumerate(lengths):
            padded[row, :n] = values[row, done[row] : done[row] + n]
            done[row] += n
        table = None if min(lengths) == max(lengths) else {part: lengths}
        y, state = model(_wrap(padded, backend, part, table), axis=part, state=state)
        for row, n in enumerate(lengths):
            rows[row].append(_array(y, part)[row, :n])
    return [np.concatenate(pieces) for pieces in rows]


def _by_step(model: Any, values: np.ndarray, backend: str, state: Any) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for i in range(FRAMES):
        y, state = model(_wrap(values[:, i], backend), axis=None, state=state)
        found.append(_array(y))
    return list(np.stack(found, 1))


def _same(found: list[np.ndarray], wanted: np.ndarray) -> None:
    for row, values in enumerate(found):
        np.testing.assert_allclose(values, wanted[row, : len(values)], rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_parts_and_steps_give_what_the_whole_gives(name: str, backend_name: str) -> None:
    model, values = _model(name, backend_name), _values(name)
    wanted = _whole(model, values, backend_name)
    like = _wrap(values[:, 0], backend_name)
    for chunks in CHUNKS.values():
        state = model.initial_state((batch,), like=like)
        _same(_in_parts(model, values, backend_name, chunks, state), wanted)
    _same(_by_step(model, values, backend_name, model.initial_state((batch,), like=like)), wanted)


@pytest.mark.parametrize("name", GROWING)
def test_a_room_gives_what_a_growing_state_gives(name: str, backend_name: str) -> None:
    """Also exactly full, and with rows of different ages."""
    model, values = _model(name, backend_name), _values(name)
    wanted = _whole(model, values, backend_name)
    like = _wrap(values[:, 0], backend_name)
    for chunks in (CHUNKS["mixed"], CHUNKS["ragged"]):
        state = model.initial_state((batch,), like=like, capacity=FRAMES)
        _same(_in_parts(model, values, backend_name, chunks, state), wanted)
    state = model.initial_state((batch,), like=like, capacity=sf.Dim("room", FRAMES + 3))
    _same(_by_step(model, values, backend_name, state), wanted)


@pytest.mark.parametrize("capacity", [None, 4])
def test_states_keep_the_order_of_batch_dims_to_themselves(capacity: int | None) -> None:
    values = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
    layer = sf.nn.CausalSelfAttention(mel, 2)
    x = sf.wrap(values, (group, batch, time, mel))
    state = layer.initial_state((batch, group), like=x, capacity=capacity)
    found, _ = layer(x, axis=time, state=state)
    wanted, _ = layer(x, axis=time)
    np.testing.assert_allclose(found.numpy(*wanted.dims), wanted.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "conv", "attention", "position", "sequential"])
def test_states_without_a_batch(name: str) -> None:
    model, values = _model(name, "numpy"), _values(name)[0]
    x = sf.wrap(values, (time, mel))
    y = model(x, axis=time)
    wanted = (y[0] if isinstance(y, tuple) else y).numpy()
    for capacity in (None, 8):
        state, found = model.initial_state(like=x, capacity=capacity), []
        for i in range(FRAMES):
            y, state = model(sf.gather(x, indices=i, axis=time), axis=None, state=state)
            found.append(y.numpy())
        np.testing.assert_allclose(np.stack(found), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("capacity", [None, 8])
def test_a_search_moves_states_about(capacity: int | None, backend_name: str) -> None:
    """Rows that change places give what they give in their old ones."""
    model, values = _model("decoder", backend_name), _values("decoder")
    state = model.initial_state((batch,), like=_wrap(values[:, 0], backend_name),
                                capacity=capacity)  # fmt: skip
    _, state = model(_wrap(values[:, :3], backend_name, part), axis=part, state=state)
    order = [2, 0, 2]
    indices = sf.wrap(backends.get(backend_name).convert(np.int32(order)), (batch,))
    moved = sf.nested_gather(state, indices=indices, axis=batch)
    label = values[:, 3]
    wanted, _ = model(_wrap(label, backend_name), axis=None, state=state)
    found, _ = model(_wrap(label[order], backend_name), axis=None, state=moved)
    np.testing.assert_allclose(_array(found), _array(wanted)[order], rtol=1e-4, atol=1e-5)


def test_dtypes_of_states_stay() -> None:
    """So that loops of graphs can carry them."""
    for name in LAYERS:
        model, values = _model(name, "numpy"), _values(name)
        state = model.initial_state((batch,), like=_wrap(values[:, 0], "numpy"), capacity=8)
        _, after = model(_wrap(values[:, 0], "numpy"), axis=None, state=state)
        sf.nested_map(lambda a, b: _check_alike(a, b), state, after)


def _check_alike(a: sf.Tensor, b: sf.Tensor) -> sf.Tensor:
    assert a.dtype == b.dtype
    assert set(a.dims) == set(b.dims)
    assert a.numpy(*a.dims).shape == b.numpy(*a.dims).shape
    return a
