"""What comes next after label sequences, some frames ahead of the search.

Hypotheses mostly live through several frames by blanks. So a sequence that has lasted is looked at
for several frames at once: the joiner's weights are read once for all of them, and a product of
more rows is a faster one. Blocks begin with one frame, double while the sequence lasts, and end at
multiples of their size, so that those of different sequences come due together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from seqfront.search.prefix_tree import Node

Look: TypeAlias = tuple[float, list[float], list[int]]
"""At one frame after one sequence: log-probability of the blank; those of the best labels, the best
first; and these labels."""

Evaluate: TypeAlias = Callable[[Sequence[int], Sequence[Node], Sequence[int]], Sequence[Look]]
"""From pairs (frame, place among the nodes): `evaluate(frames, nodes, places)`."""

_LONGEST = 8


class Block:
    """What was found of a sequence at the frames from `begin` on."""

    __slots__ = ("begin", "looks", "width")

    def __init__(self, begin: int, width: int) -> None:
        self.begin = begin
        self.width = width
        self.looks: list[Look] = []


class Lookahead:
    """What comes next.

    Args:
        evaluate: Asks the joiner.
        frames: How many frames there are.
    """

    def __init__(self, evaluate: Evaluate, frames: int) -> None:
        self._evaluate = evaluate
        self._frames = frames

    def __call__(self, nodes: Sequence[Node], frame: int) -> list[Look]:
        """After each of the nodes at a frame."""
        new = [node for node in nodes if not _covers(node.found, frame)]
        if new:
            self._extend(new, frame)
        for node in nodes:
            node.seen = frame
        return [node.found.looks[frame - node.found.begin] for node in nodes]

    def _extend(self, nodes: Sequence[Node], frame: int) -> None:
        frames: list[int] = []
        places: list[int] = []
        for place, node in enumerate(nodes):
            width = _width(node.found, frame)
            node.found = Block(frame, width)
            end = min((frame // width + 1) * width, self._frames)
            frames += range(frame, end)
            places += [place] * (end - frame)
        looks = self._evaluate(frames, nodes, places)
        for place, look in zip(places, looks, strict=True):
            nodes[place].found.looks.append(look)


def _covers(block: Block | None, frame: int) -> bool:
    return block is not None and frame - block.begin < len(block.looks)


def _width(before: Block | None, frame: int) -> int:
    """Of the next block."""
    if before is None or frame > before.begin + len(before.looks):
        return 1
    return min(2 * before.width, _LONGEST)
