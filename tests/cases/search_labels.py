"""Label-synchronous search and its scorers."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from cases.dims import RAGGED, batch, feature, time, vocab
from seqfront import Dim
from seqfront.testing import Case, normal

_hidden, _embedding, _inner = Dim("hidden", 6), Dim("embedding", 3), Dim("inner", 6)
_joint = Dim("joint", 4)
_CHOICE = "labels are chosen"


class _Models(sf.nn.Module):
    """Shared by all cases; encodings go to a decoder, and to classes for CTC."""

    def __init__(self) -> None:
        options = {"layers": 1, "heads": 1, "inner": _inner}
        self.decoder = sf.models.TransformerDecoder(vocab, _hidden, source_dim=feature, **options)
        self.transformer = sf.models.TransformerDecoder(vocab, _hidden, **options)
        self.lstm = sf.models.LSTMPrediction(vocab, _embedding, _hidden, vocab)
        self.predict = sf.models.LSTMPrediction(vocab, _embedding, _hidden, _joint)
        self.join = sf.models.Joiner(_joint, vocab)
        self.classes = sf.nn.Linear(feature, vocab)


_hybrid = sf.search.LabelBeam(
    classes=vocab, beam=3, max_labels=4, start_index=1, end_index=2, blank_index=0
)
_fused = sf.search.LabelBeam(
    classes=vocab, beam=4, max_labels=3, start_index=1, end_index=2, blank_index=0,
    min_labels=1, length_norm=0.5, threshold=4.0,
)  # fmt: skip


def _results(found: sf.search.Hypotheses) -> Any:
    probs = sf.where(found.valid, sf.exp(found.score), 0.0)  # of -inf, too
    return found.labels, probs, found.log_probs, found.start, found.end, found.valid


def _attention_and_ctc(m: Any, x: sf.Tensor) -> Any:
    scorers = {
        "attention": (
            sf.search.AttentionDecoder(
                m.decoder, x, time, start_index=1, end_index=2, capacity=5
            ),
            0.7,
        ),
        "ctc": (
            sf.search.CtcPrefixScorer(m.classes(x), time, classes=vocab, blank_index=0), 0.3,
        ),
        "bonus": (sf.search.LengthBonus(vocab), 0.5),
    }  # fmt: skip
    return _results(_hybrid(scorers, (batch,), like=x))


def _language_models(m: Any, x: sf.Tensor) -> Any:
    options: Any = {"start_index": 1, "end_index": 2}
    scorers = {
        "lstm": (sf.search.LanguageModel(m.lstm, temperature=1.5, **options), 1.0),
        "transformer": (sf.search.LanguageModel(m.transformer, capacity=4, **options), 0.5),
        "internal": (
            sf.search.InternalLanguageModel(m.predict, m.join, blank_index=0), -0.3,
        ),
        "bonus": (sf.search.LengthBonus(vocab), 1.0),
    }  # fmt: skip
    limits = sf.cast(x.lengths(time), "int64")
    return _results(_fused(scorers, (batch,), like=x, max_labels=limits))


_SLOW = {
    "torch": "PyTorch takes a minute to trace it; search-labels-attention-and-ctc stands for it"
}

CASES = (
    Case(
        "search-labels-attention-and-ctc", _attention_and_ctc,
        {"x": normal(batch, time, feature)}, RAGGED, module=_Models, batch=(batch,),
        covers=(
            "search.LabelBeam", "search.AttentionDecoder", "search.CtcPrefixScorer",
            "search.LengthBonus",
        ),
        no_gradient=_CHOICE, no_half=_CHOICE,
    ),
    Case(
        "search-labels-language-models", _language_models,
        {"x": normal(batch, time, feature)}, RAGGED, module=_Models, batch=(batch,),
        covers=("search.LanguageModel", "search.InternalLanguageModel"),
        no_gradient=_CHOICE, no_half=_CHOICE, not_compiled=_SLOW,
    ),
)  # fmt: skip
