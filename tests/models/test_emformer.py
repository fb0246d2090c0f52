"""Properties of the Emformer: streams are whole utterances, batches are their sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.emformer import emformer

import seqfront as sf
from seqfront.models.encoder import emformer_layer
from seqfront.models.encoder.emformer_layer import EmformerLayer
from seqfront.models.encoder.segments import Extent

batch, other, time = sf.Dim("batch"), sf.Dim("other"), sf.Dim("time")
feature, inner = sf.Dim("feature", 4), sf.Dim("inner", 6)
EXACT: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-10}


def model(*, exact: bool = True, **options: Any) -> sf.models.Emformer:
    sf.set_seed(1)
    found = sf.models.Emformer(feature, **{"layers": 2, "heads": 2, "inner": inner, **options})
    if exact:
        for p in found.parameters():
            p.owned_by({"value": p.numpy().astype(np.float64)}, "value")
    return found.eval()


def frames(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((*shape, 4))


configs = st.fixed_dictionaries(
    {
        "segment": st.integers(1, 6),
        "left": st.integers(0, 9),
        "right": st.integers(0, 8),
        "memory": st.integers(0, 4),
        "tanh_on_memory": st.booleans(),
    }
)


@settings(max_examples=25, deadline=None)
@given(configs, st.lists(st.integers(0, 75), min_size=1, max_size=4), st.data())
def test_batches_are_their_sequences(options: Any, lengths: list[int], data: Any) -> None:
    """For any lengths and contexts, with NaN in the padding, padded more than needed."""
    m = model(**options)
    context = data.draw(st.integers(0, options["right"]))
    x = frames(len(lengths), max(lengths) + data.draw(st.integers(0, 3)))
    for row, n in enumerate(lengths):
        x[row, n:] = np.nan
    y = m(sf.wrap(x, (batch, time, feature), lengths={time: lengths}), axis=time, context=context)
    found = y.numpy(batch, time - context, feature)
    assert y.lengths(time - context).numpy().tolist() == [max(n - context, 0) for n in lengths]
    assert np.isfinite(found).all()
    for row, n in enumerate(lengths):
        alone = m(sf.wrap(x[row, :n], (time, feature)), axis=time, context=context)
        wanted = alone.numpy(time - context, feature)
        np.testing.assert_allclose(found[row, : len(wanted)], wanted, **EXACT)


@settings(max_examples=12, deadline=None)
@given(configs, st.integers(0, 40), st.data())
def test_as_the_paper_says(options: Any, length: int, data: Any) -> None:
    """One segment after another, in plain NumPy."""
    m, x = model(**options), frames(length)
    context = data.draw(st.integers(0, options["right"]))
    y = m(sf.wrap(x, (time, feature)), axis=time, context=context)
    wanted = emformer(m, x, context, _feed_forward)
    np.testing.assert_allclose(y.numpy(time - context, feature), wanted, **EXACT)


def _feed_forward(layer: Any, x: np.ndarray) -> np.ndarray:
    hidden = np.maximum(x @ layer.first.weight.numpy() + layer.first.bias.numpy(), 0)
    return hidden @ layer.second.weight.numpy() + layer.second.bias.numpy()


@settings(max_examples=20, deadline=None)
@given(
    configs,
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=1, max_size=3),
)
def test_streams_are_whole_utterances(options: Any, streams: list[tuple[int, int]]) -> None:
    """Streams that begin at different chunks, of any length, in one batch: before it begins and
    after its end, a stream has no frames."""
    m = model(**options)
    segment, size = options["segment"], options["segment"] + options["right"]
    xs = [frames(n, seed=i) for i, (_, n) in enumerate(streams)]
    found: list[list[np.ndarray]] = [[] for _ in streams]
    state = None
    for step in range(max(start + -(-n // segment) for start, n in streams) + 1):
        chunk, there = np.full((len(streams), size, 4), np.nan), []
        for row, (start, n) in enumerate(streams):
            at = (step - start) * segment
            part = xs[row][at : at + size] if 0 <= at < n else xs[row][:0]
            chunk[row, : len(part)] = part
            there.append(len(part))
        part = sf.wrap(chunk, (batch, m.chunk, feature), lengths={m.chunk: there})
        y, state = m.stream(part, state, axis=m.chunk)
        for row, n in enumerate(y.lengths(m.segment).numpy()):
            found[row].append(y.numpy(batch, m.segment, feature)[row, :n])
    assert state is not None
    assert state.age.numpy().tolist() == [n for _, n in streams]
    for row, x in enumerate(xs):
        whole = m(sf.wrap(x, (time, feature)), axis=time).numpy(time, feature)
        np.testing.assert_allclose(np.concatenate(found[row]), whole, **EXACT)


def _streamed(m: Any, x: np.ndarray, state: Any = None) -> tuple[np.ndarray, Any]:
    """The next chunk of x [batch, frames, feature]: result and state."""
    return_dims = (batch, m.segment, feature)
    y, state = m.stream(sf.wrap(x, (batch, m.chunk, feature)), state, axis=m.chunk)
    return y.numpy(*return_dims), state


def test_states_are_selected_joined_and_reset() -> None:
    m = model(segment=3, left=4, right=1, memory=2)
    x = frames(2, 14)
    _, young = _streamed(m, x[:, :4])
    _, old = _streamed(m, x[:, 3:7], young)
    wanted, _ = _streamed(m, x[:, 6:10], old)

    swapped = old.select(sf.wrap([1, 0, 1], (other,)), axis=batch)
    swapped = sf.nested_map(lambda part: part.rename(other, batch), swapped)
    y, _ = _streamed(m, x[[1, 0, 1], 6:10], swapped)
    np.testing.assert_allclose(y, wanted[[1, 0, 1]], **EXACT)

    later = sf.nested_map(lambda part: part.rename(batch, other), young)
    both = sf.models.concat_states([(old, batch), (later, other)], out_dim=batch)
    assert both.age.numpy().tolist() == [6, 6, 3, 3]
    y, _ = _streamed(m, np.concatenate([x[:, 6:10], x[:, 3:7]]), both)
    np.testing.assert_allclose(y[:2], wanted, **EXACT)
    np.testing.assert_allclose(y[2:], _streamed(m, x[:, 3:7], young)[0], **EXACT)

    one = old.reset(sf.wrap([False, True], (batch,)))
    y, after = _streamed(m, x[:, 6:10], one)
    np.testing.assert_allclose(y[0], wanted[0], **EXACT)
    np.testing.assert_allclose(y[1], _streamed(m, x[:, 6:10])[0][1], **EXACT)
    assert after.age.numpy().tolist() == [9, 3]


def test_states_are_never_changed(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        m = model(exact=False, segment=3, left=4, right=1, memory=2)
    backend = m.layers[0].norm.scale.backend
    x = backend.convert(frames(2, 4).astype(np.float32))
    part = sf.wrap(x, (batch, m.chunk, feature))
    _, state = m.stream(part, axis=m.chunk)
    before = sf.nested_map(lambda t: sf.wrap(t.numpy().copy(), t.dims), state)
    first, second = (m.stream(part, state, axis=m.chunk)[0].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    sf.nested_map(lambda a, b: np.testing.assert_array_equal(a.numpy(), b.numpy()), before, state)


def test_any_number_of_batch_dims_in_any_order() -> None:
    m = model(segment=3, left=4, right=1, memory=2)
    x = frames(2, 3, 9)
    y = m(sf.wrap(x.transpose(3, 0, 2, 1), (feature, batch, time, other)), axis=time)
    found = y.numpy(batch, other, time, feature)
    for i in range(2):
        wanted = m(sf.wrap(x[i], (other, time, feature)), axis=time)
        np.testing.assert_allclose(found[i], wanted.numpy(other, time, feature), **EXACT)
    chunk = sf.wrap(x[:, :, :4].transpose(3, 0, 2, 1), (feature, batch, m.chunk, other))
    y, state = m.stream(chunk, axis=m.chunk)
    np.testing.assert_allclose(y.numpy(batch, other, m.segment, feature), found[:, :, :3], **EXACT)
    assert set(state.age.dims) == {batch, other}


def test_what_is_seen_is_linear_in_time() -> None:
    """Pairs of query and key, which is what attention computes: of twice the frames, twice."""
    m = model(exact=False, segment=4, left=8, right=2, memory=2, layers=1)
    pairs: list[int] = []
    for size in (320, 640):
        x = sf.zeros((time, feature), like=sf.wrap(frames(size).astype("float32"), (time, feature)))
        cut = m.whole.cut(x, time, size)
        end = sf.wrap(np.int32(size))
        pairs.append(m.whole.bias(cut, Extent(end, end, None), -1e8).raw.size)
    assert pairs[1] == 2 * pairs[0]
    assert pairs[0] < 320 * 320


@pytest.mark.parametrize("backend", ["numpy", "torch", "tensorflow"])
def test_a_long_utterance_in_parts(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The feed-forward layer takes some blocks at a time, the last time fewer."""
    if backend != "numpy":
        pytest.importorskip(backend)
    sizes: list[int] = []
    original = EmformerLayer._fed_part

    def counting(layer: EmformerLayer, x: sf.Tensor) -> sf.Tensor:
        sizes.append(x.backend.shape(x.raw)[1])
        return original(layer, x)

    monkeypatch.setattr(EmformerLayer, "_fed_part", counting)
    with sf.use_backend(backend):
        m = model(exact=False, segment=3, left=4, right=1, memory=2, layers=1)
    x = sf.wrap(frames(2, 200).astype("float32"), (batch, time, feature))
    x = sf.to_backend(x, backend)
    wanted = m(x, axis=time)
    monkeypatch.setattr(emformer_layer, "_ROWS", 4 * 2 * 11 * 4)  # batch, turns, places
    found = m(x, axis=time)
    assert sizes == [7, 4, 3]
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_streams(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    import seqfront_torch

    with sf.use_backend("torch"):
        m = model(exact=False, segment=3, left=4, right=1, memory=2)
    x = torch.tensor(frames(2, 4), dtype=torch.float32)
    wanted, _ = m.stream(sf.wrap(x, (batch, m.chunk, feature)), axis=m.chunk)
    seqfront_torch.module(m).to(getattr(torch, dtype))
    y, state = m.stream(sf.wrap(x, (batch, m.chunk, feature)), axis=m.chunk)
    y, state = m.stream(sf.wrap(x, (batch, m.chunk, feature)), state.reset(sf.wrap(
        torch.tensor([True, True]), (batch,))), axis=m.chunk)  # fmt: skip
    assert y.dtype == dtype
    assert state.layers[0].past.dtype == dtype
    torch.testing.assert_close(y.raw.float(), wanted.raw, rtol=0.1, atol=0.1)
