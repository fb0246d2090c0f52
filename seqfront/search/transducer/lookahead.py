"""What comes next after label sequences, some frames ahead of the search.

Hypotheses mostly live through several frames by blanks. So a sequence that has lasted is looked at
for several frames at once: the joiner's weights are read once for all of them, and a product of
more rows is a faster one. Blocks end at multiples of their size, so that those of different
sequences come due together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from seqfront.search.transducer.prefix_tree import Node


class Looks(NamedTuple):
    """What comes next at some frames after some sequences, pair after pair. (Flat: few long lists
    are less for Python to look after than many short ones.)"""

    blank: list[float]
    """[pairs]: log-probability of the blank."""
    log_probs: list[float]
    """[pairs * width]: of the best labels, the best first."""
    labels: list[int]
    """[pairs * width]: which these are."""
    width: int


Look: TypeAlias = tuple[Looks, int]
"""At one frame after one sequence: pair number so much of these."""

Evaluate: TypeAlias = Callable[[Sequence[int], Sequence[Node], Sequence[int]], Looks]
"""From pairs (frame, place among the nodes): `evaluate(frames, nodes, places)`."""

_LONGEST = 8
"""Most frames of a block."""
_ROWS = 32
"""Rows of a product; of more, weights are no longer what takes the time, and what is looked at in
vain costs as much as what is not."""


class Block:
    """What comes after a sequence up to the frame `end`: at frame t it is pair `offset` + t."""

    __slots__ = ("end", "looks", "offset")

    def __init__(self, end: int, offset: int) -> None:
        self.end = end
        self.offset = offset
        self.looks: Looks | None = None


class Lookahead:
    """What comes next.

    Args:
        evaluate: Asks the joiner.
        frames: How many frames there are.
        width: How many sequences live through a frame.
    """

    def __init__(self, evaluate: Evaluate, frames: int, width: int) -> None:
        self._evaluate = evaluate
        self._frames = frames
        self._longest = max(2, min(_LONGEST, _ROWS // width))

    def __call__(self, nodes: Sequence[Node], frame: int) -> list[Look]:
        """After each of the nodes at a frame."""
        new = [node for node in nodes if node.found is None or frame >= node.found.end]
        if new:
            self._extend(new, frame)
        looks: list[Look] = []
        for node in nodes:
            node.seen = frame
            block = node.found
            looks.append((block.looks, block.offset + frame))
        return looks

    def _extend(self, nodes: Sequence[Node], frame: int) -> None:
        frames: list[int] = []
        places: list[int] = []
        for place, node in enumerate(nodes):
            end = self._end(node.found, frame)
            node.found = Block(end, len(frames) - frame)
            frames += range(frame, end)
            places += [place] * (end - frame)
        looks = self._evaluate(frames, nodes, places)
        for node in nodes:
            node.found.looks = looks

    def _end(self, before: Block | None, frame: int) -> int:
        """Of the next block: one frame, for a sequence that has not lasted."""
        if before is None or frame > before.end:
            return frame + 1
        return min((frame // self._longest + 1) * self._longest, self._frames)
