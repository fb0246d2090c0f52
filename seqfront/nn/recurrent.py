"""Recurrent layers: over a whole sequence, or step by step with a state."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar

from seqfront import align, errors
from seqfront.backend import Backend, Raw, product
from seqfront.dim import Dim
from seqfront.nn.init import GlorotUniform, LSTMBias
from seqfront.nn.parameter import Parameter
from seqfront.nn.stateful import Stateful, blank, kept, wrong_state
from seqfront.ops.dtype import cast
from seqfront.ops.mask import clean, own_lengths
from seqfront.tensor import Tensor

State = TypeVar("State", bound="tuple[Tensor, ...]")


class Recurrent(Stateful, Generic[State]):
    """What recurrent layers share: dims, states, masks. Subclasses say what a step is.

    The first part of a state is the hidden one, which is also the output of a step.
    """

    _name: ClassVar[str]
    _parts: ClassVar[tuple[str, ...]]
    in_dim: Dim
    out_dim: Dim
    hidden_weight: Parameter

    @abc.abstractmethod
    def _state(self, parts: Sequence[Tensor]) -> State:
        """The parts as a state."""

    @abc.abstractmethod
    def _step(self, backend: Backend, x: Raw, start: Sequence[Raw]) -> tuple[Raw, ...]:
        """x [count, in] and parts [count, out] -> the next parts."""

    @abc.abstractmethod
    def _run(
        self, backend: Backend, x: Raw, start: Sequence[Raw], mask: Raw | None
    ) -> tuple[Raw, ...]:
        """x [time, count, in], mask bool [time, count] -> y [time, count, out], last parts."""

    def initial_state(
        self, batch: Sequence[Dim] = (), *, like: Tensor, capacity: int | Dim | None = None
    ) -> State:
        """Zeros over the batch dims, which `like` has, and the output dim."""
        dims, dtype = (*batch, self.out_dim), self.hidden_weight.dtype
        return self._state([blank(self._name, dims, like=like, dtype=dtype) for _ in self._parts])

    def __call__(
        self, x: Tensor, *, axis: Dim | None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Run over a dim, or for one step.

        Args:
            x: [batch..., axis, in_dim], any number of batch dims; without `axis` for one step.
                Converted to the dtype of the parameters.
            axis: The dim to run along, which may be ragged. None: one step.
            state: Where to start from; default zeros.

        Returns:
            [batch..., axis, out_dim] and the state at each sequence's own end; that of a sequence
            without any position is the one it started from.
        """
        time = () if axis is None else (axis,)
        align.check(self._name, x, self.in_dim, *time)
        align.distinct(self._name, (self.in_dim, *time))
        x = cast(x, self.hidden_weight.dtype)
        batch = self._batch(x, axis)
        align.distinct(self._name, (*batch, self.out_dim))
        state = (
            self.initial_state(batch, like=x) if state is None else self._checked(state, x, batch)
        )
        backend = x.backend
        raw = clean(x).raw_in((*time, *batch, self.in_dim))
        start = [self._flat(part, batch) for part in state]
        shape = backend.shape(raw)
        if len(batch) != 1:
            raw = backend.reshape(raw, (*shape[: len(time)], backend.size(start[0], 0), shape[-1]))
        if axis is None:
            parts = self._step(backend, raw, start)
            y = parts[0]
        else:
            y, *parts = self._run(backend, raw, start, self._mask(x, axis, batch))
        table = align.common_lengths(self._name, (x, *state))

        def named(raw: Raw, dims: tuple[Dim, ...], lead: tuple[object, ...]) -> Tensor:
            if len(batch) != 1:
                sizes = [x.size(dim) for dim in batch]
                raw = backend.reshape(raw, (*lead, *sizes, self.out_dim.size))
            return Tensor(raw, (*dims, *batch, self.out_dim), table, backend=backend)

        last = self._state([kept(named(part, (), ())) for part in parts])
        return named(y, time, shape[: len(time)]), last

    def _checked(self, state: State, x: Tensor, batch: tuple[Dim, ...]) -> State:
        if not isinstance(state, tuple) or len(state) != len(self._parts):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise wrong_state(self._name, state, f"{self._name}State({', '.join(self._parts)})")
        for name, part in zip(self._parts, state, strict=True):
            align.check(self._name, part, *batch, self.out_dim, name=name)
            if len(part.dims) != len(batch) + 1:
                raise errors.wrong_dims(self._name, part, (*batch, self.out_dim), name)
            align.common_backend(self._name, (x, part))
        align.check_sizes(self._name, (x, *state))
        return state

    def _batch(self, x: Tensor, axis: Dim | None) -> tuple[Dim, ...]:
        return tuple([dim for dim in x.dims if dim is not axis and dim is not self.in_dim])

    def _flat(self, x: Tensor, batch: tuple[Dim, ...]) -> Raw:
        """[batch..., out] as [count, out]."""
        raw = x.raw_in((*batch, self.out_dim))
        if len(batch) == 1:
            return raw
        shape = x.backend.shape(raw)
        return x.backend.reshape(raw, (product(shape[:-1]), shape[-1]))

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
        return backend.reshape(raw, (shape[0], product(shape[1:])))


