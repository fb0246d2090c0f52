"""What comes next after label sequences, some frames ahead of the search.

Hypotheses mostly live through several frames by blanks. So a sequence that has lasted is looked at
for several frames at once: the joiner's weights are read once for all of them, and a product of
more rows is a faster one. Blocks end at multiples of their size, so that those of different
sequences come due together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from seqfront.search.transducer.prefix_tree import Node

Look: TypeAlias = tuple[float, list[float], list[int]]
"""At one frame after one sequence: log-probability of the blank; those of the best labels, the best
first; and these labels."""

Evaluate: TypeAlias = Callable[[Sequence[int], Sequence[Node], Sequence[int]], Sequence[Look]]
"""From pairs (frame, place among the nodes): `evaluate(frames, nodes, places)`."""

LONGEST = 8
"""Frames of a block; blocks end at multiples of it."""


class Block:
    """What comes after a sequence at the frames from `begin` to `end`."""

    __slots__ = ("begin", "end", "looks")

    def __init__(self, begin: int, end: int) -> None:
        self.begin = begin
        self.end = end
        self.looks: list[Look] = []

    def look(self, frame: int) -> Look:
        """At one of these frames."""
        return self.looks[frame - self.begin]


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
        new = [node for node in nodes if node.found is None or frame >= node.found.end]
        if new:
            self._extend(new, frame)
        for node in nodes:
            node.seen = frame
        return [node.found.look(frame) for node in nodes]

    def _extend(self, nodes: Sequence[Node], frame: int) -> None:
        frames: list[int] = []
        places: list[int] = []
        for place, node in enumerate(nodes):
            node.found = Block(frame, self._end(node.found, frame))
            frames += range(frame, node.found.end)
            places += [place] * (node.found.end - frame)
        for place, look in zip(places, self._evaluate(frames, nodes, places), strict=True):
            nodes[place].found.looks.append(look)

    def _end(self, before: Block | None, frame: int) -> int:
        """Of the next block: one frame, for a sequence that has not lasted."""
        if before is None or frame > before.end:
            return frame + 1
        return min((frame // LONGEST + 1) * LONGEST, self._frames)
