"""Exact log-probabilities of the hypotheses of a search, against brute force; with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import lattices

import seqfront as sf
from cases.dims import batch, time
from seqfront import Dim
from seqfront.testing import Case, Layout, integers, normal, ragged

_beam, _label, _classes = Dim("beam", 2), Dim("label"), Dim("classes", 4)
_LAYOUT = Layout(
    {batch: 3, _beam: 2, time: 4, _label: 2},
    {time: ragged(batch, [4, 3, 2]), _label: ragged(batch, [2, 0, 1])},
)
_INPUTS = {
    "x": normal(batch, time, _classes),
    "y": integers(batch, _beam, _label, low=1, of=_classes),
}


class _Bigram(sf.nn.Module):
    """What follows a label, whatever came before it."""

    def __init__(self) -> None:
        self.embedding = sf.nn.Embedding(_classes, _classes.clone("features"))
        self.features = self.embedding.out_dim

    def __call__(self, labels: sf.Tensor, *, axis: Any, state: Any = None) -> Any:
        return self.embedding(labels), state


def _hypotheses(x: sf.Tensor, y: sf.Tensor) -> sf.search.Hypotheses:
    score = sf.zeros((batch, _beam), dtype=x.dtype, like=y)
    return sf.search.Hypotheses(y, score, {}, y, y, y, score > -1.0, _beam, _label)


def _transducer(m: _Bigram, x: sf.Tensor, y: sf.Tensor) -> sf.Tensor:
    def join(frame: sf.Tensor, features: sf.Tensor) -> sf.Tensor:
        return sf.add(frame, features.rename(m.features, _classes), allow_broadcast=True)

    return sf.search.transducer_log_probs(
        _hypotheses(x, y), x, axis=time, predict=m, join=join, blank_index=0, classes=_classes,
        in_dim=_classes,
    )  # fmt: skip


def _transducer_by_hand(m: _Bigram, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    weight = m.embedding.weight.numpy(_classes, m.features)

    def one(labels: np.ndarray) -> float:
        so_far = np.concatenate([[0], labels]).astype(int)
        return -lattices.rnnt(x[:, None] + weight[so_far], labels, blank=0)

    return np.array([one(labels) for labels in y])


def _ctc_by_hand(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.array([-lattices.ctc(x, labels, blank=0) for labels in y])


CASES = [
    Case(
        "search-ctc-log-probs",
        lambda x, y: sf.search.ctc_log_probs(_hypotheses(x, y), x, axis=time, blank_index=0),
        _INPUTS, _LAYOUT, covers=("search.ctc_log_probs",), batch=(batch,),
        oracle=_ctc_by_hand,
        no_empty_row="no frames give infinite losses, which do not move",
    ),
    Case(
        "search-transducer-log-probs",
        _transducer, _INPUTS, _LAYOUT, covers=("search.transducer_log_probs",), module=_Bigram,
        batch=(batch,), oracle=_transducer_by_hand,
        no_empty_row="no frames give infinite losses, which do not move",
    ),
]  # fmt: skip
