"""LSTM and GRU on PyTorch's fused kernels (oneDNN, cuDNN), masked without packing.

The kernel knows no mask, so it is given one more input feature: 1 on frames that are masked out.
Its weights push the input gate to sigmoid(-10^4), which is exactly 0, and the forget gate to
exactly 1, so that the cell stays what it is past the end, and its gradient passes unchanged. The
hidden state does not stay (the output gate still moves), and is put right afterwards: beyond the
end `y` repeats the last frame within. A GRU has nothing but a hidden state, so for it that is all.
"""

from __future__ import annotations

import torch

from seqfront.composed import ComposedOps
from seqfront_torch import few_rows, lstm_operator, weights


class Recurrent(ComposedOps):
    """Overrides of the recurrent layers."""

    def lstm(
        self,
        x: torch.Tensor,
        input_weight: torch.Tensor,
        hidden_weight: torch.Tensor,
        bias: torch.Tensor,
        hidden: torch.Tensor,
        cell: torch.Tensor,
        mask: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """As composed."""
        if x.numel() == 0:
            return super().lstm(x, input_weight, hidden_weight, bias, hidden, cell, mask)
        run = lstm_operator.operator if torch.compiler.is_compiling() else lstm_operator.fused
        if mask is None:
            return run(x, input_weight, hidden_weight, bias, hidden, cell)
        outside = (~mask).unsqueeze(2)
        x = torch.cat([torch.where(outside, 0.0, x), outside.to(x.dtype)], 2)
        width = hidden.shape[1]
        push = input_weight.new_zeros(1, 4 * width)
        push[:, :width], push[:, width : 2 * width] = -1e4, 1e4
        input_weight = torch.cat([input_weight, push])
        y, _, cell = run(x, input_weight, hidden_weight, bias, hidden, cell)
        y = _repeat_last(y, hidden, mask)
        return y, y[-1], cell

    def normalized_lstm_cell(
        self,
        gates: torch.Tensor,
        hidden: torch.Tensor,
        cell: torch.Tensor,
        hidden_weight: torch.Tensor,
        gates_scale: torch.Tensor,
        gates_bias: torch.Tensor,
        cell_scale: torch.Tensor,
        cell_bias: torch.Tensor,
        epsilon: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As composed. (Attributes of native ops have the precision of float32.)"""
        norms = (gates_scale, gates_bias, cell_scale, cell_bias)
        tensors = (gates, hidden, cell, hidden_weight, *norms)
        if gates.dtype is torch.float32 and few_rows.serves(hidden, hidden_weight, *tensors):
            panels = weights.panels(hidden_weight)
            if panels is not None:
                tensors = (gates, hidden, cell, panels, *norms)
            options = {"epsilon": epsilon, "panels": panels is not None}
            return torch.ops.seqfront.normalized_lstm(*tensors, **options)
        return super().normalized_lstm_cell(*tensors, epsilon)

    def gru(
        self,
        x: torch.Tensor,
        input_weight: torch.Tensor,
        hidden_weight: torch.Tensor,
        bias: torch.Tensor,
        candidate_bias: torch.Tensor,
        hidden: torch.Tensor,
        mask: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As composed; traced, that is what runs: PyTorch would unroll its kernel."""
        if x.numel() == 0 or torch.compiler.is_compiling():
            return super().gru(x, input_weight, hidden_weight, bias, candidate_bias, hidden, mask)
        if mask is not None:
            x = torch.where(mask.unsqueeze(2), x, 0.0)
        hidden_bias = torch.cat([bias.new_zeros(2 * hidden.shape[1]), candidate_bias])
        weights = [input_weight.t(), hidden_weight.t(), bias, hidden_bias]
        keeps = torch.is_grad_enabled()  # cuDNN then keeps what its backward needs
        y, last = torch._VF.gru(  # pyright: ignore
            x, hidden.unsqueeze(0), weights, True, 1, 0.0, keeps, False, False
        )
        if mask is None:
            return y, last.squeeze(0)
        y = _repeat_last(y, hidden, mask)
        return y, y[-1]


def _repeat_last(y: torch.Tensor, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """`y` [time, batch, out] of the newest frame within the mask; before any, `hidden`."""
    states = torch.cat([hidden.unsqueeze(0), y])
    newest = torch.cumsum(mask, 0).unsqueeze(2).expand(y.shape)  # the mask is a prefix
    return torch.gather(states, 0, newest)
