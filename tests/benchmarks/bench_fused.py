"""Time and memory of the losses that hold the last layer, beside the same loss of full logits.

    python tests/benchmarks/bench_fused.py                    # time, as ratios in one run
    python tests/benchmarks/bench_fused.py --memory           # extra peak memory, a process each
    python tests/benchmarks/bench_fused.py --batch 8          # the size whose logits are 3.2 GB

Loss and gradients of features, weight and bias, float32, full lengths, on torch. The inputs are
like those of a trained model: at a frame of its own each label is likely, elsewhere the blank is.
Rounds go over all implementations in turn; what is printed is the median of wall-clock and of
processor time, and the median over rounds of the ratio of processor times to the full loss (on a
busy machine wall-clock time says more about the others).
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

import seqfront as sf

batch, frame, label = sf.Dim("batch"), sf.Dim("frame"), sf.Dim("label")
Shape = tuple[int, int, int, int, int]
Step = Callable[[], Any]

RNNT = (400, 60, 4096, 512)  # frames, labels, classes, features
CTC = (500, 100, 5000, 512)


class Inputs:
    """Of one problem; every label has a code, which its frame shows and its class looks for."""

    def __init__(self, kind: str, shape: Shape) -> None:
        count, frames, labels, classes, features = shape
        g = torch.Generator().manual_seed(1)
        codes = torch.randn(classes, features, generator=g).sign()
        self.targets = torch.randint(1, classes, (count, labels), dtype=torch.int32, generator=g)
        self.source = 0.3 * torch.randn(count, frames, features, generator=g)
        spoken = torch.linspace(1, frames - 2, labels).long()
        self.source[:, spoken] += 2.0 * codes[self.targets.long()]
        self.prediction = 0.3 * torch.randn(count, labels + 1, features, generator=g)
        self.weight = (codes * 16.0 / features).t().contiguous()
        self.bias = torch.zeros(classes)
        self.bias[0] = 8.0
        floats = (self.source, self.prediction, self.weight, self.bias)
        self.learned = floats if kind == "rnnt" else (self.source, self.weight, self.bias)
        for x in self.learned:
            x.requires_grad_()
        self.classes, self.features = sf.Dim("classes", classes), sf.Dim("features", features)

    def layer(self) -> dict[str, Any]:
        """Arguments of a loss that holds the last layer."""
        return {
            "weight": sf.wrap(self.weight, (self.features, self.classes)),
            "bias": sf.wrap(self.bias, (self.classes,)),
            "classes": self.classes,
        }

    def labels(self) -> dict[str, Any]:
        """Arguments of every loss."""
        return {
            "targets": sf.wrap(self.targets, (batch, label), sparse_dim=self.classes),
            "input_spatial_dim": frame,
            "targets_spatial_dim": label,
            "blank_index": 0,
        }

    def hidden(self) -> sf.Tensor:
        """The features of frames."""
        return sf.wrap(self.source, (batch, frame, self.features))

    def predicted(self) -> sf.Tensor:
        """Those of positions."""
        return sf.wrap(self.prediction, (batch, label + 1, self.features))


def _full(kind: str, x: Inputs) -> sf.Tensor:
    if kind == "ctc":
        logits = functional.linear(x.source, x.weight.t(), x.bias)
        named = sf.wrap(logits, (batch, frame, x.classes))
        return sf.ctc_loss(logits=named, **x.labels())
    joint = torch.tanh(x.source[:, :, None] + x.prediction[:, None])
    logits = functional.linear(joint, x.weight.t(), x.bias)
    named = sf.wrap(logits, (batch, frame, label + 1, x.classes))
    return sf.rnnt_loss(logits=named, **x.labels())


def _fused(kind: str, x: Inputs, skip_below: float = 0.0) -> sf.Tensor:
    if kind == "ctc":
        return sf.fused_ctc_loss(
            hidden=x.hidden(), feature_dim=x.features, **x.layer(), **x.labels()
        )
    return sf.fused_rnnt_loss(
        source=x.hidden(), prediction=x.predicted(), joint_dim=x.features,
        skip_below=skip_below, **x.layer(), **x.labels(),
    )  # fmt: skip


IMPLEMENTATIONS: dict[str, Callable[[str, Inputs], sf.Tensor]] = {
    "full": _full,
    "fused": _fused,
    "fused, skip_below=1e-4": lambda kind, x: _fused(kind, x, 1e-4),
}


def _names(kind: str) -> list[str]:
    return [name for name in IMPLEMENTATIONS if kind == "rnnt" or "skip" not in name]


def _step(name: str, kind: str, x: Inputs) -> Step:
    return lambda: torch.autograd.grad(IMPLEMENTATIONS[name](kind, x).raw.sum(), x.learned)


def measure_time(kind: str, shape: Shape, rounds: int) -> None:
    """Median seconds, and ratios to the full loss."""
    inputs = Inputs(kind, shape)
    wall: dict[str, list[float]] = {name: [] for name in _names(kind)}
    used: dict[str, list[float]] = {name: [] for name in wall}
    for _ in range(rounds):
        for name in wall:
            started = time.perf_counter(), time.process_time()
            _step(name, kind, inputs)()
            wall[name].append(time.perf_counter() - started[0])
            used[name].append(time.process_time() - started[1])
    print(f"\n{kind} {shape}, {torch.get_num_threads()} threads: wall-clock and processor time")
    for name in wall:
        ratio = statistics.median(a / b for a, b in zip(used[name], used["full"], strict=True))
        medians = statistics.median(wall[name]), statistics.median(used[name])
        print(f"  {name:<24} {medians[0]:7.2f} s {medians[1]:7.2f} s   x{ratio:.2f}", flush=True)


def measure_memory(kind: str, shape: Shape) -> None:
    """Peak memory beyond inputs, of one call in a process of its own."""
    count, frames, labels, classes, _ = shape
    rows = count * frames * (labels + 1 if kind == "rnnt" else 1)
    print(f"\n{kind} {shape}, logits {rows * classes * 4 / 1e6:.0f} MB: extra peak memory")
    for name in _names(kind):
        command = [sys.executable, __file__, "--one", name, kind, *map(str, shape)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        print(f"  {name:<24} {float(output.split()[-1]):8.0f} MB", flush=True)


def _one(name: str, kind: str, shape: Shape) -> None:
    """Extra peak memory of one call, after a small one that loads the code."""
    _step(name, kind, Inputs(kind, (1, 6, 2, 8, 4)))()
    step = _step(name, kind, Inputs(kind, shape))
    with open("/proc/self/statm") as file:
        before = int(file.read().split()[1]) * resource.getpagesize()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # resets the peak
    result = step()
    with open("/proc/self/status") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    del result
    print((1024 * peak - before) / 1e6)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--one", nargs=7, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.one:
        name, kind, *shape = options.one
        count, frames, labels, classes, features = map(int, shape)
        _one(name, kind, (count, frames, labels, classes, features))
        return
    for kind, sizes in (("rnnt", RNNT), ("ctc", CTC)):
        shape = (options.batch * (1 if kind == "rnnt" else 4), *sizes)
        if options.memory:
            measure_memory(kind, shape)
        else:
            measure_time(kind, shape, options.rounds)


if __name__ == "__main__":
    main()
