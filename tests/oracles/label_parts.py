"""Small models in float64 for tests of label-synchronous search, and what each gives a sequence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

import seqfront as sf
from oracles import label_search
from oracles.label_search import Labels, Part
from oracles.lattices import log_softmax
from seqfront import backends

batch, time, place = sf.Dim("batch"), sf.Dim("time"), sf.Dim("place")
feature, vocab, joint = sf.Dim("feature", 4), sf.Dim("vocab", 4), sf.Dim("joint", 3)
embedding, hidden = sf.Dim("embedding", 3), sf.Dim("hidden", 5)

BLANK, START, END, LABELS = 0, 3, 3, (1, 2)
LENGTHS = [4, 2, 0]


class Models(sf.nn.Module):
    """A decoder, a language model, a transducer's prediction network and joiner."""

    def __init__(self, seed: int, backend: str) -> None:
        sf.set_seed(seed)
        inner = sf.Dim("inner", 6)
        self.decoder = sf.models.TransformerDecoder(
            vocab, feature, layers=2, heads=2, inner=inner, source_dim=feature
        )
        self.transformer = sf.models.TransformerDecoder(
            vocab, feature, layers=1, heads=2, inner=inner
        )
        self.lstm = sf.models.LSTMPrediction(vocab, embedding, hidden, vocab)
        self.predict = sf.models.LSTMPrediction(vocab, embedding, hidden, joint)
        self.join = sf.models.Joiner(joint, vocab)
        for name, parameter in self.named_parameters().items():
            factor = 3.0 if name.endswith("weight") else 1.0  # else all is nearly uniform
            value = factor * parameter.numpy().astype(np.float64)
            parameter.owned_by({"value": backends.get(backend).convert(value)}, "value")


def encoded(seed: int, backend: str, rows: slice = slice(None)) -> sf.Tensor:
    """[batch, time, feature], NaN beyond the lengths."""
    x = np.random.default_rng(seed).standard_normal((3, 5, 4))
    for row, length in enumerate(LENGTHS):
        x[row, length:] = np.nan
    raw = backends.get(backend).convert(x[rows])
    return sf.wrap(raw, (batch, time, feature), {time: LENGTHS[rows]})


def logits(x: sf.Tensor) -> sf.Tensor:
    """Of CTC, as many classes as features."""
    return 2.0 * x.rename(feature, vocab)


def scorer(name: str, models: Models, x: sf.Tensor, **options: Any) -> sf.search.Scorer:
    """One of the scorers."""
    if name == "attention":
        return sf.search.AttentionDecoder(
            models.decoder, x, time, start_index=START, end_index=END, **options
        )
    if name == "ctc":
        return sf.search.CtcPrefixScorer(logits(x), time, classes=vocab, blank_index=BLANK)
    if name in ("lstm", "transformer"):
        model = getattr(models, name)
        return sf.search.LanguageModel(model, start_index=START, end_index=END, **options)
    if name == "internal":
        return sf.search.InternalLanguageModel(models.predict, models.join, blank_index=BLANK)
    return sf.search.LengthBonus(vocab)


def part(name: str, models: Models, x: np.ndarray) -> Part:
    """The same for whole sequences of one utterance [time, feature], models on NumPy."""
    if name == "bonus":
        return lambda labels, ends: float(len(labels))
    if name == "ctc":
        return lambda labels, ends: _ctc(x, labels, ends)
    source = models.decoder.project(sf.wrap(x, (time, feature)), time)

    def given(labels: Labels, ends: bool) -> float:
        so_far = sf.wrap(
            [BLANK if name == "internal" else START, *labels], (place,), sparse_dim=vocab
        )
        if name == "internal":
            features = models.predict(so_far, axis=place)[0]
            found = models.join(sf.zeros((joint,), like=features), features).numpy(place, vocab)
            found[:, BLANK] = -np.inf
            return _chosen(found, labels)
        if name == "attention":
            found = models.decoder(so_far, axis=place, source=source)[0]
        else:
            found = getattr(models, name)(so_far, axis=place)[0]
        return _chosen(found.numpy(place, vocab), (*labels, END) if ends else labels)

    return given


def _ctc(x: np.ndarray, labels: Labels, ends: bool) -> float:
    sums = label_search.ctc(log_softmax(2.0 * x), BLANK)
    all_of_them = [
        p for s, p in sums.items() if s == labels or (not ends and s[: len(labels)] == labels)
    ]
    return math.log(sum(all_of_them)) if all_of_them else -math.inf


def parts(weights: Mapping[str, float], models: Models, x: np.ndarray) -> Any:
    """For `label_search.ranked`."""
    return {name: (part(name, models, x), weight) for name, weight in weights.items()}


def _chosen(found: np.ndarray, labels: Labels) -> float:
    return float(sum(log_softmax(found)[i, label] for i, label in enumerate(labels)))
