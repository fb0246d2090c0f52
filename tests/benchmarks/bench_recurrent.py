"""LSTM and GRU over ragged sequences against PyTorch's own with packed sequences.

    python tests/benchmarks/bench_recurrent.py [--threads 1] [--rounds 15] [--compiled]

Both take [batch, time, features] and lengths from half the frames to all, and give the sum of the
outputs; PyTorch packs the sequences, runs `nn.LSTM` or `nn.GRU`, and unpacks. `--compiled`: the
LSTM under `torch.compile` (inductor) against PyTorch's eager one, as PyTorch does not compile
packed sequences into one graph.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.utils import rnn
from turns import compare, header, line

import seqfront as sf
import seqfront_torch

SHAPES = [(4, 20, 32), (16, 100, 256)]
"""Batch, frames, features."""


def programs(kind: str, shape: tuple[int, int, int]) -> tuple[Callable[..., Any], ...]:
    """Ours and theirs with the same weights, both (x, lengths) -> scalar."""
    width = shape[2]
    batch, time = sf.Dim("batch"), sf.Dim("time")
    feature, out = sf.Dim("feature", width), sf.Dim("out", width)
    with sf.use_backend("torch"):
        model = (sf.nn.LSTM if kind == "LSTM" else sf.nn.GRU)(feature, out)
    net = seqfront_torch.module(model)
    peer = (torch.nn.LSTM if kind == "LSTM" else torch.nn.GRU)(width, width, batch_first=True)
    with torch.no_grad():
        peer.weight_ih_l0.copy_(model.input_weight.raw.t())
        peer.weight_hh_l0.copy_(model.hidden_weight.raw.t())
        peer.bias_ih_l0.copy_(model.bias.raw)
        peer.bias_hh_l0.zero_()

    def ours(x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        y, _ = net(sf.wrap(x, (batch, time, feature), lengths={time: lengths}), axis=time)
        return sf.sum(y, axis=y.dims).raw

    def theirs(x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, _ = rnn.pad_packed_sequence(peer(packed)[0], batch_first=True)
        return y.sum()

    return ours, theirs


def step(program: Callable[..., Any], arguments: Any, *, backward: bool) -> Callable[[], Any]:
    """A call without arguments: the value, or value and gradients of all weights."""

    def run() -> None:
        value = program(*arguments)
        if backward:
            value.backward()

    return run


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--compiled", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print(header("torch"))
    for kind in ("LSTM",) if options.compiled else ("LSTM", "GRU"):
        for shape in SHAPES:
            ours, theirs = programs(kind, shape)
            ours = torch.compile(ours) if options.compiled else ours
            lengths = torch.linspace(shape[1] // 2, shape[1], shape[0]).to(torch.int64)
            arguments = (torch.randn(shape), lengths)
            torch.testing.assert_close(ours(*arguments), theirs(*arguments), rtol=1e-3, atol=1e-2)
            for backward in (False, True):
                name = f"{kind} {shape} forward{' and backward' * backward}"
                with torch.set_grad_enabled(backward):
                    calls = [step(run, arguments, backward=backward) for run in (ours, theirs)]
                    print(line(name, compare(*calls, options.rounds, options.threads)), flush=True)


if __name__ == "__main__":
    main()
