"""Transducer search by trying all alignments, in plain NumPy.

A model is a function from a frame's number and the labels so far to log-probabilities of all
classes. Every alignment is walked through by itself, and nothing is shared between them, so that
there is nothing to get wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

Labels = tuple[int, ...]
LogProbs = Callable[[int, Labels], np.ndarray]


class Found(NamedTuple):
    """One label sequence."""

    total: float
    """Log-probability of all its alignments."""
    best: float
    """Log-probability of the best one."""
    frames: Labels
    """The frame of each label, in the best alignment."""
    log_probs: tuple[float, ...]
    """Of the labels, there."""


def alignments(
    log_probs: LogProbs, frames: int, blank: int, max_symbols: int
) -> Iterator[tuple[Labels, Labels, tuple[float, ...], float]]:
    """Labels, their frames, their log-probabilities, and the score of each alignment."""

    def walk(t: int, there: int, said: Labels, at: Labels, own: Any, score: float) -> Any:
        if t == frames:
            yield said, at, own, score
            return
        row = log_probs(t, said)
        yield from walk(t + 1, 0, said, at, own, score + float(row[blank]))
        if there == max_symbols:
            return
        for label, value in enumerate(row.tolist()):
            if label != blank:
                yield from walk(
                    t, there + 1, (*said, label), (*at, t), (*own, value), score + value
                )

    yield from walk(0, 0, (), (), (), 0.0)


def enumerate_all(
    log_probs: LogProbs, frames: int, blank: int, max_symbols: int
) -> Mapping[Labels, Found]:
    """All label sequences that can be said."""
    scores: dict[Labels, list[float]] = {}
    best: dict[Labels, tuple[float, Labels, tuple[float, ...]]] = {}
    for said, at, own, score in alignments(log_probs, frames, blank, max_symbols):
        scores.setdefault(said, []).append(score)
        if said not in best or score > best[said][0]:
            best[said] = (score, at, own)
    return {said: Found(float(np.logaddexp.reduce(scores[said])), *best[said]) for said in scores}


def model(parameters: Mapping[str, Any], encoded: Any, blank: int, **options: float) -> LogProbs:
    """`LSTMPrediction` and `Joiner`, from the definition.

    Args:
        parameters: By name, of a module with parts `prediction` and `joiner`.
        encoded: [frames, features].
        blank: The start symbol.
        options: `temperature` and `blank_penalty`.
    """
    p = parameters

    @cache
    def predicted(said: Labels) -> Any:
        """Features after labels, hidden and cell."""
        if not said:
            zeros = np.zeros(p["prediction.lstm.hidden_weight"].shape[0])
            return None, zeros, zeros
        return _step(p, said[-1], *predicted(said[:-1])[1:])

    @cache
    def log_probs(t: int, said: Labels) -> np.ndarray:
        features = predicted((blank, *said))[0]
        joint = np.tanh(encoded[t] + features)
        logits = joint @ p["joiner.output.weight"] + p["joiner.output.bias"]
        logits = logits / options.get("temperature", 1.0)
        if "blank_penalty" in options:
            logits[blank] -= options["blank_penalty"]
        return logits - np.logaddexp.reduce(logits)

    return log_probs


def _sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def _step(p: Mapping[str, Any], label: int, h: Any, c: Any) -> Any:
    gates = (
        p["prediction.embedding.weight"][label] @ p["prediction.lstm.input_weight"]
        + p["prediction.lstm.bias"]
        + h @ p["prediction.lstm.hidden_weight"]
    )
    i, f, g, o = np.split(gates, 4)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    h = _sigmoid(o) * np.tanh(c)
    return h @ p["prediction.projection.weight"] + p["prediction.projection.bias"], h, c


def greedy(log_probs: LogProbs, frames: int, blank: int, max_symbols: int) -> tuple[Labels, Labels]:
    """Labels, each the best class there, and their frames."""
    said, at = [], []
    for t in range(frames):
        for _ in range(max_symbols):
            best = int(np.argmax(log_probs(t, tuple(said))))
            if best == blank:
                break
            said.append(best)
            at.append(t)
    return tuple(said), tuple(at)


class Hypothesis(NamedTuple):
    """Of a beam search."""

    labels: Labels
    model: float
    """Log-probability, by the alignments met."""
    path: float
    """Of the best of these."""
    frames: Labels
    """Of the labels, there."""


def beam_search(
    log_probs: LogProbs,
    frames: int,
    blank: int,
    *,
    beam: int,
    max_symbols: int,
    extra: Callable[[Labels], float] = lambda labels: 0.0,
    recombine: str | None = "sum",
    prune_norm: bool = False,
    margin: float = np.inf,
) -> list[Hypothesis]:
    """The search itself for one utterance, with lists. `extra` is of scorers, weighted."""

    def score(h: Hypothesis) -> float:
        return h.model + extra(h.labels)

    def rank(h: Hypothesis) -> float:
        return score(h) / (len(h.labels) + 2) if prune_norm else score(h)

    best = [Hypothesis((), 0.0, 0.0, ())]
    for t in range(frames):
        now, ended = best, list[Hypothesis]()
        for level in range(max_symbols + 1):
            rows = [log_probs(t, h.labels) for h in now]
            for h, row in zip(now, rows, strict=True):
                ended = _entered(ended, _longer(h, float(row[blank])), recombine)
            if level == max_symbols:
                break
            kept = sorted((score(h) for h in ended), reverse=True)
            limit = kept[beam - 1] if len(kept) >= beam else -np.inf
            limit = max(limit, kept[0] - margin)
            grown = [
                _longer(h, value, (*h.labels, label), t)
                for h, row in zip(now, rows, strict=True)
                for label, value in enumerate(row.tolist())
                if label != blank
            ]
            grown = sorted(grown, key=score, reverse=True)[:beam]
            now = [h for h in grown if score(h) > limit]
        least = max(map(score, ended)) - margin
        best = [h for h in ended if score(h) >= least]
        best = sorted(best, key=rank, reverse=True)[:beam]
    return best


def _longer(h: Hypothesis, value: float, labels: Any = None, t: int | None = None) -> Hypothesis:
    at = h.frames if t is None else (*h.frames, t)
    said = h.labels if labels is None else labels
    return Hypothesis(said, h.model + value, h.path + value, at)


def _entered(ended: list[Hypothesis], new: Hypothesis, recombine: str | None) -> list[Hypothesis]:
    """With one more, merged with the same labels."""
    for i, h in enumerate(ended):
        if recombine is not None and h.labels == new.labels:
            both = (h.model, new.model)
            model = float(np.logaddexp(*both)) if recombine == "sum" else max(both)
            winner = new if new.path > h.path else h
            return [*ended[:i], winner._replace(model=model), *ended[i + 1 :]]
    return [*ended, new]
