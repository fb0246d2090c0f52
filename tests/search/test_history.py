"""What hypotheses consist of: read back from steps, joined, settled and taken out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seqfront as sf
from seqfront import backends
from seqfront.search.history import (
    Said,
    Step,
    extended,
    nothing,
    parted,
    read_back,
    stable_lengths,
)

batch, beam, step, label = sf.Dim("batch"), sf.Dim("beam", 3), sf.Dim("step"), sf.Dim("label")
vocab = sf.Dim("vocab", 9)
BACKENDS = ["numpy", "torch", "tensorflow"]


class Tree:
    """Random steps, and what they say, from the definition."""

    def __init__(self, steps: int, seed: int, rows: int = 2) -> None:
        rng = np.random.default_rng(seed)
        width = 3
        shape = (rows, steps, width)
        self.parent = np.zeros(shape, np.int32)
        for n in range(steps):
            self.parent[:, n] = rng.integers(0, (n + 1) * width, (rows, width))
        self.label = rng.integers(0, 3, shape).astype(np.int32)
        self.log_prob = rng.normal(size=shape)
        self.frame = rng.integers(0, 50, shape).astype(np.int32)
        self.nodes = rng.integers(0, (steps + 1) * width, (rows, width)).astype(np.int32)

    def chain(self, row: int, node: int) -> tuple[int, list[tuple[int, float, int]]]:
        found: list[tuple[int, float, int]] = []
        while node >= 3:
            at = (row, *divmod(node - 3, 3))
            found.append((int(self.label[at]), float(self.log_prob[at]), int(self.frame[at])))
            node = int(self.parent[at])
        return node, found[::-1]

    def read(self, name: str) -> tuple[sf.Tensor, Said]:
        backend = backends.get(name)

        def wrapped(x: Any) -> sf.Tensor:
            return sf.wrap(backend.convert(x), (batch, step, beam))

        steps = Step(
            wrapped(self.parent),
            wrapped(self.label),
            wrapped(self.log_prob),
            wrapped(self.frame),
            wrapped(self.frame + 1),
        )
        nodes = sf.wrap(backend.convert(self.nodes), (batch, beam))
        return read_back(nodes, steps, step=step, beam=beam, label=label, classes=vocab)


def _lists(said: Said) -> list[list[list[tuple[int, float, int]]]]:
    counts = said.labels.lengths(label).numpy(batch, beam)
    parts = [x.numpy(batch, beam, label) for x in (said.labels, said.log_probs, said.start)]
    assert np.array_equal(said.end.numpy(batch, beam, label)[..., :0], parts[2][..., :0])
    rows, width = counts.shape
    return [
        [
            list(zip(*[part[b, k, : counts[b, k]].tolist() for part in parts], strict=True))
            for k in range(width)
        ]
        for b in range(rows)
    ]


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("steps", [0, 1, 2, 7])
def test_labels_are_read_back(name: str, steps: int) -> None:
    tree = Tree(steps, seed=steps)
    origin, said = tree.read(name)
    wanted = [[tree.chain(b, int(node)) for node in row] for b, row in enumerate(tree.nodes)]
    assert origin.sparse_dim is beam
    assert origin.numpy(batch, beam).tolist() == [[first for first, _ in row] for row in wanted]
    assert _lists(said) == [[chain for _, chain in row] for row in wanted]


@pytest.mark.parametrize("name", BACKENDS)
def test_parts_follow_each_other(name: str) -> None:
    first, second = Tree(4, seed=1), Tree(3, seed=2)
    start = sf.zeros((batch, beam), like=first.read(name)[1].log_probs)
    said = nothing((batch, beam), label, vocab, like=start)
    for tree in (first, second):
        said = extended(said, *tree.read(name), beam=beam, label=label)
    wanted: list[list[Any]] = []
    for b in range(2):
        chains = [second.chain(b, int(node)) for node in second.nodes[b]]
        before = [first.chain(b, int(node))[1] for node in first.nodes[b]]
        wanted.append([before[origin] + more for origin, more in chains])
    assert _lists(said) == wanted


@pytest.mark.parametrize("name", BACKENDS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), steps=st.integers(0, 6))
def test_what_all_agree_on_is_settled(name: str, seed: int, steps: int) -> None:
    tree = Tree(steps, seed)
    _, said = tree.read(name)
    valid = np.random.default_rng(seed).random((2, 3)) < 0.7
    flags = sf.wrap(backends.get(name).convert(valid), (batch, beam))
    counts = stable_lengths(said, flags, beam=beam, label=label)
    settled, rest = (_lists(part) for part in parted(said, counts, label=label))
    for b, row in enumerate(_lists(said)):
        labels = [
            [one for one, _, _ in chain] for chain, ok in zip(row, valid[b], strict=True) if ok
        ]
        if labels:
            longest = next(
                n
                for n in range(min(map(len, labels)), -1, -1)
                if all(chain[:n] == labels[0][:n] for chain in labels)
            )
            assert int(counts.numpy(batch)[b]) == longest
        count = int(counts.numpy(batch)[b])
        assert settled[b] == [chain[:count] for chain in row]
        assert rest[b] == [chain[count:] for chain in row]


def test_what_is_settled_takes_no_room() -> None:
    tree = Tree(6, seed=5)
    _, said = tree.read("numpy")
    everything = said.labels.lengths(label)
    assert int(said.labels.size(label)) > 0
    _, rest = parted(said, everything, label=label)
    assert rest.labels.size(label) == 0
