"""Speed of the native losses beside what memory allows, and beside torch.

The yardstick is an ideal kernel: two passes over the logits, one for the maximum and the sum of
exponentials of each row, one that stores `c * exp(x - lse)`, without any lattice. It is in
`native/tests/ideal_two_pass.cpp`:

    make test-native                                        # builds it
    python tests/benchmarks/bench_lattice_native.py

Each line is a median in milliseconds and the median of its ratios to the ideal kernel (same number
of threads, output in warm memory) in the same round; then the same for the best run. "fresh"
allocates its gradient in every run. SEQFRONT_ISA=avx2 or baseline holds for the yardstick too.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional

from seqfront import native
from seqfront.native import Buffer

BUILD = Path(__file__).parents[2] / "build" / "native-tests"
RNNT_SHAPES = [(8, 150, 30, 512), (4, 200, 40, 1024), (1, 400, 60, 4096), (16, 100, 20, 128)]
CTC_SHAPES = [(32, 500, 100, 1024), (8, 1000, 200, 5000), (16, 300, 60, 128)]


class Ideal:
    """The two-pass kernel."""

    def __init__(self, library: Path) -> None:
        self._run = ctypes.CDLL(str(library)).ideal_two_pass
        self._run.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 2 + [ctypes.c_int32] * 2

    def __call__(self, x: torch.Tensor, y: torch.Tensor, threads: int) -> None:
        self._run(x.data_ptr(), y.data_ptr(), x.numel() // x.shape[-1], x.shape[-1], threads, 1)


def buffer(x: torch.Tensor) -> Buffer:
    """Where a tensor lies."""
    return Buffer(x.data_ptr(), tuple(x.shape), x.stride(), str(x.dtype).removeprefix("torch."))


class Problem:
    """Random logits and full-length targets; `run` is the loss with or without its gradient."""

    def __init__(self, kind: str, shape: tuple[int, ...]) -> None:
        batch, frames, labels, classes = shape
        rows = (batch, frames, labels + 1) if kind == "rnnt" else (batch, frames)
        torch.manual_seed(1)
        self.kind = kind
        self.shape = shape
        self.logits = torch.randn(*rows, classes)
        self.original = self.logits.clone()
        self.targets = torch.randint(1, classes, (batch, labels), dtype=torch.int32)
        self.frame_lengths = torch.full((batch,), frames, dtype=torch.int32)
        self.label_lengths = torch.full((batch,), labels, dtype=torch.int32)
        self.loss = torch.empty(batch)
        self.ones = torch.ones(batch)
        op = native.ops()[kind]
        tensors = [self.logits, self.targets, self.frame_lengths, self.label_lengths]
        given: list[torch.Tensor | None] = op.completed(tensors)
        shapes = op.output_shapes([None if x is None else x.shape for x in given])
        self.inputs = [None if x is None else buffer(x) for x in given]
        self.saved = [torch.empty(shape) for shape in shapes[1:]]

    def run(self, threads: int, grad: torch.Tensor | None = None) -> None:
        """The loss, and the gradient into `grad`."""
        op = native.ops()[self.kind]
        arguments = op.arguments({"blank": 0})
        saved = list(map(buffer, self.saved))
        native.call(op, self.inputs, arguments, [buffer(self.loss), *saved], threads)
        if grad is not None:
            half = native.ops()[f"{self.kind}_backward"]
            inputs = [*self.inputs, *saved, buffer(self.ones)]
            native.call(half, inputs, arguments, [buffer(grad)], threads)

    def torch_peer(self) -> None:
        """What torch does: for RNN-T only its log_softmax, for CTC the whole loss."""
        x = self.logits.detach().requires_grad_()
        log_probs = x.log_softmax(-1)
        if self.kind == "ctc":
            loss = functional.ctc_loss(
                log_probs.transpose(0, 1), self.targets, self.frame_lengths, self.label_lengths,
                reduction="none",
            )  # fmt: skip
            loss.sum().backward()
        else:
            log_probs.backward(self.logits)

    def restore(self) -> None:
        """Undo an in-place gradient."""
        self.logits.copy_(self.original)


def time_rounds(
    bodies: dict[str, tuple[Callable[[], None], Callable[[], None]]], seconds: float
) -> dict[str, list[float]]:
    """Times in ms of each (body, setup), taken in turns so that noise meets all alike."""
    times: dict[str, list[float]] = {name: [] for name in bodies}
    start = time.perf_counter()
    for turn in range(201):
        for name, (body, setup) in bodies.items():
            setup()
            begin = time.perf_counter()
            body()
            if turn > 0:  # the first is a warm-up
                times[name].append((time.perf_counter() - begin) * 1e3)
        if turn >= 7 and time.perf_counter() - start > seconds:
            break
    return times


def nothing() -> None:
    """No setup."""


def measure(problem: Problem, ideal: Ideal, threads: int, seconds: float, peers: bool) -> None:
    """Print one shape."""
    logits, warm = problem.logits, torch.zeros_like(problem.logits)
    torch.set_num_threads(threads)
    bodies = {
        "ideal": (lambda: ideal(logits, warm, threads), nothing),
        "ideal in place": (lambda: ideal(logits, logits, threads), problem.restore),
        "loss only": (lambda: problem.run(threads), problem.restore),
        "in place": (lambda: problem.run(threads, logits), problem.restore),
        "warm": (lambda: problem.run(threads, warm), problem.restore),
        "fresh": (lambda: problem.run(threads, torch.empty_like(logits)), problem.restore),
    }
    if peers:
        name = "torch ctc_loss" if problem.kind == "ctc" else "torch log_softmax alone"
        bodies[name] = (problem.torch_peer, problem.restore)
    times = time_rounds(bodies, seconds)
    print(f"{problem.kind} {problem.shape} threads {threads}, {len(times['ideal'])} rounds")
    for name, values in times.items():
        ratio = statistics.median(v / i for v, i in zip(values, times["ideal"], strict=True))
        best = min(values) / min(times["ideal"])
        print(
            f"    {name:24s} median {statistics.median(values):8.2f} ms  x{ratio:.2f}"
            f"   best {min(values):8.2f} ms  x{best:.2f}"
        )


def measure_edit_distance(threads: int, seconds: float) -> None:
    """Print 256 pairs of 100 tokens."""
    a = torch.randint(0, 1000, (256, 100), dtype=torch.int32)
    b = torch.where(torch.rand(256, 100) < 0.3, torch.randint_like(a, 1000), a)
    lengths = torch.full((256,), 100, dtype=torch.int32)
    distance = torch.empty(256, dtype=torch.int32)

    def body() -> None:
        inputs = list(map(buffer, (a, lengths, b, lengths)))
        native.call(native.ops()["edit_distance"], inputs, [], [buffer(distance)], threads)

    times = time_rounds({"": (body, nothing)}, seconds)[""]
    print(
        f"edit distance, 256 pairs of 100 tokens, threads {threads}: "
        f"median {statistics.median(times):.3f} ms, best {min(times):.3f} ms"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=Path, default=BUILD, help="build folder of native/")
    parser.add_argument("--only", default="", help="rnnt, ctc or edit_distance")
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each shape")
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    ideal = Ideal(arguments.build / "tests" / "libseqfront_ideal.so")
    print(f"kernels: {native.library().isa()}")
    for threads in arguments.threads:
        for kind, shapes in (("rnnt", RNNT_SHAPES), ("ctc", CTC_SHAPES)):
            for shape in shapes:
                if arguments.only in ("", kind):
                    measure(
                        Problem(kind, shape), ideal, threads, arguments.seconds,
                        not arguments.no_peers,
                    )  # fmt: skip
        if arguments.only in ("", "edit_distance"):
            measure_edit_distance(threads, arguments.seconds)


if __name__ == "__main__":
    main()
