"""Label sequences as the nodes of a tree, with what is known of each.

Two sequences are the same if they are the same node. What the prediction network makes of one is
asked once, however often a search meets it again: at the next frame, or by another alignment.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from seqfront.backend import Backend, Raw


class Predicted:
    """What a prediction network made of several label sequences at once.

    Args:
        parts: Each [sequences, ...]: features for the joiner, and the state; None, if there are
            arrays of all.
        features: The first of them, where it is wanted as an array: [sequences, features].
        memory: The others, likewise: [parts, sequences, ...].
    """

    __slots__ = ("features", "memory", "parts", "rows")

    def __init__(
        self, parts: tuple[Raw, ...] | None, features: Any = None, memory: Any = None
    ) -> None:
        self.parts = parts
        self.features = features
        self.memory = memory
        self.rows: Any = None
        """Features as users see them, of each sequence."""


class Node:
    """A label sequence: that of `parent`, and `label`."""

    __slots__ = (
        "children",
        "depth",
        "found",
        "known",
        "label",
        "last",
        "parent",
        "row",
        "seen",
        "shown",
        "until",
    )

    def __init__(self, parent: Node | None, label: int) -> None:
        self.parent = parent
        self.label = label
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.children: dict[int, Node] = {}
        self.known: Any = None
        """What the prediction network made of it: row `row` of a `Predicted`."""
        self.row = 0
        self.found: Any = None
        """What `Lookahead` found: the block that was read last, others after it."""
        self.last: Any = None
        """The last of these blocks."""
        self.until = 0
        """The frame up to which they go."""
        self.shown: Any = None
        """What users see of it."""
        self.seen = 0
        """The last frame at which it was of use."""

    def labels(self) -> list[int]:
        """The labels after the root."""
        found: list[int] = []
        node = self
        while node.parent is not None:
            found.append(node.label)
            node = node.parent
        return found[::-1]


class PrefixTree:
    """The label sequences that a search has met."""

    def __init__(self) -> None:
        self.root = Node(None, -1)
        self._nodes: list[Node] = []

    def child(self, node: Node, label: int) -> Node:
        """The sequence with one label more."""
        found = node.children.get(label)
        if found is None:
            found = node.children[label] = Node(node, label)
            self._nodes.append(found)
        return found

    def along(self, labels: Sequence[int]) -> Node:
        """The sequence of these labels."""
        node = self.root
        for label in labels:
            node = self.child(node, label)
        return node

    def forget(self, before: int, keep: Collection[Node]) -> None:
        """Drop what is known of sequences that were of no use since frame `before`. Their nodes go
        as well, but for those that others grow from."""
        kept: list[Node] = []
        for node in reversed(self._nodes):  # those that grew later first
            if node.seen < before and node not in keep:
                node.known = node.found = node.last = node.shown = None
                if not node.children and node.parent is not None:
                    del node.parent.children[node.label]
                    continue
            kept.append(node)
        self._nodes = kept[::-1]


def rows_of(backend: Backend, nodes: Sequence[Node]) -> tuple[Raw, ...]:
    """What is known of nodes, together: each [nodes, ...]."""
    batches: dict[int, tuple[int, Predicted]] = {}
    places: list[int] = []
    total = 0
    for node in nodes:
        known: Predicted = node.known
        if id(known) not in batches:
            batches[id(known)] = (total, known)
            total += backend.static_shape(_parts(known)[0])[0] or 0
        places.append(batches[id(known)][0] + node.row)
    columns = list(zip(*[_parts(known) for _, known in batches.values()], strict=True))
    if places == list(range(total)):
        return tuple([_together(backend, column) for column in columns])
    indices = backend.convert(places, "int32", backend.device(columns[0][0]))
    return tuple([backend.gather(_together(backend, column), indices, 0) for column in columns])


def _together(backend: Backend, raws: Sequence[Raw]) -> Raw:
    return raws[0] if len(raws) == 1 else backend.concat(list(raws), 0)


def _parts(known: Predicted) -> tuple[Raw, ...]:
    return known.parts or ()
