"""The losses on a GPU: time against what its memory allows, against peers, and peak memory.

    make bench-gpu                                    # builds, then runs this
    python tests/benchmarks/bench_gpu.py              # all shapes, float32 and bfloat16
    python tests/benchmarks/bench_gpu.py --profile    # which kernels take the time
    python tests/benchmarks/bench_gpu.py --device cpu # tiny shapes: shows that the script works

Loss of every sequence and gradient of their sum; random logits, full lengths. The bound is the time
in which memory moves what has to move: the logits in twice, the gradient out once (for the loss
alone, in once). Its bandwidth is that of the data sheet for GPUs of the table, else that of a copy,
which is measured in any case. Implementations run in turn in each round; medians of times, and of
ratios to seqfront in the same round. As a CUDA graph, the time of the host is out of it. A peer
that is not installed or refuses says so.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch.nn import functional

import seqfront as sf

SHAPES = {
    "rnnt": [(16, 400, 60, 4096), (8, 1500, 300, 128), (32, 150, 20, 5000)],
    "ctc": [(64, 1000, 200, 5000), (256, 500, 60, 128)],
}
"""Batch, frames, labels, classes."""
SMALL = {"rnnt": [(2, 20, 5, 64)], "ctc": [(3, 30, 6, 50)]}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BANDWIDTHS = {"H100": 3.35e12, "H200": 4.8e12, "A100": 2.04e12}
"""Bytes a second, by what the name of the GPU contains."""

batch, frame, label = sf.Dim("batch"), sf.Dim("frame"), sf.Dim("label")
Step = Callable[[], Any]


class Problem(NamedTuple):
    """One shape in one dtype on one device."""

    kind: str
    shape: tuple[int, ...]
    logits: torch.Tensor
    targets: torch.Tensor

    @property
    def bound(self) -> int:
        """Bytes that loss and gradient have to move."""
        return 3 * self.logits.numel() * self.logits.element_size()

    def lengths(self, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames and labels of each sequence: all there are."""
        count, frames, labels, _ = self.shape
        full = [torch.full((count,), n, dtype=dtype) for n in (frames, labels)]
        return full[0].to(self.logits.device), full[1].to(self.logits.device)


def make(kind: str, shape: tuple[int, ...], dtype: torch.dtype, device: str) -> Problem:
    """Random, the same each time."""
    count, frames, labels, classes = shape
    rows = (count, frames, labels + 1) if kind == "rnnt" else (count, frames)
    generator = torch.Generator(device).manual_seed(1)
    logits = torch.empty((*rows, classes), dtype=dtype, device=device)
    logits.normal_(generator=generator).requires_grad_()
    targets = torch.randint(
        1, classes, (count, labels), dtype=torch.int32, device=device, generator=generator
    )
    return Problem(kind, shape, logits, targets)


# -- implementations -------------------------------------------------------------------------------


def _loss(p: Problem) -> torch.Tensor:
    classes = sf.Dim("classes", p.shape[-1])
    rows = (batch, frame, label + 1) if p.kind == "rnnt" else (batch, frame)
    loss = sf.rnnt_loss if p.kind == "rnnt" else sf.ctc_loss
    return loss(
        logits=sf.wrap(p.logits, (*rows, classes)),
        targets=sf.wrap(p.targets, (batch, label), sparse_dim=classes),
        input_spatial_dim=frame,
        targets_spatial_dim=label,
        blank_index=0,
    ).raw


