"""An LSTM whose gates and cell are normalised at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.nn.linear import Linear
from seqfront.nn.norm import LayerNorm
from seqfront.nn.recurrent import LSTMState, Recurrent


class NormalizedLSTM(Recurrent[LSTMState]):
    """Long short-term memory with layer normalisation (Ba et al. 2016, arXiv:1607.06450, section 3,
    in the form of torchaudio's transducers): all four gates i, f, g, o are normalised as one
    vector, and the cell is carried on normalised.

        i, f, g, o = norm(x W + h U);  c' = norm(f * c + i * g);  h' = o * tanh(c')

    Args:
        in_dim: Features of the input; static.
        out_dim: Features of the output and the state; static.
        epsilon: Added to the variances.

    Example:
        >>> import seqfront as sf
        >>> time, mel, hidden = sf.Dim("time", 5), sf.Dim("mel", 4), sf.Dim("hidden", 8)
        >>> y, state = sf.models.NormalizedLSTM(mel, hidden)(sf.ones((time, mel)), axis=time)
        >>> y, state.cell
        (float32[time:5, hidden:8] numpy:cpu, float32[hidden:8] numpy:cpu)
    """

    _name = "NormalizedLSTM"
    _parts = ("hidden", "cell")

    def __init__(self, in_dim: Dim, out_dim: Dim, *, epsilon: float = 1e-5) -> None:
        self.in_dim = in_dim
        self.out_dim = out_dim
        gates = out_dim * 4
        self.input = Linear(in_dim, gates, bias=False)
        self.hidden = Linear(out_dim, gates, bias=False)
        self.gates_norm = LayerNorm(gates, epsilon=epsilon)
        self.cell_norm = LayerNorm(out_dim, epsilon=epsilon)
        self.hidden_weight = self.hidden.weight

    def _state(self, parts: Sequence[Any]) -> LSTMState:
        return LSTMState(*parts)

    def _step(self, backend: Backend, x: Raw, start: Sequence[Raw]) -> tuple[Raw, ...]:
        return self._cell(backend, backend.linear(x, self.input.weight.raw), start[0], start[1])

    def _run(
        self, backend: Backend, x: Raw, start: Sequence[Raw], mask: Raw | None
    ) -> tuple[Raw, ...]:
        if mask is not None:
            mask = backend.expand_dims(mask, (2,))
            x = backend.where(mask, x, 0.0)

        def step(state: Any, xs: Any) -> tuple[Any, Any]:
            hidden, cell = state
            y, new = self._cell(backend, xs[0], hidden, cell)
            if mask is not None:
                y, new = backend.where(xs[1], y, hidden), backend.where(xs[1], new, cell)
            return (y, new), y

        gates = backend.linear(x, self.input.weight.raw)
        xs = (gates,) if mask is None else (gates, mask)
        (hidden, cell), y = backend.scan(step, (start[0], start[1]), xs, backend.size(x, 0))
        return y, hidden, cell

    def _cell(self, backend: Backend, gates: Raw, hidden: Raw, cell: Raw) -> tuple[Raw, Raw]:
        """One step from the projected input [count, 4 out]: next hidden and cell."""
        return backend.normalized_lstm_cell(
            gates,
            hidden,
            cell,
            self.hidden.weight.raw,
            self.gates_norm.scale.raw,
            self.gates_norm.bias.raw,
            self.cell_norm.scale.raw,
            self.cell_norm.bias.raw,
            self.gates_norm.epsilon,
        )
