"""torchaudio's beam search for transducers, on plain tensors of PyTorch and of TensorFlow.

The algorithm is torchaudio's: at each frame, hypotheses that end with the blank (B) and those that
grew by a label and may still grow (A) take turns. What is kept of it: label sequences are nodes of
a tree, so that the prediction network is asked once about each, and joiners are asked about several
frames at once.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from seqfront import backends, errors
from seqfront.backend import Backend, Raw
from seqfront.compat.torchaudio_transducer import Transducer
from seqfront.search.calls import Calls
from seqfront.search.lookahead import Look, Lookahead
from seqfront.search.prefix_tree import Node, Predicted, PrefixTree

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


class RNNTBeamSearch:
    """torchaudio's `RNNTBeamSearch` (Graves 2012, arXiv:1211.3711), with the same hypotheses.

    Args:
        model: A transducer: `seqfront.compat.torchaudio.RNNT` on PyTorch or TensorFlow, or any
            object with its methods `transcribe`, `transcribe_streaming`, `predict` and `join`, as
            torchaudio's own has them. That of seqfront is faster on the CPU: its joiner is asked
            for the best labels only.
        blank: Index of the blank among the classes; negative counts from the end.
        temperature: Divides the logits.
        hypo_sort_key: What hypotheses are ranked by at the end of each frame, from a `Hypothesis`.
            Default: score / (len(tokens) + 1), which prefers hypotheses that say much; what is
            exact is `lambda hypothesis: hypothesis.score`.
        step_max_tokens: Most labels at one frame.

    Attributes:
        calls: How often predictor and joiner were asked so far, and about how many rows.

    Differs from torchaudio 2.11:
        - The blank may be any class: there, it has to be the last one.
        - Frames beyond `length` are not read. No frames are fine, as is a beam that is wider than
          there are hypotheses, or labels: there, these are errors.
        - Equal scores go to the hypothesis that was met first, then to the lower label.
        - Hypotheses have an alignment. Those of torchaudio go on here, as plain tuples.
        - A plain object that serves TensorFlow, too: it cannot be scripted, nor has it parameters.
          Gradients are not kept.

    Example:
        >>> import torch
        >>> from seqfront.compat.torchaudio import RNNTBeamSearch, emformer_rnnt_base
        >>> model = emformer_rnnt_base(10).eval()
        >>> search = RNNTBeamSearch(model, blank=9)
        >>> found = search(torch.rand(36, 80), torch.tensor(32), beam_width=3)
        >>> len(found), found[0].tokens[0]
        (3, 9)
    """

    def __init__(
        self,
        model: Any,
        blank: int,
        temperature: float = 1.0,
        hypo_sort_key: Key | None = None,
        step_max_tokens: int = 100,
    ) -> None:
        if not temperature > 0:
            fix = "1.0 changes nothing."
            raise errors.bad_argument(_OP, "temperature", temperature, "above 0", fix)
        if type(step_max_tokens) is not int or step_max_tokens < 0:
            needed, fix = "an int of at least 0", "100 is the default."
            raise errors.bad_argument(_OP, "step_max_tokens", step_max_tokens, needed, fix)
        self.model = model
        self.blank = blank
        self.temperature = temperature
        self.hypo_sort_key = hypo_sort_key
        self.step_max_tokens = step_max_tokens
        self.calls = Calls()

    def __call__(self, input: Raw, length: Raw, beam_width: int) -> list[Hypothesis]:
        """As `forward`."""
        return self.forward(input, length, beam_width)

    def forward(self, input: Raw, length: Raw, beam_width: int) -> list[Hypothesis]:
        """Search a whole utterance.

        Args:
            input: Frames [time + right context, features], or [1, time + right context, features].
            length: How many of them, without the right context: scalar or [1].
            beam_width: How many hypotheses are kept.

        Returns:
            Hypotheses, the best first; at most `beam_width`.
        """
        backend, input, length = self._checked(input, length, beam_width)

        def run() -> list[Hypothesis]:
            encoded, lengths = self.model.transcribe(input, length)
            return self._search(backend, encoded, lengths, beam_width, None)

        return backend.no_grad(run)

    def infer(
        self,
        input: Raw,
        length: Raw,
        beam_width: int,
        state: list[list[Raw]] | None = None,
        hypothesis: Any = None,
    ) -> tuple[list[Hypothesis], list[list[Raw]]]:
        """Search the next chunk of a stream.

        Args:
            input: The chunk [segment + right context, features], or [1, ...].
            length: Its frames, with the right context: scalar or [1].
            beam_width: How many hypotheses are kept.
            state: Of the encoder, as the last call gave it; None to start.
            hypothesis: What the last call found: all of it, to find what `forward` would have; or
                one `Hypothesis`. None to start.

        Returns:
            Hypotheses of all that came so far, the best first; and the encoder's state.
        """
        backend, input, length = self._checked(input, length, beam_width)

        def run() -> tuple[list[Hypothesis], list[list[Raw]]]:
            encoded, lengths, after = self.model.transcribe_streaming(input, length, state)
            return self._search(backend, encoded, lengths, beam_width, hypothesis), after

        return backend.no_grad(run)

    def _checked(self, input: Raw, length: Raw, beam_width: int) -> tuple[Backend, Raw, Raw]:
        backend = backends.of(input)
        shape = backend.static_shape(input)
        if len(shape) != 2 and not (len(shape) == 3 and shape[0] == 1):
            raise errors.search_input("input", shape, "[time, features] or [1, time, features]")
        counts = length if backends.is_raw(length) else backend.convert(length)
        if backend.static_shape(counts) not in ((), (1,)):
            raise errors.search_input("length", backend.static_shape(counts), "[] or [1]")
        if type(beam_width) is not int or beam_width < 1:
            needed = "an int of at least 1"
            raise errors.bad_argument(_OP, "beam_width", beam_width, needed, "beam_width=4.")
        if len(shape) == 2:
            input = backend.expand_dims(input, (0,))
        return backend, input, backend.reshape(counts, (1,))

    def _search(
        self, backend: Backend, encoded: Raw, lengths: Raw, beam_width: int, hypothesis: Any
    ) -> list[Hypothesis]:
        frames = min(int(backend.to_numpy(lengths)[0]), int(backend.shape(encoded)[1]))
        transducer = Transducer(
            self.model, backend, encoded, self.blank, self.temperature, beam_width, self.calls
        )
        run = _Run(self, transducer, beam_width, hypothesis)
        ahead = Lookahead(transducer.looks, frames)
        for frame in range(frames):
            run.read(frame, ahead)
        return [run.hypothesis(path) for path in run.beam]


class _Run:
    """A search over the frames of one utterance."""

    def __init__(
        self, search: RNNTBeamSearch, transducer: Transducer, width: int, hypothesis: Any
    ) -> None:
        self.key = search.hypo_sort_key
        self.most = search.step_max_tokens
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
            for path, look in zip(grown, looks, strict=True):
                _end(ended, path, look[0])
            if level == self.most:
                break
            level += 1
            grown = self._grown(grown, looks, self._limit(ended), frame)
        self.beam = heapq.nlargest(self.width, ended.values(), key=self._rank)
        if frame % _FORGET == _FORGET - 1:
            self.tree.forget(frame - _FORGET, {path.node for path in self.beam})

    def _limit(self, ended: dict[Node, _Path]) -> float:
        """What hypotheses with a label more have to be better than."""
        if len(ended) < self.width:
            return -math.inf
        return heapq.nlargest(self.width, [path.score for path in ended.values()])[-1]

    def _grown(
        self, paths: Sequence[_Path], looks: Sequence[Look], limit: float, frame: int
    ) -> list[_Path]:
        found: list[tuple[float, int, int, int]] = []
        for place, (path, look) in enumerate(zip(paths, looks, strict=True)):
            for rank, log_prob in enumerate(look[1]):
                score = path.score + log_prob
                if not score > limit:
                    break
                found.append((-score, place, look[2][rank], rank))
        found.sort()
        grown: list[_Path] = []
        new: list[tuple[Node, Node | None]] = []
        for negative, place, label, rank in found[: self.width]:
            path = paths[place]
            node = self.tree.child(path.node, label)
            if node.known is None:
                new.append((node, path.node))
            best = path.best + looks[place][1][rank]
            grown.append(_Path(-negative, node, best, (frame, path.frames)))
        if new:
            self.transducer.predict(new)
        return grown

    def _rank(self, path: _Path) -> float:
        if self.key is None:
            return path.score / (len(self.stem) + path.node.depth + 1)
        return float(self.key(self.hypothesis(path)))

    def hypothesis(self, path: _Path) -> Hypothesis:
        """What users see of it."""
        node = path.node
        if node.shown is None:
            tokens = [*self.stem, *node.labels()]
            known: Predicted = node.known
            node.shown = (tokens, *self.transducer.shown(known, node.row), str(tokens))
        tokens, features, state, key = node.shown
        frames = _listed(path.frames, len(tokens))
        return Hypothesis(
            list(tokens), features, state, path.score, frames, self.transducer.blank, key
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
        ended[path.node] = path._replace(score=score, best=best)
        return
    high, low = max(score, other.score), min(score, other.score)
    total = high if low == -math.inf else high + math.log1p(math.exp(low - high))
    first = other if other.best >= best else path._replace(best=best)
    ended[path.node] = first._replace(score=total)


_OP = "RNNTBeamSearch"
