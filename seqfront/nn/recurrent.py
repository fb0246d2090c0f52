"""Recurrent layers: over a whole sequence, or step by step with a state."""

from __future__ import annotations

from typing import NamedTuple

from seqfront import align, dtypes, errors
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.nn.init import GlorotUniform, LSTMBias
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.ops import create
from seqfront.ops.dtype import cast
from seqfront.ops.mask import clean, own_lengths
from seqfront.tensor import Tensor


class LSTMState(NamedTuple):
    """What an LSTM knows after a sequence: over the batch dims and its output dim."""

    hidden: Tensor
    cell: Tensor


class LSTM(Module):
    """Long short-term memory (Hochreiter & Schmidhuber 1997), gates in the order i, f, g, o.

    Args:
        in_dim: Features of the input; static.
        out_dim: Features of the output and the state; static.
    """

    def __init__(self, in_dim: Dim, out_dim: Dim) -> None:
        self.in_dim = in_dim
        self.out_dim = out_dim
        gates = out_dim * 4
        self.input_weight = Parameter((in_dim, gates), GlorotUniform())
        self.hidden_weight = Parameter((out_dim, gates), GlorotUniform())
        self.bias = Parameter((gates,), LSTMBias())

    def initial_state(self, x: Tensor, axis: Dim | None = None) -> LSTMState:
        """Zeros over the batch dims of `x`."""
        align.check("LSTM", x)
        dims = (*self._batch(x, axis), self.out_dim)
        zeros = create.zeros(dims, dtype=dtypes.to_float(x.dtype), like=x)
        return LSTMState(zeros, zeros)

    def __call__(
        self, x: Tensor, *, axis: Dim | None, state: LSTMState | None = None
    ) -> tuple[Tensor, LSTMState]:
        """Run over a dim, or for one step.

        Args:
            x: [batch..., axis, in_dim], any number of batch dims; without `axis` for one step.
                Converted to the dtype of the parameters.
            axis: The dim to run along, which may be ragged. None: one step.
            state: Where to start from; default zeros.

        Returns:
            [batch..., axis, out_dim] and the state at each sequence's own end.
        """
        align.check("LSTM", x, self.in_dim, *(() if axis is None else (axis,)))
        align.distinct("LSTM", (self.in_dim, *(() if axis is None else (axis,))))
        x = cast(x, self.hidden_weight.dtype)
        batch = self._batch(x, axis)
        align.distinct("LSTM", (*batch, self.out_dim))
        state = self.initial_state(x, axis) if state is None else self._checked(state, x, batch)
        time = () if axis is None else (axis,)
        weights = [p.raw for p in (self.input_weight, self.hidden_weight, self.bias)]
        raw = clean(x).raw_in((*time, *batch, self.in_dim))
        start = [self._flat(s, batch) for s in state]
        backend = x.backend
        sizes = tuple(x.size(dim) for dim in batch)
        shape = backend.shape(raw)
        if len(batch) != 1:
            raw = backend.reshape(raw, (*shape[: len(time)], backend.size(start[0], 0), shape[-1]))
        if axis is None:
            gates = backend.linear(raw, weights[0], weights[2])
            hidden, cell = backend.lstm_cell(gates, weights[1], start[0], start[1])
            y = hidden
        else:
            mask = self._mask(x, axis, batch)
            y, hidden, cell = backend.lstm(
                raw, weights[0], weights[1], weights[2], start[0], start[1], mask
            )
        features = (self.out_dim,)
        width = self.out_dim.size
        if len(batch) != 1:
            y = backend.reshape(y, (*shape[: len(time)], *sizes, width))
            hidden = backend.reshape(hidden, (*sizes, width))
            cell = backend.reshape(cell, (*sizes, width))
        table = align.common_lengths("LSTM", (x, *state))
        last = LSTMState(
            Tensor(hidden, (*batch, *features), table, backend=backend),
            Tensor(cell, (*batch, *features), table, backend=backend),
        )
        return Tensor(y, (*time, *batch, *features), table, backend=backend), last

    def _checked(self, state: LSTMState, x: Tensor, batch: tuple[Dim, ...]) -> LSTMState:
        if not isinstance(state, tuple) or len(state) != 2:  # pyright: ignore[reportUnnecessaryIsInstance, reportUnnecessaryComparison]
            raise errors.bad_argument(
                "LSTM",
                "state",
                state,
                "LSTMState(hidden, cell)",
                "pass on what the LSTM gave, or state=None to start.",
            )
        for name, part in zip(("hidden", "cell"), state, strict=True):
            align.check("LSTM", part, *batch, self.out_dim, name=name)
            if len(part.dims) != len(batch) + 1:
                raise errors.wrong_dims("LSTM", part, (*batch, self.out_dim), name)
            align.common_backend("LSTM", (x, part))
            align.check_sizes("LSTM", (x, part))
        return state

    def _batch(self, x: Tensor, axis: Dim | None) -> tuple[Dim, ...]:
        return tuple(dim for dim in x.dims if dim is not axis and dim is not self.in_dim)

    def _flat(self, x: Tensor, batch: tuple[Dim, ...]) -> Raw:
        """[batch..., out] as [count, out]."""
        raw = x.raw_in((*batch, self.out_dim))
        if len(batch) == 1:
            return raw
        shape = x.backend.shape(raw)
        count = 1
        for size in shape[:-1]:
            count = count * size
        return x.backend.reshape(raw, (count, shape[-1]))

    def _mask(self, x: Tensor, axis: Dim, batch: tuple[Dim, ...]) -> Raw | None:
        """bool [time, count]: which steps are data; None if all are."""
        if own_lengths(x, axis) is None:
            return None
        backend = x.backend
        mask = x.mask(axis)
        dims = (axis, *batch)
        raw = align.moved(backend, mask.raw, align.move_to(mask.dims, dims))
        shape = [x.size(dim) for dim in dims]
        raw = backend.broadcast_to(raw, shape)
        if len(batch) == 1:
            return raw
        count = 1
        for size in shape[1:]:
            count = count * size
        return backend.reshape(raw, (shape[0], count))