class LSTMState(NamedTuple):
    """What an LSTM knows after a sequence: over the batch dims and its output dim."""

    hidden: Tensor
    cell: Tensor


class LSTM(Recurrent[LSTMState]):
    """Long short-term memory (Hochreiter & Schmidhuber 1997), gates in the order i, f, g, o.

    Args:
        in_dim: Features of the input; static.
        out_dim: Features of the output and the state; static.
    """

    _name = "LSTM"
    _parts = ("hidden", "cell")

    def __init__(self, in_dim: Dim, out_dim: Dim) -> None:
        self.in_dim = in_dim
        self.out_dim = out_dim
        gates = out_dim * 4
        self.input_weight = Parameter((in_dim, gates), GlorotUniform())
        self.hidden_weight = Parameter((out_dim, gates), GlorotUniform())
        self.bias = Parameter((gates,), LSTMBias())

    def _state(self, parts: Sequence[Tensor]) -> LSTMState:
        return LSTMState(*parts)

    def _step(self, backend: Backend, x: Raw, start: Sequence[Raw]) -> tuple[Raw, ...]:
        gates = backend.linear(x, self.input_weight.raw, self.bias.raw)
        return backend.lstm_cell(gates, self.hidden_weight.raw, start[0], start[1])

    def _run(
        self, backend: Backend, x: Raw, start: Sequence[Raw], mask: Raw | None
    ) -> tuple[Raw, ...]:
        weights = [p.raw for p in (self.input_weight, self.hidden_weight, self.bias)]
        return backend.lstm(x, weights[0], weights[1], weights[2], start[0], start[1], mask)


class GRUState(NamedTuple):
    """What a GRU knows after a sequence: over the batch dims and its output dim."""

    hidden: Tensor


class GRU(Recurrent[GRUState]):
    """Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078), gates in the order r, z, n.

    The reset gate acts on the product with the hidden weight, as in cuDNN, PyTorch and Keras:
    n = tanh(x W_n + b_n + r * (h U_n + c)), h' = (1 - z) * n + z * h.

    Args:
        in_dim: Features of the input; static.
        out_dim: Features of the output and the state; static.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> batch, time = sf.Dim("batch"), sf.Dim("time")
        >>> mel, hidden = sf.Dim("mel", 80), sf.Dim("hidden", 16)
        >>> x = np.zeros((2, 5, 80), "float32")
        >>> y, state = sf.nn.GRU(mel, hidden)(
        ...     sf.wrap(x, (batch, time, mel), lengths={time: [5, 3]}), axis=time
        ... )
        >>> y, state.hidden
        (float32[time≤5, batch≤2, hidden:16] numpy:cpu, float32[batch≤2, hidden:16] numpy:cpu)
    """

    _name = "GRU"
    _parts = ("hidden",)

    def __init__(self, in_dim: Dim, out_dim: Dim) -> None:
        self.in_dim = in_dim
        self.out_dim = out_dim
        gates = out_dim * 3
        self.input_weight = Parameter((in_dim, gates), GlorotUniform())
        self.hidden_weight = Parameter((out_dim, gates), GlorotUniform())
        self.bias = Parameter((gates,), 0.0)
        self.candidate_bias = Parameter((out_dim,), 0.0)

    def _state(self, parts: Sequence[Tensor]) -> GRUState:
        return GRUState(*parts)

    def _step(self, backend: Backend, x: Raw, start: Sequence[Raw]) -> tuple[Raw, ...]:
        gates = backend.linear(x, self.input_weight.raw, self.bias.raw)
        weights = [p.raw for p in (self.hidden_weight, self.candidate_bias)]
        return (backend.gru_cell(gates, weights[0], weights[1], start[0]),)

    def _run(
        self, backend: Backend, x: Raw, start: Sequence[Raw], mask: Raw | None
    ) -> tuple[Raw, ...]:
        inner = (self.input_weight, self.hidden_weight, self.bias, self.candidate_bias)
        weights = [p.raw for p in inner]
        return backend.gru(x, weights[0], weights[1], weights[2], weights[3], start[0], mask)
