"""What comes next after label sequences, some frames ahead of the search.

Hypotheses mostly live through several frames by blanks. So a sequence that has lasted is looked at
for several frames at once: the joiner's weights are read once for all of them, and a product of
more rows is a faster one. Blocks end at multiples of their size, so that those of different
sequences come due together. Where few rows are due, what will be asked next comes along: reading
the weights is what takes the time.
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
_FREE = 7
"""So many rows take hardly longer than one."""


class Block:
    """What comes after a sequence up to the frame `end`: at frame t it is pair `offset` + t."""

    __slots__ = ("end", "following", "looks", "offset")

    def __init__(self, end: int, offset: int) -> None:
        self.end = end
        self.offset = offset
        self.looks: Looks | None = None
        self.following: Block | None = None
        """The next one, which begins where this one ends."""


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
        self._frame = -1
        self._living: Sequence[Node] = ()
        """The nodes that this frame began with: some will live through it as well."""

    def __call__(self, nodes: Sequence[Node], frame: int) -> list[Look]:
        """After each of the nodes at a frame."""
        if frame != self._frame:
            self._frame, self._living = frame, nodes
        new = [node for node in nodes if node.until <= frame]
        if new:
            self._extend(self._spans(new, frame))
        looks: list[Look] = []
        for node in nodes:
            node.seen = frame
            block = node.found
            while block.end <= frame:
                block = node.found = block.following
            looks.append((block.looks, block.offset + frame))
        return looks

    def _extend(self, spans: Sequence[tuple[Node, int, int]]) -> None:
        """Look at nodes from one frame up to another."""
        frames: list[int] = []
        places: list[int] = []
        blocks: list[Block] = []
        for place, (node, first, end) in enumerate(spans):
            block = Block(end, len(frames) - first)
            blocks.append(block)
            if node.found is None or node.until < first:
                node.found = block
            else:
                node.last.following = block
            node.last, node.until = block, end
            frames += range(first, end)
            places += [place] * (end - first)
        looks = self._evaluate(frames, [node for node, _, _ in spans], places)
        for block in blocks:
            block.looks = looks

    def _spans(self, new: Sequence[Node], frame: int) -> list[tuple[Node, int, int]]:
        """What is due at a frame, and what comes along."""
        spans = [(node, frame, self._end(node, frame)) for node in new]
        latest = max([end for _, _, end in spans])
        far = frame + 2 * self._longest
        others = [node for node in self._living if frame < node.until < far]
        room = _FREE - sum([end - frame for _, _, end in spans])
        share = -(-room // max(1, len(others)))
        for node in others:
            first = node.until
            end = min(max(latest, first + min(share, room)), self._frames)
            if end > first:
                spans.append((node, first, end))
                room -= end - first
        return spans

    def _end(self, node: Node, frame: int) -> int:
        """Of the next block: one frame, for a sequence that has not lasted."""
        if node.found is None or frame > node.until:
            return frame + 1
        return min((frame // self._longest + 1) * self._longest, self._frames)
