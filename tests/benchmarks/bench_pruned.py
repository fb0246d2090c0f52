"""A step of pruned transducer training beside one with the full loss, in one run.

    python tests/benchmarks/bench_pruned.py            # time of both, as a ratio
    python tests/benchmarks/bench_pruned.py --memory   # extra peak memory, a process each

Both start from an encoder [batch, time, 512] and a prediction network [batch, labels + 1, 512], and
give the gradients of these and of all weights, on torch in float32. Full: tanh of their sum, a
linear layer, `rnnt_loss`. Pruned: two linear layers, `rnnt_loss_simple` with bounds, then the same
joiner on a band of 5 positions and `rnnt_loss_pruned`. fast_rnnt is measured if it is installed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch

import seqfront as sf

SHAPES: list[tuple[int, ...]] = [(8, 400, 60, 1024), (8, 400, 60, 4096)]
"""(batch, frames, labels, classes)"""
FEATURES, BAND = 512, 5

batch, time_dim, label = sf.Dim("batch"), sf.Dim("time"), sf.Dim("label")
feature, band = sf.Dim("feature", FEATURES), sf.Dim("band", BAND)
Step = Callable[[], float]


class Inputs:
    """What both steps start from: leaves that want a gradient."""

    def __init__(self, shape: tuple[int, ...], layers: int) -> None:
        count, frames, labels, classes = shape
        generator = torch.Generator().manual_seed(1)
        self.encoded = torch.randn(count, frames, FEATURES, generator=generator)
        self.predicted = torch.randn(count, labels + 1, FEATURES, generator=generator)
        self.weights = [
            torch.randn(FEATURES, classes, generator=generator) * 0.05 for _ in range(layers)
        ]
        self.targets = torch.randint(
            1, classes, (count, labels), dtype=torch.int32, generator=generator
        )
        self.leaves = [self.encoded, self.predicted, *self.weights]
        for leaf in self.leaves:
            leaf.requires_grad_()
        self.classes = sf.Dim("classes", classes)

    def wrapped(self) -> tuple[sf.Tensor, sf.Tensor, sf.Tensor, list[sf.Tensor]]:
        """Encoder, prediction network, targets and weights with their dims."""
        return (
            sf.wrap(self.encoded, (batch, time_dim, feature)),
            sf.wrap(self.predicted, (batch, label + 1, feature)),
            sf.wrap(self.targets, (batch, label), sparse_dim=self.classes),
            [sf.wrap(weight, (feature, self.classes)) for weight in self.weights],
        )

    def step(self, loss: sf.Tensor) -> float:
        """The gradients of a loss."""
        total = loss.raw.sum()
        torch.autograd.grad(total, self.leaves)
        return float(total.detach())


def full(shape: tuple[int, ...]) -> Step:
    """The joiner on all pairs of frames and positions."""
    inputs = Inputs(shape, 1)

    def step() -> float:
        encoded, predicted, targets, (weight,) = inputs.wrapped()
        hidden = sf.tanh(sf.add(encoded, predicted, allow_broadcast=True))
        return inputs.step(
            sf.rnnt_loss(
                logits=sf.dot(hidden, weight, reduce=feature), targets=targets, blank_index=0,
                input_spatial_dim=time_dim, targets_spatial_dim=label,
            )
        )  # fmt: skip

    return step


def pruned(shape: tuple[int, ...]) -> Step:
    """The simple loss, and the joiner on a band."""
    inputs = Inputs(shape, 3)

    def step() -> float:
        encoded, predicted, targets, (joiner, of_source, of_prediction) = inputs.wrapped()
        simple, starts = sf.rnnt_loss_simple(
            source=sf.dot(encoded, of_source, reduce=feature),
            prediction=sf.dot(predicted, of_prediction, reduce=feature),
            targets=targets, blank_index=0, band_dim=band, lm_only_scale=0.25,
            input_spatial_dim=time_dim, targets_spatial_dim=label,
        )  # fmt: skip
        near = sf.prune(predicted, starts=starts, axis=label + 1, band_dim=band)
        loss = sf.rnnt_loss_pruned(
            logits=sf.dot(sf.tanh(encoded + near), joiner, reduce=feature), starts=starts,
            targets=targets, blank_index=0, band_dim=band,
            input_spatial_dim=time_dim, targets_spatial_dim=label,
        )  # fmt: skip
        return inputs.step(simple * 0.5 + loss)

    return step


def peer(shape: tuple[int, ...]) -> Step | None:
    """The same with fast_rnnt."""
    try:
        import fast_rnnt  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    inputs = Inputs(shape, 3)
    count, frames, labels, _ = shape
    targets = inputs.targets.long()
    boundary = torch.tensor([[0, 0, labels, frames]] * count)

    def step() -> float:
        joiner, of_source, of_prediction = inputs.weights
        simple, (px, py) = fast_rnnt.rnnt_loss_smoothed(
            lm=inputs.predicted @ of_prediction, am=inputs.encoded @ of_source, symbols=targets,
            termination_symbol=0, lm_only_scale=0.25, am_only_scale=0.0, boundary=boundary,
            reduction="sum", return_grad=True,
        )  # fmt: skip
        ranges = fast_rnnt.get_rnnt_prune_ranges(
            px_grad=px, py_grad=py, boundary=boundary, s_range=BAND
        )
        am, lm = fast_rnnt.do_rnnt_pruning(am=inputs.encoded, lm=inputs.predicted, ranges=ranges)
        loss = fast_rnnt.rnnt_loss_pruned(
            logits=torch.tanh(am + lm) @ joiner, symbols=targets, ranges=ranges,
            termination_symbol=0, boundary=boundary, reduction="sum",
        )  # fmt: skip
        total = 0.5 * simple + loss
        torch.autograd.grad(total, inputs.leaves)
        return float(total.detach())

    return step


STEPS: dict[str, Callable[[tuple[int, ...]], Step | None]] = {
    "pruned": pruned,
    "full": full,
    "fast_rnnt": peer,
}


def times(shapes: list[tuple[int, ...]], rounds: int) -> None:
    """Median time of a step, and its ratio to the pruned one."""
    for shape in shapes:
        steps = {name: step for name, make in STEPS.items() if (step := make(shape)) is not None}
        for step in steps.values():
            step()
        found: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(rounds):
            for name, step in steps.items():
                begin = time.perf_counter()
                step()
                found[name].append(time.perf_counter() - begin)
        for name, seconds in found.items():
            ratio = statistics.median(a / b for a, b in zip(seconds, found["pruned"], strict=True))
            median = statistics.median(seconds) * 1e3
            print(f"{shape} {name:10} {median:9.1f} ms  {ratio:6.2f}x", flush=True)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory_of(name: str, shape: tuple[int, ...]) -> None:
    """Print how far one step raises the peak; for a process of its own."""
    small = STEPS[name]((1, 8, 4, 64))
    step = STEPS[name](shape)
    if step is None or small is None:
        return
    small()
    before = _peak_mb()
    step()
    print(f"{shape} {name:10} {_peak_mb() - before:9.0f} MB")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help="one step's memory, for internal use")
    parser.add_argument("--shape", type=int, nargs=4, help="batch frames labels classes")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    shapes = [tuple(arguments.shape)] if arguments.shape else SHAPES
    if arguments.only:
        memory_of(arguments.only, shapes[0])
    elif arguments.memory:
        for shape in shapes:
            for name in STEPS:
                own = ["--only", name, "--shape", *map(str, shape)]
                subprocess.run([sys.executable, __file__, *own], check=True)
    else:
        times(shapes, arguments.rounds)


if __name__ == "__main__":
    main()
