"""Scorers that are automata, along whole label sequences; against their definitions."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from oracles import arpa, phrases

import seqfront as sf
from cases.dims import RAGGED, TWO_BATCH_DIMS, batch, group, time, vocab
from seqfront import Dim
from seqfront.testing import Case, Layout, Spec, integers

_WORDS = ["<blank>", "a", "b", "c", "<unk>", "d", "other"]
_IN_MODEL = ["a", "b", "c", "d", "<unk>", "<s>", "</s>"]
_AS_MODEL = ["<unk>", "a", "b", "c", "<unk>", "d", "<unk>"]
_TEXT = arpa.random_model(np.random.default_rng(6), _IN_MODEL, 3)
_LISTS: list[list[phrases.Phrase]] = [
    [((1, 2), 1.0), ((2, 3, 1), 2.0), ((1, 1), 0.5)],
    [((4,), 1.0), ((4, 5, 4), -0.5), ((0, 1), 1.5)],
]


def _scores(scorer: sf.search.Scorer, labels: sf.Tensor) -> Any:
    """The row before each label, and the sum of all, that of ending there included."""
    rows = [dim for dim in labels.dims if dim is not time]
    total = sf.cast(sf.gather(labels, indices=0, axis=time), "float32").labels_of(None) * 0.0

    def step(now: tuple[Any, sf.Tensor], label: sf.Tensor) -> Any:
        state, so_far = now
        row = scorer.score(state)
        after = scorer.advance(state, label)
        return (after, so_far + sf.gather(row, indices=label, axis=vocab)), row

    start = (scorer.initial_state(rows, like=total), total)
    (state, total), before = sf.scan(step, start, labels, axis=time)
    final = scorer.final(state)
    assert final is not None
    return before, total + final


def _ngram(implementation: Any = None) -> Any:
    ngram = sf.search.NGram.from_arpa(
        io.StringIO(_TEXT), classes=vocab, labels=_WORDS, implementation=implementation
    )

    def call(y: sf.Tensor) -> Any:
        return _scores(ngram, y)

    return call


def _ngram_by_hand(y: np.ndarray) -> Any:
    rows, ends = arpa.rows(arpa.parse(_TEXT), _AS_MODEL, y.tolist())
    said = sum(rows[i, label] for i, label in enumerate(y.tolist()))
    return rows[:-1].reshape(len(y), len(_WORDS)), np.array(said + ends[-1])


def _hotwords(implementation: Any = None) -> Any:
    hotwords = sf.search.Hotwords(
        _LISTS, classes=vocab, streams=batch, implementation=implementation
    )

    def call(y: sf.Tensor, which: sf.Tensor) -> Any:
        return _scores(hotwords.for_streams(which), y)

    return call


def _hotwords_by_hand(y: np.ndarray, which: np.ndarray) -> Any:
    own, labels = _LISTS[int(which)], y.tolist()
    so_far = [phrases.in_advance(labels[:count], own) for count in range(len(labels) + 1)]
    rows = [
        [phrases.in_advance([*labels[:count], label], own) - so_far[count] for label in range(7)]
        for count in range(len(labels))
    ]
    return np.reshape(rows, (len(y), 7)), np.array(phrases.worth(labels, own))


def _case(
    name: str, call: Any, oracle: Any, inputs: dict[str, Spec], layout: Layout, *rows: Dim
) -> Case:
    return Case(
        f"search-{name}",
        call,
        inputs,
        layout,
        covers=("search.NGram" if "ngram" in name else "search.Hotwords",),
        batch=rows,
        oracle=oracle,
        no_gradient="tables have none",
    )


_LABELS = {"y": integers(batch, time, of=vocab)}
_STREAMS = {**_LABELS, "which": integers(batch, high=2)}

CASES = [
    _case("ngram", _ngram(), _ngram_by_hand, _LABELS, RAGGED, batch),
    _case("ngram-composed", _ngram("composed"), _ngram_by_hand, _LABELS, RAGGED, batch),
    _case(
        "ngram-two-batch-dims",
        _ngram(),
        _ngram_by_hand,
        {"y": integers(group, time, batch, of=vocab)},
        TWO_BATCH_DIMS,
        batch,
        group,
    ),
    _case("hotwords", _hotwords(), _hotwords_by_hand, _STREAMS, RAGGED, batch),
    _case("hotwords-composed", _hotwords("composed"), _hotwords_by_hand, _STREAMS, RAGGED, batch),
]
