"""A small transducer in double precision, random frames, and what a search finds, as lists."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import seqfront as sf
from seqfront import backends

FEATURES = 4
batch, time = sf.Dim("batch"), sf.Dim("time")
feature = sf.Dim("feature", FEATURES)


class Parts(sf.nn.Module):
    """Prediction network and joiner; the same numbers on every backend."""

    def __init__(self, classes: sf.Dim, seed: int, backend: str, order: Any = None) -> None:
        sf.set_seed(seed)
        embedding, hidden = sf.Dim("embedding", 3), sf.Dim("hidden", 5)
        self.prediction = sf.models.LSTMPrediction(classes, embedding, hidden, feature)
        self.joiner = sf.models.Joiner(feature, classes)
        target, rng = backends.get(backend), np.random.default_rng(seed)
        for name, parameter in self.named_parameters().items():
            value = rng.standard_normal(backends.of(parameter.raw).to_numpy(parameter.raw).shape)
            if order is not None and name == "prediction.embedding.weight":
                value = value[order]
            if order is not None and name.startswith("joiner.output"):
                value = value[..., order]
            parameter.owned_by({"value": target.parameter(target.convert(value))}, "value")

    def arrays(self) -> dict[str, Any]:
        """Parameters by name."""
        return {
            name: backends.of(p.raw).to_numpy(p.raw) for name, p in self.named_parameters().items()
        }


class Bigram(sf.search.Scorer):
    """Scores by the last label: a table [before, next], and one for ending."""

    def __init__(
        self,
        classes: sf.Dim,
        blank: int,
        seed: int,
        order: Any = None,
        *,
        backend: str = "numpy",
    ) -> None:
        rng, size = np.random.default_rng(100 + seed), classes.size or 0
        self.table, self.end = rng.standard_normal((size, size)), rng.standard_normal(size)
        if order is not None:
            self.table, self.end = self.table[order][:, order], self.end[order]
        self.classes, self.blank, self.before = classes, blank, sf.Dim("before", size)
        convert = backends.get(backend).convert
        self.following = sf.wrap(convert(self.table), (self.before, classes))
        self.ending = sf.wrap(convert(self.end), (self.before,))

    def initial_state(self, batch: Any, *, like: sf.Tensor) -> sf.Tensor:
        return sf.full(tuple(batch), self.blank, dtype="int32", like=like)

    def score(self, state: sf.Tensor) -> sf.Tensor:
        return sf.gather(self.following, indices=state, axis=self.before)

    def advance(self, state: sf.Tensor, labels: sf.Tensor) -> sf.Tensor:
        return labels.labels_of(None)

    def final(self, state: sf.Tensor) -> sf.Tensor:
        return sf.gather(self.ending, indices=state, axis=self.before)

    def of(self, labels: Any, *, ends: bool = True) -> float:
        """Of a whole sequence, in plain NumPy."""
        before = (self.blank, *labels)
        pairs = zip(before, labels, strict=False)
        return float(sum(self.table[pair] for pair in pairs) + ends * self.end[before[-1]])


class Found(NamedTuple):
    """A hypothesis, as plain Python."""

    labels: tuple[int, ...]
    score: float
    scores: dict[str, float]
    log_probs: tuple[float, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]


def frames(seed: int, lengths: Any, scale: float = 2.0, extent: int | None = None) -> Any:
    """[batch, time, features], NaN in the padding."""
    size = max(lengths) if extent is None else extent
    x = scale * np.random.default_rng(seed).standard_normal((len(lengths), 8, FEATURES))[:, :size]
    for row, length in enumerate(lengths):
        x[row, length:] = np.nan
    return x


def wrapped(x: Any, lengths: Any, backend: str, axis: sf.Dim = time) -> sf.Tensor:
    """Frames as a tensor."""
    convert = backends.get(backend).convert
    there = sf.wrap(convert(np.asarray(lengths, np.int32)), (batch,))
    return sf.wrap(convert(x), (batch, axis, feature), {axis: there})


def read(hypotheses: sf.search.Hypotheses, streams: sf.Dim = batch) -> list[list[Found]]:
    """The valid hypotheses of each stream, in order."""
    h = hypotheses
    beam, label = h.beam_dim, h.label_dim
    counts = h.labels.lengths(label).numpy(streams, beam)
    parts = {name: x.numpy(streams, beam) for name, x in {"": h.score, **h.scores}.items()}
    tables = [x.numpy(streams, beam, label) for x in (h.labels, h.log_probs, h.start, h.end)]
    found: list[list[Found]] = []
    for row, there in enumerate(h.valid.numpy(streams, beam)):
        found.append([])
        for place in np.flatnonzero(there):
            labels, log_probs, start, end = [
                tuple(t[row, place, : counts[row, place]].tolist()) for t in tables
            ]
            scores = {name: float(x[row, place]) for name, x in parts.items()}
            found[-1].append(Found(labels, scores.pop(""), scores, log_probs, start, end))
        assert not counts[row][~there].any()
    return found
