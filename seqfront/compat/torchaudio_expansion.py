"""Torchaudio's beam search over the frames of one utterance.

At each frame, hypotheses that end with the blank (B) and those that grew by a label and may still
grow (A) take turns (Graves 2012, arXiv:1211.3711, algorithm 1, for one frame after another). Label
sequences are nodes of a tree, so that the prediction network is asked once about each, and the
joiner is asked about several frames at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from seqfront.backend import Raw
from seqfront.compat.torchaudio_transducer import Transducer
from seqfront.search.transducer.lookahead import Look, Lookahead
from seqfront.search.transducer.prefix_tree import Node, PrefixTree

_FORGET = 64
"""Frames after which what has been of no use is dropped."""


class Hypothesis(NamedTuple):
    """What a search found. The first four fields are all that torchaudio 2.11 has; its prototype
    had the others, too."""

    tokens: list[int]
    """The blank, with which all begin, and the labels."""
    predictor_out: Raw
    """What the prediction network gave after the last one: [1, joint]."""
    state: list[list[Raw]]
    """Its state, by layer: each [1, features]."""
    score: float
    """Natural logarithm of the probability, summed over the alignments that were met."""
    alignment: list[int]
    """For each of `tokens` the frame of its chunk at which it was emitted, by the likeliest of
    these alignments; -1 for the first one."""
    blank: int
    """Index of the blank."""
    key: str
    """The tokens as text: hypotheses with the same key are the same."""


Key: TypeAlias = Callable[[Hypothesis], float]


class _Path(NamedTuple):
    """One of the hypotheses of a search."""

    score: float
    node: Node
    best: float
    """Of its likeliest alignment, and the frames of that."""
    frames: tuple[Any, ...]
    """The last frame, and the others: (frame, (frame, ...)); empty at the start."""


class _State(Sequence[Any]):
    """A predictor's state as keys see it: made when it is read, which hardly any does."""

    __slots__ = ("_node", "_transducer")

    def __init__(self, transducer: Transducer, node: Node) -> None:
        self._transducer = transducer
        self._node = node

    def layers(self) -> list[list[Raw]]:
        """By layer: each part [1, ...]."""
        return self._transducer.state(self._node.known, self._node.row)

    def __len__(self) -> int:
        return len(self.layers())

    def __getitem__(self, index: Any) -> Any:
        return self.layers()[index]


class _Shown:
    """What users see of a label sequence, made once."""

    __slots__ = ("alignment", "features", "frames", "key", "state", "tokens")

    def __init__(self, tokens: list[int], transducer: Transducer, node: Node) -> None:
        self.tokens = tokens
        self.key = str(tokens)
        self.features = transducer.features(node.known, node.row)
        self.state = _State(transducer, node)
        self.frames: tuple[Any, ...] | None = None
        """Of the path that was shown last; `alignment` lists them."""
        self.alignment: list[int] = []