def _gradient(p: Problem, loss: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(loss.sum(), p.logits)[0]


def seqfront(p: Problem) -> Step:
    """Loss and gradient."""
    return lambda: _gradient(p, _loss(p))


def seqfront_loss_only(p: Problem) -> Step:
    """Without gradient; its bound is a third."""

    def step() -> Any:
        with torch.no_grad():
            return _loss(p)

    return step


def captured(p: Problem) -> Step:
    """Ours as a CUDA graph: the kernels alone, without the time that Python takes to start them."""
    step, side = seqfront(p), torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def torchaudio_rnnt(p: Problem) -> Step:
    """`torchaudio.functional.rnnt_loss`; computes the gradient in the forward half."""
    from torchaudio.functional import rnnt_loss

    lengths = p.lengths(torch.int32)
    return lambda: _gradient(p, rnnt_loss(p.logits, p.targets, *lengths, blank=0, reduction="none"))


def torch_ctc(p: Problem) -> Step:
    """`log_softmax` and PyTorch's own CTC kernels, which want lengths on the host."""
    lengths = [x.cpu() for x in p.lengths(torch.int64)]

    def step() -> Any:
        log_probs = p.logits.float().log_softmax(-1).transpose(0, 1)
        loss = functional.ctc_loss(log_probs, p.targets.long(), *lengths, reduction="none")
        return _gradient(p, loss)

    return step


def softmax_only(p: Problem) -> Step:
    """`log_softmax` and its gradient: what losses of log-probs pay for first."""
    ones = torch.ones_like(p.logits)
    return lambda: torch.autograd.grad(p.logits.log_softmax(-1), p.logits, ones)


IMPLEMENTATIONS: Mapping[str, Mapping[str, Callable[[Problem], Step]]] = {
    "rnnt": {
        "seqfront": seqfront,
        "the same as a graph": captured,
        "seqfront, loss only": seqfront_loss_only,
        "torchaudio": torchaudio_rnnt,
        "softmax only": softmax_only,
    },
    "ctc": {
        "seqfront": seqfront,
        "the same as a graph": captured,
        "seqfront, loss only": seqfront_loss_only,
        "torch": torch_ctc,
        "softmax only": softmax_only,
    },
}


OURS = ("seqfront", "seqfront, loss only", "the same as a graph")


# -- measuring -------------------------------------------------------------------------------------


def milliseconds(step: Step, device: str, calls: int = 1) -> float:
    """Of one call: by events on a GPU, by the clock elsewhere."""
    if device == "cpu":
        started = time.perf_counter()
        for _ in range(calls):
            step()
        return (time.perf_counter() - started) * 1e3 / calls
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(calls):
        step()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / calls


def peak(step: Step, device: str) -> int | None:
    """Bytes beyond what is there before a call."""
    if device == "cpu":
        return None
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    return torch.cuda.max_memory_allocated() - before


def copy_bandwidth(device: str) -> float:
    """Bytes read and written in a second by a copy."""
    count = 1 << (22 if device == "cpu" else 30)
    source = torch.zeros(count, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    best = min(milliseconds(lambda: target.copy_(source), device, 5) for _ in range(5))
    return 2 * count / best * 1e3


def ready(p: Problem, device: str) -> dict[str, Step]:
    """The implementations that run this problem."""
    steps: dict[str, Step] = {}
    for name, implementation in IMPLEMENTATIONS[p.kind].items():
        if implementation is captured and device == "cpu":
            continue
        try:
            step = implementation(p)
            step()
            steps[name] = step
        except Exception as error:  # whatever a peer may have against it
            if name in OURS:
                raise
            print(f"  {name:<20} not measured: {str(error).splitlines()[0][:90]}")
    return steps


def measure(p: Problem, bandwidth: float, rounds: int, device: str) -> None:
    """A line for each implementation."""
    steps = ready(p, device)
    calls = max(1, round(20 / max(milliseconds(steps["seqfront"], device), 1e-3)))
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(milliseconds(step, device, calls))
    bound = p.bound / bandwidth * 1e3
    for name, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(values, times["seqfront"], strict=True))
        own = bound / 3 if "loss only" in name else bound
        share = f"{100 * own / statistics.median(values):6.1f} %" if name in OURS else ""
        used = peak(steps[name], device)
        size = p.logits.numel() * p.logits.element_size()
        memory = "" if used is None else f"{used / size:7.2f} x logits"
        print(
            f"  {name:<20} {statistics.median(values):9.3f} ms  x{ratio:5.2f}  {share:>8}  {memory}"
        )


def profile(p: Problem, device: str) -> None:
    """The time of each kernel in one step."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device != "cpu":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    step = seqfront(p)
    step()
    with torch.profiler.profile(activities=activities) as profiler:
        for _ in range(3):
            step()
    order = "self_cpu_time_total" if device == "cpu" else "self_device_time_total"
    print(profiler.key_averages().table(sort_by=order, row_limit=12, max_name_column_width=80))


def _bandwidth(device: str) -> float:
    """Bytes a second, known or measured."""
    copied = copy_bandwidth(device)
    name = "CPU" if device == "cpu" else torch.cuda.get_device_name()
    known = next((value for key, value in BANDWIDTHS.items() if key in name), copied)
    print(f"{name}, torch {torch.__version__}: {known / 1e12:.2f} TB/s", end="")
    print(f" (a copy moves {copied / 1e12:.2f} TB/s)")
    return known


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--kind", choices=tuple(SHAPES), default=None)
    parser.add_argument("--dtype", choices=tuple(DTYPES), default=None)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("no GPU: nothing is measured (--device cpu shows that this works)")
        return
    bandwidth = _bandwidth(options.device)
    shapes = SMALL if options.device == "cpu" else SHAPES
    for kind in [options.kind] if options.kind else list(SHAPES):
        for shape in shapes[kind]:
            for name in [options.dtype] if options.dtype else list(DTYPES):
                p = make(kind, shape, DTYPES[name], options.device)
                bound = p.bound / bandwidth * 1e3
                size = p.logits.numel() * p.logits.element_size()
                print(f"\n{kind} {shape} {name}: logits {size / 1e9:.2f} GB, bound {bound:.3f} ms")
                if options.profile:
                    profile(p, options.device)
                else:
                    measure(p, bandwidth, options.rounds, options.device)


if __name__ == "__main__":
    main()
