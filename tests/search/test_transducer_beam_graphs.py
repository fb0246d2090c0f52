"""Frame-synchronous transducer search in frameworks and their graphs: what NumPy finds, label for
label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_transducer import FEATURES, Bigram, Parts, batch, feature, read, time, wrapped

import seqfront as sf
from seqfront import backends

classes, rest = sf.Dim("classes", 5), sf.Dim("rest")
LENGTHS = (9, 0, 6)
OPTIONS: dict[str, Any] = {"beam": 4, "max_symbols": 2, "length_norm": 0.5}


def search_on(backend: str, **options: Any) -> sf.search.TransducerBeam:
    parts = Parts(classes, 1, backend)
    scorers = {"bigram": (Bigram(classes, 2, 1, backend=backend), 0.4)}
    options = {**OPTIONS, "scorers": scorers, **options}
    return sf.search.TransducerBeam(parts.prediction, parts.joiner, blank_index=2, **options)


def frames_of(seed: int, lengths: Any = LENGTHS) -> np.ndarray:
    x = 2.0 * np.random.default_rng(seed).standard_normal((len(lengths), 9, FEATURES))
    for row, length in enumerate(lengths):
        x[row, length:] = np.nan
    return x


def alike(found: Any, wanted: Any) -> None:
    for mine, theirs in zip(found, wanted, strict=True):
        assert [(f.labels, f.start) for f in mine] == [(f.labels, f.start) for f in theirs]
        for f, g in zip(mine, theirs, strict=True):
            assert f.score == pytest.approx(g.score, abs=1e-9)
            assert f.log_probs == pytest.approx(g.log_probs, abs=1e-9)


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
@pytest.mark.parametrize("options", [{}, {"recombine": None, "margin": 5.0}], ids=str)
def test_frameworks_agree(backend: str, options: dict[str, Any]) -> None:
    x = frames_of(1)
    wanted, found = [
        read(search_on(name, **options)(wrapped(x, LENGTHS, name), axis=time)[0])
        for name in ("numpy", backend)
    ]
    assert any(len(f.labels) > 1 for row in wanted for f in row)
    alike(found, wanted)


@pytest.mark.parametrize("backend", ["numpy", "torch", "tensorflow"])
def test_empty_extents(backend: str) -> None:
    """No streams, no frames, or neither; and hypotheses without labels."""
    search = search_on(backend)
    for shape, lengths in (
        ((0, 3, FEATURES), ()),
        ((0, 0, FEATURES), ()),
        ((2, 0, FEATURES), (0, 0)),
    ):
        found, state = search(wrapped(np.zeros(shape), lengths, backend), axis=time)
        assert found.score.numpy().shape == (shape[0], 4)
        assert found.valid.numpy().sum() == shape[0]
        committed, _ = search.commit(state)
        assert committed.labels.numpy(batch, search.label_dim).shape == (shape[0], 0)


@pytest.mark.parametrize("backend", ["numpy", "torch", "tensorflow"])
def test_half_precision(backend: str) -> None:
    """Scores are of single precision, and so are the sums behind them."""
    convert = backends.get(backend).convert
    rng = np.random.default_rng(0)
    weight = sf.wrap(
        convert(rng.standard_normal((FEATURES, 5)).astype("float16")), (feature, classes)
    )
    rows = rng.standard_normal((5, FEATURES)).astype("float16")
    table = sf.wrap(convert(rows), (classes, feature))

    def predict(labels: Any, *, axis: Any, state: Any = None) -> Any:
        return sf.gather(table, indices=labels, axis=classes), labels

    def join(x: Any, y: Any) -> Any:
        return sf.dot(sf.add(x, y, allow_broadcast=True), weight, reduce=feature)

    search = sf.search.TransducerBeam(
        predict, join, blank_index=0, beam=4, classes=classes, in_dim=feature
    )
    x = rng.standard_normal((2, 40, FEATURES)).astype("float16")
    found, _ = search(sf.wrap(convert(x), (batch, time, feature)), axis=time)
    assert found.score.dtype == found.log_probs.dtype == "float32"
    table, weight = (sf.cast(part, "float64") for part in (table, weight))
    exact, _ = search(sf.wrap(convert(x.astype("float64")), (batch, time, feature)), axis=time)
    assert found.score.numpy() == pytest.approx(exact.score.numpy(), abs=0.2)


def _in_two_parts(search: Any, x: Any, lengths: Any) -> list[Any]:
    """Three frames, then the others: raw results."""
    backend = backends.of(x)
    there = sf.wrap(lengths, (batch,))
    begun = {time: sf.minimum(there, 3)}
    first = sf.wrap(backend.slice(x, 1, 0, 3), (batch, time, feature), begun)
    _, state = search(first, axis=time, is_last=False)
    left = {rest: sf.maximum(there - 3, 0)}
    second = sf.wrap(backend.slice(x, 1, 3, backend.size(x, 1)), (batch, rest, feature), left)
    found, _ = search(second, axis=rest, state=state)
    rows = (batch, found.beam_dim)
    own = found.labels.lengths(found.label_dim).raw_in(rows)
    return [x.raw for x in (found.labels, found.start, found.log_probs, found.score)] + [own]


def _listed(raws: Any, backend: str) -> Any:
    labels, start, log_probs, score, counts = map(backends.get(backend).to_numpy, raws)
    return [
        [
            (labels[i, n, :k].tolist(), start[i, n, :k].tolist(), log_probs[i, n, :k], score[i, n])
            for n, k in enumerate(row)
            if np.isfinite(score[i, n])
        ]
        for i, row in enumerate(counts)
    ]


def _check(found: Any, wanted: Any) -> None:
    for mine, theirs in zip(found, wanted, strict=True):
        assert [(f[0], f[1]) for f in mine] == [(list(g.labels), list(g.start)) for g in theirs]
        for f, g in zip(mine, theirs, strict=True):
            assert f[3] == pytest.approx(g.score, abs=1e-9)
            assert f[2].tolist() == pytest.approx(list(g.log_probs), abs=1e-9)


CALLS = [(1, (9, 0, 6)), (2, (5, 9)), (3, (4, 4, 4, 9))]
"""Seeds and lengths: sizes of batch and time that a graph has to serve all."""


def _wanted(seed: int, lengths: Any, **options: Any) -> Any:
    encoded = wrapped(frames_of(seed, lengths), lengths, "numpy")
    return read(search_on("numpy", **options)(encoded, axis=time)[0])


def test_one_tensorflow_graph_for_all_sizes() -> None:
    tf = pytest.importorskip("tensorflow")
    search, traces = search_on("tensorflow"), 0

    def run(x: Any, lengths: Any) -> Any:
        nonlocal traces
        traces += 1
        return _in_two_parts(search, x, lengths)

    specs = [tf.TensorSpec((None, None, FEATURES), "float64"), tf.TensorSpec((None,), "int32")]
    graph = tf.function(run, input_signature=specs)
    for seed, lengths in CALLS:
        found = graph(tf.constant(frames_of(seed, lengths)), tf.constant(lengths, "int32"))
        _check(_listed(found, "tensorflow"), _wanted(seed, lengths))
    assert traces == 1


@pytest.mark.slow
def test_one_torch_graph_for_all_sizes() -> None:
    torch = pytest.importorskip("torch")
    search, graphs = search_on("torch", max_symbols=1, scorers=None), []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    def run(x: Any, lengths: Any) -> Any:
        encoded = sf.wrap(x, (batch, time, feature), {time: sf.wrap(lengths, (batch,))})
        found, _ = search(encoded, axis=time)
        own = found.labels.lengths(found.label_dim).raw_in((batch, found.beam_dim))
        parts = (found.labels, found.start, found.log_probs, found.score)
        return [part.raw for part in parts] + [own]

    compiled = torch.compile(run, fullgraph=True, dynamic=True, backend=backend)
    for seed, lengths in CALLS:
        x = torch.tensor(frames_of(seed, lengths))
        found = compiled(x, torch.tensor(lengths, dtype=torch.int32))
        _check(_listed(found, "torch"), _wanted(seed, lengths, max_symbols=1, scorers=None))
    assert len(graphs) == 1
