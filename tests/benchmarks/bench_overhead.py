"""What the frontend costs for each eager operation: tiny tensors, so that overhead is all there is.

    python tests/benchmarks/bench_overhead.py [--grad] [--rounds 41]

Tensors are 4 x 20 x 32; "ragged" ones have lengths. Microseconds of one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from turns import compare, header, line

import seqfront as sf

Case = tuple[str, Callable[[], Any], Callable[[], Any]]

batch, time = sf.Dim("batch"), sf.Dim("time")
feature, out = sf.Dim("feature", 32), sf.Dim("out", 32)


def cases() -> list[Case]:
    """Name, seqfront, raw PyTorch."""
    raw, vector = torch.randn(4, 20, 32), torch.randn(32)
    lengths = torch.tensor([20, 15, 10, 5], dtype=torch.int32)
    full = sf.wrap(raw, (batch, time, feature))
    ragged = sf.wrap(raw, (batch, time, feature), lengths={time: lengths}) + 0.0
    bias = sf.wrap(vector, (feature,))
    raw_matrix, twice = torch.randn(32, 32), feature + feature
    matrix = sf.wrap(raw_matrix, (feature, out))
    frame = sf.wrap(raw[:, 0].clone(), (batch, feature))
    with sf.use_backend("torch"):
        linear, norm, lstm = (
            sf.nn.Linear(feature, out),
            sf.nn.LayerNorm(feature),
            sf.nn.LSTM(feature, out),
        )
    raw_linear, raw_norm = torch.nn.Linear(32, 32), torch.nn.LayerNorm(32)
    cell = torch.nn.LSTMCell(32, 32)
    state = lstm.initial_state((batch,), like=frame)
    raw_state = (torch.zeros(4, 32), torch.zeros(4, 32))
    weight, offset = raw_linear.weight, raw_linear.bias
    scale, shift = raw_norm.weight, raw_norm.bias
    mask = (torch.arange(20) < lengths[:, None])[:, :, None]
    return [
        ("add [B,T,F] + [B,T,F]", lambda: full + full, lambda: raw + raw),
        ("add [B,T,F] + [F]", lambda: full + bias, lambda: raw + vector),
        ("add [B,T,F] + 1.0", lambda: full + 1.0, lambda: raw + 1.0),
        ("add ragged + [F]", lambda: ragged + bias, lambda: raw + vector),
        ("relu", lambda: sf.relu(full), lambda: torch.relu(raw)),
        (
            "sum ragged over time",
            lambda: sf.sum(ragged, axis=time),
            lambda: torch.where(mask, raw, 0.0).sum(1),
        ),
        (
            "softmax ragged over time",
            lambda: sf.softmax(ragged, axis=time),
            lambda: torch.where(mask, raw, -torch.inf).softmax(1),
        ),
        (
            "matmul",
            lambda: sf.dot(full, matrix, reduce=feature),
            lambda: raw @ raw_matrix,
        ),
        (
            "concat features",
            lambda: sf.concat((full, feature), (full, feature), out_dim=twice),
            lambda: torch.cat((raw, raw), 2),
        ),
        (
            "Linear / F.linear",
            lambda: linear(full),
            lambda: functional.linear(raw, weight, offset),
        ),
        ("Linear / nn.Linear", lambda: linear(full), lambda: raw_linear(raw)),
        ("Linear ragged / F.linear", lambda: linear(ragged), lambda: raw_linear(raw)),
        (
            "LayerNorm / F.layer_norm",
            lambda: norm(full),
            lambda: functional.layer_norm(raw, (32,), scale, shift),
        ),
        ("LayerNorm / nn.LayerNorm", lambda: norm(full), lambda: raw_norm(raw)),
        (
            "LSTM step / nn.LSTMCell",
            lambda: lstm(frame, axis=None, state=state),
            lambda: cell(frame.raw, raw_state),
        ),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grad", action="store_true", help="record for the gradient")
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(header("torch"))
    with torch.set_grad_enabled(options.grad):
        for name, ours, theirs in cases():
            print(line(name, compare(ours, theirs, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
