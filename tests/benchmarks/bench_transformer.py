"""A Transformer encoder against the same written by hand for PyTorch, loss and gradients.

    python tests/benchmarks/bench_transformer.py [--threads 1] [--rounds 31] [--compiled]

Two layers, normalised first, four heads, no dropout. The peer has the weights of ours and computes
the same: `F.linear`, `F.layer_norm`, and `F.scaled_dot_product_attention` with a mask of the
padding. `--compiled`: both under `torch.compile` (inductor).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from turns import compare, header, line

import seqfront as sf
import seqfront_torch

HEADS = 4
SHAPES = [(4, 20, 32), (8, 50, 128), (16, 100, 256)]
"""Batch, frames, features."""


class Layer(torch.nn.Module):
    """One layer by hand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.query, self.key, self.value, self.output = (
            torch.nn.Linear(width, width) for _ in range(4)
        )
        self.first, self.second = (
            torch.nn.Linear(width, 4 * width),
            torch.nn.Linear(4 * width, width),
        )

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x [batch, time, width], mask [batch, 1, 1, time]."""
        shape = (*x.shape[:2], HEADS, x.shape[2] // HEADS)
        y = self.norm1(x)
        q, k, v = (
            project(y).view(shape).transpose(1, 2) for project in (self.query, self.key, self.value)
        )
        found = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.output(found.transpose(1, 2).reshape(x.shape))
        return x + self.second(torch.relu(self.first(self.norm2(x))))


class ByHand(torch.nn.Module):
    """What `sf.models.TransformerEncoder` is, by hand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([Layer(width), Layer(width)])
        self.norm = torch.nn.LayerNorm(width)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """x [batch, time, width], lengths [batch]."""
        data = torch.arange(x.shape[1]) < lengths[:, None]
        mask = data[:, None, None]
        for layer in self.layers:
            x = layer(x, mask)
        return torch.where(data[:, :, None], self.norm(x), 0.0).sum()


def copied(model: sf.nn.Module, peer: torch.nn.Module) -> None:
    """Give the peer our weights: in the order of attributes, matrices turned."""
    with torch.no_grad():
        for path, parameter in model.named_parameters().items():
            name = path.replace("attention_norm", "norm1").replace("feed_forward_norm", "norm2")
            name = name.replace("attention.", "").replace("feed_forward.", "")
            name = name.replace("scale", "weight")
            target, value = peer.get_parameter(name), parameter.raw.detach()
            target.copy_(value.t() if value.ndim == 2 else value)


def programs(shape: tuple[int, int, int]) -> tuple[Callable[..., Any], Callable[..., Any], Any]:
    """Ours and theirs, both (x, lengths) -> scalar; and the arguments."""
    rows, frames, width = shape
    batch, time = sf.Dim("batch"), sf.Dim("time")
    feature, inner = sf.Dim("feature", width), sf.Dim("inner", 4 * width)
    with sf.use_backend("torch"):
        model = sf.models.TransformerEncoder(feature, layers=2, heads=HEADS, inner=inner)
    net = seqfront_torch.module(model)
    peer = ByHand(width)
    copied(model, peer)

    def ours(x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        y = net(sf.wrap(x, (batch, time, feature), lengths={time: lengths}), axis=time)
        return sf.sum(y, axis=y.dims).raw

    torch.manual_seed(0)
    x = torch.randn(rows, frames, width)
    lengths = torch.linspace(frames // 2, frames, rows).to(torch.int32)
    x = torch.where((torch.arange(frames) < lengths[:, None])[:, :, None], x, 0.0)
    return ours, peer, (x, lengths)


def step(program: Callable[..., Any], arguments: Any, *, backward: bool) -> Callable[[], Any]:
    """A call without arguments: the value, or value and gradients of all weights."""

    def run() -> None:
        value = program(*arguments)
        if backward:
            value.backward()

    return run


def agree(ours: Callable[..., Any], theirs: Callable[..., Any], arguments: Any) -> None:
    """Both compute the same, or the figures mean nothing."""
    torch.testing.assert_close(ours(*arguments), theirs(*arguments), rtol=1e-3, atol=1e-2)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--compiled", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(header("torch"))
    for shape in SHAPES:
        ours, theirs, arguments = programs(shape)
        if options.compiled:
            ours, theirs = torch.compile(ours), torch.compile(theirs)
        agree(ours, theirs, arguments)
        for backward in (False, True):
            name = f"{shape} forward{' and backward' * backward}"
            with torch.set_grad_enabled(backward):
                calls = [step(program, arguments, backward=backward) for program in (ours, theirs)]
                print(line(name, compare(*calls, options.rounds, options.threads)), flush=True)


if __name__ == "__main__":
    main()
