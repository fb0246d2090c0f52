"""Frame-synchronous transducer search."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles import transducer_search as oracle

import seqfront as sf
from cases.dims import RAGGED, batch, feature, time
from seqfront import Dim
from seqfront.testing import Case, normal

_classes, _embedding, _hidden = Dim("classes", 4), Dim("embedding", 3), Dim("hidden", 5)
_beam, _label = Dim("beam", 3), Dim("label")
_CHOICE = "labels are chosen"
_OPTIONS: Any = {"max_symbols": 2, "blank_penalty": 1.0, "temperature": 0.5}


class _Model(sf.nn.Module):
    def __init__(self) -> None:
        self.prediction = sf.models.LSTMPrediction(_classes, _embedding, _hidden, feature)
        self.joiner = sf.models.Joiner(feature, _classes)
        self.search = sf.search.TransducerBeam(
            self.prediction, self.joiner, blank_index=-2, beam=3, **_OPTIONS
        )


def _call(m: Any, x: sf.Tensor) -> Any:
    found, state = m.search(3.0 * x, axis=time)
    best, own = found.best(), found.label_dim
    said = (best.labels, best.start, best.end, best.log_probs)
    over_beam = (found.score, found.labels.lengths(own))
    return (
        *[part.rename(own, _label) for part in said],
        *[part.rename(found.beam_dim, _beam) for part in over_beam],
        state.frames,
    )


def _oracle(m: Any, x: np.ndarray) -> Any:
    arrays = {name: parameter.numpy() for name, parameter in m.named_parameters().items()}
    options = dict(_OPTIONS)
    max_symbols = options.pop("max_symbols")
    model = oracle.model(arrays, 3.0 * x, 2, **options)
    found = oracle.beam_search(model, len(x), 2, beam=3, max_symbols=max_symbols)
    best, missing = found[0], 3 - len(found)
    own = [float(model(t, best.labels[:i])[best.labels[i]]) for i, t in enumerate(best.frames)]
    start = np.array(best.frames, np.int32)
    return (
        np.array(best.labels, np.int32),
        start,
        start + 1,
        np.array(own),
        np.array([h.model for h in found] + missing * [-np.inf]),
        np.array([len(h.labels) for h in found] + missing * [0], np.int32),
        np.int32(len(x)),
    )


CASES = (
    Case(
        "search-transducer-beam", _call, {"x": normal(batch, time, feature)}, RAGGED,
        module=_Model, batch=(batch,), oracle=_oracle, covers=("search.TransducerBeam",),
        no_gradient=_CHOICE, no_half=_CHOICE,
    ),
)  # fmt: skip
