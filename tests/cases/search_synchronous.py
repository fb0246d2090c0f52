"""Transducer searches in steps of labels, and of labels and blanks."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import greedy, transducer_search

import seqfront as sf
from cases.dims import RAGGED, batch, feature, time
from seqfront import Dim
from seqfront.testing import Case, normal

_vocab, _lasting = Dim("classes", 5), Dim("durations", 3)
_labels = Dim("found")
_beams = Dim("best", 3)
_DURATIONS = (0, 1, 2)


class _Model(sf.nn.Module):
    """A transducer, with durations if need be."""

    def __init__(self) -> None:
        self.prediction = sf.models.LSTMPrediction(
            _vocab, Dim("embedding", 3), Dim("hidden", 4), feature
        )
        self.joiner = sf.models.Joiner(feature, _vocab)
        self.lasting = sf.models.Joiner(feature, _lasting)

    def both(self, frame: sf.Tensor, features: sf.Tensor) -> Any:
        return self.joiner(frame, features), self.lasting(frame, features)


def _greedy(m: _Model, x: sf.Tensor, *, join: Any = None, **options: Any) -> Any:
    search = sf.search.TransducerGreedy(
        m.prediction, join or m.joiner, blank_index=1, classes=_vocab, in_dim=feature,
        max_symbols=2, **options,
    )  # fmt: skip
    first, _ = search(x * 3.0, axis=time)
    found = [part.rename(first.label_dim, _labels) for part in first[:4]]
    return found[0].labels_of(_vocab), *found[1:], first.score


def _durations(m: _Model, x: sf.Tensor) -> Any:
    return _greedy(m, x, join=m.both, durations=_DURATIONS)


def _beam(m: _Model, x: sf.Tensor) -> Any:
    search = sf.search.AlignmentBeam(
        m.prediction, m.joiner, blank_index=-1, beam=3, max_symbols=None, max_labels=4
    )
    found, _ = search(x * 3.0, axis=time)
    dims = ((found.beam_dim, _beams), (found.label_dim, _labels))

    def named(part: sf.Tensor) -> sf.Tensor:
        for own, other in dims:
            part = part.rename(own, other) if own in part.dims else part
        return part

    return named(found.labels), named(found.start), named(found.score), named(found.log_probs)


def _logits(m: _Model, x: np.ndarray, joiner: str) -> Any:
    p = {name: value.numpy() for name, value in m.named_parameters().items()}
    p = {**p, **{k.replace(joiner, "joiner"): v for k, v in p.items() if k.startswith(joiner)}}
    return transducer_search.model(p, x * 3.0, 1)


def _alone(m: _Model, x: np.ndarray, durations: Any = None) -> Any:
    classes, lasting = _logits(m, x, "joiner"), _logits(m, x, "lasting")

    def logits(t: int, said: list[int]) -> Any:
        own = classes(t, tuple(said))
        return own if durations is None else (own, lasting(t, tuple(said)))

    found = greedy.greedy(logits, len(x), blank=1, max_symbols=2, durations=durations)
    return (
        np.array(found.labels, np.int32), np.array(found.log_probs),
        np.array(found.start, np.int32), np.array(found.end, np.int32), np.array(found.score),
    )  # fmt: skip


CASES = [
    Case(
        "search-transducer-greedy",
        _greedy,
        {"x": normal(batch, time, feature)},
        RAGGED,
        covers=("search.TransducerGreedy",),
        module=_Model,
        batch=(batch,),
        oracle=_alone,
        no_gradient="labels are chosen",
        no_half="labels are chosen",
    ),
    Case(
        "search-transducer-greedy-durations",
        _durations,
        {"x": normal(batch, time, feature)},
        RAGGED,
        covers=("search.TransducerGreedy",),
        module=_Model,
        batch=(batch,),
        oracle=lambda m, x: _alone(m, x, _DURATIONS),
        no_gradient="labels are chosen",
        no_half="labels are chosen",
    ),
    Case(
        "search-alignment-beam",
        _beam,
        {"x": normal(batch, time, feature)},
        RAGGED,
        covers=("search.AlignmentBeam",),
        module=_Model,
        batch=(batch,),
        no_gradient="labels are chosen",
        no_half="labels are chosen",
    ),
]
