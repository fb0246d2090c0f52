"""What hypotheses consist of, kept while a search runs, and read when it has read its frames.

A step of a search adds at most one label to each hypothesis of the beam. Labels are not moved about
with the beam: a step writes down, once, which hypothesis each new one grew from, and what it added.
So a hypothesis is one number, its node; nodes 0 .. beam - 1 are those that the frames began with,
and step n (from 0) made the nodes (n + 1) * beam + its place. Reading back from the last nodes to
the first gives the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from seqfront import checks
from seqfront.backend import Backend, Raw, Size, product
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry, Lengths
from seqfront.nn.stateful import kept
from seqfront.ops import elementwise, reduce
from seqfront.ops.cumulate import cumprod
from seqfront.ops.dtype import cast
from seqfront.ops.index import gather
from seqfront.ops.join import concat
from seqfront.ops.nested import nested_gather, nested_map
from seqfront.ops.positions import positions
from seqfront.ops.slicing import slice
from seqfront.tensor import Tensor

_WHOLE = Dim("whole")
"""Labels of which a part is taken, or that others follow."""


class Step(NamedTuple):
    """What one step wrote down, over [batch..., beam]; of many steps, over [batch..., step, beam].
    Hypotheses that got no label have no node of this step, and what stands there means nothing."""

    parent: Tensor
    """int32: the node that the label was added to."""
    label: Tensor
    """int32."""
    log_prob: Tensor
    """Of the label, by the model alone."""
    start: Tensor
    """int32: the frame that the label begins at."""
    end: Tensor
    """int32: the first frame after it."""


class Said(NamedTuple):
    """Labels of hypotheses and when they were said: [batch..., beam, label], ragged."""

    labels: Tensor
    log_probs: Tensor
    start: Tensor
    end: Tensor


def nothing(batch: Sequence[Dim], label: Dim, classes: Dim, *, like: Tensor) -> Said:
    """No labels yet. `batch` are the dims of the hypotheses."""
    backend = like.backend
    shape = [like.size(dim) if dim in like.dims else dim.size or 0 for dim in batch]
    lengths = backend.full(shape, 0, "int32", like.device)
    table = FULL.with_entries({label: Entry(lengths, tuple(batch))})

    def empty(dtype: str) -> Tensor:
        raw = backend.full([*shape, 0], 0, dtype, like.device)
        return Tensor(raw, (*batch, label), table, backend=backend)

    frames = empty("int32")
    return Said(empty("int32").labels_of(classes), empty(like.dtype), frames, frames)


def node_of(step: Tensor | int, beam: Dim, *, like: Tensor) -> Tensor:
    """int32 [beam]: the nodes that a step makes."""
    backend = like.backend
    place = Tensor(backend.arange(beam.size or 0, "int32", like.device), (beam,), backend=backend)
    return elementwise.add(place, (step + 1) * (beam.size or 0), allow_broadcast=True)


def read_back(
    nodes: Tensor, steps: Step, *, step: Dim, beam: Dim, label: Dim, classes: Dim
) -> tuple[Tensor, Said]:
    """The labels that steps have added.

    Args:
        nodes: int32 [batch..., beam]: the last node of each hypothesis.
        steps: Over [batch..., step, beam].
        step: The steps.
        beam: The hypotheses; static.
        label: The dim of the labels of the result.
        classes: What they are labels of.

    Returns:
        int32 [batch..., beam], labels of `beam`: which of the hypotheses at the start each grew
        from; and what was added since.
    """
    backend = nodes.backend
    batch = tuple([dim for dim in nodes.dims if dim is not beam])
    shape = [nodes.size(dim) for dim in batch]
    width, rows = beam.size or 0, product(shape)
    count = steps.parent.size(step)

    def flat(x: Tensor, dims: Sequence[Dim], sizes: Sequence[Size]) -> Raw:
        return backend.reshape(x.raw_in(dims), sizes)

    parents = flat(steps.parent, (step, *batch, beam), (count, rows, width))
    last = flat(nodes, (*batch, beam), (rows, width))
    origin, places = _places(backend, last, parents, count, width, nodes.device)
    order, places, lengths = _closed_up(backend, backend.transpose(places, (1, 2, 0)))
    at = backend.binary("add", backend.binary("mul", order, width), places)
    extent = backend.size(at, 2)
    indices = backend.reshape(at, (rows, width * extent))
    ends = Entry(_apart(backend, lengths, shape, width), (*batch, beam))
    table = FULL.with_entries({label: ends})

    def read(x: Tensor) -> Tensor:
        values = flat(x, (*batch, step, beam), (rows, count * width))
        values = backend.pad(values, [(0, 0), (0, 1)], 0)  # never empty
        raw = backend.gather(values, indices, 1, 1)
        raw = backend.reshape(raw, (*shape, width, extent))
        return Tensor(raw, (*batch, beam, label), table, backend=backend)

    said = Said(
        read(steps.label).labels_of(classes),
        read(steps.log_prob),
        read(steps.start),
        read(steps.end),
    )
    source = Tensor(_apart(backend, origin, shape, width), (*batch, beam), backend=backend)
    return source.labels_of(beam), said


def _apart(backend: Backend, raw: Raw, shape: Sequence[Size], width: int) -> Raw:
    return backend.reshape(raw, (*shape, width))


def _places(
    backend: Backend, nodes: Raw, parents: Raw, count: Size, width: int, device: str
) -> tuple[Raw, Raw]:
    """From the last step to the first: int32 [rows, beam], the first nodes, and int32
    [step, rows, beam], the place of each hypothesis in each step, -1 where it has no node."""

    def back(now: Any, row: Any) -> tuple[Any, Any]:
        first, parent = row
        place = backend.binary("sub", now[0], first)
        here = backend.binary("ge", place, 0)
        at = backend.where(here, place, 0)
        before = backend.where(here, backend.gather(parent, at, 1, 1), now[0])
        return [before], [backend.where(here, at, -1)]

    firsts = backend.arange(count, "int32", device)
    firsts = backend.binary("mul", backend.binary("add", firsts, 1), width)
    (origin,), (places,) = backend.scan(back, [nodes], [firsts, parents], count, True)
    return origin, places


def _closed_up(backend: Backend, places: Raw) -> tuple[Raw, Raw, Raw]:
    """Of places [rows, beam, step] those that are there, first: their steps and the places, int32
    [rows, beam, label], and how many there are. Beyond that any that exist."""
    gone = backend.cast(backend.binary("lt", places, 0), "int32")
    lengths = backend.reduce("sum", backend.binary("sub", 1, gone), (2,))
    lengths = backend.cast(lengths, "int32")
    order = backend.sort(gone, 2)[1]
    longest = checks.longest_if_cheap(backend, lengths)
    if longest is not None:
        order = backend.slice(order, 2, 0, longest)
    places = backend.gather(places, order, 2, 2)
    places = backend.binary("max", places, 0)
    return backend.cast(order, "int32"), places, lengths


def extended(said: Said, source: Tensor, more: Said, *, beam: Dim, label: Dim) -> Said:
    """What hypotheses had said, each followed by what it said since.

    Args:
        said: Of the hypotheses that there were.
        source: Labels of `beam`: which of them each grew from.
        more: Of the hypotheses that there are.
        beam: The hypotheses.
        label: Positions of the labels, of both and of the result.
    """

    def joined(before: Tensor, after: Tensor) -> Tensor:
        return kept(concat((before.rename(label, _WHOLE), _WHOLE), (after, label), out_dim=label))

    return nested_map(joined, nested_gather(said, indices=source, axis=beam), more)


def stable_lengths(said: Said, valid: Tensor, *, beam: Dim, label: Dim) -> Tensor:
    """int32 [batch...]: how many labels all valid hypotheses begin with alike."""
    own = said.labels.with_lengths(FULL)
    first = gather(own, indices=a_valid_one(valid, beam), axis=beam)
    lengths = said.labels.lengths(label).with_lengths(
        FULL
    )  # what is beyond them is no padding here
    place = positions(own.backend, label, own.size(label), own.device)
    same = elementwise.binary("eq", own, first, allow_broadcast=True)
    inside = elementwise.binary("lt", place, lengths, allow_broadcast=True)
    invalid = elementwise.logical_not(valid)
    agrees = elementwise.binary("or", same & inside, invalid, allow_broadcast=True)
    everywhere = reduce.all(agrees, axis=beam)
    return reduce.sum(cumprod(cast(everywhere, "int32"), axis=label), axis=label)


def a_valid_one(valid: Tensor, beam: Dim) -> Tensor:
    """[batch...], labels of `beam`: the first valid hypothesis; 0, if there is none."""
    return reduce.argmax(cast(valid, "int32"), axis=beam)


def parted(said: Said, count: Tensor, *, label: Dim) -> tuple[Said, Said]:
    """The first labels of each, and the rest; both no wider than they need, where
    lengths can be looked at."""
    count = count.with_lengths(FULL)

    def head(x: Tensor) -> Tensor:
        return kept(slice(x.rename(label, _WHOLE), axis=_WHOLE, end=count, out_dim=label))

    def tail(x: Tensor) -> Tensor:
        return kept(slice(x.rename(label, _WHOLE), axis=_WHOLE, start=count, out_dim=label))

    return trimmed(nested_map(head, said), label), trimmed(nested_map(tail, said), label)


def only_valid(said: Said, valid: Tensor, label: Dim) -> Said:
    """Hypotheses that there are not have no labels."""
    lengths = elementwise.where(valid, said.labels.lengths(label), 0)

    def cut(x: Tensor) -> Tensor:
        return x.with_lengths(Lengths({label: Entry(lengths.raw, lengths.dims)}))

    return nested_map(cut, said)


def trimmed(said: Said, label: Dim) -> Said:
    """Without padding that all hypotheses have, where lengths can be looked at."""
    backend = said.labels.backend
    longest = checks.longest_if_cheap(backend, said.labels.lengths(label).raw)
    if longest is None:
        return said

    def cut(x: Tensor) -> Tensor:
        raw = backend.slice(x.raw, x.axis(label), 0, longest)
        return Tensor(raw, x.dims, x.lengths_table, x.sparse_dim, backend=backend)

    return nested_map(cut, said)
