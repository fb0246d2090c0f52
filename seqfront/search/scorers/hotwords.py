"""Phrases that a search is to prefer: names, commands, words of a domain."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from typing_extensions import Self

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.ops.index import gather
from seqfront.search.scorers.automaton_scorer import AutomatonScorer, Implementation, classes_of
from seqfront.search.scorers.phrase_graph import Phrase, phrase_graph
from seqfront.tensor import Tensor

_OP = "Hotwords"

HotPhrase: TypeAlias = Sequence[int] | tuple[Sequence[int], float]
"""Labels, with a bonus of their own or without."""


class Hotwords(AutomatonScorer):
    """A bonus for the labels of phrases.

    A label counts if it belongs to an occurrence of a phrase, all of whose labels were said one
    after another. It counts once: phrases may overlap or hold one another, and of several that it
    belongs to the greatest bonus counts. So the score of a whole hypothesis, `final` included, is

        sum of the bonuses of all labels within occurrences of phrases,

    while labels that may yet become a phrase have their bonus in advance, by the most generous of
    the phrases they may become. What comes to nothing is taken back with the label that ends it, or
    at the end.

    Args:
        phrases: Sequences of labels, or pairs of such and a bonus. With `streams`: a list of that
            for each of several streams; it may be empty.
        classes: What is scored; static.
        bonus: Of each label of a phrase that has none of its own. Below 0: phrases to avoid.
        streams: A dim of the hypotheses: stream i has list i. Or integers over such dims: which
            list each stream has. None: all have the same phrases. Only `initial_state` reads it: as
            streams come and go, set `hotwords.streams` before those that are new begin.
        implementation: "native" by the library, "composed" in operations of the framework; None:
            "native" on devices that have kernels.

    Raises:
        DimError: A phrase without labels, labels that are no classes, a bonus that is not finite.

    Example:
        >>> import seqfront as sf
        >>> classes = sf.Dim("classes", 5)
        >>> hotwords = sf.search.Hotwords([[1, 2, 3]], classes=classes, bonus=2.0)
        >>> start = hotwords.initial_state((), like=sf.wrap(0.0))
        >>> after = hotwords.advance(start, sf.wrap(1))
        >>> hotwords.score(start).numpy().tolist()  # 1 begins the phrase
        [0.0, 2.0, 0.0, 0.0, 0.0]
        >>> hotwords.score(after).numpy().tolist()  # 2 goes on, 1 begins anew, others end it
        [-2.0, 0.0, 2.0, -2.0, -2.0]
    """

    def __init__(
        self,
        phrases: Sequence[HotPhrase] | Sequence[Sequence[HotPhrase]],
        *,
        classes: Dim,
        bonus: float = 1.0,
        streams: Dim | Tensor | None = None,
        implementation: Implementation | None = None,
    ) -> None:
        size = classes_of(_OP, classes)
        lists = [phrases] if streams is None else phrases
        known = [_phrases(each, size, bonus) for each in lists]
        automaton, roots = phrase_graph(known, size)
        super().__init__(_OP, automaton, classes, start=0, implementation=implementation)
        self.bounds = automaton.bounds()
        self._roots = np.array(roots, np.int32)
        self._lists = Dim("phrase_lists", len(roots))
        self._streams = _checked(streams)

    @property
    def streams(self) -> Dim | Tensor | None:
        """Which list a stream that begins now has."""
        return self._streams

    @streams.setter
    def streams(self, streams: Dim | Tensor | None) -> None:
        self._streams = _checked(streams)

    def for_streams(self, streams: Dim | Tensor) -> Self:
        """The same lists for other streams, in a scorer of its own; nothing is made anew.

        Args:
            streams: As in the constructor.
        """
        other = copy.copy(self)
        other._streams = _checked(streams)
        return other

    def _first(self, batch: Sequence[Dim], like: Tensor) -> Tensor:
        node, streams = super()._first(batch, like), self._streams
        if streams is None:
            return node
        backend, lists = like.backend, self._lists
        place = self._place(node, like.dtype)
        (roots_there,) = self.automaton.on_device("roots", place, lambda: (self._roots,))
        roots = Tensor(roots_there, (lists,), backend=backend)
        if isinstance(streams, Tensor):
            align.check(_OP, node, *streams.dims, name="the hypotheses")
            return node + gather(roots, indices=streams.labels_of(None), axis=lists)
        align.check(_OP, node, streams, name="the hypotheses")
        size, count = node.size(streams), len(self._roots)
        if isinstance(size, int) and size != count:
            needed = f"{size}, one for each of {streams!r}"
            fix = "streams= may also be a tensor that says which list each stream has."
            raise errors.bad_argument(_OP, "the number of lists", count, needed, fix)
        return node + roots.rename(lists, streams)


def _checked(streams: Dim | Tensor | None) -> Dim | Tensor | None:
    if streams is not None and not isinstance(streams, (Dim, Tensor)):  # pyright: ignore
        needed = "a Dim, a Tensor or None"
        raise errors.bad_argument(_OP, "streams", streams, needed, "streams=batch.")
    return streams


def _phrases(given: Any, classes: int, bonus: float) -> tuple[Phrase, ...]:
    return tuple([_phrase(each, classes, bonus) for each in _items(given, "the list of phrases")])


def _phrase(given: Any, classes: int, bonus: float) -> Phrase:
    pair: Any = given
    if isinstance(given, tuple) and len(pair) == 2 and isinstance(pair[0], (tuple, list)):
        given, bonus = pair
    found = _items(given, "a phrase")
    for label in found:
        if not _is_label(label, classes):
            fix = "a phrase is a sequence of labels, or a pair of that and its bonus."
            raise errors.bad_argument(_OP, "a label", label, f"0 to {classes - 1}", fix)
    if not found:
        raise errors.bad_argument(_OP, "a phrase", found, "at least one label", "leave it out.")
    if type(bonus) not in (int, float) or not math.isfinite(bonus):
        raise errors.bad_argument(_OP, "a bonus", bonus, "a finite number", "bonus=1.0.")
    return tuple([int(label) for label in found]), float(bonus)


def _is_label(value: Any, classes: int) -> bool:
    return isinstance(value, (int, np.integer)) and bool(0 <= value < classes)


def _items(given: Any, name: str) -> list[Any]:
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        fix = "texts are labels first: Hotwords([tokenize(text) for text in texts], ...)."
        raise errors.bad_argument(_OP, name, given, "a sequence", fix)
    return list(given)
