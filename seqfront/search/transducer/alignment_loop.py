"""Steps of an alignment-synchronous search, one after another, eager or as a loop in a graph.

Both do the same steps, as many as there are to do (on an accelerator up to fifteen more, which
change nothing). What they write down is a list that grows, or in a graph a table for as many steps
as there can be.
"""

from __future__ import annotations

from typing import NamedTuple

from seqfront.backend import Backend, Size
from seqfront.dim import Dim
from seqfront.ops import create
from seqfront.ops.control import while_loop
from seqfront.ops.nested import nested_map
from seqfront.search.history import Step
from seqfront.search.looking import LOOK_EVERY, looks_seldom
from seqfront.search.transducer.alignment_step import AlignmentStep, Running, Span
from seqfront.tensor import Tensor


class _Now(NamedTuple):
    """A loop of a graph between two steps."""

    running: Running
    number: Tensor
    """int32: how many steps there were."""
    written: Step
    """Over [step, batch..., beam]."""


class AlignmentLoop:
    """Steps, until frames are missing or all is found."""

    def __init__(self, step: AlignmentStep) -> None:
        self.step = step
        self.step_dim = Dim("step")

    def __call__(self, start: Running, span: Span) -> tuple[Running, Step]:
        """What the frames lead to, and all steps, along `step_dim`."""
        tracing = start.paths.model.backend.is_tracing()
        return self._in_graph(start, span) if tracing else self._eager(start, span)

    def _eager(self, now: Running, span: Span) -> tuple[Running, Step]:
        backend = now.paths.model.backend
        every = LOOK_EVERY if looks_seldom(now.paths.model) else 1
        steps: list[Step] = []
        while len(steps) < self._most(span):
            goes = self.step.goes_on(now, span)
            if len(steps) % every == 0 and not backend.to_numpy(goes).any():
                break
            now, written = self.step(now, span, goes=goes, step=len(steps))
            steps.append(written)
        if not steps:
            return now, self._table(now, 0)
        dims = steps[0].parent.dims
        columns = zip(*steps, strict=True)
        stacked = [backend.stack([x.raw_in(dims) for x in column], 0) for column in columns]
        return now, Step(*[Tensor(x, (self.step_dim, *dims), backend=backend) for x in stacked])

    def _in_graph(self, start: Running, span: Span) -> tuple[Running, Step]:
        model = start.paths.model
        number = create.zeros((), dtype="int32", like=model)
        begin = _Now(nested_map(_apart, start), number, self._table(start, self._most(span)))
        end = while_loop(
            lambda now: _any(self.step.goes_on(now.running, span), model.backend),
            lambda now: self._next(now, span),
            begin,
        )
        return end.running, self._used(end)

    def _next(self, now: _Now, span: Span) -> _Now:
        goes = self.step.goes_on(now.running, span)
        running, row = self.step(now.running, span, goes=goes, step=now.number)
        backend = now.number.backend

        def written(table: Tensor, x: Tensor) -> Tensor:
            place = backend.reshape(now.number.raw, (1,))
            update = backend.expand_dims(x.raw_in(table.dims[1:]), (0,))
            raw = backend.scatter("update", table.raw, place, update)
            return Tensor(raw, table.dims, backend=backend)

        return _Now(running, now.number + 1, nested_map(written, now.written, row))

    def _most(self, span: Span) -> Size:
        """Steps that a hypothesis can do with the frames at hand."""
        frames = span.frames.size(span.frame_dim)
        if self.step.limits.max_labels is not None:
            return frames + self.step.limits.max_labels
        return frames * ((self.step.limits.max_symbols or 0) + 1)

    def _table(self, now: Running, steps: Size) -> Step:
        model = now.paths.model
        backend, dims = model.backend, model.dims
        shape = [steps, *[model.size(dim) for dim in dims]]

        def table(dtype: str) -> Tensor:
            raw = backend.full(shape, 0, dtype, model.device)
            return Tensor(raw, (self.step_dim, *dims), backend=backend)

        return Step(*[table(dtype) for dtype in ("int32", "int32", model.dtype, "int32", "int32")])

    def _used(self, end: _Now) -> Step:
        """Without rows that no step has written to, where a graph can have such a size."""
        backend = end.number.backend
        if not backend.sizes_may_be_data:
            return end.written

        def cut(x: Tensor) -> Tensor:
            return Tensor(backend.slice(x.raw, 0, 0, end.number.raw), x.dims, backend=backend)

        return nested_map(cut, end.written)


def _any(goes: object, backend: Backend) -> Tensor:
    axes = range(len(backend.static_shape(goes)))
    return Tensor(backend.reduce("any", goes, tuple(axes)), (), backend=backend)


def _apart(x: Tensor) -> Tensor:
    """A tensor of its own: a loop of PyTorch takes none twice."""
    if x.dtype == "bool":
        return x
    raw = x.backend.binary("add", x.raw, 0)
    return Tensor(raw, x.dims, x.lengths_table, x.sparse_dim, backend=x.backend)
