"""N-gram language models as scorers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from typing_extensions import Self

from seqfront import errors
from seqfront.dim import Dim
from seqfront.search.scorers.arpa import ArpaModel, File, read_arpa
from seqfront.search.scorers.automaton_scorer import AutomatonScorer, Implementation, classes_of
from seqfront.search.scorers.ngram_graph import Vocabulary, ngram_graph

_OP = "NGram.from_arpa"


class NGram(AutomatonScorer):
    """An n-gram language model with backoff (Katz 1987).

    The probability of a label after a history is that of the longest n-gram that the model has for
    them; for each word by which the history had to be cut, the backoff weight of what it was
    counts, too. A state is what of the history still matters. `final` is the probability of the end
    of the sentence.

    Made by `from_arpa`; searches of several threads may share one.
    """

    bounds = (-math.inf, 0.0)
    order: int
    """Words of the longest n-grams."""

    @classmethod
    def from_arpa(
        cls,
        file: File,
        *,
        classes: Dim,
        labels: Mapping[str, int] | Sequence[str | None],
        unknown: str | float = "<unk>",
        start: str | None = "<s>",
        end: str | None = "</s>",
        implementation: Implementation | None = None,
    ) -> Self:
        """Read a model in the ARPA format, as SRILM, KenLM and others write it.

        N-grams of words that are no labels are left out: no label sequence can have them.

        Args:
            file: A path, of a plain or gzip-compressed file, or an open file.
            classes: What is scored.
            labels: What the labels are called in the model: the class of each word, or the words by
                class. A class may have no word, as the blank has none.
            unknown: What takes the place of labels that are no words of the model: the word for
                them, or a natural logarithm instead of their 1-gram. Without it in the model they
                score -inf.
            start: The word before the first label; None: there is none.
            end: The word after the last label; None: ending counts nothing.
            implementation: "native" by the library, "composed" in operations of the framework;
                None: "native" on devices that have kernels.

        Raises:
            CheckpointError: The file makes no sense; names the line. Or it has not one of the
                labels, or not `start` or `end`.
            DimError: Labels that are no classes, or two words for a class.
        """
        size = classes_of(_OP, classes)
        given = _given(labels, size)
        model = read_arpa(file)
        vocabulary = _vocabulary(model, given, size, unknown, start, end)
        automaton, first = ngram_graph(model, vocabulary)
        made = cls(_OP, automaton, classes, start=first, implementation=implementation)
        made.order = len(model.orders)
        return made


def _given(labels: Mapping[str, int] | Sequence[str | None], size: int) -> dict[str, int]:
    """The class of each word."""
    if isinstance(labels, Mapping):
        pairs = list(labels.items())
    else:
        pairs = [(word, label) for label, word in enumerate(labels) if word is not None]
    words: dict[int, str] = {}
    found: dict[str, int] = {}
    for word, label in pairs:
        fix = "give each class at most one word, each word one class."
        if type(label) is not int or not 0 <= label < size:
            raise errors.bad_argument(_OP, f"labels[{word!r}]", label, f"0 to {size - 1}", fix)
        if label in words:
            came = (words[label], word)
            raise errors.bad_argument(_OP, f"the word of class {label}", came, "one word", fix)
        if word in found:
            both = (found[word], label)
            raise errors.bad_argument(_OP, f"the class of {word!r}", both, "one class", fix)
        words[label] = word
        found[word] = label
    return found


def _vocabulary(
    model: ArpaModel,
    labels: Mapping[str, int],
    size: int,
    unknown: str | float,
    start: str | None,
    end: str | None,
) -> Vocabulary:
    for name, word in (("start", start), ("end", end)):
        if word is not None and word not in model.words:
            raise errors.no_such_word(model.file, name, word)
    known = {model.words[word]: label for word, label in labels.items() if word in model.words}
    if labels and not known:
        raise errors.no_label_known(model.file, _some(labels), _some(model.words))
    others = sorted(set(range(size)) - set(known.values()))
    stand_in = model.words.get(unknown) if isinstance(unknown, str) else None
    pairs = [*known.items(), *((stand_in, label) for label in others if stand_in is not None)]
    missing = np.full(size, -math.inf)
    if not isinstance(unknown, str):
        missing[others] = unknown
    return Vocabulary(
        np.array([word for word, _ in pairs], np.int64),
        np.array([label for _, label in pairs], np.int64),
        missing,
        None if start is None else model.words[start],
        None if end is None else model.words[end],
    )


def _some(words: Mapping[str, int]) -> str:
    first = [repr(word) for word in list(words)[:5]]
    return ", ".join([*first, "..."] if len(words) > 5 else first)
