"""N-gram models by the definition of the ARPA format, in plain Python: no tables, no states."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

LN10 = math.log(10.0)

Model = dict[tuple[str, ...], tuple[float, float]]
"""log10 probability and backoff weight of each n-gram."""


def parse(text: str) -> Model:
    """The n-grams of a file that is known to be right."""
    model: Model = {}
    order = 0
    for line in text.splitlines():
        fields = line.split()
        if line.startswith("\\") and line.endswith("-grams:"):
            order = int(line[1 : line.index("-")])
        elif order and fields and not line.startswith("\\"):
            backoff = float(fields[order + 1]) if len(fields) > order + 1 else 0.0
            model[tuple(fields[1 : order + 1])] = (float(fields[0]), backoff)
    return model


def log_prob(model: Model, history: Sequence[str], word: str) -> float:
    """ln p(word | history); the word is one of the model, or it is impossible."""
    ngram = (*history, word)
    if ngram in model:
        return model[ngram][0] * LN10
    if not history:
        return -math.inf
    backoff = model[tuple(history)][1] if tuple(history) in model else 0.0
    return backoff * LN10 + log_prob(model, history[1:], word)


def rows(
    model: Model, words: Sequence[str], labels: Sequence[int], start: str | None = "<s>"
) -> tuple[Any, list[float]]:
    """After each prefix of `labels`: scores of all classes, and of the end. `words`: by class, as
    the model has them."""
    history = [] if start is None else [start]
    scores: list[list[float]] = []
    ends: list[float] = []
    for label in [*labels, None]:
        scores.append([log_prob(model, history, word) for word in words])
        ends.append(log_prob(model, history, "</s>"))
        if label is not None:
            history = [*history, words[label]]
    return np.array(scores), ends


def random_model(
    rng: np.random.Generator, words: Sequence[str], order: int, keep: float = 0.5
) -> str:
    """A file with some n-grams over `words`, which hold "<s>" and "</s>"; backoff weights stand at
    some of the n-grams only."""
    levels: list[list[tuple[str, ...]]] = [[(word,) for word in words]]
    for _ in range(order - 1):
        longer = [
            (*context, word)
            for context in levels[-1]
            for word in words
            if context[-1] != "</s>" and word != "<s>" and rng.random() < keep
        ]
        levels.append(longer)
    lines = ["a comment", "", "\\data\\"]
    lines += [f"ngram {n}={len(ngrams)}" for n, ngrams in enumerate(levels, 1)]
    for n, ngrams in enumerate(levels, 1):
        lines += ["", f"\\{n}-grams:"]
        for i in rng.permutation(len(ngrams)):
            weight = "" if n == order or rng.random() < 0.3 else f"\t{-rng.random():.6f}"
            lines.append(f"{-3 * rng.random():.6f}\t{' '.join(ngrams[i])}{weight}")
    return "\n".join([*lines, "", "\\end\\", ""])
