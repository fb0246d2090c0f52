"""Frames one after another, eager or as a loop in a graph.

Both run the same `FrameStep`. In a graph, and on an accelerator, each frame writes down as many
steps as there may be labels; eagerly on the CPU only those that found labels, and the models are
asked for no others.
"""

from __future__ import annotations

from typing import Any

from seqfront import checks, errors
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.nn.stateful import kept
from seqfront.ops import create, elementwise
from seqfront.ops.index import gather
from seqfront.ops.mask import masked
from seqfront.ops.nested import nested_where
from seqfront.ops.structure import Form
from seqfront.search.history import Step
from seqfront.search.transducer.frame_step import Beam, FrameStep
from seqfront.tensor import Tensor

_OP = "TransducerBeam"


def _differ(path: str, before: str, after: str) -> errors.DimError:
    return errors.state_changes(_OP, path, before, after)


class FrameLoop:
    """What frames do to a beam."""

    def __init__(self, step: FrameStep) -> None:
        self.step = step
        self.step_dim = Dim("step")

    def __call__(
        self, beam: Beam, encoded: Tensor, *, axis: Dim, before: Tensor
    ) -> tuple[Beam, Step]:
        """The beam after some frames.

        Args:
            beam: Before them.
            encoded: [batch..., axis, in]; ragged.
            axis: The frames.
            before: int32 [batch...]: how many frames there were.

        Returns:
            The beam, and all steps, along `step_dim`.
        """
        looks = checks.values_are_cheap(encoded.backend, encoded.raw)
        run = self._eager if looks else self._scanned
        return run(beam, encoded, axis, before)

    def _batch(self, encoded: Tensor, axis: Dim) -> tuple[Dim, ...]:
        features = self.step.models.transducer.in_dim
        return tuple([dim for dim in encoded.dims if dim not in (axis, features)])

    def _scanned(self, beam: Beam, encoded: Tensor, axis: Dim, before: Tensor) -> tuple[Beam, Step]:
        """The raw loop: the state keeps its form, and `sf.scan` would trace each frame twice."""
        batch, backend = self._batch(encoded, axis), encoded.backend
        features = self.step.models.transducer.in_dim
        encoded, lengths = masked(encoded, 0.0), kept(encoded.lengths(axis))
        form = Form(_OP, "state", _differ, beam.paths.node)
        start, size = form.take(beam), encoded.size(axis)

        def body(now: list[Raw], x: list[Raw]) -> tuple[list[Raw], list[Raw]]:
            state, position = form.put(now), Tensor(x[1], (), backend=backend)
            frame = Tensor(x[0], (*batch, features), backend=backend)
            at = elementwise.add(before, position, allow_broadcast=True).raw_in(batch)
            first = position * self.step.max_symbols
            after, steps = self.step(state, frame, now=at, first=first, active=None)
            there = _over(
                elementwise.binary("gt", lengths, position, allow_broadcast=True), batch, before
            )
            columns = zip(*[[x.raw for x in written] for written in steps], strict=True)
            return form.take(nested_where(there, after, state)), [
                backend.stack(column, 0) for column in columns
            ]

        place = backend.arange(size, "int32", encoded.device)
        xs = [encoded.raw_in((axis, *batch, features)), place]
        last, found = backend.scan(body, start, xs, size)
        dims = (*batch, self.step.beam_dim)

        def in_a_row(raw: Raw) -> Tensor:
            steps, _, *shape = backend.shape(raw)
            shape = (steps * self.step.max_symbols, *shape)
            return Tensor(backend.reshape(raw, shape), (self.step_dim, *dims), backend=backend)

        return form.put(last), Step(*map(in_a_row, found))

    def _eager(self, beam: Beam, encoded: Tensor, axis: Dim, before: Tensor) -> tuple[Beam, Step]:
        encoded = masked(encoded, 0.0)
        lengths = kept(encoded.lengths(axis))
        batch, backend = self._batch(encoded, axis), encoded.backend
        values = backend.to_numpy(lengths.raw)
        shortest = int(values.min()) if values.size else 0
        steps: list[Step] = []
        for position in range(int(values.max()) if values.size else 0):
            frame = kept(gather(encoded, indices=position, axis=axis))
            now = (before + position).raw_in(batch)
            there = None if position < shortest else _over(lengths > position, batch, before)
            active = None if there is None else there.raw_in(batch)
            after, more = self.step(beam, frame, now=now, first=len(steps), active=active)
            beam = after if there is None else nested_where(there, after, beam)
            steps += more
        if not steps:
            return beam, self._none(beam)
        return beam, _stacked(steps, self.step_dim)

    def _none(self, beam: Beam) -> Step:
        paths, step = beam.paths, self.step_dim

        def empty(like: Tensor) -> Tensor:
            shape: list[Any] = [0, *like.backend.shape(like.raw)]
            raw = like.backend.full(shape, 0, like.dtype, like.device)
            return Tensor(raw, (step, *like.dims), backend=like.backend)

        number = empty(paths.node)
        return Step(number, number, empty(paths.model), number, number)


def _over(x: Tensor, batch: tuple[Dim, ...], like: Tensor) -> Tensor:
    """Over all dims of the batch."""
    if len(x.dims) == len(batch):
        return x
    return elementwise.binary(
        "and", x, create.full(batch, True, like=like, dtype="bool"), allow_broadcast=True
    )


def _stacked(steps: list[Step], dim: Dim) -> Step:
    """Steps along a new first dim."""
    dims = steps[0].parent.dims
    backend = steps[0].parent.backend

    def together(raws: list[Raw]) -> Tensor:
        return Tensor(backend.stack(raws, 0), (dim, *dims), backend=backend)

    columns = zip(*steps, strict=True)
    return Step(*[together([x.raw_in(dims) for x in column]) for column in columns])