class Expansion:
    """A search over the frames of one utterance.

    Args:
        transducer: The model.
        width: How many hypotheses are kept.
        most: Most labels at one frame.
        key: What hypotheses are ranked by at the end of a frame.
        hypothesis: Where to start from: several, one, or None.
    """

    def __init__(
        self, transducer: Transducer, width: int, most: int, key: Key | None, hypothesis: Any
    ) -> None:
        self.key = key
        self.most = most
        self.transducer = transducer
        self.width = width
        self.tree = PrefixTree()
        self.stem: list[int] = []
        self.before: dict[int, list[int]] = {}
        self.beam = self._start(hypothesis)

    def _start(self, hypothesis: Any) -> list[_Path]:
        if hypothesis is None:
            self.stem = [self.transducer.blank]
            self.transducer.predict([(self.tree.root, None)])
            return [_Path(0.0, self.tree.root, 0.0, ())]
        given = [hypothesis] if isinstance(hypothesis[0][0], int) else list(hypothesis)
        # What all begin with needs no nodes.
        self.stem = _common([list(one[0]) for one in given])
        return [self._resumed(one) for one in given]

    def _resumed(self, one: Any) -> _Path:
        tokens, features, state, score = one[:4]
        node = self.tree.along(tokens[len(self.stem) :])
        node.known, node.row = self.transducer.known(features, state), 0
        frames: tuple[Any, ...] = ()
        for frame in one[4] if len(one) > 4 else [-1] * len(tokens):
            frames = (frame, frames)
        return _Path(float(score), node, float(score), frames)

    def read(self, frame: int, ahead: Lookahead) -> None:
        """The beam after one more frame."""
        ended: dict[Node, _Path] = {}
        grown, level = self.beam, 0
        while grown:
            looks = ahead([path.node for path in grown], frame)
            for path, (look, pair) in zip(grown, looks, strict=True):
                _end(ended, path, look.blank[pair])
            if level == self.most:
                break
            level += 1
            grown = self._grown(grown, looks, self._limit(ended), frame)
        self.beam = sorted(ended.values(), key=self._rank, reverse=True)[: self.width]
        if frame % _FORGET == _FORGET - 1:
            self.tree.forget(frame - _FORGET, {path.node for path in self.beam})

    def _limit(self, ended: dict[Node, _Path]) -> float:
        """What hypotheses with a label more have to be better than."""
        if len(ended) < self.width:
            return -math.inf
        return sorted([path.score for path in ended.values()])[-self.width]

    def _grown(
        self, paths: Sequence[_Path], looks: Sequence[Look], limit: float, frame: int
    ) -> list[_Path]:
        found: list[tuple[float, int, int, float]] = []
        for place, (path, (look, pair)) in enumerate(zip(paths, looks, strict=True)):
            for at in range(pair * look.width, (pair + 1) * look.width):
                log_prob = look.log_probs[at]
                score = path.score + log_prob
                if not score > limit:
                    break
                found.append((-score, place, look.labels[at], log_prob))
        found.sort()
        grown: list[_Path] = []
        new: list[tuple[Node, Node | None]] = []
        for negative, place, label, log_prob in found[: self.width]:
            path = paths[place]
            node = self.tree.child(path.node, label)
            if node.known is None:
                new.append((node, path.node))
            grown.append(_Path(-negative, node, path.best + log_prob, (frame, path.frames)))
        if new:
            self.transducer.predict(new)
        return grown

    def _rank(self, path: _Path) -> float:
        if self.key is None:
            return path.score / (len(self.stem) + path.node.depth + 1)
        return float(self.key(self._shown(path)))

    def hypothesis(self, path: _Path) -> Hypothesis:
        """What users get of it."""
        found = self._shown(path)
        state: Any = found.state
        tokens, alignment = list(found.tokens), list(found.alignment)
        return found._replace(tokens=tokens, state=state.layers(), alignment=alignment)

    def _shown(self, path: _Path) -> Hypothesis:
        """What their key sees."""
        node: Node = path.node
        shown: Any = node.shown
        if shown is None:
            tokens = [*self.stem, *node.labels()]
            shown = node.shown = _Shown(tokens, self.transducer, node)
        if shown.frames is not path.frames:
            shown.frames = path.frames
            shown.alignment = _listed(path.frames, len(shown.tokens))
        blank, tokens, alignment = self.transducer.blank, shown.tokens, shown.alignment
        return Hypothesis(
            tokens, shown.features, shown.state, path.score, alignment, blank, shown.key
        )


def _common(sequences: Sequence[list[int]]) -> list[int]:
    """What all begin with."""
    found: list[int] = []
    for one, other in zip(min(sequences), max(sequences), strict=False):
        if one != other:
            break
        found.append(one)
    return found


def _listed(frames: tuple[Any, ...], count: int) -> list[int]:
    """The frames of a path, first to last; -1 before them."""
    found: list[int] = []
    while frames:
        frame, frames = frames
        found.append(frame)
    return [-1] * (count - len(found)) + found[::-1]


def _end(ended: dict[Node, _Path], path: _Path, blank: float) -> None:
    """A hypothesis goes to the next frame; with another of the same labels, if there is one."""
    score, best = path.score + blank, path.best + blank
    other = ended.get(path.node)
    if other is None:
        ended[path.node] = _Path(score, path.node, best, path.frames)
        return
    high, low = max(score, other.score), min(score, other.score)
    total = high if low == -math.inf else high + math.log1p(math.exp(low - high))
    if other.best >= best:
        best, path = other.best, other
    ended[path.node] = _Path(total, path.node, best, path.frames)
