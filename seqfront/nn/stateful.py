"""Layers that remember: a whole sequence at once, or part by part with a state.

There is one protocol for all of them. `initial_state` says what is known before the first position;
with a state, a layer gives its output and the state to go on from:

    state = layer.initial_state((batch,), like=x)
    y, state = layer(first, axis=time, state=state)      # a part of any size, ragged or not
    y, state = layer(frame, axis=None, state=state)      # one position, without the dim

The parts of a sequence give what the whole gives. States are immutable tuples of tensors over the
batch dims, so that a search keeps, gathers and compares them (`sf.nested_gather`,
`sf.nested_where`), and rows of a batch may be of different ages.

Layers that are recurrent by nature (LSTM, causal attention, decoders) always give a state; others
(`Conv1d`, `SinusoidalPosition`, `Sequential`) give `y` alone when none is passed.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.lengths import FULL, Lengths
from seqfront.nn.module import Module
from seqfront.ops import create
from seqfront.tensor import Tensor


class Stateful(Module, abc.ABC):
    """A layer whose output depends on earlier positions only, and that can go on from there."""

    @abc.abstractmethod
    def initial_state(
        self, batch: Sequence[Dim] = (), *, like: Tensor, capacity: int | Dim | None = None
    ) -> Any:
        """What is known before the first position.

        Args:
            batch: The dims that positions come in besides their own and the features.
            like: A tensor such as comes in: sizes of batch dims, dtype, backend and device.
            capacity: How many positions there will be at most, for layers whose state grows with
                them (attention): it is then made in full, so that compiled steps are all alike.
                Others need none.
        """


def blank(op: str, dims: Sequence[Dim], *, like: Tensor, dtype: str) -> Tensor:
    """Zeros for a state, over dims that `like` has or that are static."""
    align.check(op, like, *[dim for dim in dims if dim.size is None], name="like")
    return kept(create.zeros(align.distinct(op, dims), dtype=dtype, like=like))


def kept(x: Tensor) -> Tensor:
    """`x` with the lengths of its own dims only: those of a part are others in the next."""
    own = {dim: n for dim, n in x.lengths_table.entries.items() if dim in x.dims}
    return x.with_lengths(Lengths(own) if own else FULL)


def dtype_with(like: Tensor, weight: Tensor) -> str:
    """The dtype of what a weight makes of `like`."""
    return dtypes.promote(like.dtype, weight.dtype) if dtypes.is_float(like.dtype) else weight.dtype


def wrong_state(layer: str, state: object, needed: str) -> errors.DimError:
    """A state that is none of this layer."""
    fix = f"pass on what the {layer} gave, or start from its initial_state(...)."
    return errors.bad_argument(layer, "state", state, needed, fix)
