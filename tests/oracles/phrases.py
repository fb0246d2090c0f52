"""What phrases are worth to a label sequence, from the definition."""

from __future__ import annotations

from collections.abc import Sequence

Phrase = tuple[tuple[int, ...], float]


def worth(labels: Sequence[int], phrases: Sequence[Phrase]) -> float:
    """The sum, over the labels within occurrences of phrases, of the greatest bonus of these."""
    best: dict[int, float] = {}
    for phrase, bonus in phrases:
        for begin in range(len(labels) - len(phrase) + 1):
            if tuple(labels[begin : begin + len(phrase)]) == phrase:
                for place in range(begin, begin + len(phrase)):
                    best[place] = max(best.get(place, bonus), bonus)
    return sum(best.values())


def in_advance(labels: Sequence[int], phrases: Sequence[Phrase]) -> float:
    """The same where the sequence is not at its end: the longest end of it that begins a phrase
    counts as if it became the most generous of the longer phrases it may become."""
    for begin in range(len(labels)):
        end = tuple(labels[begin:])
        may_become = [bonus for phrase, bonus in phrases if phrase[: len(end)] == end != phrase]
        if may_become or any(phrase == end for phrase, _ in phrases):
            hoped = [(end, max(may_become))] if may_become else []
            return _worth_at(labels, phrases, begin, hoped)
    return worth(labels, phrases)


def _worth_at(
    labels: Sequence[int], phrases: Sequence[Phrase], begin: int, hoped: Sequence[Phrase]
) -> float:
    """With a phrase that may stand at `begin` only."""
    total = 0.0
    for place in range(len(labels)):
        bonuses = [
            bonus
            for phrase, bonus in phrases
            for start in range(max(0, place - len(phrase) + 1), place + 1)
            if tuple(labels[start : start + len(phrase)]) == phrase
        ]
        if place >= begin:
            bonuses += [bonus for _, bonus in hoped]
        total += max(bonuses, default=0.0)
    return total
