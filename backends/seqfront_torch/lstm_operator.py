"""The LSTM as one operator, for graphs of any length.

`torch.compile` and `torch.export` take PyTorch's own LSTM apart, into as many steps as the example
had frames. This operator stays whole: forward is PyTorch's fused kernel, and backward is written
out here. It keeps only the outputs: as every hidden state is known, one matrix product gives the
gates of all frames again, and another one each gives the gradients of the weights.
"""

from __future__ import annotations

from typing import NoReturn

import torch
from torch import Tensor

from seqfront import errors

_library = torch.library.Library("seqfront", "FRAGMENT")
_INPUTS = (
    "Tensor x, Tensor input_weight, Tensor hidden_weight, Tensor bias, Tensor hidden, Tensor cell"
)


def fused(
    x: Tensor, input_weight: Tensor, hidden_weight: Tensor, bias: Tensor, hidden: Tensor,
    cell: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """PyTorch's kernel, without a mask: arguments and results as those of `Backend.lstm`."""
    weights = [input_weight.t(), hidden_weight.t(), bias, torch.zeros_like(bias)]
    state = [hidden.unsqueeze(0), cell.unsqueeze(0)]
    keeps = torch.is_grad_enabled()  # cuDNN then keeps what its backward needs
    y, h, c = torch._VF.lstm(x, state, weights, True, 1, 0.0, keeps, False, False)  # pyright: ignore
    return y, h.squeeze(0), c.squeeze(0)


def _forward(*inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    y, h, c = fused(*inputs)
    return y.contiguous(), h.contiguous(), c.contiguous()


def _fake_forward(x: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    hidden, cell = rest[-2:]
    y = x.new_empty(x.shape[0], *hidden.shape)
    return y, hidden.new_empty(hidden.shape), cell.new_empty(cell.shape)


def _backward(
    x: Tensor, input_weight: Tensor, hidden_weight: Tensor, bias: Tensor, hidden: Tensor,
    cell: Tensor, y: Tensor, grad_y: Tensor, grad_hidden: Tensor, grad_cell: Tensor,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Backpropagation through time, i, f, g, o being the gates and c the cells."""
    time, width = x.shape[0], hidden.shape[1]
    before = torch.cat([hidden.unsqueeze(0), y[:-1]])
    gates = torch.nn.functional.linear(x, input_weight.t(), bias) + before @ hidden_weight
    i, f, g, o = gates.split(width, 2)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    added, cells = i * g, [cell]
    for t in range(time):
        cells.append(torch.addcmul(added[t], f[t], cells[t]))
    cells_before, squashed = torch.stack(cells[:-1]), torch.stack(cells[1:]).tanh()

    by_hidden = o * (1 - squashed * squashed)  # d y / d c
    by_cell = torch.cat([g * i * (1 - i), cells_before * f * (1 - f), i * (1 - g * g)], 2)
    by_output = squashed * o * (1 - o)
    grad_gates = torch.empty_like(gates)
    hidden_weight_t = hidden_weight.t().contiguous()
    for t in range(time - 1, -1, -1):
        grad_hidden = grad_hidden + grad_y[t]
        grad_cell = torch.addcmul(grad_cell, grad_hidden, by_hidden[t])
        torch.mul(grad_cell.repeat(1, 3), by_cell[t], out=grad_gates[t, :, : 3 * width])
        torch.mul(grad_hidden, by_output[t], out=grad_gates[t, :, 3 * width :])
        grad_hidden, grad_cell = grad_gates[t] @ hidden_weight_t, grad_cell * f[t]

    flat = grad_gates.reshape(-1, 4 * width)
    return (
        grad_gates @ input_weight.t(),
        x.reshape(-1, x.shape[2]).t() @ flat,
        before.reshape(-1, width).t() @ flat,
        flat.sum(0),
        grad_hidden,
        grad_cell,
    )


def _fake_backward(*inputs: Tensor) -> tuple[Tensor, ...]:
    return tuple(x.new_empty(x.shape) for x in inputs[:6])


def _save(
    ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]
) -> None:
    ctx.save_for_backward(*inputs, output[0])


def _gradient(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, ...]:
    return torch.ops.seqfront.lstm_backward.default(*ctx.saved_tensors, *grads)  # pyright: ignore


def _refuse(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> NoReturn:
    raise errors.no_second_derivative("lstm", composed=False)


_library.define(f"lstm({_INPUTS}) -> (Tensor, Tensor, Tensor)")
_library.define(
    f"lstm_backward({_INPUTS}, Tensor y, Tensor grad_y, Tensor grad_hidden, Tensor grad_cell)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
)
_library.impl("lstm", _forward, "CompositeExplicitAutograd")
_library.impl("lstm_backward", _backward, "CompositeExplicitAutograd")
torch.library.register_fake("seqfront::lstm", _fake_forward, lib=_library)
torch.library.register_fake("seqfront::lstm_backward", _fake_backward, lib=_library)
torch.library.register_autograd("seqfront::lstm", _gradient, setup_context=_save, lib=_library)
torch.library.register_autograd("seqfront::lstm_backward", _refuse, lib=_library)

operator = torch.ops.seqfront.lstm.default
"""The operator, differentiable once, that a graph holds."""
