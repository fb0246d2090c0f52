"""What a search looks at ahead of time: the right pairs, none twice, and more where few are due."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from seqfront.search.transducer.lookahead import Lookahead, Looks
from seqfront.search.transducer.prefix_tree import Node

FRAMES = 40


class _Joiner:
    """Says which pair it was asked about: frame + 1000 * label of the sequence."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.rows: list[int] = []

    def __call__(
        self, frames: Sequence[int], nodes: Sequence[Node], places: Sequence[int]
    ) -> Looks:
        pairs = [
            float(frame + 1000 * nodes[place].label)
            for frame, place in zip(frames, places, strict=True)
        ]
        self.asked += pairs
        self.rows.append(len(pairs))
        return Looks(pairs, pairs, [0] * len(pairs), 1)


@pytest.mark.parametrize("width", [1, 3, 10])
@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_the_right_ones_and_asked_once(width: int, seed: int) -> None:
    chance, joiner = random.Random(seed), _Joiner()
    ahead = Lookahead(joiner, FRAMES, width)
    nodes = [Node(None, label) for label in range(2 * width)]
    living = nodes[:width]
    for frame in range(FRAMES):
        grown = chance.sample(nodes, width)
        for group in (living, grown):
            for node, (looks, pair) in zip(group, ahead(group, frame), strict=True):
                assert looks.blank[pair] == frame + 1000 * node.label
        living = chance.sample(list(dict.fromkeys([*living, *grown[:1]])), width)
    assert len(set(joiner.asked)) == len(joiner.asked)
    assert max(pair % 1000 for pair in joiner.asked) == FRAMES - 1


def test_what_comes_next_comes_along() -> None:
    joiner = _Joiner()
    ahead = Lookahead(joiner, FRAMES, 10)
    living = [Node(None, label) for label in range(10)]
    ahead(living, 0)
    ahead(living, 1)  # up to frame 3
    ahead([Node(None, 10)], 1)
    assert joiner.rows == [10, 20, 7]
    assert joiner.asked[-6:] == [3 + 1000 * label for label in range(6)]
    ahead(living, 3)  # six of them up to frame 4 only
    assert joiner.rows[3:] == [30 - 6]
